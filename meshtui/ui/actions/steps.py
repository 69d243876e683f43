"""By which key, or which line after `:`, what is to be done next is done on the screen."""

from __future__ import annotations

from meshtui.diagnosis.explain.steps import FAULT_OFF, LINES, SAID, TYPED, Step
from meshtui.ui.actions.registry import key_of


def by_key(step: Step) -> str:
    """`R`, `:logs code:503`, `kubectl get pods`; empty for what is done elsewhere."""
    if step.do == LINES:
        return f":logs {'callers ' if step.callers else ''}{step.of}"
    if step.do == FAULT_OFF:
        return f":fault off rule {step.of}"
    if step.do in (TYPED, SAID):
        return step.of
    return key_of(step.do)


def on_a_service(step: Step) -> str:
    """The same where the cursor is on a service: a weight has to be said of a version there."""
    return f":shift {step.of}" if step.do == "lighter" and step.of else by_key(step)
