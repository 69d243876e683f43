"""What stands below the table about the selected row. Pure.

Of a version its errors and latency over time, what fails, its pods, and whose numbers say what; of
a service those of all its versions, the ordinary rule in words, and its callers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from rich.cells import cell_len

from meshtui.diagnosis.logged_paths import FailingPath, LoggedPaths, failing_paths, was_logged
from meshtui.mesh.courses import callers_seen
from meshtui.mesh.judging import ONLY_ERRORS, SICK, SLOW, failing_codes
from meshtui.mesh.model import Pod
from meshtui.mesh.placed import cluster_of
from meshtui.mesh.pod_health import restarts
from meshtui.mesh.pod_status import stamp
from meshtui.mesh.quantity import human_duration
from meshtui.mesh.signals import Sample, Signals
from meshtui.mesh.text import some_of
from meshtui.mesh.time_series import ERRORS
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView
from meshtui.operations.look.charts import Picture
from meshtui.ui.actions.registry import key_of
from meshtui.ui.main.rule_selection import place_of
from meshtui.ui.panes.charts.lines import (
    LATENCY,
    ChartStyle,
    Version,
    cells_of,
    chart_lines,
    course_labels,
    versions_of,
)
from meshtui.ui.panes.ruletext import rules_lines
from meshtui.ui.table import numbers
from meshtui.ui.table.marks import whole_marks
from meshtui.ui.table.outline import version_name
from meshtui.ui.widgets.paint import (
    BLANK,
    Line,
    Span,
    fit,
    fit_line,
    fit_middle,
    span,
    width_of,
    wrapped,
)

LEAST_LINES, MOST_LINES = 8, 48
"""Lines, the title included, from which it is worth showing, and that it has at most."""

LEAST_WIDTH = 60
ROOMY = 100
"""Cells from which a service's charts stand beside what is said of it, and not below."""

LEAST_CHART = 9
"""Lines from which a chart with its axis is worth drawing."""

EDGE = Span(" ")
GAP = 3
MOST_PODS, MOST_CAUSES, MOST_CALLERS, MOST_PATHS, NAMED = 6, 4, 8, 4, 3
POD_WIDTH, RULE_WIDTH, CALLER_WIDTH = 34, 34, 20
"""Cells that columns should have."""


def title_line(view: ServiceView, version: VersionView | None, width: int) -> Line:
    """What it is about, and in which of several clusters, on a rule that parts it from the
    table."""
    name = f"{view.key.name} {version_name(version)}" if version else view.key.name
    cluster = cluster_of(view.key)
    where: Line = (span(f"@{cluster} ", "mark"),) if cluster else ()
    head: Line = (Span(" ── ", "faint"), *where, span(name, "strong"), Span(" ", "faint"))
    rest = width - width_of(head)
    return fit_line((*head, Span("─" * max(rest - 1, 0), "faint")), width)


def version_lines(
    charts: Sequence[Line], side: Sequence[Line], size: tuple[int, int]
) -> list[Line]:
    """Of a version exactly within `size`, width and lines."""
    width, height = size
    return beside(charts, side, left_of(width), width)[:height]


def chart_column(
    version: VersionView,
    picture: Picture | None,
    size: tuple[int, int],
    now: float,
    *,
    course: str = "",
) -> Sequence[Line]:
    """The left one: what it was, over time. `course` is what the picture calls the version."""
    width, height = size
    name = course or version.version
    return _charts(version, name, picture, (left_of(width), height), now, width)


def side_column(
    version: VersionView,
    width: int,
    now: float,
    *,
    paths: LoggedPaths | str = "",
    stale: bool = False,
    why: Sequence[str] = (),
    window_s: float = 0.0,
    callers: Sequence[str] = (),
) -> list[Line]:
    """The right one: what it is, by the numbers of its row.

    `paths` is what logs say of it, or why they say nothing; `why` tells of its state, and
    `window_s` how long its numbers speak of. `callers` are the service's.
    """
    room = width - left_of(width) - GAP
    told = [] if stale else _told(why, version.state, room)
    causes = _causes(version.caller, stale, window_s)
    logged = _paths(version, paths, now, room) if fails(version) else []
    pods = _pods(version.members, now, room)
    seen = _both_sides(version, callers, room)
    return [*told, *causes, *logged, BLANK, *pods, *([BLANK] if seen else []), *seen]


def left_of(width: int) -> int:
    """Cells of the left column, which has the charts."""
    return min(max(width * 6 // 10, 30), max(width - POD_WIDTH - GAP, 20))


def chart_cells(width: int) -> int:
    """How many cells of a detail `width` wide are time."""
    return cells_of(left_of(width))


Draw = Callable[[tuple[int, int]], Sequence[Line]]
"""Charts within a width and lines."""


def service_lines(
    view: ServiceView,
    sample: Sample | None,
    size: tuple[int, int],
    notes: Sequence[str] = (),
    why: Sequence[str] = (),
    *,
    draw: Draw | None = None,
) -> list[Line]:
    """Why it has its state, what is unusual about it and when that ends, its rule, who calls;
    beside or below its charts, where there is room for them and something was measured."""
    width, height = size
    if width >= ROOMY and draw is not None:
        left = left_of(width)
        if charts := draw((left, height)):
            room = width - left - GAP
            said = [*_said(view, notes, why, room), BLANK, *_callers(view, sample)]
            return beside(charts, said, left, width)[:height]
    left = max(left_of(width), min(RULE_WIDTH, width - CALLER_WIDTH - GAP))
    lines = beside(_said(view, notes, why, left), _callers(view, sample), left, width)
    room = height - len(lines) - 1
    charts = draw((width, room)) if draw is not None and room >= LEAST_CHART else ()
    return [*lines, *([BLANK] if charts else []), *charts][:height]


def _said(view: ServiceView, notes: Sequence[str], why: Sequence[str], width: int) -> list[Line]:
    told = _told(why, view.state, width)
    told += [line for mark in whole_marks(view, notes) for line in wrapped(mark, width, "warning")]
    return [*told, *_rule(view, width)]


def service_charts(
    view: ServiceView, picture: Picture, size: tuple[int, int], now: float, notes_width: int
) -> Sequence[Line]:
    """Of all its versions; empty where nothing was measured. What the row has is not said again."""
    shown = versions_of(picture, course_labels(view, picture))
    if not any(one.course for one in shown):
        return ()
    if len(shown) == 1:
        shown = (replace(shown[0], letter=""),)
    style = ChartStyle(first=first_chart(view.state, *(row.state for row in view.versions)))
    return chart_lines(picture, style, shown, size, now, notes_width=notes_width)


def first_chart(*states: str) -> str:
    """The chart that matters most: errors, but where only latency is bad."""
    return LATENCY if SLOW in states and SICK.isdisjoint({*states} - {SLOW}) else ERRORS


def _told(why: Sequence[str], state: str, width: int) -> list[Line]:
    """Why it has its state, in the colour of that; what is said beside it is plain."""
    role = "failing" if state == ONLY_ERRORS else state
    roles = (role, *["text"] * len(why))
    return [
        line for text, one in zip(why, roles, strict=False) for line in wrapped(text, width, one)
    ]


def beside(left: Sequence[Line], right: Sequence[Line], cells: int, width: int) -> list[Line]:
    """Two columns of lines; the left one has `cells` of the width, and all where it is alone."""
    lines = []
    for number in range(max(len(left), len(right))):
        one = left[number] if number < len(left) else BLANK
        other = right[number] if number < len(right) else ()
        if not other:
            lines.append(fit_line(one, width))
            continue
        room = max(width - cells - GAP, 0)
        lines.append((*fit_line(one, cells), Span(" " * GAP), *fit_line(other, room)))
    return lines


def _charts(
    version: VersionView,
    course: str,
    picture: Picture | None,
    size: tuple[int, int],
    now: float,
    notes_width: int,
) -> list[Line]:
    """Without a letter, a name and numbers: the row that is selected has them."""
    names = {course: version_name(version)}
    shown: Iterable[Version] = versions_of(picture, names) if picture else ()
    own = [replace(one, letter="") for one in shown if one.name == version_name(version)]
    if picture is None or not own or not own[0].course:
        return [(Span("nothing was measured of it yet", "muted"),)]
    only = replace(picture, courses={course: own[0].course})
    style = ChartStyle(first=first_chart(version.state))
    return chart_lines(only, style, own, size, now, notes_width=notes_width)


def _causes(signals: Signals | None, stale: bool, window_s: float) -> list[Line]:
    """The codes and flags of what fails, the most frequent first."""
    window = f", of the last {window_s:.0f}s" if window_s else ""
    words = "what failed when it was last seen" if stale else f"what fails{window}"
    title: Line = (Span(words, "muted"),)
    if signals is None:
        return [title, (Span("not known", "unknown"),)]
    role = "old" if stale else "failing"
    found = [*_most(failing_codes(signals), signals, role), *_most(signals.flags, signals, role)]
    return [title, *found[:MOST_CAUSES]] if found else [(Span(f"{words}: nothing", "muted"),)]


def fails(version: VersionView) -> bool:
    """Whether there are paths to look for."""
    return version.caller is not None and any(n > 0 for n in failing_codes(version.caller).values())


def _paths(version: VersionView, paths: LoggedPaths | str, now: float, width: int) -> list[Line]:
    """The paths that fail most often among the last lines of the logs."""
    if isinstance(paths, str):
        return [(Span("failing paths ", "muted"), span(paths, "unknown"))]
    age = human_duration(max(now - paths.at, 0.0))
    title: Line = (Span(f"failing paths, by the logs {age} ago", "muted"),)
    found = failing_paths(paths, version, MOST_PATHS)
    if found:
        return [title, *(_failing(one, width) for one in found), _in_log()]
    if not paths.proxies:
        why = paths.troubles[0] if paths.troubles else "no proxy has a log"
        return [title, *wrapped(f"not read: {why}", width, "unknown")[:2]]
    seen = was_logged(paths, version)
    words = "none in the last lines of the logs" if seen else "its requests are not in the logs"
    return [title, (Span(words, "muted"),), _in_log()]


def _in_log() -> Line:
    return Span(key_of("logs"), "key"), Span(" its log lines", "muted")


def _failing(one: FailingPath, width: int) -> Line:
    part = f"{100 * one.failed / one.requests:5.1f}%"
    counted = f" {one.failed}/{one.requests} "
    room = max(width - len(part) - len(counted), 4)
    return Span(part, "text"), Span(counted, "muted"), Span(fit(one.path, room), "text")


def _most(counts: Mapping[str, float], signals: Signals, role: str) -> list[Line]:
    total = max(signals.requests, 1e-9)
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return [
        (span(f"{name:<5}", role), Span(f"{100 * count / total:6.1f}%", "text"))
        for name, count in ordered
        if count > 0
    ]


def _pods(pods: Sequence[Pod], now: float, width: int) -> list[Line]:
    """Those that restarted or do not serve come first."""
    ordered = sorted(pods, key=lambda pod: (pod.serving, -restarts(pod), pod.name))
    none = " · no restarts" if ordered and not any(map(restarts, ordered)) else ""
    lines: list[Line] = [(Span(f"pods {len(pods)}{none}", "muted"),)]
    longest = max((cell_len(pod.name) for pod in ordered[:MOST_PODS]), default=0)
    again = {pod.name: _again(restarts(pod)) for pod in ordered[:MOST_PODS]}
    wide = max((cell_len(words) for words in again.values()), default=0)
    ages = {pod.name: _age(pod, now) for pod in ordered[:MOST_PODS]}
    old = max(map(cell_len, ages.values()), default=0)
    name = max(min(longest, width - 4 - wide - old), 10)
    lines += [
        (
            Span("● " if pod.serving else "✖ ", "ok" if pod.serving else "failing"),
            Span(fit_middle(pod.name, name), "text"),
            Span(f"{again[pod.name]:<{wide}}", "warning"),
            Span(f"  {ages[pod.name]:>{old}}", "muted"),
        )
        for pod in ordered[:MOST_PODS]
    ]
    if len(ordered) > MOST_PODS:
        lines.append((Span(key_of("pods"), "key"), Span(f" all {len(ordered)}", "muted")))
    return lines


def _again(count: int) -> str:
    return f"  {count} restart{'s' if count > 1 else ''}" if count else ""


def _age(pod: Pod, now: float) -> str:
    made = stamp(pod.created)
    return "age ?" if made is None else human_duration(now - made)


def _rule(view: ServiceView, width: int) -> list[Line]:
    route = view.route
    if route is None:
        words = "no rule names this service: its pods share the traffic"
        return wrapped(words, width, "muted")
    owner = route.service.ref
    head: Line = (
        Span("rule ", "muted"),
        span(f"{owner.kind} {owner.namespace}/{owner.name}", "text"),
    )
    picked = rules_lines(view, view.mesh, width)
    lines = [head, *(one.line for one in picked if one.owner == place_of(route))]
    more = len(view.routes) - 1
    words = f" {more} more rule{'s' if more > 1 else ''}"
    return [*lines, *([(Span(key_of("rules"), "key"), Span(words, "muted"))] if more > 0 else [])]


def caller_names(view: ServiceView, sample: Sample | None) -> Sequence[str]:
    """The workloads that ever called it, with their namespace where that is another."""
    return [
        workload if namespace == view.key.namespace else f"{workload}.{namespace}"
        for namespace, workload in sorted(callers_seen(view, sample) if sample else ())
    ]


def _callers(view: ServiceView, sample: Sample | None) -> list[Line]:
    title: Line = (Span("called by", "muted"),)
    if sample is None:
        return [title, (Span("not known", "unknown"),)]
    names = caller_names(view, sample)
    if not names:
        return [title, (Span("nobody that was seen", "muted"),)]
    lines: list[Line] = [title, *((span(name, "text"),) for name in names[:MOST_CALLERS])]
    if len(names) > MOST_CALLERS:
        lines.append((Span(f"and {len(names) - MOST_CALLERS} more", "muted"),))
    return lines


def _both_sides(version: VersionView, callers: Sequence[str], width: int) -> list[Line]:
    """Whose numbers the row has, and what the version's own proxy counts: errors that only callers
    see come about on the way."""
    lines: list[Line] = []
    if callers:
        lines += wrapped(f"called by {some_of(callers, NAMED)}", width, "muted")[:2]
    server, state = version.server, version.server_state
    if server is not None and server.requests:
        p99 = numbers.latency(server, server.p99_ms)
        errors = numbers.errors(server, state).replace("%", " %")
        words = f"its own proxy counts {numbers.rate(server)}/s, {errors} errors, p99 {p99}"
        lines += wrapped(words, width, "muted")
    return lines
