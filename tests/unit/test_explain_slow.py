"""A version that is slow, or whose pods crash, where no request fails: it is said, and why."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest

from meshtui.diagnosis.explain.latency import spent
from meshtui.diagnosis.explain.scope import VersionScope
from meshtui.diagnosis.explain.triage import sentences
from meshtui.mesh.judging import FAILING, NO_TRAFFIC, OK, SLOW
from meshtui.mesh.signals import Signals
from meshtui.ui.actions.steps import by_key
from meshtui.ui.panes.signalstext import by_how, signals_lines
from tests.unit.explaining import mesh_of, scope, signals
from tests.unit.objects import Obj, pod

SLOW_MS, FAST_MS = 400.0, 5.0
WORDS = "100 % of its requests take longer than 100 ms, and 0 % of v1's"
NOTHING = "nothing to explain"


def timed(ms: float) -> Signals:
    buckets = {bound: 100.0 if bound >= ms else 0.0 for bound in (5.0, 100.0, 500.0, inf)}
    return replace(signals(), p50_ms=ms, p95_ms=ms, p99_ms=ms, buckets=buckets)


def slow(server_ms: float = SLOW_MS) -> VersionScope:
    found = scope(mesh_of(), "v3", timed(SLOW_MS), timed(server_ms))
    assert found.row is not None
    return replace(found, row=replace(found.row, state=SLOW, slow=WORDS))


def page(found: VersionScope) -> str:
    lines = signals_lines(found, "", 200, told=by_how(by_key))
    return "\n".join("".join(piece.text for piece in line) for line in lines)


def crashing() -> Obj:
    found = pod("reviews", "v3", ready=False)
    waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
    ended = {"terminated": {"reason": "Error", "exitCode": 3}}
    found["status"]["containerStatuses"] = [
        {"name": "app", "restartCount": 4, "ready": False, "state": waiting, "lastState": ended}
    ]
    return found


def test_a_slow_version_that_takes_long_itself_is_said_to() -> None:
    (said,) = sentences(slow())
    assert said.state == SLOW and WORDS in said.head
    assert said.lines == (
        "Its own proxy counts such times, too (p50 400ms, p95 400ms): the time goes in its "
        "program, or in calls that no proxy sees.",
    )


def test_what_waits_on_the_way_to_it_is_not_said_to_take_long_itself() -> None:
    (said,) = sentences(slow(server_ms=FAST_MS))
    assert [line.partition(" (")[0] for line in said.lines] == ["Callers wait longer than v3 takes"]


def test_what_it_calls_that_takes_as_long_is_named_instead() -> None:
    found = slow()
    assert found.row is not None
    below = replace(found.view, versions=(replace(found.row, state=OK, caller=timed(350)),))
    assert spent(replace(found, below=(below,))) == (
        "It calls what takes as long: reviews v3 (p50 350ms, p95 350ms). Look there first."
    )
    fast = replace(below, versions=(replace(found.row, caller=timed(FAST_MS)),))
    assert "in its program" in spent(replace(found, below=(fast,)))


@pytest.mark.parametrize("state", [OK, NO_TRAFFIC, FAILING])
def test_of_what_is_not_slow_nothing_is_said(state: str) -> None:
    found = slow()
    assert found.row is not None
    assert spent(replace(found, row=replace(found.row, state=state, slow=""))) == ""


def test_beside_what_is_slow_there_is_something_to_explain() -> None:
    assert NOTHING not in page(slow())
    assert NOTHING in page(scope(mesh_of(), "v3", timed(FAST_MS), timed(FAST_MS)))


@pytest.mark.parametrize("caller", [None, timed(FAST_MS)])
def test_the_crash_of_the_only_version_is_said_of_its_service(caller: Signals | None) -> None:
    everywhere: Obj = {"route": [{"destination": {"host": "reviews"}}]}
    mesh = mesh_of(everywhere, pods=[crashing()], subsets=[])
    found = scope(mesh, "v3", caller, caller)
    first, *_ = said = sentences(replace(found, row=None))
    assert first.state == FAILING and "CrashLoopBackOff: app (Error, exit 3)" in first.head
    assert len(said) == 2
    assert NOTHING not in page(replace(found, row=None))
