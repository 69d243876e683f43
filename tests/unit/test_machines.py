"""WorkloadEntries that a Service selects: machines beside its pods, counted and judged as these.

What istiod makes of them was seen on a real one: telemetry names them by their WorkloadGroup, else
by themselves, and an unhealthy one is no endpoint.
"""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.changes.build import build_change
from meshtui.changes.change import Shift, Target
from meshtui.changes.checks import stranding
from meshtui.lab.control.reading import workload_entry_of
from meshtui.mesh.description import described
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.parsed import ParsedObjects
from meshtui.mesh.resolution import Client, world
from meshtui.mesh.signals import Sample
from meshtui.mesh.structure import Structure
from meshtui.mesh.view import service_views, structure
from tests.unit.objects import destination_rule, pod, route, service, virtual_service

Obj = dict[str, Any]
MONO = ServiceKey("default", "mono")
CHECKED = {"proxy.istio.io/health-checks-enabled": "true"}


def machine(name: str = "vm-0", version: str = "vm", **annotations: str) -> Obj:
    return {
        "metadata": {"name": name, "namespace": "default", "annotations": annotations},
        "spec": {"address": "10.9.0.1", "labels": {"app": "mono", "version": version}},
    }


def objects(*machines: Obj, subsets: bool = True) -> dict[str, list[Obj]]:
    rules = [destination_rule("mono", ("k8s", "vm"))] if subsets else []
    routes = [
        virtual_service("mono", {"route": [route("k8s", 100, "mono"), route("vm", 0, "mono")]})
    ]
    return {
        "services": [service("mono")],
        "pods": [pod("mono", "k8s")],
        "workloadentries": list(machines),
        "virtualservices": routes if subsets else [],
        "destinationrules": rules,
    }


def healthy(found: Obj, status: str) -> Obj:
    return found | {"status": {"conditions": [{"type": "Healthy", "status": status}]}}


def pods_of_rows(mesh: Mesh) -> dict[str, str]:
    (view,) = structure(mesh)
    return {row.label: f"{row.pods_ready}/{row.pods}" for row in view.versions}


@pytest.mark.parametrize("subsets", [True, False])
def test_a_machine_is_a_member_of_its_version(subsets: bool) -> None:
    mesh = parse_mesh(objects(machine(), subsets=subsets))
    assert pods_of_rows(mesh) == {"k8s": "1/1", "vm": "1/1"}


HEALTH = [
    ("no health check", machine(), True),
    ("checked and not asked yet", machine(**CHECKED), False),
    ("checked and healthy", healthy(machine(**CHECKED), "True"), True),
    ("checked and ill", healthy(machine(**CHECKED), "False"), False),
    ("not checked, whatever it once said", healthy(machine(), "False"), True),
]


@pytest.mark.parametrize(
    ("obj", "ready"), [case[1:] for case in HEALTH], ids=[c[0] for c in HEALTH]
)
def test_an_unhealthy_machine_is_no_endpoint(obj: Obj, ready: bool) -> None:
    mesh = parse_mesh(objects(obj))
    assert pods_of_rows(mesh)["vm"] == f"{int(ready)}/1"
    cluster = (
        world(mesh).view(Client("default")).reach("outbound|9080|vm|mono.default.svc.cluster.local")
    )
    assert len(cluster.endpoints.found) == int(ready)
    assert workload_entry_of(obj).ready is ready, "the lab differs"


@pytest.mark.parametrize(
    ("obj", "workload"),
    [
        (machine(), "vm-0"),
        (machine(**{"istio.io/autoRegistrationGroup": "mono-vms"}), "mono-vms"),
    ],
)
def test_telemetry_calls_it_by_its_group_else_by_itself(obj: Obj, workload: str) -> None:
    (entry,) = parse_mesh(objects(obj)).workload_entries
    assert entry.machine.workload == workload


CAUTIONS = [
    ("it serves", (machine(),), {}, []),
    ("none is there", (), {}, ["vm has no pod: traffic to it answers 503"]),
    ("ill", (machine(**CHECKED),), {}, ["vm has no ready pod (1 not ready): answers 503"]),
    (
        "nobody may read them",
        (),
        {"workloadentries": frozenset[str]()},
        [
            "vm has no pod, and whether a WorkloadEntry serves it is not known:"
            " those of default can't be read"
        ],
    ),
]


@pytest.mark.parametrize(
    ("machines", "partial", "said"), [case[1:] for case in CAUTIONS], ids=[c[0] for c in CAUTIONS]
)
def test_traffic_may_go_to_a_machine(
    machines: tuple[Obj, ...], partial: dict[str, frozenset[str]], said: list[str]
) -> None:
    mesh = parse_mesh(objects(*machines), partial=partial)
    change = build_change(mesh, Shift({"vm": 10}), Target(MONO))
    assert [caution.text for caution in stranding(mesh, change)] == said


def test_one_that_comes_makes_its_service_anew() -> None:
    """Also the index by label, which a snapshot hands on to the next."""
    known, rows = ParsedObjects(), Structure()
    before, after = objects(), objects(machine())
    for kind in ("services", "pods", "virtualservices", "destinationrules"):
        after[kind] = before[kind]
    rows.follow(parse_mesh(before, before=known))
    (view,) = rows.follow(parse_mesh(after, before=known))
    assert [row.pods for row in view.versions] == [1, 1]


def test_nobody_says_that_it_has_no_proxy() -> None:
    mesh = parse_mesh(objects(machine()))
    (view,) = structure(mesh)
    (row,) = [row for row in view.versions if row.label == "vm"]
    assert described(mesh, view, row).bare == 0
    (measured,) = service_views(mesh, Sample(1.0, "test", 10.0))
    (row,) = [row for row in measured.versions if row.label == "vm"]
    assert row.unknown_because.startswith(
        "the counters and logs of its WorkloadEntries are not read"
    )
