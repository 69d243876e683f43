"""A version against its own past hour, with a clock and times that are made up."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

import pytest

from meshtui.mesh.judging import FAILING, OK, SLOW
from meshtui.mesh.model import Service, ServiceKey
from meshtui.mesh.own_past import OwnPast
from meshtui.mesh.quantile import quantile
from meshtui.mesh.signals import Sample, Signals
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView, ServiceWork

KEY = ServiceKey("default", "reviews")
HOST = "reviews.default.svc.cluster.local"
BOUNDS = (5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, inf)
WINDOW_S = 15.0


def timed(ms: float, requests: float = 100.0, errors: float = 0.0) -> Signals:
    buckets = {bound: requests if ms <= bound else 0.0 for bound in BOUNDS}
    p50, p95, p99 = (quantile(q, buckets) for q in (0.50, 0.95, 0.99))
    return Signals(requests, requests / WINDOW_S, errors, p50, p95, p99, buckets=buckets)


def view_of(*versions: Signals | None, state: str = OK) -> ServiceView:
    rows = tuple(
        VersionView(f"v{i}", subset=f"v{i}", host=HOST, caller=one, server=one, state=state,
                    server_state=state)
        for i, one in enumerate(versions, 1)
    )  # fmt: skip
    return ServiceView(Service(KEY, HOST), rows)


def seen(past: OwnPast, at: float, view: ServiceView) -> list[str]:
    return [row.slow for row in judged(past, at, view).rows]


def judged(past: OwnPast, at: float, view: ServiceView) -> ServiceWork:
    work = ServiceWork.on(view)
    assert [*past.judged([work], Sample(at, "sidecars", WINDOW_S))] == [work]
    return work


def hour(past: OwnPast, ms: Iterable[float], begin: float = 1000.0, minutes: int = 60) -> float:
    for at in range(0, 60 * minutes, 15):
        assert not any(seen(past, begin + at, view_of(*(timed(one) for one in ms))))
    return begin + 60 * minutes


def test_what_all_versions_share_shows_against_their_own_hour() -> None:
    """A database that is slow makes all of them slow: no sibling is faster."""
    past = OwnPast()
    now = hour(past, (8, 8))
    found = seen(past, now, view_of(timed(300), timed(300)))
    assert (
        found == ["100 % of its requests take longer than 100 ms, and 0 % in the hour before"] * 2
    )


def test_slow_is_its_state_then_on_either_side() -> None:
    past = OwnPast()
    now = hour(past, (8,))
    (row,) = judged(past, now, view_of(timed(300))).rows
    assert (row.state, row.server_state) == (SLOW, SLOW)


@pytest.mark.parametrize(("before", "now"), [(8, 40), (300, 400), (300, 8), (80, 100)])
def test_what_is_not_twice_as_long_or_not_felt_is_not_slow(before: float, now: float) -> None:
    past = OwnPast()
    assert seen(past, hour(past, (before,)), view_of(timed(now))) == [""]


def test_a_version_without_a_past_is_not_judged_by_it() -> None:
    past = OwnPast()
    now = hour(past, (8,), minutes=5)
    assert seen(past, now, view_of(timed(300), timed(300))) == ["", ""]


def test_a_few_requests_are_no_measure() -> None:
    past = OwnPast()
    assert seen(past, hour(past, (8,)), view_of(timed(300, requests=6))) == [""]


def test_what_has_been_slow_for_hours_is_no_news() -> None:
    past = OwnPast()
    now = hour(past, (8,))
    slow = [seen(past, now + at, view_of(timed(300)))[0] for at in range(0, 4 * 3600, 15)]
    assert all(slow[: 4 * 55])
    assert not slow[-1]


def test_what_fails_is_not_called_slow() -> None:
    past = OwnPast()
    now = hour(past, (8,))
    assert seen(past, now, view_of(timed(300), state=FAILING)) == [""]


def test_windows_that_overlap_count_once_and_another_cluster_has_no_past() -> None:
    past = OwnPast()
    now = hour(past, (8,))
    for tick in range(100):
        seen(past, now + tick * 0.1, view_of(timed(8)))
    assert seen(past, now + 15, view_of(timed(300)))[0]
    past.forget()
    assert seen(past, now + 30, view_of(timed(300))) == [""]
    assert seen(past, 10.0, view_of(timed(300))) == [""]


def test_a_version_that_was_away_for_more_than_an_hour_begins_anew() -> None:
    past = OwnPast()
    now = hour(past, (8,))
    for at in range(0, 4500, 300):
        seen(past, now + at, view_of(None))
    assert seen(past, now + 4500, view_of(timed(300))) == [""]
