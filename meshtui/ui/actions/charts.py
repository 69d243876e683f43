"""The pane of charts and the keys inside of it; the pane itself does them."""

from __future__ import annotations

from meshtui.ui.actions.action import ANYWHERE, LOOK, Action
from meshtui.ui.actions.situation import CHARTS

IN_CHARTS = frozenset({CHARTS})

CHARTING: tuple[Action, ...] = (
    Action(
        "charts", ("h",), "h", "charts",
        "Errors, latency and requests over the last 5 min to 6 h, with the changes made.",
        LOOK, False, ANYWHERE, "service", 94,
    ),
    Action(
        "shorter", ("less_than_sign",), "<", "shorter",
        "Charts: a shorter time, down to 5 minutes.",
        LOOK, False, IN_CHARTS, "", 7, False,
    ),
    Action(
        "longer", ("greater_than_sign",), ">", "longer",
        "Charts: a longer time, up to 6 hours.",
        LOOK, False, IN_CHARTS, "", 8, False,
    ),
    Action(
        "next_chart", ("space",), "Space", "next chart",
        "Charts: all of them, errors, latency, or requests alone.",
        LOOK, False, IN_CHARTS, "", 9, False,
    ),
    Action(
        "quantile", ("enter",), "Enter", "p99/p95/p50",
        "Charts: another quantile of the latency.",
        LOOK, False, IN_CHARTS, "", 10, False,
    ),
)  # fmt: skip
