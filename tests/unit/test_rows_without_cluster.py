"""Whose row has the requests that a caller's proxy had no cluster for (NC).

As seen on a real mesh: such a request's series names the Host header and no destination.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from meshtui.mesh.model import Mesh
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import UNKNOWN
from meshtui.mesh.view import ServiceView, service_views
from tests.unit.layouts import SOURCES, Load, Sent, mesh_of, rule, sample_of, subset, to
from tests.unit.objects import Obj, meta, service

V1 = Load("reviews-v1", {"version": "v1"})
OF_V1 = rule("reviews", subset("v1", version="v1"))
OUTSIDE = "api.example.com"
LOST = "its requests are answered NC, which names no destination"


def entry(host: str) -> Obj:
    ports = [{"number": 9080, "name": "http", "protocol": "HTTP"}]
    return {"metadata": meta("ext"), "spec": {"hosts": [host], "ports": ports}}


def at_port(number: int, weight: int) -> Obj:
    found = to("reviews", "v1", weight)
    return {**found, "destination": {**found["destination"], "port": {"number": number}}}


def routed(*http: Obj, entries: tuple[Obj, ...] = (), rules: tuple[Obj, ...] = (OF_V1,)) -> Mesh:
    loads = [V1, Load("client", app="client")]
    return parse_mesh(
        {
            "services": [service("reviews"), service("client")],
            "pods": [pod for n, load in enumerate(loads) for pod in load.objects(n)],
            "virtualservices": [
                {"metadata": meta("reviews"), "spec": {"hosts": ["reviews"], "http": list(http)}}
            ],
            "destinationrules": list(rules),
            "serviceentries": list(entries),
        }
    )


HEADER = {"match": [{"headers": {"x-canary": {"exact": "yes"}}}], "route": [to("reviews", "v8")]}


@dataclass(frozen=True)
class Case:
    """`rows`: the requests of each row by its label, None where it is not known."""

    mesh: Mesh
    rows: dict[str, int | None]
    why: dict[str, str] = field(default_factory=dict)


CASES = {
    "a subset that nobody defines": Case(
        mesh_of([V1], [to("reviews", "v1", 50), to("reviews", "v9", 50)], [OF_V1]),
        {"v1": 10, "v9": 4},
    ),
    "two of them": Case(
        mesh_of(
            [V1],
            [to("reviews", "v1", 50), to("reviews", "v8", 25), to("reviews", "v9", 25)],
            [OF_V1],
        ),
        {"v1": 10, "v8": None, "v9": None, "v8 or v9": 4},
        {"v8": "telemetry can't tell it from v9", "v9": "telemetry can't tell it from v8"},
    ),
    "one that gets no weight beside one that does": Case(
        mesh_of(
            [V1],
            [to("reviews", "v1", 50), to("reviews", "v8", 0), to("reviews", "v9", 50)],
            [OF_V1],
        ),
        {"v1": 10, "v8": 0, "v9": 4},
    ),
    "a host that only a wildcard covers": Case(
        mesh_of(
            [V1],
            [to("reviews", "v1", 50), to(OUTSIDE, "", 50)],
            [OF_V1],
            [],
            [entry("*.example.com")],
        ),
        {"v1": 10, OUTSIDE: 4},
    ),
    "a host that nobody registers": Case(
        mesh_of([V1], [to("reviews", "v1", 50), to("gone", "", 50)], [OF_V1]),
        {"v1": 10, "gone": 4},
    ),
    "a host that is registered": Case(
        mesh_of(
            [V1], [to("reviews", "v1", 50), to(OUTSIDE, "", 50)], [OF_V1], [], [entry(OUTSIDE)]
        ),
        {"v1": 10, OUTSIDE: 0, UNKNOWN: 4},
    ),
    "a port that is not there": Case(
        mesh_of([V1], [to("reviews", "v1", 50), at_port(81, 50)], [OF_V1]),
        {"v1": 14},
    ),
    "another rule leads to a subset that nobody defines": Case(
        routed(HEADER, {"route": [to("reviews", "v1")]}), {"v1": 10, UNKNOWN: 4}
    ),
    "this rule and another do": Case(
        routed(HEADER, {"route": [to("reviews", "v1", 50), to("reviews", "v9", 50)]}),
        {"v1": 10, "v9": None, UNKNOWN: 4},
        {"v9": LOST},
    ),
    "a mirror does": Case(
        routed(
            {
                "route": [to("reviews", "v1", 50), to("reviews", "v9", 50)],
                "mirror": {"host": "reviews", "subset": "v8"},
            }
        ),
        {"v1": 10, "v9": 4},
    ),
    "all is defined, and a proxy does not have it yet": Case(
        mesh_of([V1], [to("reviews", "v1")], [OF_V1]), {"v1": 10, UNKNOWN: 4}
    ),
}


def seen(mesh: Mesh, source: str) -> ServiceView:
    sent = [Sent(V1, 10), Sent(None, 4, code="503", flags="NC")]
    views = service_views(mesh, sample_of(sent, source))
    return next(view for view in views if str(view.key) == "reviews.default")


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_requests_without_a_cluster_are_their_destinations(case: Case, source: str) -> None:
    view = seen(case.mesh, source)
    found = {row.label: round(row.caller.requests) if row.caller else None for row in view.versions}
    assert found == case.rows
    assert view.caller is not None and view.caller.requests == 14
    assert sum(count or 0 for count in found.values()) == 14
    whys = {row.label: row.unknown_because for row in view.versions if row.unknown_because}
    assert whys == case.why


def test_where_rules_cannot_be_read_nobody_is_blamed() -> None:
    known = CASES["a subset that nobody defines"].mesh
    view = seen(replace(known, partial={"destinationrules": frozenset()}), "sidecars")
    assert UNKNOWN in [row.label for row in view.versions]
