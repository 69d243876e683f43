"""The canary's pane and the keys inside of it; the pane itself does them."""

from __future__ import annotations

from meshtui.ui.actions.action import ANYWHERE, LOOK, Action
from meshtui.ui.actions.situation import CANARY

IN_CANARY = frozenset({CANARY})

STEERING: tuple[Action, ...] = (
    Action(
        "canary", ("C",), "C", "canary",
        "The service's canary: its ladder, its counts, the evidence, and who drives it.",
        LOOK, False, ANYWHERE, "service", 93,
    ),
    Action(
        "canary_run", ("enter",), "Enter", "start one",
        "Canary: the command line for one of this service; asks before it begins.",
        LOOK, True, IN_CANARY, "service", 10, False,
    ),
    Action(
        "canary_hold", ("space",), "Space", "hold/resume",
        "Canary: stay at this step, or go on; also where it asks, or nobody drives it.",
        LOOK, True, IN_CANARY, "service", 7, False,
    ),
    Action(
        "canary_abort", ("X",), "X", "abort",
        "Canary: all traffic back to stable, and the end of it; asks first.",
        LOOK, True, IN_CANARY, "service", 8, False,
    ),
    Action(
        "canary_promote", ("P",), "P", "to the last step",
        "Canary: on to the last step without those between; asks first.",
        LOOK, True, IN_CANARY, "service", 9, False,
    ),
)  # fmt: skip
