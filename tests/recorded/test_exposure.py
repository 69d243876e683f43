"""What leads in from outside, against what a real istiod gave the gateway."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from meshtui.mesh.exposure import doors_to
from meshtui.mesh.resolution.matches import takes_everything
from meshtui.mesh.resolution.names import labels_in
from tests.recorded.cases import GATEWAY, Case, all_names, load
from tests.recorded.test_resolution import cluster_names, tcp_chains

Obj = dict[str, Any]
CASES = [name for name in all_names() if "gateway" in load(name).recorded]
HOMES = ("or-a", "or-b", "or-c")


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return load(request.param)


def recorded_ways(case: Case) -> set[tuple[str, str]]:
    """Each name at the gateway with each host that its requests go to."""
    found = set()
    for vhost in case.recorded["gateway"]["routes"]:
        for cluster in cluster_names(reachable(vhost.get("routes", ()))):
            found |= {(domain, cluster.split("|")[3]) for domain in vhost["domains"]}
    for listener in case.recorded["gateway"].get("listeners", ()):
        for chain in tcp_chains(listener):
            clusters = [entry["name"] for entry in chain.get("clusters", ())]
            for cluster in clusters or [chain["cluster"]]:
                names = chain["server_names"] or ["(any)"]
                found |= {(name, cluster.split("|")[3]) for name in names}
    return {way for way in found if way[1].split(".")[1:3] in [[home, "svc"] for home in HOMES]}


def reachable(routes: Iterable[Obj]) -> Iterable[Obj]:
    for route in routes:
        yield {"route": {k: v for k, v in route.get("route", {}).items() if "mirror" not in k}}
        if takes_everything(route["match"]):
            return


def test_the_ways_in_are_those_of_the_gateway(case: Case) -> None:
    served = {
        gateway.ref for gateway in case.mesh.gateways if labels_in(gateway.selector, GATEWAY.labels)
    }
    found = {
        ("(any)" if door.protocol == "TCP" else host, service.host)
        for service in case.mesh.services
        if service.key.namespace in HOMES
        for door in doors_to(case.mesh, service)
        if door.gateway in served
        for host in door.hosts
    }
    assert found == recorded_ways(case)
