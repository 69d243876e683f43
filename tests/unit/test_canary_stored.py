"""A run as text: what comes back is what was written, or one clear line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtui.canary.events import Counted, Pods, Served
from meshtui.canary.machine import advance, begin
from meshtui.canary.plan import plan_of
from meshtui.canary.route import find_route
from meshtui.canary.stored import StoredRun, from_text, to_text
from meshtui.canary.tally import Counts, Interval
from meshtui.changes.change import Target
from meshtui.errors import MeshtuiError
from tests.unit.objects import reviews, route
from tests.unit.test_mesh import REVIEWS


def run(counts: list[tuple[int, int]], **more: Any) -> StoredRun:
    plan = plan_of({"service": "reviews", "to": "v2", "pause-at": "50"} | more)
    state, _ = begin(plan, Pods(1, 2, frozenset({"a", "b"})))
    state, _ = advance(state, Served())
    for number, (n, x) in enumerate(counts):
        interval = Interval(number * 5.0, number * 5.0 + 5, Counts(n, x), Counts(9 * n, x))
        state, _ = advance(state, Counted(interval))
    mesh = reviews({"route": [route("v1", 95), route("v2", 5)]})
    _, facts = find_route(mesh, Target(REVIEWS), "v2")
    return StoredRun(state, facts, 12.5, "v2", (("v1", 95.0),))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(10, 500), st.integers(0, 9)), max_size=80))
def test_what_is_written_comes_back(counts: list[tuple[int, int]]) -> None:
    written = run(counts)
    assert from_text(to_text(written)) == written


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", "7", "null", '{"form": 1}', '{"form": 1, "run": 3}']
)
def test_what_is_no_run_is_one_line(damage: str) -> None:
    with pytest.raises(MeshtuiError, match="cannot be read"):
        from_text(damage)


def test_each_part_that_is_missing_or_wrong_is_noticed() -> None:
    document = json.loads(to_text(run([(100, 1)])))
    state = document["run"]["state"]
    for name in state:
        for wrong in ({}, "x", [1]):
            if state[name] == wrong or (name == "sentence" and wrong == "x"):
                continue
            if name in ("trouble", "sentence") and isinstance(wrong, str):
                continue
            other = {**document, "run": {**document["run"], "state": {**state, name: wrong}}}
            with pytest.raises(MeshtuiError):
                from_text(json.dumps(other))


def test_another_form_is_not_gone_on_with() -> None:
    document = json.loads(to_text(run([])))
    with pytest.raises(MeshtuiError, match="another version"):
        from_text(json.dumps({**document, "form": 2}))
