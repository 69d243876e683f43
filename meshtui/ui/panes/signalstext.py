"""The signals of a service as they are read: how it stands, the numbers, what they mean. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from meshtui.diagnosis.explain import Explanation, explanations
from meshtui.diagnosis.explain.scope import VersionScope, parts_of
from meshtui.diagnosis.explain.triage import sentences, state_of
from meshtui.mesh.judging import NO_TRAFFIC, NOT_KNOWN, ONLY_ERRORS
from meshtui.ui.panes.signalstable import breakdown_lines, explanation_head, numbers_lines
from meshtui.ui.table.cells import SIGNS, STALE_SIGN
from meshtui.ui.widgets.paint import BLANK, Line, Span, wrapped

INDENT = "  "
OLD = "STALE: what follows is old, as it was last seen"
SHOWN = 20
"""Versions whose numbers are written out."""


def signals_lines(
    scope: VersionScope,
    trouble: str,
    width: int,
    *,
    stale: bool = False,
    step: Callable[[str], str] = str,
) -> list[Line]:
    """Everything. `trouble` is what the telemetry says of itself where it does not do well, `step`
    puts what to do next into other words than the screen's keys.

    With `stale` the numbers are old: they are dimmed, and no sign tells a state.
    """
    lines: list[Line] = []
    if trouble:
        lines += [*wrapped(f"telemetry: {trouble}", width, "warning"), BLANK]
    shown = _body(scope, width, step)
    if stale and state_of(scope) != NOT_KNOWN:
        lines += [*wrapped(OLD, width, "warning"), BLANK]
        shown = [_as_last_seen(line) for line in shown]
    return lines + shown


def _as_last_seen(line: Line) -> Line:
    pieces = [Span(piece.text, "old") for piece in line]
    if pieces and pieces[0].text[:1] in SIGNS.values():
        pieces[0] = Span(STALE_SIGN + pieces[0].text[1:], "old")
    return tuple(pieces)


def _body(scope: VersionScope, width: int, step: Callable[[str], str]) -> list[Line]:
    lines: list[Line] = []
    for state, head, sides in sentences(scope):
        lines += _sentence(state, head, sides, width)
    parts = parts_of(scope)
    shown = [scope] if scope.row is not None or len(parts) < 2 else [scope, *parts]
    if any(state_of(one) != NOT_KNOWN for one in shown):
        lines += [BLANK, *numbers_lines(shown[:SHOWN], width)]
        if len(shown) > SHOWN:
            more = f"{len(shown) - SHOWN:,} more versions: the table has their numbers"
            lines += wrapped(more, width, "muted")
        lines += breakdown_lines(scope, width)
    for text in scope.evidence.troubles if scope.evidence else ():
        lines += [BLANK, *wrapped(f"not read: {text}", width, "warning")]
    found = explanations(parts)
    labelled = len(parts) > 1
    for one in found:
        lines += [BLANK, *_explained(replace(one, next=step(one.next)), labelled, width)]
    if not found and state_of(scope) not in (NOT_KNOWN, NO_TRAFFIC):
        lines += [BLANK, (Span("● ", "ok"), Span("no errors and no flags: nothing to explain"))]
    return lines


def _sentence(state: str, head: str, sides: str, width: int) -> list[Line]:
    role = "failing" if state == ONLY_ERRORS else state
    first, *rest = wrapped(head, width - 2, role)
    lines: list[Line] = [(Span(f"{SIGNS[state]} ", role), *first)]
    lines += [(Span(INDENT), *line) for line in rest]
    for text in filter(None, sides.split("\n")):
        lines += wrapped(text, width, "text", INDENT)
    return lines


def _explained(one: Explanation, labelled: bool, width: int) -> list[Line]:
    lines = explanation_head(one, labelled, width)
    first, *rest = one.sentences
    lines += wrapped(first, width, "text", INDENT)
    for text in rest:
        head, *more = wrapped(text, width - 4, "text")
        lines += [(Span("  · ", "muted"), *head), *((Span("    "), *line) for line in more)]
    for at, line in enumerate(wrapped(one.next, width - 4, "ok")):
        lines.append((Span(INDENT), Span("  " if at else "→ ", "ok"), *line))
    return lines
