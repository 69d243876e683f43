"""The keys inside of the proxies pane; the pane itself does them."""

from __future__ import annotations

from meshtui.ui.action import LOOK, Action
from meshtui.ui.situation import PROXIES

IN_PROXIES = frozenset({PROXIES})

PROXYING: tuple[Action, ...] = (
    Action(
        "next_proxy", ("right_square_bracket", "right"), "] →", "next proxy",
        "Proxies: ask the next client's proxy.",
        LOOK, False, IN_PROXIES, "", 8, False,
    ),
    Action(
        "previous_proxy", ("left_square_bracket", "left"), "[ ←", "previous proxy",
        "Proxies: ask the client's proxy before.",
        LOOK, False, IN_PROXIES, "", 0, False,
    ),
)  # fmt: skip
