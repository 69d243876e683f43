"""A canary as it is read: its ladder, its counts, the evidence on its way to the limit. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from meshtui.canary.machine import Phase
from meshtui.canary.progress import Progress, Side
from meshtui.canary.verdict import percent
from meshtui.mesh.quantity import human_duration
from meshtui.mesh.text import clean
from meshtui.operations.canary.watching import CanaryRun
from meshtui.paths import short_path
from meshtui.ui.actions.registry import key_of
from meshtui.ui.table.numbers import bar, duration
from meshtui.ui.widgets.paint import BLANK, Line, Span, fit, fit_line, span, width_of, wrapped

LABEL = 10
BAR = 24
REPORT_S = 15.0
"""The driver writes more often than this: what is older says nothing of now."""

WARN = 0.5
"""Part of the way to the limit from which the evidence is worth a look."""

_ROLES = {
    Phase.OBSERVING.value: "ok",
    Phase.SHIFTING.value: "draft",
    Phase.PROMOTED.value: "ok",
    Phase.RETURNING.value: "error",
    Phase.ROLLED_BACK.value: "error",
    Phase.STOPPED.value: "warning",
    Phase.ASKING.value: "warning",
    Phase.GATE.value: "draft",
    Phase.FROZEN.value: "warning",
    Phase.HELD.value: "warning",
}
_BACK = (Phase.RETURNING.value, Phase.ROLLED_BACK.value)
_COLUMNS = (("requests", 10), ("errors", 8), ("95% interval", 17), ("p99", 9), ("slow", 8))
_NARROW = (("requests", 9), ("errors", 7), ("95% interval", 15), ("p99", 9), ("slow", 7))
_SIGNS = {
    Phase.PROMOTED.value: "✔",
    Phase.RETURNING.value: "✖",
    Phase.ROLLED_BACK.value: "✖",
}
_NAME = (8, 14)
"""The least and the most cells of a version's name."""


def canary_lines(run: CanaryRun, now: float, width: int, version: str = "") -> list[Line]:
    """`version` is the one under the cursor, which a new canary may be to."""
    trouble = wrapped(f"✖ {run.trouble}", width, "warning") if run.trouble else []
    progress = run.progress
    if progress is None:
        return [*_none(run, width, version), *([BLANK, *trouble] if trouble else [])]
    lines = [_headline(progress, run, now), BLANK, *_ladder(progress, width)]
    lines += [*_step(progress, run, now), *_weights(progress, width), BLANK]
    lines += [*_table(progress, width), BLANK, *_evidence(progress), BLANK]
    lines += _text_lines(progress, width)
    lines += _undriven(run, progress, width)
    lines += wrapped(f"log {short_path(run.log)}", width, "muted") if run.log else []
    return [fit_line(line, width) if width_of(line) > width else line for line in lines + trouble]


def summary(run: CanaryRun, now: float) -> Line:
    """Who drives it, and how old the report is."""
    progress = run.progress
    if progress is None:
        return ()
    age = human_duration(now - progress.time)
    if progress.exit is not None:
        return (Span(f"ended {age} ago", "muted"),)
    if not run.live:
        return (Span("nobody drives it", "warning"), Span(f"  {age} ago", "muted"))
    overdue = now - progress.time > REPORT_S
    return (span(run.driver, "muted"), Span(f"  {age} ago", "warning" if overdue else "muted"))


def begin_words(run: CanaryRun, version: str = "") -> str:
    to = version if version.isprintable() and " " not in version else ""
    return f"`meshtui canary run {run.service} --to {to or 'V'}`"


def _none(run: CanaryRun, width: int, version: str) -> list[Line]:
    if run.live:
        words = f"{run.driver} drives a canary of {run.service.name}, and reports nothing of it yet"
        return wrapped(words, width, "text")
    if run.trouble:
        return wrapped(
            f"whether there is a canary of {run.service.name} is not known", width, "text"
        )
    words = f"no canary of {run.service.name} is known: "
    words += f"{key_of('canary_run')} starts one here, {begin_words(run, version)} in a shell"
    return wrapped(words, width, "text")


def _headline(progress: Progress, run: CanaryRun, now: float) -> Line:
    role = _ROLES.get(progress.phase, "text")
    where = "" if progress.exit is not None else f" at {progress.ladder[progress.index]}"
    if progress.exit is not None and progress.phase != Phase.PROMOTED.value:
        where = f" from {progress.ladder[progress.index]}"
    pieces = [
        Span(f"{_SIGNS.get(progress.phase, '●')} ", role),
        span(f"{progress.phase}{where}", role),
    ]
    left = left_s(progress, run, now)
    if left is not None:
        words = f"{human_duration(math.ceil(left))} left" if left > 0 else "at its end"
        pieces += [Span("  ·  ", "muted"), Span(words, "strong")]
    return tuple(pieces)


def left_s(progress: Progress, run: CanaryRun, now: float) -> float | None:
    """Seconds that the step is still observed, counted on from the report; None where not."""
    if progress.exit is not None or progress.phase not in _COUNTED:
        return None
    running = run.live and progress.phase == Phase.OBSERVING.value
    since = min(max(now - progress.time, 0.0), REPORT_S) if running else 0.0
    return max(progress.left_s - since, 0.0)


_COUNTED = (Phase.OBSERVING.value, Phase.FROZEN.value, Phase.HELD.value)


def _ladder(progress: Progress, width: int) -> list[Line]:
    """The steps, those behind ticked off and the present one marked; broken where it must be."""
    lines: list[Line] = []
    current: list[Span] = []
    for place, words in enumerate(progress.ladder):
        step = _rung(progress, place, clean(words, 12))
        arrow = Span(" → " if place else "", "muted")
        if current and width_of(current) + width_of((arrow, step)) > width:
            lines.append(tuple(current))
            current, arrow = [], Span("→ ", "muted")
        current += [arrow, step]
    return [*lines, tuple(current)]


def _rung(progress: Progress, place: int, words: str) -> Span:
    done = progress.phase == Phase.PROMOTED.value
    if place < progress.index or (place == progress.index and done):
        return Span(f"✔ {words}", "muted" if progress.phase in _BACK else "ok")
    if place > progress.index:
        return Span(words, "muted")
    if progress.phase in _BACK:
        return Span(f"✖ {words}", "error")
    return Span(f"[{words}]", "strong")


def _step(progress: Progress, run: CanaryRun, now: float) -> list[Line]:
    left = left_s(progress, run, now)
    total = progress.observed_s + progress.left_s
    if left is None or total <= 0:
        return []
    words = f"{human_duration(total - left)} of {human_duration(total)}"
    return [_field("step", _bar(1 - left / total, "bar"), Span(f"  {words}", "text"))]


def _table(progress: Progress, width: int) -> list[Line]:
    names = [progress.version, "stable"]
    columns = list(_COLUMNS)
    if _NAME[0] + sum(cells for _, cells in columns) > width:
        columns = list(_NARROW)
    if _NAME[0] + sum(cells for _, cells in columns) > width:
        columns.pop()
    room = width - sum(cells for _, cells in columns)
    name = min(max(room, _NAME[0]), _NAME[1])
    head = "".join(fit(title, cells, True) for title, cells in columns)
    lines: list[Line] = [(Span(" " * name + head, "head"),)]
    for label, side in zip(names, (progress.canary, progress.stable), strict=True):
        if side is None:
            alone = progress.canary.requests > 0
            words = "no requests: absolute limits alone" if alone else "no requests yet"
            lines.append((Span(fit(label, name), "text"), Span(f" {words}", "muted")))
            continue
        cells = zip(_cells(side), columns, strict=False)
        shown = "".join(fit(text, size, True) for text, (_, size) in cells)
        lines.append((Span(fit(label, name), "strong"), Span(shown, "text")))
    return lines


def _cells(side: Side) -> Sequence[str]:
    between = "—"
    if side.low is not None and side.high is not None:
        between = f"{_share(side.low).removesuffix('%')} to {_share(side.high)}"
    return (
        f"{side.requests:,.0f}",
        "—" if side.ratio is None else _share(side.ratio),
        between,
        "—" if side.p99_ms is None else duration(side.p99_ms),
        "—" if side.slow is None else _share(side.slow),
    )


def _share(ratio: float) -> str:
    """As cells have it."""
    return percent(ratio).replace(" ", "")


def _evidence(progress: Progress) -> list[Line]:
    """The bars are logarithmic, as evidence grows: 1 is none, and at the limit it is enough."""
    return [
        (Span(f"evidence against it, {progress.limit:,.0f} is enough", "head"),),
        _against("errors", progress.evidence, progress.limit),
        _against("latency", progress.slow_evidence, progress.limit),
    ]


def _against(label: str, value: float, limit: float) -> Line:
    part = min(math.log(value) / math.log(limit), 1.0) if value > 1 else 0.0
    role = "error" if part >= 1 else "warning" if part >= WARN else "bar"
    number = f"{value:.2g}" if value < 10 else f"{value:,.0f}" if value < 1e6 else "over a million"
    words = Span(f"  {number}", role if part >= WARN else "text")
    return _field(label, _bar(part, _BARS[role]), words)


def _weights(progress: Progress, width: int) -> list[Line]:
    asked = progress.ladder[progress.index] if progress.weight <= 0 else f"{progress.weight:g} %"
    served = {None: "not known", True: "yes", False: "not yet"}[progress.serving]
    share = "—" if progress.share is None else percent(progress.share)
    pieces = [Span("asked ", "muted"), span(asked, "strong"), Span("  in the proxies ", "muted")]
    pieces += [Span(served, "warning" if progress.serving is False else "text")]
    measured = (Span("measured ", "muted"), Span(share, "text"))
    if progress.exit is not None:
        return []
    line = _field("weight", *pieces, Span("  "), *measured)
    return [line] if width_of(line) <= width else [_field("weight", *pieces), _field("", *measured)]


def _text_lines(progress: Progress, width: int) -> list[Line]:
    role = "error" if progress.phase in _BACK else "text"
    lines = wrapped(progress.sentence, width, role) if progress.sentence else []
    if progress.trouble:
        lines += wrapped(f"▲ {progress.trouble}", width, "warning")
    return lines


def _undriven(run: CanaryRun, progress: Progress, width: int) -> list[Line]:
    if run.live or progress.exit is not None:
        return []
    last = f" (last {run.driver})" if run.driver else ""
    words = (
        f"▲ nobody drives it{last}: {key_of('canary_hold')} goes on, "
        f"{key_of('canary_abort')} goes back to stable; "
        f"in a shell `meshtui canary resume {run.service}`, `canary abort`"
    )
    return [BLANK, *wrapped(words, width, "warning")]


def _field(label: str, *pieces: Span) -> Line:
    return (Span(f"{label:<{LABEL}}", "muted"), *pieces)


_BARS = {"error": "bar-sick", "warning": "bar-warning", "bar": "bar"}


def _bar(part: float, role: str) -> Span:
    return Span(bar(min(max(part, 0.0), 1.0) * 100, BAR), role)
