"""The keys inside of the logs pane; the pane itself does them."""

from __future__ import annotations

from meshtui.ui.action import LOOK, Action
from meshtui.ui.situation import LOGS

IN_LOGS = frozenset({LOGS})

LOGGING: tuple[Action, ...] = (
    Action(
        "pause", ("space",), "Space", "pause/follow",
        "Logs: stop following, or follow again.",
        LOOK, False, IN_LOGS, "", 8, False,
    ),
)  # fmt: skip
