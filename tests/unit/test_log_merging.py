"""Lines of several logs in the order of their times: nothing is lost, and what is late is said."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.envoy.logline import iso_stamp
from meshtui.operations.logs.merging import HELD_S, TimeWindow, time_of
from meshtui.operations.types import LogEntry

NANO = 10**9
NOW = 1_700_000_000


def entry(pod: str, began: float, took: float = 0.0, *, flushed: float = 0.0) -> LogEntry:
    """A request's line, as its proxy wrote it `flushed` seconds after it was over."""
    text = f'[{iso_stamp(round((NOW + began) * 1e3) * 10**6)}] "GET /{pod} HTTP/1.1" 200'
    return LogEntry("shop", pod, "v1", text, round((NOW + began + took + flushed) * NANO))


def given_by(window: TimeWindow, came: list[tuple[float, LogEntry]]) -> list[LogEntry]:
    """What goes on where each line comes at its time, and the clock ticks in between."""
    found: list[LogEntry] = []
    for now, one in came:
        found += window.due(now)
        found += filter(None, [window.add(one, now)])
    return [*found, *window.due(came[-1][0] + HELD_S), *window.rest()]


@pytest.mark.parametrize(
    ("text", "stamp", "wanted"),
    [
        ('[2023-11-14T22:13:20.250Z] "GET', NOW * NANO + NANO, NOW * NANO + NANO // 4),
        ('{"code":200,"start_time":"2023-11-14T22:13:20.250Z"}', 0, NOW * NANO + NANO // 4),
        ("[2023-11-14T22:13:20Z] x", NOW * NANO + NANO, NOW * NANO),
        ("[9999-11-14T22:13:20.250Z] x", NOW * NANO, NOW * NANO),
        ("[2023-11-14 22:13:20.250Z] x", 7, 7),
        ("[2023-11-14T22:13:20.2x0Z] x", 0, NOW * NANO),
        ("[2023-11-14T22:13:20.250+01:00] x", 7, 7),
        ("[2023-99-14T22:13:20.250Z] x", 7, 7),
        ("[0000-00-00T00:00:00.000Z]", 7, 7),
        ("[", 7, 7),
        ('{"start_time":', 7, 7),
        ('{"start_time":"', 7, 7),
        ("2023-11-14T22:13:20.250Z info", 7, 7),
        ("", 0, 0),
    ],
)
def test_a_line_stands_at_the_time_that_it_shows(text: str, stamp: int, wanted: int) -> None:
    assert time_of(LogEntry("shop", "a", "v1", text, stamp)) == wanted


def test_a_programs_line_stands_where_the_kubelet_took_it() -> None:
    line = LogEntry("shop", "a", "v1", "[2023-11-14T22:13:20.250Z] x", 7, container="app")
    assert time_of(line) == 7


@given(st.text(max_size=60), st.integers(0, 2**63))
def test_any_text_has_a_time(text: str, stamp: int) -> None:
    for before in ("", "[", '{"start_time":"'):
        assert (
            0 <= time_of(LogEntry("shop", "a", "v1", before + text, stamp)) <= max(stamp, 1 << 70)
        )


def test_proxies_that_write_once_a_second_are_merged_line_by_line() -> None:
    a = [entry("a", t / 10, flushed=1 - t / 10) for t in range(10)]
    b = [entry("b", t / 10 + 0.05, flushed=0.95 - t / 10 + 0.4) for t in range(10)]
    came = [(1.0, one) for one in a] + [(1.4, one) for one in b]
    wanted = [one for pair in zip(a, b, strict=True) for one in pair]
    assert given_by(TimeWindow(), came) == wanted


def test_a_line_waits_no_longer_than_the_window() -> None:
    window = TimeWindow()
    assert window.add(entry("a", 0), 10.0) is None and window.add(entry("b", 1), 10.5) is None
    assert window.due_at == 10.0 + HELD_S and not list(window.due(10.4))
    assert [one.pod for one in window.due(10.0 + HELD_S)] == ["a"]
    assert window.due_at == 10.5 + HELD_S and len(window) == 1


def test_what_comes_after_later_lines_is_marked_and_goes_on_at_once() -> None:
    window = TimeWindow()
    given_by(window, [(0.0, entry("a", 9))])
    late = window.add(entry("b", 0, took=9), 9.5)
    assert late is not None and late.late and late.pod == "b" and not len(window)


def test_what_is_said_of_a_log_stands_behind_its_last_line() -> None:
    window = TimeWindow()
    note = LogEntry("shop", "a", "v1", "a: is gone", own=True)
    came = [(0.0, entry("a", 2)), (0.0, note), (0.1, entry("b", 1)), (0.1, entry("b", 3))]
    assert [one.text[-9:] for one in given_by(window, came)][2] == note.text[-9:]


def test_the_oldest_go_on_where_too_many_are_held() -> None:
    window = TimeWindow(most=3)
    added = (window.add(entry("a", n), 0.0) for n in (5, 4, 3, 2, 1))
    found = [one for one in added if one is not None]
    assert len(window) == 3 and [one.text for one in found] == [
        entry("a", 2).text, entry("a", 1).text,
    ]  # fmt: skip
    assert [one.late for one in found] == [False, True]


def test_lines_that_were_there_are_as_old_as_the_kubelet_says() -> None:
    window = TimeWindow(60.0)
    for one in (entry("a", 0), entry("b", 99)):
        assert window.add(one, 0.0) is None
    window.follow(500.0, NOW + 100.0)
    assert [one.pod for one in window.due(500.0)] == ["a"]
    assert window.due_at == pytest.approx(499.0 + HELD_S)


LINES = st.lists(
    st.tuples(st.sampled_from("abc"), st.floats(0, 9), st.floats(0, 4)), min_size=1, max_size=60
)


@given(LINES, st.integers(1, 70))
def test_nothing_is_lost_and_all_but_the_late_are_in_order(
    lines: list[tuple[str, float, float]], most: int
) -> None:
    made = [(began + wait, entry(pod, began, flushed=wait)) for pod, began, wait in lines]
    came = sorted(made, key=lambda one: one[0])
    found = given_by(TimeWindow(most=most), came)
    assert sorted(e.text for e in found) == sorted(e.text for _, e in came)
    times = [time_of(one) for one in found if not one.late]
    assert all(before <= after for before, after in pairwise(times))
