"""The picture of a service's past: what is asked for, what is kept, and which changes are in it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from meshtui.errors import JournalError, Unreachable
from meshtui.journal import MadeChange
from meshtui.mesh.courses import Named, by_telemetry
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.signals import Sample, Signals, VersionKey
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.time_series import Moment, Past, Stretch
from meshtui.metrics.sample_history import SampleHistory
from meshtui.operations.look.charts import ChartHistory

REVIEWS, RATINGS = ServiceKey("default", "reviews"), ServiceKey("default", "ratings")
NOW = 1_700_000_000.0
HALF_HOUR = 1800.0
CELLS = 60


class Memory:
    """A source that remembers each service from ever on, at one request a second."""

    name = "prometheus"

    def __init__(self) -> None:
        self.now = NOW
        self.fails = self.forgets = False
        self.asked: list[Stretch] = []

    async def sample(self, mesh: Mesh) -> Sample:
        raise Unreachable("not asked here")

    async def past(
        self, service: ServiceKey, stretch: Stretch, named: Named = by_telemetry
    ) -> Past | None:
        self.asked.append(stretch)
        if self.fails:
            raise Unreachable("it is down")
        if self.forgets:
            return None
        step = stretch.step_s
        first, last = int(stretch.begin // step) + 1, int(self.now // step)
        course = tuple(Moment(n * step, step, 1.0, 0.0) for n in range(first, last + 1))
        return Past("prometheus", (first - 1) * step, last * step, step, {service.name: course})

    async def close(self) -> None: ...


class Forgetful:
    """The sidecars: they know nothing of what was before."""

    name = "sidecars"

    async def sample(self, mesh: Mesh) -> Sample:
        raise Unreachable("not asked here")

    async def close(self) -> None: ...


CHANGES = (
    MadeChange(NOW - 4000, "shift", ("v1 0 → 9 %",), "ben"),
    MadeChange(NOW - 300, "shift", ("v1 9 → 1 %", "v2 1 → 9 %"), "ben"),
    MadeChange(NOW - 60, "fault", ("fault none → delay 1s",), "ada"),
)


def made(service: ServiceKey, since: float) -> tuple[MadeChange, ...]:
    return tuple(change for change in CHANGES if change.created >= since)


def history(memory: Memory | Forgetful, seen: SampleHistory | None = None) -> ChartHistory:
    return ChartHistory(seen or SampleHistory(), memory, made, Thresholds(0.01, 0.05))


def seen_at(*times: float) -> SampleHistory:
    seen = SampleHistory()
    for at in times:
        caller = {VersionKey(REVIEWS, "v9"): Signals(10, 5.0, 0.5)}
        seen.record(Sample(at, "sidecars", 5.0, caller))
    return seen


async def test_later_only_what_is_new_is_asked_for_and_the_picture_stays_whole() -> None:
    memory = Memory()
    charts = history(memory)
    await charts.read_past(REVIEWS, HALF_HOUR, CELLS, NOW)
    memory.now = NOW + 90
    await charts.read_past(REVIEWS, HALF_HOUR, CELLS, memory.now)
    first, second = memory.asked
    assert NOW - first.begin >= HALF_HOUR - 60
    assert NOW - 60 <= second.begin <= NOW
    course = charts.picture(REVIEWS, HALF_HOUR, CELLS, memory.now).courses["reviews"]
    assert all(a.at == b.begin for a, b in pairwise(course))
    assert course[-1].at - course[0].begin >= HALF_HOUR - 60
    assert course[-1].at > NOW + 60


@pytest.mark.parametrize(
    ("service", "range_s", "cells"), [(RATINGS, HALF_HOUR, CELLS), (REVIEWS, 300.0, CELLS)]
)
async def test_another_question_is_asked_for_as_a_whole(
    service: ServiceKey, range_s: float, cells: int
) -> None:
    memory = Memory()
    charts = history(memory)
    await charts.read_past(REVIEWS, HALF_HOUR, CELLS, NOW)
    await charts.read_past(service, range_s, cells, NOW)
    assert NOW - memory.asked[-1].begin >= range_s - 60


async def test_the_past_of_one_service_is_never_shown_for_another() -> None:
    charts = history(Memory())
    await charts.read_past(REVIEWS, HALF_HOUR, CELLS, NOW)
    other = charts.picture(RATINGS, HALF_HOUR, CELLS, NOW)
    assert (other.courses, other.source, other.past_end) == ({}, "", None)


async def test_what_is_seen_follows_what_is_remembered() -> None:
    memory = Memory()
    charts = history(memory, seen_at(NOW - 60, *(NOW + 5 * n for n in range(1, 10))))
    await charts.read_past(REVIEWS, HALF_HOUR, CELLS, NOW)
    found = charts.picture(REVIEWS, HALF_HOUR, CELLS, NOW + 50)
    assert found.past_end is not None and found.past_end <= NOW
    assert found.courses["v9"][0].begin >= found.past_end
    assert (found.newest, found.source) == (NOW + 45, "prometheus")
    assert found.courses["reviews"][-1].rps == 0.0, "it had no traffic since"


async def test_services_behind_the_rule_are_asked_for_what_they_counted() -> None:
    memory = Memory()
    charts = ChartHistory(
        SampleHistory(), memory, made, Thresholds(), beside=lambda _: (RATINGS, REVIEWS)
    )
    await charts.read_past(RATINGS, HALF_HOUR, CELLS, NOW)
    assert len(memory.asked) == 3 and len({asked.begin for asked in memory.asked}) == 1
    found = charts.picture(RATINGS, HALF_HOUR, CELLS, NOW).courses
    alone = history(Memory())
    await alone.read_past(RATINGS, HALF_HOUR, CELLS, NOW)
    once = alone.picture(RATINGS, HALF_HOUR, CELLS, NOW).courses
    assert {"ratings", "reviews"} <= set(found)
    twice = [moment.rps for moment in found["ratings"]]
    assert twice == pytest.approx([2 * (moment.rps or 0) for moment in once["ratings"]])


@pytest.mark.parametrize("gone", ["fails", "forgets"])
async def test_a_source_that_has_gone_leaves_what_it_told(gone: str) -> None:
    memory = Memory()
    charts = history(memory, seen_at(NOW + 50))
    await charts.read_past(REVIEWS, HALF_HOUR, CELLS, NOW)
    before = charts.picture(REVIEWS, HALF_HOUR, CELLS, NOW + 60)
    setattr(memory, gone, True)
    try:
        await charts.read_past(REVIEWS, HALF_HOUR, CELLS, NOW + 60)
    except Unreachable:
        assert gone == "fails"
    assert charts.picture(REVIEWS, HALF_HOUR, CELLS, NOW + 60) == before


async def test_without_a_past_the_picture_is_what_was_seen() -> None:
    charts = history(Forgetful(), seen_at(NOW - 5, NOW))
    await charts.read_past(REVIEWS, HALF_HOUR, CELLS, NOW)
    found = charts.picture(REVIEWS, HALF_HOUR, CELLS, NOW)
    assert (found.source, found.seen_since, found.newest) == ("", NOW - 10, NOW)
    assert {moment.error_ratio for moment in found.courses["v9"]} == {0.5}


def test_changes_that_were_made_in_the_time_are_marked_the_oldest_first() -> None:
    charts = history(Forgetful())
    found = charts.picture(REVIEWS, HALF_HOUR, CELLS, NOW)
    assert [(mark.at, mark.who, mark.words) for mark in found.marks] == [
        (NOW - 300, "ben", "v1 9 → 1 %; v2 1 → 9 %"),
        (NOW - 60, "ada", "fault none → delay 1s"),
    ]
    assert found.thresholds == Thresholds(0.01, 0.05)
    assert len(charts.picture(REVIEWS, 21600.0, CELLS, NOW).marks) == 3


def test_a_journal_that_cannot_be_read_leaves_the_picture() -> None:
    def locked(_service: ServiceKey, _since: float) -> tuple[MadeChange, ...]:
        raise JournalError("the journal is locked")

    charts = ChartHistory(seen_at(NOW), Forgetful(), locked, Thresholds())
    found = charts.picture(REVIEWS, HALF_HOUR, CELLS, NOW)
    assert found.courses and not found.marks
    assert "locked" in found.marks_trouble


def test_a_change_of_this_second_is_in_the_picture() -> None:
    change = MadeChange(NOW, "shift", ("v1 0 → 9 %",), "ben")
    charts = ChartHistory(SampleHistory(), Forgetful(), lambda *_: (change,), Thresholds())
    assert len(charts.picture(REVIEWS, 300.0, CELLS, NOW).marks) == 1
