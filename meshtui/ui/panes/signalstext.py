"""The signals of a service as they are read: how it stands, the numbers, what they mean. Pure."""

from __future__ import annotations

from collections.abc import Callable

from meshtui.diagnosis.explain import Explanation, explanations
from meshtui.diagnosis.explain.scope import VersionScope, parts_of
from meshtui.diagnosis.explain.steps import Step, Steps, steps_text
from meshtui.diagnosis.explain.triage import Said, sentences, state_of
from meshtui.mesh.judging import FEW, NO_TRAFFIC, NOT_KNOWN, OK, ONLY_ERRORS
from meshtui.ui.panes.signalstable import breakdown_lines, explanation_head, numbers_lines
from meshtui.ui.table.cells import SIGNS, STALE_SIGN
from meshtui.ui.widgets.paint import BLANK, Line, Span, span, wrapped

NextLines = Callable[[Steps, int], list[Line]]
"""What is to be done next, in lines of a width."""

INDENT = "  "
OLD = "STALE: what follows is old, as it was last seen"
SHOWN = 20
"""Versions whose numbers are written out."""


def signals_lines(
    scope: VersionScope,
    trouble: str,
    width: int,
    *,
    told: NextLines,
    stale: bool = False,
) -> list[Line]:
    """Everything. `trouble` is what the telemetry says of itself where it does not do well, `told`
    says what is to be done next.

    With `stale` the numbers are old: they are dimmed, and no sign tells a state.
    """
    lines: list[Line] = []
    if trouble:
        lines += [*wrapped(f"telemetry: {trouble}", width, "warning"), BLANK]
    shown = _body(scope, width, told)
    if stale and state_of(scope) != NOT_KNOWN:
        lines += [*wrapped(OLD, width, "warning"), BLANK]
        shown = [_as_last_seen(line) for line in shown]
    return lines + shown


def _as_last_seen(line: Line) -> Line:
    pieces = [Span(piece.text, "old") for piece in line]
    if pieces and pieces[0].text[:1] in SIGNS.values():
        pieces[0] = Span(STALE_SIGN + pieces[0].text[1:], "old")
    return tuple(pieces)


def _body(scope: VersionScope, width: int, told: NextLines) -> list[Line]:
    lines: list[Line] = []
    said_of = sentences(scope)
    for said in said_of:
        lines += _sentence(said, told, width)
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
        lines += [BLANK, *_explained(one, told, labelled, width)]
    sound = all(said.state in (OK, FEW, NO_TRAFFIC) for said in said_of)
    if not found and sound and state_of(scope) != NO_TRAFFIC:
        lines += [BLANK, (Span("● ", "ok"), Span("no errors and no flags: nothing to explain"))]
    return lines


def _sentence(said: Said, told: NextLines, width: int) -> list[Line]:
    role = "failing" if said.state == ONLY_ERRORS else said.state
    first, *rest = wrapped(said.head, width - 2, role)
    lines: list[Line] = [(Span(f"{SIGNS[said.state]} ", role), *first)]
    lines += [(Span(INDENT), *line) for line in rest]
    for text in said.lines:
        lines += wrapped(text, width, "text", INDENT)
    return lines + told(said.next, width)


def by_how(how: Callable[[Step], str]) -> NextLines:
    """Steps one behind the other, as a pane has room for them."""

    def lines(steps: Steps, width: int) -> list[Line]:
        text = wrapped(steps_text(steps, how), width - 4, "ok") if steps else []
        return [
            (Span(INDENT), Span("  " if at else "→ ", "ok"), *line) for at, line in enumerate(text)
        ]

    return lines


def to_be_typed(how: Callable[[Step], str]) -> NextLines:
    """Each step by itself, its command whole on a line of its own: it is copied from there."""

    def lines(steps: Steps, width: int) -> list[Line]:
        found: list[Line] = []
        for step in steps:
            command, mark = how(step), "or " if step.instead else "→ "
            text = f"{step.text}:" if step.text and command else step.text
            for at, line in enumerate(wrapped(text, width - 4, "ok") if text else []):
                found.append((Span(INDENT), Span(" " * len(mark) if at else mark, "ok"), *line))
            if command:
                found.append((Span(INDENT * 2 if text else INDENT + mark), span(command, "key")))
        return found

    return lines


def _explained(one: Explanation, told: NextLines, labelled: bool, width: int) -> list[Line]:
    lines = explanation_head(one, labelled, width)
    first, *rest = one.sentences
    lines += wrapped(first, width, "text", INDENT)
    for text in rest:
        head, *more = wrapped(text, width - 4, "text")
        lines += [(Span("  · ", "muted"), *head), *((Span("    "), *line) for line in more)]
    return lines + told(one.next, width)
