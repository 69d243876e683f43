"""Another cluster domain than `cluster.local`: every verb works on it alike."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.changes.build import build_change
from meshtui.changes.change import Promote, Rollback, SetMirror, Shift, Target
from meshtui.mesh.hosts import split_host
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.settings import MeshSettings
from meshtui.mesh.view import service_views
from tests.unit.objects import destination_rule, pod, route, service, virtual_service

REVIEWS = ServiceKey("default", "reviews")
DOMAIN = "mesh.example"


def mesh(host: str = "reviews") -> Mesh:
    rules: list[Any] = [{"route": [route("v1", 80, host), route("v2", 20, host)]}]
    return parse_mesh(
        {
            "services": [service("reviews")],
            "virtualservices": [virtual_service("reviews", *rules)],
            "destinationrules": [destination_rule("reviews", ["v1", "v2"])],
            "pods": [pod("reviews", "v1"), pod("reviews", "v2", number=2)],
        },
        settings=MeshSettings(domain=DOMAIN),
    )


@pytest.mark.parametrize("host", ["reviews", f"reviews.default.svc.{DOMAIN}"])
@pytest.mark.parametrize(
    ("request_", "weights"),
    [
        (Shift({"v1": 50.0}), {"v1": 50, "v2": 50}),
        (Promote("v2"), {"v1": 0, "v2": 100}),
        (Rollback("v1"), {"v1": 100, "v2": 0}),
    ],
)
def test_weights_move(host: str, request_: Any, weights: dict[str, int]) -> None:
    change = build_change(mesh(host), request_, Target(REVIEWS))
    assert {d["subset"]: d["weight"] for d in change.after["destinations"]} == weights
    assert all(d["host"].endswith(DOMAIN) for d in change.after["destinations"])
    assert {op["op"] for op in change.patch} == {"replace"}


def test_a_mirror_is_put_in_once() -> None:
    change = build_change(mesh(), SetMirror("v2"), Target(REVIEWS))
    assert [m["subset"] for m in change.after["mirrors"]] == ["v2"]


def test_the_table_has_the_weights() -> None:
    (view,) = service_views(mesh(), None)
    assert [(row.version, row.weight, row.pods) for row in view.versions] == [
        ("v1", 80, 1),
        ("v2", 20, 1),
    ]


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("a.b.svc.cluster.local", ServiceKey("b", "a")),
        ("a.b.svc.mesh.example", ServiceKey("b", "a")),
        ("a.b.svc.clusterset.local", None),
        ("a.b.svc", None),
        ("a.b", None),
        ("api.example.com", None),
        (".b.svc.cluster.local", None),
    ],
)
def test_full_names_are_told_from_other_hosts(host: str, key: ServiceKey | None) -> None:
    assert split_host(host) == key
