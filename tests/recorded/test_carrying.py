"""The weights of the table against what a real istiod gave the client, case by case."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.mesh.carrying import ordinary, traffic_to
from meshtui.mesh.model import Mesh, MeshSettings
from meshtui.mesh.resolution.clusters import split_cluster
from meshtui.mesh.routing import find_service
from meshtui.mesh.view import service_views
from tests.recorded.analyzed import injected
from tests.recorded.cases import Case, all_names, load, mesh_of

CASES = [name for name in all_names() if not load(name).refused]


def asked(case: Case) -> str:
    return str(case.recorded["service"])


def with_proxies(case: Case) -> Mesh:
    """With the proxies that the recording's callers had."""
    objects = [injected(obj) for obj in (*case.base, *case.stored)]
    created = case.recorded.get("created") or {}
    return mesh_of(objects, created, MeshSettings(domain=case.domain))


def rest_of(case: Case) -> dict[str, Any] | None:
    """The recorded route that takes everything, on the port that the requests went to."""
    service = find_service(case.mesh, asked(case), "or-a")
    names = [f"{service.host}:{port.number}" for port in service.ports] if service else []
    for host in case.recorded["routes"]:
        if (
            host["name"] in names
            and host["routes"]
            and host["routes"][-1]["match"] in ({"prefix": "/"},)
        ):
            found: dict[str, Any] = host["routes"][-1]
            return found
    return None


def weights_of(route: dict[str, Any]) -> dict[tuple[str, str], float]:
    """Percent by host and subset."""
    action = route.get("route") or {}
    if "cluster" in action:
        clusters = [{"name": action["cluster"], "weight": 1}]
    else:
        clusters = (action.get("weighted_clusters") or {}).get("clusters") or []
    total = sum(cluster["weight"] for cluster in clusters)
    found: dict[tuple[str, str], float] = {}
    for cluster in clusters:
        parts = split_cluster(cluster["name"])
        assert parts is not None
        place = (parts[2], parts[1])
        found[place] = found.get(place, 0.0) + 100.0 * cluster["weight"] / total
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_ordinary_rule_has_the_weights_that_the_client_got(name: str) -> None:
    case = load(name)
    service = find_service(case.mesh, asked(case), "or-a")
    recorded = rest_of(case)
    if service is None or recorded is None or case.recorded.get("envoy_refused"):
        pytest.skip("nothing in this case takes everything for a service of the mesh")
    client = (case.client.namespace, "client")
    traffic = traffic_to(with_proxies(case), service)
    route = ordinary(traffic.routes, frozenset({client}), traffic.unruled)
    expected = weights_of(recorded)
    if route is None or route.edge:
        assert expected in ({(service.host, ""): 100.0}, {}), "a default route, or no cluster"
        return
    mine: dict[tuple[str, str], float] = {}
    alone = len(route.rule.destinations) == 1
    for d in route.rule.destinations:
        if route.rule.percent(d) or alone:
            mine[d.host, d.subset] = mine.get((d.host, d.subset), 0.0) + route.rule.percent(d)
    assert mine == pytest.approx(expected)


@pytest.mark.parametrize("name", CASES)
def test_the_table_is_made_of_every_case(name: str) -> None:
    for view in service_views(load(name).mesh, None):
        shown = sum(row.percent or 0.0 for row in view.versions)
        assert -1e-6 <= shown <= 100.0 + 1e-6
