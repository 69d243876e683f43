"""What nobody measures is not known, and it says why: times that are switched off, bare pods."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Any

import pytest

from meshtui.cli.documents.services import services_json
from meshtui.cli.services import service_rows
from meshtui.diagnosis.explain.scope import scope_of
from meshtui.diagnosis.explain.triage import sentences
from meshtui.mesh.judging import NO_TRAFFIC, NOT_KNOWN
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import Responder, Sample, Signals
from meshtui.mesh.view import ServiceView, service_views
from tests.unit.objects import Obj, meta, pod, service

WEB, CALLER, MINE = ServiceKey("default", "web"), ("default", "shop-v1"), ("default", "web-v1")
EDGE = ("default", "edge-v1")


def guarded(app: str, *more: str) -> Obj:
    raw = pod(app, "v1")
    raw["spec"]["containers"] = [{"name": name} for name in more or ("app", "istio-proxy")]
    return raw


def telemetry(metric: str, mode: str = "", home: str = "default", off: bool = True) -> Obj:
    match = {"metric": metric, **({"mode": mode} if mode else {})}
    return {
        "metadata": meta("quiet", home),
        "spec": {"metrics": [{"overrides": [{"match": match, "disabled": off}]}]},
    }


def mesh_of(*telemetries: Obj, bare: bool = False) -> Mesh:
    return parse_mesh(
        {
            "services": [service("web"), service("shop")],
            "pods": [guarded("web", "app") if bare else guarded("web"), guarded("shop")],
            "telemetries": list(telemetries),
        }
    )


def view_of(mesh: Mesh, sample: Sample) -> ServiceView:
    return next(view for view in service_views(mesh, sample) if view.key == WEB)


def sample_of(p50: float | None, **more: Any) -> Sample:
    counted = Signals(100.0, 10.0, 0.0, p50, p50, p50, codes={"200": 100.0})
    target = Responder(WEB, "v1", *MINE)
    found = Sample(
        1.0, "test", 10.0, called={target: counted}, served={target: counted},
        caller_totals={WEB: counted}, server_totals={WEB: counted},
        clients={WEB: frozenset({CALLER})},
    )  # fmt: skip
    return replace(found, **more)


def said(mesh: Mesh, sample: Sample) -> tuple[str, str, str | None]:
    """In the table, in the sentences, and in the JSON."""
    view = view_of(mesh, sample)
    table = " ".join(cell for row in service_rows(view, "web") for cell in row)
    text = " ".join(
        " ".join((one.head, *one.lines))
        for one in sentences(scope_of(mesh, view, None, sample, (view,)))
    )
    (document,) = services_json(1.0, sample, [view])["services"]
    because: str | None = document["versions"][0]["unknown_because"]
    return table, text, because


TELEMETRY = "Telemetry default/quiet switches it off"
NOWHERE = "no histogram of them is there"
OFF: dict[str, tuple[tuple[Obj, ...], str]] = {
    "by the callers": ((telemetry("REQUEST_DURATION", "CLIENT"),), TELEMETRY),
    "by all": ((telemetry("REQUEST_DURATION"),), TELEMETRY),
    "every metric": ((telemetry("ALL_METRICS", "CLIENT"),), TELEMETRY),
    "by the servers only": ((telemetry("REQUEST_DURATION", "SERVER"),), NOWHERE),
    "the count only": ((telemetry("REQUEST_COUNT", "CLIENT"),), NOWHERE),
    "elsewhere": ((telemetry("REQUEST_DURATION", "", "other"),), NOWHERE),
    "on again": (
        (telemetry("REQUEST_DURATION", "", "istio-system"),
         telemetry("REQUEST_DURATION", "", off=False)), NOWHERE,
    ),
    "not by a Telemetry": ((), NOWHERE),
}  # fmt: skip


@pytest.mark.parametrize("case", OFF)
def test_requests_that_nobody_times_say_so(case: str) -> None:
    telemetries, why = OFF[case]
    words = f"how long requests take is not known: {why}"
    table, text, because = said(mesh_of(*telemetries), sample_of(None))
    assert words in table
    assert words[1:] in text
    assert because == words


def test_times_by_histograms_that_have_no_bound_in_common_say_so() -> None:
    sample = sample_of(None)
    counted = {at: replace(one, buckets={inf: 100.0}) for at, one in sample.called.items()}
    for text in said(mesh_of(), replace(sample, called=counted)):
        assert text and "its proxies' histograms have no bound in common" in text


def test_times_of_a_silent_caller_are_the_servers() -> None:
    mesh = mesh_of(telemetry("REQUEST_DURATION", "SERVER"))
    found = sample_of(None, filled={WEB: frozenset({CALLER})}, muted={CALLER: "a Telemetry"})
    assert TELEMETRY in said(mesh, found)[0]


def test_times_that_are_known_need_no_reason() -> None:
    table, _, because = said(mesh_of(telemetry("REQUEST_DURATION")), sample_of(4.0))
    assert "not known" not in table
    assert because is None


NO_PROXY = "none of its pods has a proxy, and nobody who has one calls it"
BARE: dict[str, tuple[bool, frozenset[tuple[str, str]], bool]] = {
    "nobody counts": (True, frozenset(), True),
    "a caller counts that it sends nothing": (True, frozenset({CALLER}), False),
    "its own proxies count that nothing comes": (False, frozenset(), False),
}


@pytest.mark.parametrize("case", BARE)
def test_no_traffic_is_said_only_where_somebody_would_count_it(case: str) -> None:
    bare, clients, unknown = BARE[case]
    mesh = mesh_of(bare=bare)
    sample = Sample(1.0, "test", 10.0, clients={WEB: clients} if clients else {})
    view = view_of(mesh, sample)
    table, text, because = said(mesh, sample)
    expected = NOT_KNOWN if unknown else NO_TRAFFIC
    assert (view.state, view.versions[0].state) == (expected, expected)
    assert (NO_PROXY in table, NO_PROXY in text, because == NO_PROXY) == (unknown,) * 3
    (document,) = services_json(1.0, sample, [view])["services"]
    assert (document["rps"] is None) == unknown


# Who counted, by the JSON: the callers' numbers, and the servers'.
SIDES: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "callers": ({}, ["callers"], ["callees"]),
    "who answered, for callers without a proxy": (
        {"filled": {WEB: frozenset({("", "")})}, "clients": {}}, ["callees"], ["callees"],
    ),
    "both": ({"filled": {WEB: frozenset({("", "")})}}, ["callers", "callees"], ["callees"]),
    "a waypoint": ({"answered_by": {WEB: frozenset({"waypoint"})}}, ["callers"], ["waypoint"]),
    "a waypoint, for callers that count nothing": (
        {"answered_by": {WEB: frozenset({"waypoint"})}, "filled": {WEB: frozenset({CALLER})}},
        ["waypoint"], ["waypoint"],
    ),
    "a waypoint beside who answered": (
        {"answered_by": {WEB: frozenset({"waypoint", "destination"})}}, ["callers"], ["callees"],
    ),
    "a gateway": ({"clients": {WEB: frozenset({EDGE})}}, ["gateway"], ["callees"]),
    "a gateway beside callers": (
        {"clients": {WEB: frozenset({CALLER, EDGE})}},
        ["callers", "gateway"], ["callees"],
    ),
    "nobody": (
        {"called": {}, "served": {}, "caller_totals": {}, "server_totals": {}}, [], [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SIDES)
def test_the_document_says_which_side_counted(case: str) -> None:
    more, caller, server = SIDES[case]
    edge = pod("edge", "v1")
    edge["spec"]["containers"] = [{"name": "istio-proxy"}]
    mesh = parse_mesh(
        {"services": [service("web")], "pods": [guarded("web"), guarded("shop"), edge]}
    )
    sample = sample_of(4.0, **more)
    (document,) = services_json(1.0, sample, [view_of(mesh, sample)])["services"]
    for line in (document, document["versions"][0]):
        assert (line["counted_by"], line["server"]["counted_by"]) == (caller, server)


RETRIED: dict[str, tuple[Obj | None, bool]] = {
    "no rule": (None, False),
    "retries": ({"attempts": 3, "retryOn": "5xx"}, True),
    "none": ({"attempts": 0}, False),
}


@pytest.mark.parametrize("case", RETRIED)
def test_who_answers_counts_each_try_of_a_silent_caller(case: str) -> None:
    from tests.unit.objects import virtual_service

    retries, said_so = RETRIED[case]
    rule: Obj = {**({"retries": retries} if retries else {})}
    rule["route"] = [{"destination": {"host": "web"}}]
    mesh = parse_mesh(
        {
            "services": [service("web")],
            "pods": [guarded("web"), guarded("shop")],
            "virtualservices": [virtual_service("web", rule)] if retries else [],
        }
    )
    silent = sample_of(4.0, filled={WEB: frozenset({CALLER})}, muted={CALLER: "a Telemetry"})
    words = view_of(mesh, silent).counted_because
    assert words.endswith("counted by web itself, each try of a request") == said_so
    bare = sample_of(4.0, filled={WEB: frozenset({("", "")})})
    assert not view_of(mesh, bare).counted_because.endswith("try of a request")
