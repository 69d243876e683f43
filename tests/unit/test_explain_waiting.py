"""Callers that wait longer than the version takes: told with the limit that may hold them up."""

from __future__ import annotations

from dataclasses import replace

from meshtui.diagnosis.explain.latency import waiting
from meshtui.diagnosis.explain.scope import VersionScope
from meshtui.diagnosis.explain.triage import sentences
from meshtui.mesh.model import Mesh
from meshtui.mesh.signals import UNKNOWN, Signals
from meshtui.ui.actions.steps import by_key
from meshtui.ui.panes.signalstext import by_how, signals_lines
from tests.unit.explaining import mesh_of, scope, signals
from tests.unit.objects import Obj, route

V3: Obj = {"route": [route("v3")]}


def pool(most: int) -> Obj:
    return {"connectionPool": {"tcp": {"maxConnections": most}}}


def limited(most: int = 1, *rules: Obj) -> Mesh:
    labels = {"name": "v3", "labels": {"version": "v3"}}
    return mesh_of(*(rules or (V3,)), subsets=[{**labels, "trafficPolicy": pool(most)}])


def timed(p50: float, p95: float, rps: float = 10.0, **counts: float) -> Signals:
    return replace(signals(rps, **counts), p50_ms=p50, p95_ms=p95, p99_ms=p95)


def words_of(found: VersionScope) -> str:
    return waiting(found)[0]


def slow(mesh: Mesh, **counts: float) -> VersionScope:
    return scope(mesh, "v3", timed(570, 900, **counts), timed(3, 9))


def test_a_limit_of_connections_is_named_where_callers_wait_and_none_is_refused() -> None:
    assert words_of(slow(limited())) == (
        "Callers wait longer than v3 takes (p50 570ms against 3ms): requests most likely queue in "
        "the callers' proxies, for DestinationRule default/reviews, subset v3, allows 1 "
        "connection from each."
    )
    first = sentences(replace(slow(limited()), row=None))[0]
    assert first.head == "ok: none of the 10/s to v3 fails"
    assert first.lines[0].startswith("Callers wait longer")
    assert [step.do for step in first.next] == ["proxies", "breaker"]


def test_the_limit_of_the_host_is_named_where_the_subset_has_none() -> None:
    said = words_of(slow(mesh_of(V3, policy=pool(2))))
    assert "default/reviews, the host, allows 2 connections from each." in said


def test_a_limit_far_from_what_is_needed_is_not_the_reason() -> None:
    assert "queue" not in words_of(slow(limited(1000)))


def test_without_a_limit_only_the_difference_and_what_may_make_it_is_said() -> None:
    assert words_of(slow(mesh_of(V3))) == (
        "Callers wait longer than v3 takes (p50 570ms against 3ms): the network or busy proxies "
        "between them."
    )
    retried = {**V3, "retries": {"attempts": 3, "retryOn": "5xx"}}
    said = words_of(slow(mesh_of(retried)))
    assert " or tries that are repeated (rule http[0] of VirtualService reviews: 3× on 5xx)" in said


def test_a_delay_put_in_on_purpose_that_accounts_for_it_leaves_nothing_to_say() -> None:
    mesh = limited(1, delaying(100, "500ms"))
    assert words_of(slow(mesh, DI=100)) == ""
    tail = scope(limited(1, delaying(10, "1s")), "v3", timed(4, 1400, DI=10), timed(3, 9))
    assert words_of(tail) == ""


def test_a_delay_too_short_or_of_too_few_to_account_for_it_is_only_named() -> None:
    short = slow(mesh_of(delaying(100, "20ms")), DI=100)
    rare = slow(mesh_of(delaying(5, "2s")), DI=5)
    assert "injected delay (rule http[0] of VirtualService reviews holds 100 % back" in words_of(
        short
    )
    assert "holds 5 % back for 2s" in words_of(rare)
    assert "most likely queue" in words_of(slow(limited(1, delaying(5, "2s")), DI=5))


def test_small_differences_few_requests_and_unknown_servers_make_no_sentence() -> None:
    mesh = limited()
    assert words_of(scope(mesh, "v3", timed(45, 49), timed(3, 9))) == ""
    assert words_of(scope(mesh, "v3", timed(250, 300), timed(120, 150))) == ""
    assert words_of(scope(mesh, "v3", timed(570, 900, 1), timed(3, 9, 1))) == ""
    assert words_of(scope(mesh, "v3", timed(570, 900))) == ""
    assert words_of(scope(mesh, UNKNOWN, timed(570, 900), timed(3, 9))) == ""


def test_a_tail_that_waits_is_told_by_its_own_quantile() -> None:
    found = scope(limited(), "v3", timed(4, 900), timed(3, 9))
    assert "(p95 900ms against 9ms)" in words_of(found)


def test_the_wait_begins_a_line_of_its_own_beside_errors() -> None:
    found = scope(limited(), "v3", timed(570, 900, c503=5), timed(3, 9, c503=5))
    lines = [
        "".join(piece.text for piece in line)
        for line in signals_lines(found, "", 60, told=by_how(by_key))
    ]
    assert any(line.startswith("  v3 answers the errors itself") for line in lines)
    assert any(line.startswith("  Callers wait longer than v3") for line in lines)


def delaying(percent: int, delay: str) -> Obj:
    fault = {"delay": {"fixedDelay": delay, "percentage": {"value": percent}}}
    return {**V3, "fault": fault}
