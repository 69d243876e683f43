"""A load in lines: what came of it, what the breaker did, and how long it took. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from meshtui.mesh.request import SAFE_METHODS
from meshtui.operations.request import load_words as words
from meshtui.operations.request.breaker import BreakerRow
from meshtui.operations.request.load_plan import Tally
from meshtui.operations.request.loading import LoadState, ReadyLoad
from meshtui.ui.actions.registry import key_of
from meshtui.ui.table.numbers import bar
from meshtui.ui.widgets.paint import BLANK, Line, Span, fit, span, width_of, wrapped

BAR, LEAST_BAR, BARS = 30, 8, 10
_NAME, _COUNT = 10, 8

_EXAMPLES = (
    (":load 50 10s GET /path", "50 requests/s for 10 s"),
    ("header k=v  host H  port N", "of the request"),
    ("from WORKLOAD", "who sends it"),
    ("concurrency N", "connections at a time"),
    ("by curl", "or python3, wget, forward: what makes it"),
)


def nothing_lines(width: int) -> list[Line]:
    """Before there is one: how to make it."""
    lines: list[Line] = [(Span("no load has been made", "muted"),), BLANK]
    lines += wrapped(
        f"{key_of('load_words')} says how much, for how long, of which request:", width, "text"
    )
    lines += [(Span(fit(k, 28), "key"), Span(what, "muted")) for k, what in _EXAMPLES]
    how = (
        "What it will hit is shown first. It goes from a caller's pod, has an end, and is stopped "
        "by X and by closing the pane."
    )
    return [*lines, BLANK, *wrapped(how, width, "muted")]


def load_question(ready: ReadyLoad) -> tuple[str, str]:
    """What is asked before anything is sent, and what it means."""
    return (
        f"Begin a load on {ready.service.key}?",
        f"{words.request_words(ready)}\n{words.plan_words(ready.plan)}\n"
        f"from {words.caller_words(ready)}\n{words.way_words(ready)}\n"
        "These are real requests. X stops it, and so does closing the pane.",
    )


def refused_method(method: str, service: str) -> str:
    """Why it is not made from the screen; empty where it may."""
    if method in SAFE_METHODS:
        return ""
    return f"`meshtui load {service} --method {method} …` asks for the service's name first"


def state_line(state: LoadState) -> Line:
    """For the title: how far it is."""
    tally, plan = state.tally, state.ready.plan
    if not state.over:
        return (Span(f"{tally.seconds:.0f} of {plan.seconds:g} s", "warning"),)
    if state.stopped:
        return (Span(f"stopped after {tally.seconds:.0f} s", "warning"),)
    return (Span("done", "ok"),)


def load_lines(state: LoadState, width: int) -> list[Line]:
    """None wider than `width`, where that is any width at all."""
    ready, tally = state.ready, state.tally
    lines = wrapped(words.request_words(ready), width, "strong")
    lines += wrapped(f"from {words.caller_words(ready)}", width, "muted")
    lines += wrapped(words.rate_words(tally, ready.plan), width, "text")
    lines += _outcomes(tally, width)
    late = words.late_words(tally, ready.plan)
    lines += wrapped(late, width, "warning") if late else []
    times = words.times_words(tally)
    lines += wrapped(times, width, "text") if times else []
    lines += [BLANK, *_breaker(state, width), *_reached(state, width)]
    lines += [BLANK, *_histogram(tally, width)] if times else []
    for trouble in state.counted.troubles:
        lines += [BLANK, *wrapped(f"✖ {trouble}", width, "error")]
    return lines


def _outcomes(tally: Tally, width: int) -> Iterator[Line]:
    for name, found, percent, bad in words.outcomes(tally):
        counts = f"{found:>{_COUNT},}  {percent:5.1f}%"
        room = max(min(width - _NAME - len(counts) - 1, BAR), 0)
        cells = bar(percent, room) if room >= LEAST_BAR else ""
        shown = (
            Span(fit(name, _NAME), "error" if bad else "text"),
            Span(cells, "bar-sick" if bad else "bar"),
            Span(counts, "error" if bad else "text"),
        )
        if len(name) <= _NAME:
            yield shown
        else:
            yield Span(counts.strip() + "  ", "error"), span(name, "error")


def _breaker(state: LoadState, width: int) -> list[Line]:
    rows = state.counted.breaker
    lines = wrapped(words.BREAKER, width, "muted") if rows else []
    limited = [one for one in rows if not one.unlimited]
    limits = words.limits_of_all(limited)
    lines += wrapped(f"limits of each: {limits}", width, "text") if limits else []
    names = [words.place_words(row, state.ready) for row in limited]
    indent = min(max([*(len(name) + 2 for name in names), 6]), 16)
    told = [_pieces(row, bool(limits)) for row in limited]
    a_line = _most_a_line(told, width - indent)
    for name, pieces in zip(names, told, strict=True):
        parts = [pieces[at : at + a_line] for at in range(0, len(pieces), a_line)]
        head = fit(name, indent)
        for part in parts:
            lines += _flowed((span(head, "strong"),), part, indent, width)
            head = " " * indent
    unlimited = words.unlimited_words(rows, state.ready)
    return [*lines, *wrapped(unlimited, width, "muted")] if unlimited else lines


def _pieces(row: BreakerRow, limits_said: bool) -> list[Line]:
    return [
        (Span(f"{label} ", "muted"), span(said.text, "error" if said.loud else "text"))
        for label, said in words.breaker_words(row)
        if label != words.LIMITS or not limits_said
    ]


def _most_a_line(told: Iterable[Sequence[Line]], room: int) -> int:
    """Of how many pieces each line is, the same for all: what is compared stands below another."""
    for most in (4, 2):
        widths = (
            sum(width_of(piece) + 2 for piece in pieces[at : at + most]) - 2
            for pieces in told
            for at in range(0, len(pieces), most)
        )
        if all(width <= room for width in widths):
            return most
    return 1


def _reached(state: LoadState, width: int) -> list[Line]:
    reached = state.counted.reached
    lines = wrapped(words.BY_PROXY, width, "muted") if reached else []
    for one in reached:
        who, counts = words.reached_words(one)
        lines += wrapped(f"{who}  {counts}", width, "text")
    return lines


def _flowed(first: Line, pieces: Iterable[Line], indent: int, width: int) -> list[Line]:
    """The pieces one behind the other, as many as a line takes; a long one is broken."""
    lines: list[Line] = []
    current = first
    for piece in pieces:
        if width_of(current) > indent and width_of(current) + 2 + width_of(piece) > width:
            lines.append(current)
            current = (Span(" " * indent),)
        gap = (Span("  "),) if width_of(current) > indent else ()
        if width_of(current) + width_of(piece) <= width:
            current = (*current, *gap, *piece)
            continue
        text = "".join(part.text for part in piece)
        broken = wrapped(text, width - indent, piece[-1].role)
        lines.append((*current, *broken[0]))
        lines += [(Span(" " * indent), *rest) for rest in broken[1:-1]]
        current = (Span(" " * indent), *broken[-1]) if len(broken) > 1 else (Span(" " * indent),)
    return [*lines, current] if width_of(current) > indent else lines


def _histogram(tally: Tally, width: int) -> Iterator[Line]:
    found = list(tally.histogram(BARS))
    most = max(n for _, _, n in found)
    longest = max(len(words.ms_words(high)) for _, high, _ in found)
    yield (Span("answers by how long they took", "muted"),)
    for low, high, n in found:
        label = f"{words.ms_words(low):>{longest}} to {words.ms_words(high):>{longest}} ms "
        room = max(min(width - len(label) - _COUNT, BAR), 0)
        cells = bar(100 * n / most, room) if room >= LEAST_BAR else ""
        yield Span(label, "muted"), Span(cells, "bar"), Span(f"{n:>{_COUNT},}", "text")
