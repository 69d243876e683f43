"""Rows of what is no Deployment with a version: the labels are those that a real mesh counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.layouts import (
    MACHINE,
    POD,
    ROLLOUT,
    SOURCES,
    STATEFUL_SET,
    Layout,
    Load,
    Sent,
    assert_rows,
    headless,
    mesh_of,
    rule,
    subset,
    to,
)
from tests.unit.objects import Obj, service

V1, V2 = (Load(f"reviews-v{n}", {"version": f"v{n}"}) for n in (1, 2))
V1_V2 = rule("reviews", subset("v1", version="v1"), subset("v2", version="v2"))
SPLIT = (to("reviews", "v1", 60), to("reviews", "v2", 40))
HEADLESS = headless(service("reviews"))
DB = Load("reviews", kind=STATEFUL_SET, pods=2)
REVISION = "service.istio.io/canonical-revision"
BLUE = Load("shop-blue", {"version": "v1", REVISION: "blue"})
GREEN = Load("shop-green", {"version": "v1", REVISION: "green"})
COLOURS: tuple[Obj, ...] = (
    {"name": "blue", "labels": {REVISION: "blue"}},
    {"name": "green", "labels": {REVISION: "green"}},
)
BY_COLOUR = (to("reviews", "blue", 75), to("reviews", "green", 25))
NOW = Load("reviews", kind=ROLLOUT, template="66fd8b9c4d")
NEXT = Load("reviews", kind=ROLLOUT, template="7c5d9f8b6f")
VM = Load("machine-1", {"version": "v2"}, kind=MACHINE)
UNKNOWN_VM = Load("machine-1", kind=MACHINE)
PARTNER: Obj = {
    "metadata": {"name": "partner", "namespace": "default"},
    "spec": {
        "hosts": ["partner.example.com"],
        "ports": [{"name": "http", "number": 9080, "protocol": "HTTP"}],
        "resolution": "STATIC",
        "endpoints": [{"address": "10.9.9.9"}],
    },
}
BY_HASH = rule(
    "reviews",
    {"name": "stable", "labels": {"rollouts-pod-template-hash": "66fd8b9c4d"}},
    {"name": "canary", "labels": {"rollouts-pod-template-hash": "7c5d9f8b6f"}},
)
FULL = "reviews.default.svc.cluster.local"


def layouts() -> list[Layout]:
    return [*_of_controllers(), *_chosen_by_address(), *_shared(), *_from_elsewhere(), *_machines()]


def _of_controllers() -> list[Layout]:
    lone = Load("lone-wolf", {"version": "v1"}, kind=POD)
    named = Load("told", {"service.istio.io/workload-name": "told"}, pods=2)
    return [
        Layout("a StatefulSet", mesh_of([DB]), [Sent(DB, 10)], [("reviews", None, 2, 10, 0)]),
        Layout(
            "a pod of no controller",
            mesh_of([lone, V2]),
            [Sent(lone, 10), Sent(V2, 30)],
            [("v1", None, 1, 10, 0), ("v2", None, 1, 30, 0)],
        ),
        Layout(
            "a label names the workload",
            mesh_of([replace(named, name="agent-x"), V2]),
            [Sent(named, 10), Sent(V2, 30)],
            [("told", None, 2, 10, 0), ("v2", None, 1, 30, 0)],
        ),
        Layout(
            "a Rollout's two ReplicaSets, whose workload is one",
            mesh_of(
                [NOW, NEXT], [to("reviews", "stable", 80), to("reviews", "canary", 20)], [BY_HASH]
            ),
            [Sent(NOW, 80), Sent(NEXT, 20, code="503")],
            [
                ("stable", 80, 1, None, None),
                ("canary", 20, 1, None, None),
                ("stable or canary", None, 0, 100, 20),
            ],
            {
                "stable": "telemetry can't tell it from canary",
                "canary": "telemetry can't tell it from stable",
            },
        ),
        Layout(
            "a Rollout without subsets",
            mesh_of([NOW, NEXT]),
            [Sent(NOW, 80), Sent(NEXT, 20, code="503")],
            [("reviews", None, 2, 100, 20)],
        ),
    ]


def _chosen_by_address() -> list[Layout]:
    """Callers' proxies have no endpoint to know who is at an address: Istio writes `unknown`."""
    v1_or_v2 = {
        "v1": "telemetry can't tell it from v2",
        "v2": "telemetry can't tell it from v1",
    }
    lost = Sent(None, 5, code="503", flags="UF,URX")
    return [
        Layout(
            "a headless Service, whose pods say who they are",
            mesh_of([V1, V2], own=HEADLESS),
            [Sent(V1, 10), Sent(V2, 30)],
            [("v1", None, 1, 10, 0), ("v2", None, 1, 30, 0)],
        ),
        Layout(
            "a headless Service of one workload, and nobody says who answered",
            mesh_of([DB], own=HEADLESS),
            [Sent(None, 40), Sent(None, 10, code="503"), lost],
            [("reviews", None, 2, 55, 27)],
        ),
        Layout(
            "a headless Service of two versions, and nobody says who answered",
            mesh_of([V1, V2], SPLIT, [V1_V2], own=HEADLESS),
            [Sent(None, 40), Sent(None, 10, code="503")],
            [("v1", 60, 1, None, None), ("v2", 40, 1, None, None), ("v1 or v2", None, 0, 50, 20)],
            v1_or_v2,
        ),
        Layout(
            "a headless Service, and no route",
            mesh_of([DB], own=HEADLESS),
            [Sent(None, 40), Sent(None, 10, code="404", flags="NR")],
            [("reviews", None, 2, 40, 0), ("unknown", None, 0, 10, 0)],
        ),
        Layout(
            "a headless Service without pods",
            mesh_of([], own=HEADLESS),
            [lost],
            [("unknown", None, 0, 5, 100)],
        ),
        Layout(
            "an address that a Service with one of its own has chosen is nobody's",
            mesh_of([DB]),
            [Sent(None, 40)],
            [("reviews", None, 2, 0, None), ("unknown", None, 0, 40, 0)],
        ),
    ]


def _shared() -> list[Layout]:
    """One set of pods behind two Services, and revisions set apart from versions."""
    admin = service("reviews-admin", app="reviews")
    other = [Sent(BLUE, 500, service="reviews-admin", code="503")]
    split = mesh_of([BLUE, GREEN], BY_COLOUR, [rule("reviews", *COLOURS)], [admin])
    both = [Sent(BLUE, 75), Sent(GREEN, 25, code="503")]
    rows = [("blue", 75, 1, 75, 0), ("green", 25, 1, 25, 100)]
    return [
        Layout("subsets by a revision that is no version", split, both, rows),
        Layout(
            "pods that another Service has, too, without subsets",
            mesh_of([BLUE, GREEN], services=[admin]),
            both,
            [("v1", None, 2, 100, 25)],
        ),
        Layout(
            "a failed connect to one of two of the same version",
            split,
            [Sent(BLUE, 75), Sent(GREEN, 25, code="503", flags="UF", failed=True)],
            rows,
        ),
        Layout(
            "requests to the other Service of the same pods count there",
            split,
            both,
            rows,
            others=other,
        ),
    ]


def _from_elsewhere() -> list[Layout]:
    """DestinationRules of the caller's namespace and of the root's."""
    there = rule(FULL, subset("v1", version="v1"), subset("v2", version="v2"), namespace="shop")
    root = rule(
        FULL, subset("v1", version="v1"), subset("v2", version="v2"), namespace="istio-system"
    )
    caller = Load("till", app="till", namespace="shop")
    sent = [Sent(V1, 60), Sent(V2, 40, code="503")]
    rows = [("v1", 60, 1, 60, 0), ("v2", 40, 1, 40, 100)]
    third = rule("reviews", subset("late", version="v2"))
    return [
        Layout(
            "the subsets are of the caller's namespace",
            mesh_of([V1, V2, caller], SPLIT, [there]),
            sent,
            rows,
        ),
        Layout(
            "the subsets are of the root namespace", mesh_of([V1, V2], SPLIT, [root]), sent, rows
        ),
        Layout(
            "the service's own DestinationRule stands before the root namespace's",
            mesh_of([V1, V2], [to("reviews", "late")], [third, root]),
            sent,
            [("late", 100, 1, 40, 100), ("v1", 0, 1, 60, 0)],
        ),
    ]


def _machines() -> list[Layout]:
    answer = Load("partner-0", app="partner-0", pods=0)
    return [
        Layout(
            "a WorkloadEntry is a version beside a Deployment",
            mesh_of([V1, VM], SPLIT, [V1_V2]),
            [Sent(V1, 60), Sent(VM, 40, code="503")],
            [("v1", 60, 1, 60, 0), ("v2", 40, 1, 40, 100)],
        ),
        Layout(
            "a WorkloadEntry whose connection fails",
            mesh_of([V1, VM], SPLIT, [V1_V2]),
            [Sent(V1, 60), Sent(VM, 40, code="503", flags="UF", failed=True)],
            [("v1", 60, 1, 60, 0), ("v2", 40, 1, 40, 100)],
        ),
        Layout(
            "a WorkloadEntry without a version",
            mesh_of([V1, UNKNOWN_VM]),
            [Sent(V1, 60), Sent(UNKNOWN_VM, 40)],
            [("v1", None, 1, 60, 0), ("machine-1", None, 1, 40, 0)],
        ),
        Layout(
            "a ServiceEntry's endpoint has a name of its own",
            mesh_of(
                [V1], [to("reviews", "", 70), to("partner.example.com", "", 30)], entries=[PARTNER]
            ),
            [Sent(V1, 70), Sent(answer, 30, service="partner.example.com", code="503")],
            [("v1", 70, 1, 70, 0), ("partner.example.com", 30, 0, 30, 100)],
        ),
    ]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("layout", layouts(), ids=lambda layout: layout.name)
def test_rows_of_a_layout(layout: Layout, source: str) -> None:
    assert_rows(layout, source)
