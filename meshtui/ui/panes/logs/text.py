"""What the logs pane says of its lines: how many, of which filter, and what they come to. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from meshtui.envoy.logline import LogLine
from meshtui.envoy.logstore import LogStore
from meshtui.envoy.logsummary import Summary
from meshtui.envoy.logview import (
    SLOWEST,
    Piece,
    code_pieces,
    flag_pieces,
    late_words,
    path_pieces,
    unread_words,
)
from meshtui.errors import MeshtuiError
from meshtui.mesh.quantity import human_duration, number_of
from meshtui.mesh.text import clean
from meshtui.operations.logs.pod_tail import TailFrom
from meshtui.ui.actions.registry import key_of
from meshtui.ui.widgets.lines import COPIED_MOST
from meshtui.ui.widgets.paint import Line, Span, fit_line, span, width_of


def count_words(store: LogStore, highlight: str = "") -> Line:
    """`312 of 20,000`, the filter, and what is marked in the lines."""
    marked = (
        (Span(f"{key_of('highlight')} ", "key"), span(highlight, "match"), Span("  "))
        if highlight
        else ()
    )
    return (*_counted(store), *marked)


def _counted(store: LogStore) -> Line:
    if not store.filter:
        return (Span(f"{number_of(store.retained, 'line')}  ", "muted"),)
    if store.behind:
        done = 100 - 100 * store.behind // max(store.retained, 1)
        counted = Span(f"filtering {done} %  ", "muted")
    else:
        counted = Span(f"{len(store):,} of {store.retained:,}  ", "muted")
    return counted, Span(key_of("filter"), "key"), span(f"{store.filter.source}  ", "strong")


def state_words(following: bool, missed: int, ended: MeshtuiError | None) -> Line:
    if ended is not None:
        return (span(f"✖ {ended}", "error"), Span(f" {key_of('refresh')}", "key"))
    if following:
        return (Span("● following", "ok"),)
    return (Span(f"PAUSED  {missed:,} new  ", "draft"), Span(key_of("pause"), "key"))


def summary_lines(store: LogStore, width: int, high: bool, callers: bool) -> list[Line]:
    """Codes and flags of what is shown; below them, where there is room, its slowest paths.

    Flags that are cut off at the right of the codes stand below them: they say why.
    """
    summary = store.summary
    codes = (*_unknown(store), *_codes(summary, callers))
    flags = (*_spans(flag_pieces(summary)), *_dropped(store))
    parts = [(*codes, *flags)]
    if high and flags and width_of(parts[0]) >= width:
        parts = [codes, _begun(flags)]
    lines = parts if not high else [*parts, _paths(_spans(path_pieces(summary)), width - 1)]
    return [fit_line((Span(" "), *line), width) for line in lines]


def _begun(flags: Line) -> Line:
    """Without the rule that parts them from the codes: they begin a line."""
    first = flags[0].text.removeprefix("│ ")
    return (Span(first, flags[0].role), *flags[1:]) if first else flags[1:]


def _paths(pieces: Line, width: int) -> Line:
    """Without the slowest where not one of them has room: their title alone tells nothing."""
    at = next((n for n, piece in enumerate(pieces) if piece.text == SLOWEST), len(pieces))
    return pieces if width_of(pieces[: at + 3]) <= width else pieces[: max(at - 1, 0)] or pieces


def _codes(summary: Summary, callers: bool) -> Iterable[Span]:
    """Errors first. What never reached the service stands in its callers' logs."""
    if not summary.requests and not summary.connections:
        none = Span("no requests among these lines  ", "muted")
        more = (Span(key_of("callers"), "key"), Span(" adds the callers' ", "muted"))
        return (none,) if callers else (none, *more)
    return _spans(code_pieces(summary))


def _spans(pieces: Iterable[Piece]) -> Line:
    return tuple(span(*piece) for piece in pieces)


def _unknown(store: LogStore) -> Iterable[Span]:
    """Lines that are requests, by their looks: no filter of codes finds them."""
    for words in unread_words(store.unknown, store.nameless):
        yield from (Span(words, "warning"), Span("  ", "muted"))


def _dropped(store: LogStore) -> Iterable[Span]:
    if store.late:
        yield Span(f"│ {late_words(store.late)} ", "muted")
    if store.first:
        yield Span(f"│ {store.first:,} older lines dropped", "draft")


def start_words(start: TailFrom) -> str:
    """How far back the log begins, and whose it is."""
    programs = "programs" if start.programs else "/".join(start.containers)
    also = " and ".join(filter(None, ("callers" if start.callers else "", programs)))
    return f"{_back(start)}{f', {also} too' if also else ''}"


def _back(start: TailFrom) -> str:
    if start.since_s is not None:
        age = human_duration(start.since_s)
        return f"the last {age}"
    if start.lines is None:
        return "all that is kept"
    return f"the last {number_of(start.lines, 'line')} of each pod"


def plain(line: LogLine) -> str:
    """A line for a file or the clipboard, without anything that drives a terminal."""
    if line.own:
        return clean(line.text)
    name = f"{line.pod}/{line.container}" if line.container else line.pod
    return f"{clean(name)}  {clean(line.text)}"


def to_copy(lines: Iterable[LogLine]) -> tuple[str, int, int]:
    """As many of the newest lines as a terminal takes; how many that are, and of how many.

    Of a line that is too long by itself the beginning.
    """
    every = [plain(line) for line in lines]
    size, taken = 0, 0
    for text in reversed(every):
        size += len(text.encode("utf-8", "replace")) + 1
        if size > COPIED_MOST:
            break
        taken += 1
    if every and not taken:
        return (
            every[-1].encode("utf-8", "replace")[:COPIED_MOST].decode("utf-8", "ignore"),
            1,
            len(every),
        )
    return "\n".join(every[len(every) - taken :]), taken, len(every)
