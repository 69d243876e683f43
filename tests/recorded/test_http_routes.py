"""HTTPRoutes and GRPCRoutes of the mesh against what a real istiod made of them, case by case."""

from __future__ import annotations

import pytest

from meshtui.mesh.resolution import Client, world
from tests.recorded.cases import CLIENT_LABELS, Case, load, names

OTHER_KINDS = "their connections are in test_connections"
NOT_HELD = {
    name: OTHER_KINDS
    for name in names("gateway-api")
    if name.startswith("m-")
    and any(obj["kind"] in ("TCPRoute", "TLSRoute") for obj in load(name, "gateway-api").objects)
}
"""Cases that can't be compared, with the reason."""

GROUND = "gate-istio."
"""The Service of the gateway, which istiod makes and no case holds."""

CASES = [name for name in names("gateway-api") if name.startswith("m-") and name not in NOT_HELD]


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return load(request.param, "gateway-api")


def test_each_client_has_the_recorded_virtual_hosts(case: Case) -> None:
    for namespace, recorded in case.recorded["proxies"].items():
        if namespace not in ("gw-a", "gw-b"):
            continue
        view = world(case.mesh).view(Client(namespace, CLIENT_LABELS))
        for vhost in recorded["routes"]:
            host, _, port = vhost["route_config"].rpartition(":")
            name = vhost["name"].rpartition(":")[0]
            table = view.table(int(port))
            assert table is not None
            made = table.sniffed(host) if host else table.virtual_host(name)
            if vhost["name"] == "(none)":
                assert made is None
                continue
            if name.startswith(GROUND):
                continue
            assert made is not None, vhost["name"]
            assert sorted(made.domains) == sorted(vhost["domains"])
            assert [route.envoy for route in made.routes] == vhost["routes"], namespace


def test_each_client_has_the_recorded_clusters(case: Case) -> None:
    for namespace, recorded in case.recorded["proxies"].items():
        if namespace in ("gw-a", "gw-b"):
            view = world(case.mesh).view(Client(namespace, CLIENT_LABELS))
            for cluster in recorded["clusters"]:
                found = view.reach(cluster["name"]).cluster
                assert found is not None, cluster["name"]
                assert found.envoy == cluster
