"""What to do next, apart from how it is done: by a key of the screen, or by a command."""

from __future__ import annotations

from collections.abc import Callable

from meshtui.dataclass import dataclass

LINES, FAULT_OFF, TYPED, SAID = "lines", "fault off", "typed", "said"
"""Steps that are no action of the screen: log lines, one rule's fault, a command of another
program, and what is done elsewhere."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, and why or what of it in `text`.

    `do` is an action of the screen by its name, or one of the above; `of` the words of a filter of
    log lines, the rule, the weight or what is typed. `callers`: the lines are in the callers' logs.
    `instead`: another way to the same end as the step before.
    """

    do: str
    text: str = ""
    of: str = ""
    callers: bool = False
    instead: bool = False


Steps = tuple[Step, ...]


def lines_of(words: str, text: str = "", *, callers: bool = False) -> Step:
    """Look at the log lines that a filter lets through."""
    return Step(LINES, text, words, callers)


def typed(command: str, text: str = "") -> Step:
    """A command of another program."""
    return Step(TYPED, text, command)


def steps_text(steps: Steps, how: Callable[[Step], str]) -> str:
    """As it is read: `R: roll back, or -: take weight off v3; :logs code:503: its log lines`."""
    text = ""
    for step in steps:
        one = ": ".join(filter(None, (how(step), step.text)))
        text += f"{', or ' if step.instead else '; '}{one}" if text else one
    return text
