"""Every kind that may answer 403: what is not read is said, and never taken for absent."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.changes.build import build_change
from meshtui.changes.change import Change, SetBreaker, Shift, Target
from meshtui.changes.stranding import stranding
from meshtui.cli.documents.services import services_json
from meshtui.diagnosis.analysis import analyze
from meshtui.diagnosis.analysis.unread import unchecked
from meshtui.diagnosis.explain.scope import scope_of
from meshtui.diagnosis.explain.triage import sentences
from meshtui.errors import MeshtuiError
from meshtui.mesh.absence import KINDS
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.view import ServiceView, service_views
from tests.ui import bookinfo

KEY = ServiceKey("bookinfo", "reviews")
FULL = parse_mesh(bookinfo.objects())
SAMPLE = bookinfo.sample(FULL, 1.0)


def without(kind: str) -> Mesh:
    """The server answers 403 to the lists of a kind."""
    return parse_mesh({**bookinfo.objects(), kind: []}, partial={kind: frozenset()})


def view_without(kind: str) -> ServiceView:
    return next(v for v in service_views(without(kind), SAMPLE) if v.key == KEY)


def document(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = services_json(0, SAMPLE, [view_without(kind)])["services"][0]
    return found


def planned(kind: str, request: Shift | SetBreaker) -> tuple[Change | None, str]:
    """The change with its findings, or why it is refused."""
    mesh = without(kind)
    try:
        change = build_change(mesh, request, Target(KEY))
    except MeshtuiError as error:
        return None, str(error)
    return change, "; ".join(finding.text for finding in stranding(mesh, change))


BUT_SERVICES = [kind for kind in KINDS if kind != "services"]


@pytest.mark.parametrize("kind", BUT_SERVICES)
def test_the_row_the_document_and_the_signals_pane_say_what_is_not_read(kind: str) -> None:
    view = view_without(kind)
    (words,) = view.unread
    assert "can't be read" in words
    marked = any(mark.startswith("not read: ") for mark in view.marks)
    assert marked == (kind in ("pods", "virtualservices", "httproutes", "destinationrules"))
    assert document(kind)["unread"] == [words]
    parts = sentences(scope_of(view.mesh, view, None, SAMPLE))
    said = " ".join(text for part in parts for text in (part.head, *part.lines))
    assert words[1:] in said


@pytest.mark.parametrize("kind", KINDS)
def test_the_analysis_finds_nothing_missing_and_says_what_it_did_not_judge(kind: str) -> None:
    mesh = without(kind)
    assert {found.code for found in analyze(mesh)} <= {found.code for found in analyze(FULL)}
    assert len(unchecked(mesh)) == len(unchecked(FULL)) + 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_calls_nothing_missing_that_was_not_read(kind: str) -> None:
    known = {"services", "virtualservices", "destinationrules"}
    for request in (Shift({"v2": 50}), SetBreaker("v1", {"consecutive_5xx": 5})):
        change, said = planned(kind, request)
        assert "503" not in said
        assert "does not exist" not in said
        assert "has no" not in said
        assert change is not None or ("is not known" in said and kind in known)


def test_pods_that_are_not_read_are_null_and_no_row_is_without_a_ready_pod() -> None:
    versions = document("pods")["versions"]
    assert {(one["pods"], one["pods_ready"]) for one in versions} == {(None, None)}
    assert "whether v2 has a ready pod is not known" in planned("pods", Shift({"v2": 50}))[1]


def test_rows_by_pods_have_no_weight_where_the_subsets_are_not_read() -> None:
    rows = view_without("destinationrules").versions
    assert {row.weight for row in rows if not row.subset} == {None}
    assert "is not known: DestinationRules" in planned("destinationrules", Shift({"v2": 50}))[1]


def test_where_services_are_not_read_there_is_no_service_that_does_not_exist() -> None:
    assert service_views(without("services"), SAMPLE) == ()
    assert "Services of bookinfo can't be read" in planned("services", Shift({"v2": 50}))[1]


def test_what_is_read_where_the_service_is_is_enough() -> None:
    raw = {**bookinfo.objects()}
    mesh = parse_mesh(raw, partial=dict.fromkeys(KINDS, frozenset({"bookinfo"})))
    view = next(v for v in service_views(mesh, SAMPLE) if v.key == KEY)
    assert view.unread == ()
    assert services_json(0, SAMPLE, [view])["services"][0]["unread"] == []
