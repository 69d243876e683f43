"""Endpoints behind the gateway of another network, as a real istiod sent them to a caller.

`data/second-network.json` has a Service of two pods' versions, a WorkloadEntry of this network and
one of another, whose gateway is a Service with that network's label.
"""

from __future__ import annotations

import json
from typing import Any

from meshtui.envoy.clusternames import parse_cluster_name
from meshtui.envoy.endpoints import ProxyEndpoint
from meshtui.operations.proxies.elsewhere import OTHER_CLUSTER, OTHER_NETWORK
from meshtui.operations.proxies.proxy_reads import with_pods
from tests.recorded.cases import DATA, mesh_of

Obj = dict[str, Any]


def recording() -> Obj:
    found: Obj = json.loads((DATA / "second-network.json").read_text())
    return found


def endpoints() -> list[ProxyEndpoint]:
    return [
        ProxyEndpoint(parse_cluster_name(cluster["cluster_name"]), at["address"], at["port_value"])
        for cluster in recording()["recorded"]["endpoints"]
        for locality in cluster["endpoints"]
        for one in locality["lb_endpoints"]
        for at in [one["endpoint"]["address"]["socket_address"]]
    ]


def test_the_gateway_stands_in_the_place_of_the_pods_there() -> None:
    mesh = mesh_of(recording()["objects"], {})
    found = {
        (one.endpoint.cluster.port, one.endpoint.address, one.endpoint.port): (
            one.pod is not None,
            one.elsewhere,
        )
        for one in with_pods(endpoints(), mesh)
    }
    for port in (80, 9080):
        assert found[port, "203.0.113.9", 15443] == (False, OTHER_NETWORK)
        assert found[port, "10.99.0.6", 9080] == (False, "")
        pods = [key for key, (pod, _) in found.items() if pod and key[0] == port]
        assert len(pods) == 3
    assert len(found) == 10


def test_pods_of_a_primary_of_the_same_network_are_no_pods_of_this_cluster() -> None:
    objects = [obj for obj in recording()["objects"] if "v2" not in obj["metadata"]["name"]]
    found = with_pods(endpoints(), mesh_of(objects, {}))
    foreign = {one.endpoint.address for one in found if one.elsewhere == OTHER_CLUSTER}
    assert foreign == {"10.77.0.23"}
