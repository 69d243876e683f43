"""A service that a route of the Gateway API rules, and that has subsets beside it."""

from __future__ import annotations

import pytest

from meshtui.mesh.model import Mesh
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.versions import version_rows
from tests.unit.objects import Obj, destination_rule, meta, pod, service, virtual_service

VERSIONS = ("v1", "v2", "v3")


def backend(version: str, weight: int) -> Obj:
    return {"name": f"reviews-{version}", "port": 9080, "weight": weight}


def mesh_of(*backends: Obj, **others: list[Obj]) -> Mesh:
    route = {
        "kind": "HTTPRoute",
        "metadata": meta("reviews"),
        "spec": {
            "parentRefs": [{"group": "", "kind": "Service", "name": "reviews"}],
            "rules": [{"backendRefs": list(backends)}],
        },
    }
    by_version = [service(f"reviews-{v}", app="reviews", version=v) for v in VERSIONS]
    return parse_mesh(
        {
            "services": [service("reviews"), *by_version],
            "pods": [pod("reviews", v, number=n) for n, v in enumerate(VERSIONS, 1)],
            "destinationrules": [destination_rule("reviews", VERSIONS)],
            "httproutes": [route],
            **others,
        }
    )


def rows(mesh: Mesh) -> list[tuple[str, str, int, float | None]]:
    own = mesh.services[0]
    rule = mesh.http_routes[0].rules[0]
    found = version_rows(mesh, own, rule)
    return [(row.host.partition(".")[0], row.subset, row.pods, row.percent) for row in found]


def test_pods_are_counted_once_in_the_row_of_their_backend() -> None:
    mesh = mesh_of(backend("v1", 60), backend("v2", 40), backend("v3", 0))
    assert rows(mesh) == [
        ("reviews-v1", "", 1, 60.0),
        ("reviews-v2", "", 1, 40.0),
        ("reviews-v3", "", 1, 0.0),
    ]


def test_a_subset_whose_pods_no_backend_has_stays() -> None:
    mesh = mesh_of(backend("v1", 60), backend("v2", 40))
    assert [(host, subset) for host, subset, _, _ in rows(mesh)] == [
        ("reviews", "v3"),
        ("reviews-v1", ""),
        ("reviews-v2", ""),
    ]


@pytest.mark.parametrize("subset", VERSIONS)
def test_a_subset_that_another_rule_sends_to_stays_beside_the_backend(subset: str) -> None:
    edge = virtual_service(
        "edge", {"route": [{"destination": {"host": "reviews", "subset": subset}}]}
    )
    mesh = mesh_of(*(backend(v, 1) for v in VERSIONS), virtualservices=[edge])
    assert next(row[:2] for row in rows(mesh)) == ("reviews", subset)
    assert len(rows(mesh)) == 4
