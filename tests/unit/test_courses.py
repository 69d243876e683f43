"""The chart of a version and its row count the same requests, whoever remembers them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from meshtui.mesh.courses import course_name, course_names, services_beside
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import Sample
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.time_series import Course, added
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView, service_views
from meshtui.metrics.aggregate import Ledger
from meshtui.metrics.counter_reading import Reading
from meshtui.metrics.prometheus_past import courses_of
from meshtui.metrics.prometheus_past_queries import Counting
from meshtui.metrics.prometheus_result import QueryResult
from meshtui.metrics.sample_history import SampleHistory
from meshtui.metrics.traffic import traffic_of
from tests.unit.objects import destination_rule, meta, pod, route, service, virtual_service
from tests.unit.test_graph import Counted, nowhere, seen

REVIEWS = ServiceKey("default", "reviews")
NOW, SECONDS, STEP = 1_700_000_000.0, 15.0, 15


def bare(workload: str, track: str) -> dict[str, Any]:
    """A pod whose labels name no version."""
    made = pod("reviews", "v1")
    made["metadata"] = meta(
        f"{workload}-5f6d-1",
        labels={"app": "reviews", "track": track, "pod-template-hash": "5f6d"},
        ownerReferences=[{"kind": "ReplicaSet", "name": f"{workload}-5f6d"}],
    )
    return made


def by_track(*names: str) -> dict[str, Any]:
    rule = destination_rule("reviews", names)
    for subset in rule["spec"]["subsets"]:
        subset["labels"] = {"track": subset["name"]}
    return rule


def mesh_of(pods: Iterable[dict[str, Any]], rule: dict[str, Any], *weights: str) -> Mesh:
    routes = [route(name, 100 // len(weights)) for name in weights]
    return parse_mesh(
        {
            "services": [service("reviews")],
            "pods": list(pods),
            "virtualservices": [virtual_service("reviews", {"route": routes})],
            "destinationrules": [rule],
        }
    )


CRASHING = mesh_of(
    (pod("reviews", "v1"), pod("reviews", "v3", ready=False)),
    destination_rule("reviews", ("v1", "v3")), "v1", "v3",
)  # fmt: skip
UNNAMED = mesh_of(
    (bare("stable", "stable"), bare("next", "canary")), by_track("stable", "canary"),
    "stable", "canary",
)  # fmt: skip
BESIDE = parse_mesh(
    {
        "services": [
            service("reviews"), service("reviews-next", version="v3"),
        ],
        "pods": [pod("reviews", "v1"), pod("reviews", "v3")],
        "virtualservices": [virtual_service("reviews", {"route": [
            {"destination": {"host": "reviews"}, "weight": 90},
            {"destination": {"host": "reviews-next"}, "weight": 10},
        ]})],
    }
)  # fmt: skip
SHARED = mesh_of(
    (pod("reviews", "v1"), bare("next", "canary")), by_track("canary"), "canary"
)  # fmt: skip


def of_next(requests: float, **more: str) -> Counted:
    labels = {"destination_workload": "next", "destination_canonical_revision": "latest"}
    return seen(requests, version="unknown", **labels, **more)


CASES = {
    "what reached no pod is the version's that has none": (
        CRASHING,
        (seen(90), seen(31, version="v3"), seen(1, version="v3", response_code="503"),
         nowhere(330, "UH")),
        "v3", 331 / 362,
    ),
    "what no version can be blamed for is none's": (
        CRASHING, (seen(90), nowhere(10, "NR"), nowhere(10, "UO")), "v1", 0.0,
    ),
    "pods without a version are known by their workload": (
        UNNAMED, (of_next(10), of_next(10, response_code="500")), "canary", 0.5,
    ),
    "an endpoint that never answered is known by its revision": (
        CRASHING,
        (seen(10, version="unknown", destination_canonical_revision="v3",
              destination_workload="reviews-v3", response_code="503", response_flags="UF"),
         seen(10, version="v3")),
        "v3", 0.5,
    ),
    "another service that the rule sends to": (
        BESIDE,
        (seen(90), seen(10, version="v3", destination_service_name="reviews-next"),
         seen(10, version="v3", destination_service_name="reviews-next", response_code="503")),
        "reviews-next", 0.5,
    ),
    "pods of another version in a subset of their own": (
        SHARED, (seen(30), of_next(10, response_code="500")), "canary", 1.0,
    ),
}  # fmt: skip


def measured(mesh: Mesh, counted: Iterable[Counted]) -> tuple[Sample, ServiceView]:
    reading = Reading({t: n for n, labels in counted if (t := traffic_of(labels)) is not None})
    ledger = Ledger()
    ledger.add(reading, SECONDS)
    sample = ledger.views().within(Sample(NOW, "sidecars", SECONDS))
    return sample, service_views(mesh, sample, Thresholds())[0]


def row_of(view: ServiceView, label: str) -> VersionView:
    return next(row for row in view.versions if row.label == label)


def newest(course: Course) -> tuple[float | None, float | None]:
    return course[-1].rps, course[-1].error_ratio


@pytest.mark.parametrize("case", CASES)
def test_what_was_seen_is_what_the_row_says(case: str) -> None:
    mesh, counted, label, errors = CASES[case]
    sample, view = measured(mesh, counted)
    row = row_of(view, label)
    assert row.caller is not None and row.caller.error_ratio == pytest.approx(errors)
    history = SampleHistory()
    history.record(sample, (view,))
    course = history.courses(REVIEWS)[course_name(view.versions, row)]
    assert newest(course) == pytest.approx((row.caller.rps, row.caller.error_ratio))


@pytest.mark.parametrize("case", CASES)
def test_what_prometheus_remembers_is_what_the_row_says(case: str) -> None:
    mesh, counted, label, _ = CASES[case]
    _, view = measured(mesh, counted)
    row = row_of(view, label)
    requests = [{"metric": labels, "values": [[NOW, str(number)]]} for number, labels in counted]
    courses = [
        courses_of(
            QueryResult(requests),
            QueryResult([]),
            QueryResult([]),
            key,
            course_names(view),
            Counting(),
            STEP,
            SECONDS,
            0.0,
        )
        for key in (REVIEWS, *services_beside(view))
    ]
    course: Course = ()
    for found in courses:
        course = added(course, found.get(course_name(view.versions, row), ()))
    assert row.caller is not None
    assert newest(course) == pytest.approx((row.caller.rps, row.caller.error_ratio))


def test_no_two_rows_have_one_course() -> None:
    rows = tuple(
        VersionView(version=version, subset=subset, host=host)
        for version, subset, host in (
            ("1", "a", "x.local"), ("1", "b", "x.local"), ("2", "c", "x.local"),
            ("1", "a", "y.local"), ("3", "", "y.local"),
        )
    )  # fmt: skip
    names = [course_name(rows, row) for row in rows]
    assert names == ["x.local/a", "b", "2", "y.local/a", "3"]


def test_every_request_is_of_one_course() -> None:
    for mesh, counted, _, _ in CASES.values():
        sample, view = measured(mesh, counted)
        history = SampleHistory()
        history.record(sample, (view,))
        rates = (course[-1].rps or 0.0 for course in history.courses(REVIEWS).values())
        assert sum(rates) == pytest.approx(sum(number for number, _ in counted) / SECONDS)


def test_rows_that_share_a_version_are_told_apart_by_their_labels() -> None:
    rows = (VersionView("v1", "a"), VersionView("v1", "b"), VersionView("v2", "c"))
    assert [course_name(rows, row) for row in rows] == ["a", "b", "v2"]


def test_a_service_without_rows_is_remembered_by_telemetrys_versions() -> None:
    sample, _ = measured(CRASHING, (seen(30), nowhere(30, "UH")))
    history = SampleHistory()
    history.record(sample)
    assert set(history.courses(REVIEWS)) == {"v1", "unknown"}
