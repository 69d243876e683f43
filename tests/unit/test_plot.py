"""Lines over time as braille, and what stands around them."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise

import pytest

from meshtui.mesh.model import ServiceKey
from meshtui.mesh.signals import UNKNOWN
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.time_series import ERRORS, P99, RPS, Grid, Moment, grid
from meshtui.operations.look.charts import Mark, Picture
from meshtui.ui.panes.charts.lines import ChartStyle, cells_of, chart_lines, versions_of
from meshtui.ui.panes.charts.scale import milliseconds, percent, rate, ticks, top_of
from meshtui.ui.panes.charts.title import source_words
from meshtui.ui.widgets.paint import Line, width_of
from meshtui.ui.widgets.plot import Curve, Level, plot

REVIEWS = ServiceKey("bookinfo", "reviews")
NOW = 1_700_000_010.0
NAMES = {"v1": "v1", "v2": "v2"}


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def text(lines: list[Line]) -> list[str]:
    return ["".join(piece.text for piece in line) for line in lines]


def curve(*values: float | None, letter: str = "a") -> Curve:
    return Curve(letter, f"line-{'abc'.index(letter) + 1}", values)


def test_a_rise_is_joined_and_its_ends_are_at_the_edges() -> None:
    assert text(plot([curve(0, 0, 1, 1)], 2, 2, 1.0)) == [" ⡏", "⣀⠇"]


def test_nothing_is_drawn_over_a_gap() -> None:
    assert text(plot([curve(1, None, None, None, None, 1)], 3, 1, 1.0)) == ["⠁ ⠈"]


def test_zero_is_a_line_at_the_bottom_and_unknown_is_no_line() -> None:
    assert text(plot([curve(0, 0, None, None)], 2, 2, 1.0)) == ["  ", "⣀ "]


def test_what_is_higher_than_the_scale_is_at_its_top() -> None:
    assert text(plot([curve(9, 9)], 1, 2, 1.0)) == ["⠉", " "]


def test_curves_in_one_cell_are_joined_in_the_look_of_the_last() -> None:
    drawn = plot([curve(1, 1), curve(0, 0, letter="b")], 1, 1, 1.0)
    assert text(drawn) == ["⣉"] and drawn[0][0].role == "line-2"


def test_letters_stand_beside_curves_and_hide_nothing_that_was_measured() -> None:
    flat, high = curve(*[0] * 60), curve(*[1] * 60, letter="b")
    lines = text(plot([flat, high], 30, 4, 1.0))
    assert (lines[0], lines[3]) == ("⠉" * 30, "⣀" * 30)
    assert lines[1].split() == ["b"] and lines[2].split() == ["a"]
    assert "a" not in "".join(text(plot([flat, high], 30, 2, 1.0)))


def test_a_curve_that_is_alone_needs_no_letter() -> None:
    assert text(plot([curve(*[0] * 60)], 30, 2, 1.0)) == [" " * 30, "⣀" * 30]


def test_letters_stand_beside_the_ends_of_curves_and_never_on_each_other() -> None:
    gone = curve(*[1] * 8, *[None] * 12, letter="c")
    both = [curve(*[0] * 20), curve(*[0] * 20, letter="b"), gone]
    assert text(plot(both, 10, 2, 1.0, ends=3)) == ["⠉⠉⠉⠉c a      ", "⣀" * 10 + "ab "]


def test_changes_stand_behind_the_curves_and_a_level_behind_both() -> None:
    drawn = plot([curve(0, 0)], 3, 2, 1.0, uprights=[0, 2], level=Level(1.0, "failing", "muted"))
    assert text(drawn) == ["┊╌┊", "⣀ ┊"]


@pytest.mark.parametrize("crossing", range(40))
def test_the_word_of_a_level_is_whole_wherever_a_curve_crosses_it(crossing: int) -> None:
    values = [0.0] * (2 * crossing) + [100.0] * (80 - 2 * crossing)
    lines = text(plot([curve(*values)], 40, 5, 100.0, level=Level(50.0, "failing", "muted")))
    assert " failing " in lines[2] and lines[2].count("failing") == 1


def test_where_a_level_has_no_room_for_its_word_it_is_a_line() -> None:
    lines = text(plot([curve(*[50.0] * 80)], 40, 5, 100.0, level=Level(50.0, "failing", "muted")))
    assert not any("f" in line for line in lines)


def test_a_level_above_the_scale_is_left_out() -> None:
    assert text(plot([], 3, 1, 0.1, level=Level(0.5, "failing", "muted"))) == ["   "]


@pytest.mark.parametrize(
    ("measure", "peak", "top"),
    [
        (ERRORS, 0.0, 0.1), (ERRORS, 0.004, 0.1), (ERRORS, 0.11, 0.2), (ERRORS, 0.21, 0.3),
        (ERRORS, 0.81, 1.0), (RPS, 0.0, 1.0), (RPS, 37.0, 40.0), (RPS, 100.0, 100.0),
        (RPS, 81_000.0, 100_000.0), (P99, 3.0, 10.0), (P99, 384.0, 400.0), (P99, 4100.0, 6000.0),
    ],
)  # fmt: skip
def test_scales_end_at_numbers_that_are_easily_halved(
    measure: str, peak: float, top: float
) -> None:
    assert top_of(measure, peak) == pytest.approx(top)


def test_numbers_fit_beside_the_scale() -> None:
    assert [percent(value) for value in (0, 0.0001, 0.005, 0.1, 0.9999, 1.0)] == [
        "0%", "<.1%", "0.5%", "10%", "99.9%", "100%",
    ]  # fmt: skip
    assert [milliseconds(value) for value in (0, 0.4, 48.2, 999.4, 1500, 60_000)] == [
        "0", "<1ms", "48ms", "999ms", "1.5s", "60s",
    ]  # fmt: skip
    assert [rate(value) for value in (0, 0.01, 1, 9.94, 140, 81_000)] == [
        "0", "<.1", "1", "9.9", "140", "81k",
    ]  # fmt: skip


def test_ticks_are_round_times_that_can_be_told_apart() -> None:
    found = ticks(Grid(1_700_000_100.0, 15.0, 120), 60)
    assert [tick.words for tick in found] == ["21:45", "21:50", "21:55", "22:00", "22:05", "22:10"]
    assert all(later.cell - sooner.cell >= 10 for sooner, later in pairwise(found))
    assert {tick.words[-3:] for tick in ticks(Grid(1_700_000_100.0, 0.5, 120), 60)} == {
        ":00", ":10", ":20", ":30", ":40", ":50",
    }  # fmt: skip


def picture(cells: int, range_s: float = 300.0, marks: tuple[Mark, ...] = ()) -> Picture:
    """v1 is well, v2 fails since two minutes, and had no traffic a minute before that."""
    columns = grid(range_s, cells, NOW)
    v1, v2 = [], []
    for n in range(60, 0, -1):
        at = NOW - 5.0 * (n - 1)
        v1.append(Moment(at, 5.0, 30.0, 0.0, 5.0, 9.0, 20.0))
        bad = Moment(at, 5.0, 10.0, 0.15, 5.0, 9.0, 350.0)
        v2.append(bad if n <= 24 else Moment(at, 5.0, 0.0) if n <= 36 else v1[-1])
    return Picture(REVIEWS, columns, {"v1": tuple(v1), "v2": tuple(v2)}, marks, newest=NOW)


def lines_of(found: Picture, width: int, height: int, look: ChartStyle | None = None) -> list[Line]:
    versions = versions_of(found, NAMES)
    return chart_lines(found, look or ChartStyle(), versions, (width, height), NOW)


MARKS = (
    Mark(NOW - 180, "shift", "v2 50 → 0 %", "ada"),
    Mark(NOW - 120, "shift", "v2 0 → 25 %", "ben\x1b[2J"),
)


def test_a_picture_shows_cause_and_effect() -> None:
    found = picture(cells_of(48), marks=MARKS)
    assert [line.rstrip() for line in text(lines_of(found, 48, 16))] == GOLDEN


GOLDEN = [
    "errors       a v1 0%  b v2 15%",
    "  20%┤              ┊       ┊",
    "     │              ┊       ⠐⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠂b",
    "  10%┤╌ failing ╌╌╌╌┊╌╌╌╌╌╌╌┊╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌",
    "     │      a       ┊       ┊       a",
    "    0┤⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⡀a",
    "latency p99  a v1 20ms  b v2 350ms",
    "400ms┤              ┊       ⠠⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠄b",
    "     │              ┊       ┊",
    "200ms┤              ┊       ┊",
    "     │      a       ┊       ┊       a",
    "    0┤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠄a",
    "     └──────────┬───1───────2───┬────────────",
    "      -5m     22:10           22:12       now",
    "1 22:10:30 shift v2 50 → 0 %  by ada",
    "2 22:11:30 shift v2 0 → 25 %  by ben^[[2J",
]


@pytest.mark.parametrize("size", [(30, 8), (44, 12), (50, 20), (72, 40), (78, 18), (200, 60)])
@pytest.mark.parametrize("shown", ["all", ERRORS, "latency", RPS])
def test_it_fits_every_size(size: tuple[int, int], shown: str) -> None:
    found = picture(cells_of(size[0]), marks=MARKS * 8)
    lines = lines_of(found, *size, ChartStyle(shown))
    assert len(lines) <= size[1]
    assert max(width_of(line) for line in lines) <= size[0]


def test_what_matters_most_is_there_where_only_one_chart_fits() -> None:
    assert [ChartStyle().measures(room) for room in (8, 13, 18)] == [
        (ERRORS,), (ERRORS, P99), (ERRORS, P99, RPS),
    ]  # fmt: skip
    assert ChartStyle("latency", "p50_ms").measures(8) == ("p50_ms",)


def test_the_end_is_now_and_what_is_unknown_is_not_told_as_a_number() -> None:
    old = replace(picture(60), newest=NOW - 120)
    courses = {version: course[:-30] for version, course in old.courses.items()}
    title = text(lines_of(replace(old, courses=courses), 80, 20))[0]
    assert title.split() == ["errors", "a", "v1", "?", "b", "v2", "?"]


def test_no_traffic_only_errors_and_unknown_never_look_alike() -> None:
    found = picture(60)
    last = Moment(NOW, 5.0, 3.0, 1.0)
    courses = {"v1": (last,), "v2": (Moment(NOW, 5.0, 0.0),), "v3": (replace(last, at=NOW - 200),)}
    title = text(lines_of(replace(found, courses=courses), 80, 20))[0]
    assert title.split()[1:] == ["a", "v1", "✖", "100%", "b", "v2", "–", "c", "v3", "?"]


def test_names_give_way_to_numbers_where_there_is_no_room() -> None:
    found = picture(30)
    title = text(lines_of(found, 26, 20))[0]
    assert "v1" not in title and title.split()[1:] == ["a", "0%", "b", "15%"]


def test_changes_are_numbered_and_named_safely() -> None:
    found = lines_of(picture(60, marks=MARKS), 80, 30)
    shown = text(found)
    assert "1 22:10:30 shift v2 50 → 0 %  by ada" in shown[-2]
    assert "2 22:11:30 shift v2 0 → 25 %  by ben^[[2J" in shown[-1]
    axis = next(line for line in shown if "└" in line)
    assert axis.index("1") < axis.index("2")


def test_changes_in_one_cell_share_a_number_and_the_newest_are_named() -> None:
    many = tuple(Mark(NOW - 200 + n, "fault", f"number {n}", "ada") for n in range(3))
    shown = text(lines_of(picture(60, marks=(*MARKS, *many)), 80, 18))
    assert "fault number 2" in "\n".join(shown)
    axis = next(line for line in shown if "└" in line)
    assert [char for char in axis if char.isdigit()] == ["1", "2", "3"]


def test_a_journal_that_cannot_be_read_is_told() -> None:
    found = replace(picture(60), marks_trouble="the journal is locked")
    assert "✖ changes are not known: the journal is locked" in text(lines_of(found, 80, 20))[-1]


def test_the_line_of_the_limit_is_the_operators() -> None:
    found = replace(picture(60), thresholds=Thresholds(0.0, 0.05))
    rows = [line for line in text(lines_of(found, 80, 20, ChartStyle(ERRORS))) if "failing" in line]
    assert len(rows) == 1


def test_only_the_busiest_versions_have_a_line() -> None:
    course = picture(60).courses["v1"]
    courses = {f"v{n}": (replace(course[-1], rps=float(n)),) for n in range(9)}
    found = versions_of(replace(picture(60), courses=courses), {"v8": "v8"})
    assert [version.name for version in found] == ["v8", "v3", "v4", "v5", "v6", "v7"]
    assert [version.letter for version in found] == list("abcdef")
    assert len({version.role for version in found}) == 6


@pytest.mark.parametrize(("overdue_s", "stale"), [(10.0, True), (240.0, False)])
def test_what_is_measured_seldom_is_not_old_between_two_looks(
    overdue_s: float, stale: bool
) -> None:
    """As the header has it: four times as long as telemetry is left alone."""
    seldom = replace(picture(60), newest=NOW - 50, overdue_s=overdue_s)
    courses = {v: tuple(m for m in c if m.at <= NOW - 50) for v, c in seldom.courses.items()}
    seldom = replace(seldom, courses=courses)
    assert ("STALE 50s" in text([source_words(seldom, NOW)])[0]) is stale
    assert ("?" in text(lines_of(seldom, 80, 20))[0]) is stale


def test_requests_that_reached_no_pod_are_a_rate_and_no_line_of_errors() -> None:
    found = picture(60)
    lost = [Moment(NOW - 300 + 5 * n, 5.0, 0.3, 1.0, 1.0, 1.0, 1.0) for n in range(1, 61)]
    quiet = {"v1": found.courses["v1"], UNKNOWN: tuple(lost)}
    names = {"v1": "v1", UNKNOWN: "no pod"}

    def shown(measure: str) -> list[str]:
        both = replace(found, courses=quiet)
        look = ChartStyle(measure)
        return text(chart_lines(both, look, versions_of(both, names), (70, 12), NOW))

    errors, requests = shown(ERRORS), shown(RPS)
    assert errors[0].split("  ")[-1].strip() == "b no pod 0.3/s"
    assert "100%┤" not in "".join(errors) and not any(line.endswith("b  ") for line in errors)
    assert "b no pod 0.3" in requests[0] and any("b" in line[65:] for line in requests[1:])
