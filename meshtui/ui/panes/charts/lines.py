"""A picture of a service's past as the lines of a pane: charts, one axis of time, changes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshtui.dataclass import dataclass
from meshtui.mesh.courses import course_name
from meshtui.mesh.signals import UNKNOWN
from meshtui.mesh.time_series import ERRORS, P50, P95, P99, RPS, Course, Moment, resampled
from meshtui.mesh.view import ServiceView
from meshtui.operations.look.charts import Picture
from meshtui.ui.panes.charts.marks import Marked, axis_lines, legend, marked
from meshtui.ui.panes.charts.scale import top_of, words_of
from meshtui.ui.widgets.paint import BLANK, Line, Span, fit, fit_line, span, width_of
from meshtui.ui.widgets.plot import Curve, Level, plot
from meshtui.ui.widgets.roles import LINE_ROLES

LABELS = 6
"""Cells at the left for the scale, its line included."""

ENDS = 3
"""Cells at the right for the letters of the lines."""

ALL, LATENCY = "all", "latency"
TITLES = {
    ERRORS: "errors",
    P50: "latency p50",
    P95: "latency p95",
    P99: "latency p99",
    RPS: "requests/s",
}

_SMALLEST = 5
"""Lines of a chart below its title, where there is more than one."""

_AXIS = 2
_FRESH_S = 30.0


@dataclass(frozen=True, slots=True)
class ChartStyle:
    """What the person wants to see: all charts or one, and which quantile. Of all `first` is the
    highest: errors or latency."""

    shown: str = ALL
    quantile: str = P99
    first: str = ERRORS

    def measures(self, height: int) -> tuple[str, ...]:
        """Those that fit, what matters most first."""
        if self.shown != ALL:
            return (self.quantile if self.shown == LATENCY else self.shown,)
        most = max(height // (_SMALLEST + 1), 1)
        two = (self.quantile, ERRORS) if self.first == LATENCY else (ERRORS, self.quantile)
        return (*two, RPS)[:most]


@dataclass(frozen=True, slots=True)
class Version:
    """A version in the charts: told apart by its letter as well as by its colour.

    `nowhere` are the requests that reached no pod: errors by nature, and no version's.
    """

    name: str
    letter: str
    """"" where it is the only one, and known from elsewhere."""

    role: str
    course: Course
    nowhere: bool = False

    def newest(self, now: float, fresh_s: float) -> Moment | None:
        """What holds now; None where the last thing known is too old for that."""
        last = self.course[-1] if self.course else None
        if last is None or now - last.at > max(fresh_s, 3 * last.span_s):
            return None
        return last


def cells_of(width: int) -> int:
    """How many cells of a pane `width` wide are time."""
    return max(width - LABELS - ENDS, 10)


def course_labels(view: ServiceView, picture: Picture) -> Mapping[str, str]:
    """The versions of the mesh in the order of the table, and what people call them."""
    rows = view.versions
    names = {course_name(rows, row): row.label for row in rows if row.version}
    return names | ({UNKNOWN: "no pod"} if UNKNOWN in picture.courses else {})


def versions_of(picture: Picture, names: Mapping[str, str]) -> tuple[Version, ...]:
    """The versions there are and were; the busiest where there are more than colours."""
    order = dict.fromkeys([*names, *sorted(picture.courses)])
    busy = sorted(order, key=lambda version: -_traffic(picture.courses.get(version, ())))
    shown = set(busy[: len(LINE_ROLES)])
    return tuple(
        Version(
            names.get(version, version),
            chr(ord("a") + n),
            role,
            picture.courses.get(version, ()),
            version == UNKNOWN,
        )
        for n, (version, role) in enumerate(
            zip((v for v in order if v in shown), LINE_ROLES, strict=False)
        )
    )


def _traffic(course: Course) -> float:
    return sum((moment.rps or 0.0) * moment.span_s for moment in course)


def chart_lines(
    picture: Picture,
    style: ChartStyle,
    versions: Sequence[Version],
    size: tuple[int, int],
    now: float,
    *,
    notes_width: int = 0,
) -> list[Line]:
    """Exactly as many lines as `size` (width, height) has, or fewer; what the marks mean may be
    wider than the charts."""
    width, height = size
    cells = cells_of(width)
    marks = marked(picture, cells)
    notes = legend(picture, marks, notes_width or width, _most_notes(height))
    room = height - len(notes) - _AXIS
    measures = style.measures(room)
    lines: list[Line] = []
    heights, spare = _heights(room, len(measures))
    for measure, high in zip(measures, heights, strict=True):
        lines += _chart(picture, measure, versions, marks, (width, high), now)
        if measure != measures[-1] and spare > 0:
            lines.append(BLANK)
            spare -= 1
    return [*lines, *axis_lines(picture.grid, marks, cells, LABELS), *notes][:height]


def room_of(picture: Picture, size: tuple[int, int]) -> int:
    """The lines of a pane of `size` that are left for charts."""
    width, height = size
    notes = legend(picture, marked(picture, cells_of(width)), width, _most_notes(height))
    return height - len(notes) - _AXIS


def _heights(room: int, charts: int) -> tuple[list[int], int]:
    """Lines below each title, the most for the first chart, and how many are left over.

    Odd numbers have a line in the middle, for the half of the scale.
    """
    high = room // charts - 1
    high = max(high - (high + 1) % 2, 1)
    spare = room - charts * (high + 1)
    more = max(spare // 2 * 2, 0)
    return [high + more, *[high] * (charts - 1)], spare - more


def _most_notes(height: int) -> int:
    return max(0, min(4, (height - 6) // 5))


def _chart(
    picture: Picture,
    measure: str,
    versions: Sequence[Version],
    marks: Marked,
    size: tuple[int, int],
    now: float,
) -> list[Line]:
    width, height = size
    drawable = [v for v in versions if measure != ERRORS or not v.nowhere]
    values = {v.letter: resampled(v.course, measure, picture.grid) for v in drawable}
    peaks = {
        letter: max((value for value in known if value is not None), default=0.0)
        for letter, known in values.items()
    }
    top = top_of(measure, max(peaks.values(), default=0.0))
    curves = [Curve(v.letter, v.role, values[v.letter]) for v in drawable]
    failing = picture.thresholds.failing
    drawn = plot(
        sorted(curves, key=lambda curve: peaks[curve.letter]),
        cells_of(width),
        height,
        top,
        uprights=marks.cells,
        level=Level(failing, "failing", "muted") if measure == ERRORS else None,
        ends=ENDS,
    )
    scale = _scale(measure, top, height)
    body = [(*left, *line) for left, line in zip(scale, drawn, strict=True)]
    return [_title(picture, measure, versions, width, now), *body]


def _scale(measure: str, top: float, height: int) -> list[Line]:
    words = words_of(measure)
    labels = {0: words(top), height - 1: "0"}
    if height >= _SMALLEST:
        labels[height // 2] = words(top / 2)
    return [
        (
            Span(fit(labels.get(row, ""), LABELS - 1, right=True), "muted"),
            Span("┤" if labels.get(row) else "│", "faint"),
        )
        for row in range(height)
    ]


def _title(
    picture: Picture, measure: str, versions: Sequence[Version], width: int, now: float
) -> Line:
    """What the chart shows and how each version does now; without names where they don't fit."""
    head = Span(fit(TITLES[measure], 11), "strong")
    known = picture.newest is not None and now - picture.newest <= _fresh_s(picture)
    for named in (True, False):
        line: Line = (head,)
        for version in (one for one in versions if one.letter):
            text, role = _now(measure, version, picture, known, now)
            name = (span(f" {version.name}", "muted"),) if named else ()
            line += (Span("  "), Span(version.letter, version.role), *name, Span(f" {text}", role))
        if width_of(line) <= width:
            return line
    return fit_line(line, width)


def _fresh_s(picture: Picture) -> float:
    """Seconds after which a number is not one of now; longer where it is measured seldom."""
    return max(_FRESH_S, picture.overdue_s)


def _now(
    measure: str, version: Version, picture: Picture, known: bool, now: float
) -> tuple[str, str]:
    """The version's number of now and its role; unknown and no traffic never look alike.

    A ratio of errors says nothing of requests that reached no pod: how many there are does.
    """
    last = version.newest(now, _fresh_s(picture))
    if last is None or last.rps is None:
        return ("?", "unknown") if version.course or not known else ("–", "no traffic")
    value: float | None = getattr(last, measure)
    if not last.rps or value is None:
        return "–", "no traffic"
    if measure == ERRORS and version.nowhere:
        return f"{words_of(RPS)(last.rps)}/s", "failing" if value else "text"
    if measure != ERRORS:
        return words_of(measure)(value), "text"
    if value >= 1.0:
        return "✖ 100%", "failing"
    limits = picture.thresholds
    role = "failing" if value >= limits.failing else "degraded" if value > limits.degraded else "ok"
    return words_of(measure)(value), role
