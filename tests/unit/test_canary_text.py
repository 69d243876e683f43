"""The lines of the canary pane: nothing is wider than the pane, and figures are as reported."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.canary.machine import Phase
from meshtui.canary.progress import Measured, Progress, Side, document, progress_of
from meshtui.canary.reported import progress_from
from meshtui.mesh.model import ServiceKey
from meshtui.operations.canary.watching import CanaryRun
from meshtui.ui.panes.canarytext import BAR, canary_lines, left_s, summary
from meshtui.ui.widgets.paint import width_of
from tests.unit.test_canary_stored import run as stored

KEY = ServiceKey("shop", "reviews")
PROGRESS = Progress(
    "reviews", "v3", "observing", ("shadow", "5 %", "50 %", "100 %"), 1, 5.0, 20.0, 40.0,
    Side(1_204_000, 5, 0.0042, 0.0014, 0.0097, 0.0008, 12_310.0), None, 10.0, 0.4, 100.0,
    "so far no worse", time=1000.0,
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    ["ladder", "step", "canary", "stable", "evidence", "exit", "time", "phase", "sentence",
     "measured_share", "in_proxies", "version", "trouble"]
)  # fmt: skip


def texts(run: CanaryRun, now: float = 1000.0, width: int = 72) -> list[str]:
    return ["".join(piece.text for piece in line) for line in canary_lines(run, now, width)]


def running(progress: Progress | None = PROGRESS, **more: Any) -> CanaryRun:
    return replace(CanaryRun(KEY, "ann@desk/1", live=True, progress=progress), **more)


def test_what_a_driver_reports_is_what_is_shown() -> None:
    shown = progress_of(stored([(200, 1), (300, 2)]).state, time=7.0)
    assert progress_from(json.loads(json.dumps(document(shown)))) == shown


def test_a_step_that_begins_is_in_the_proxies_until_an_interval_says_otherwise() -> None:
    """The sentence beside it says that the proxies serve it."""
    begun = stored([]).state
    assert begun.phase is Phase.OBSERVING and progress_of(begun).serving is True
    assert progress_of(begun, Measured(serving=False)).serving is False
    assert progress_of(replace(begun, trouble="nothing was read")).serving is None
    assert progress_of(replace(begun, phase=Phase.SHIFTING)).serving is None


@given(st.dictionaries(FIELDS, JSON), st.sampled_from([24, 49, 72, 120]))
def test_reports_of_any_shape_are_shown_in_the_room_there_is(damage: Any, width: int) -> None:
    found = progress_from({**document(PROGRESS), **damage})
    run = running(found)
    for line in (*canary_lines(run, 1000.0, width), summary(run, 1000.0)):
        assert not any(ord(char) < 32 for piece in line for char in piece.text)
    if found is not None:
        assert all(width_of(line) <= width for line in canary_lines(run, 1e9, width)[:3])


@pytest.mark.parametrize("width", [46, 51, 57, 72, 140])
@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("stable", [None, PROGRESS.canary])
def test_nothing_is_wider_than_the_pane(width: int, phase: Phase, stable: Side | None) -> None:
    run = running(replace(PROGRESS, phase=phase.value, stable=stable), live=False)
    assert all(width_of(line) <= width for line in canary_lines(run, 1000.0, width))


@pytest.mark.parametrize(
    ("value", "full", "words"),
    [(0.4, 0, "0.4"), (1.0, 0, "1"), (10.0, BAR // 2, "10"), (100.0, BAR, "100"),
     (1e9, BAR, "over a million")],
)  # fmt: skip
def test_evidence_is_on_its_way_by_its_logarithm(value: float, full: int, words: str) -> None:
    said = texts(running(replace(PROGRESS, evidence=value)))
    assert "evidence against it, 100 is enough" in said
    (line,) = (text for text in said if text[:6] == "errors")
    assert line.count("█") == full
    assert re.fullmatch(f"errors {{4}}.{{{BAR}}}  {words} *", line)


def test_the_time_that_is_left_goes_on_between_reports_and_stops_where_nobody_counts() -> None:
    assert left_s(PROGRESS, running(), 1003.0) == 37.0
    assert left_s(PROGRESS, running(), 990.0) == 40.0
    assert left_s(PROGRESS, running(), 9000.0) == 25.0
    assert left_s(PROGRESS, running(live=False), 1003.0) == 40.0
    frozen = replace(PROGRESS, phase="frozen")
    assert left_s(frozen, running(frozen), 1003.0) == 40.0
    ended = replace(PROGRESS, phase="promoted", exit=0)
    assert left_s(ended, running(ended), 1003.0) is None


def test_the_ladder_is_ticked_off_and_marked_where_it_failed() -> None:
    assert "✔ shadow → [5 %] → 50 % → 100 %" in texts(running())
    back = replace(PROGRESS, phase="rolled back", exit=6)
    assert "✔ shadow → ✖ 5 % → 50 % → 100 %" in texts(running(back))
    done = replace(PROGRESS, phase="promoted", exit=0, index=3)
    assert "✔ shadow → ✔ 5 % → ✔ 50 % → ✔ 100 %" in texts(running(done))


def test_a_version_alone_says_by_what_it_is_judged() -> None:
    assert any("no requests: absolute limits alone" in line for line in texts(running(), width=51))
    quiet = replace(PROGRESS, canary=Side(0.0, 0.0))
    assert any(line.endswith("no requests yet") for line in texts(running(quiet)))


def test_no_canary_says_how_one_begins_and_who_drives_without_a_report() -> None:
    begins = " ".join(texts(CanaryRun(KEY)))
    assert "Enter starts one here" in begins
    assert "`meshtui canary run reviews.shop --to V` in a shell" in begins
    assert "ann@desk/1 drives a canary of reviews" in " ".join(texts(running(None)))
