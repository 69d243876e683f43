"""A plan as lines: the words, what it moves, what was found, the diff. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from meshtui.changes.change import Caution, Plan
from meshtui.changes.change_lines import ALREADY
from meshtui.changes.outcome import Outcome
from meshtui.errors import MeshtuiError
from meshtui.mesh.placed import cluster_of
from meshtui.ui.widgets.paint import BLANK, Line, Span, span, wrapped

_LEVELS = {
    "info": ("· ", "muted"),
    "warning": ("▲ ", "warning"),
    "danger": ("✖ ", "error"),
}
_GRAVITY = ("danger", "warning", "info")


def plan_lines(plan: Plan, width: int) -> list[Line]:
    """The whole plan in lines of at most `width` cells; lines of the diff may be longer."""
    change = plan.change
    if change.empty:
        words = _paragraph(change.words or (ALREADY,), width)
        return [*words, BLANK, *_findings(plan.findings, width)]
    lines = _paragraph(change.words, width)
    if plan.blast:
        lines += wrapped(plan.blast, width, "text")
    lines += [BLANK, *_findings(plan.findings, width)]
    return [*lines, *(diff_line(text) for text in change.diff), BLANK]


def steps_lines(steps: tuple[Plan, ...], width: int) -> list[Line]:
    """One plan as it is; several one after the other, in the order in which they are made."""
    if len(steps) == 1:
        return plan_lines(steps[0], width)
    lines: list[Line] = []
    for number, plan in enumerate(steps, 1):
        title = f"step {number} of {len(steps)}: {plan.change.target}"
        lines.append((span(title + _where(steps, plan), "key"),))
        lines += plan_lines(plan, width)
    return lines


def _where(steps: tuple[Plan, ...], plan: Plan) -> str:
    """In which cluster a step is made, where they are made in several."""
    clusters = {cluster_of(step.change.service) for step in steps}
    return f" in {cluster_of(plan.change.service)}" if len(clusters) > 1 else ""


def _paragraph(words: Iterable[str], width: int) -> list[Line]:
    return [line for text in words for line in wrapped(text, width, "strong")]


def _findings(findings: tuple[Caution, ...], width: int) -> list[Line]:
    """The gravest first, with a sign and a word: colour is an addition."""
    lines: list[Line] = []
    for level in _GRAVITY:
        sign, role = _LEVELS[level]
        for finding in findings:
            if finding.level == level:
                word = f"{level}: " if level != "info" else ""
                body = wrapped(word + finding.text, width - 2, role if level != "info" else "text")
                lines.append((Span(sign, role), *body[0]))
                lines += [(Span("  "), *rest) for rest in body[1:]]
    return [*lines, BLANK] if lines else lines


def diff_line(text: str) -> Line:
    """A line of a unified diff, in its colour; the sign in front says the same."""
    role = {"+": "added", "-": "removed", "@": "hunk"}.get(text[:1], "muted")
    return (span(text, role),)


def error_lines(error: MeshtuiError, width: int) -> list[Line]:
    """What failed, and what to do or what stands against it, a line for each part."""
    lines = wrapped(f"✖ {error.what}", width, "error")
    for part in filter(None, error.hint.split("; ")):
        lines += wrapped(part, width, "text", "  ")
    return [*lines, BLANK]


def subtitle(plan: Plan) -> str:
    if plan.others:
        return ", ".join(dict.fromkeys(str(change.target) for change in plan.changes))
    words = plan.change.rule_words
    rule = f"  rule {words}" if words else ""
    return f"{plan.change.target}{rule}"


def outcome_level(outcome: Outcome) -> str:
    """Verified or nothing to do is well; written without proof is said loudly."""
    if not outcome.applied:
        return "info"
    return "done" if outcome.verified and not outcome.warnings else "warning"


def outcome_words(outcome: Outcome) -> str:
    """The proof, then what went wrong, then the change: a narrow line loses its end."""
    texts = (text for change in outcome.plan.changes for text in change.words)
    words = "; ".join(dict.fromkeys(texts)) or outcome.plan.change.verb
    proof = "; ".join((outcome.sentence, *outcome.warnings))
    text = f"{outcome.plan.change.service.name}: {proof} · {words}"
    return f"NOT VERIFIED · {text}" if outcome.applied and not outcome.verified else text


def cut_off(lines: int, top: int, room: int, *, typing: bool) -> Line:
    """How many of `lines` stand below and above the `room` that begins at `top`, and the keys.

    `typing`: in a field letters are letters.
    """
    below, above = max(lines - top - room, 0), min(top, lines)
    texts = [Span(f"↓ {below} more line{'s' * (below != 1)}", "draft")] if below else []
    texts += [Span(f"↑ {above} above", "muted")] if above else []
    gaps = [Span("   ")] * len(texts)
    pieces = [piece for pair in zip(texts, gaps, strict=True) for piece in pair]
    keys = "PgDn PgUp" if typing else "j k PgDn PgUp"
    return (*pieces, Span(keys, "key"), Span(" scroll", "muted"))
