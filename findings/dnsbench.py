"""A DNS server on loopback, and clusters whose endpoints are names."""

from __future__ import annotations

import socket
import struct
import threading
from typing import Any

from envoybench import TYPES


class Names:
    """A DNS server for addresses of IPv4, with a code that it answers to all."""

    def __init__(self, addresses: dict[str, list[str]]) -> None:
        self.addresses, self.code, self.asked = addresses, 0, 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            question, asker = self.socket.recvfrom(2000)
            end = 12
            labels = []
            while size := question[end]:
                labels.append(question[end + 1 : end + 1 + size].decode())
                end += size + 1
            kind = int.from_bytes(question[end + 1 : end + 3], "big")
            found = (
                self.addresses.get(".".join(labels).lower(), [])
                if kind == 1 and not self.code
                else []
            )
            counts = struct.pack(">HHHHH", 0x8180 | self.code, 1, len(found), 0, 0)
            answer = question[:2] + counts + question[12 : end + 5]
            for one in found:
                answer += b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 1, 4) + socket.inet_aton(one)
            self.socket.sendto(answer, asker)
            self.asked += 1


def named(
    names: Names, name: str, kind: str, port: int, weights: dict[str, int], **more: Any
) -> dict[str, Any]:
    """A cluster whose endpoints are names, each with a weight, asked for every 0.3 s."""
    at = {"address": "127.0.0.1", "port_value": names.socket.getsockname()[1], "protocol": "UDP"}
    cares = {
        "@type": f"{TYPES}.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
        "resolvers": [{"socket_address": at}],
        "dns_resolver_options": {"no_default_search_domain": True},
    }
    ends = [
        {
            "endpoint": {"address": {"socket_address": {"address": host, "port_value": port}}},
            "load_balancing_weight": weight,
        }
        for host, weight in weights.items()
    ]
    return {
        "name": name,
        "type": kind,
        "dns_lookup_family": "V4_ONLY",
        "dns_refresh_rate": "0.3s",
        "dns_failure_refresh_rate": {"base_interval": "0.3s", "max_interval": "0.3s"},
        "typed_dns_resolver_config": {
            "name": "envoy.network.dns_resolver.cares",
            "typed_config": cares,
        },
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": ends}]},
        **more,
    }
