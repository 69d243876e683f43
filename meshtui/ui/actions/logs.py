"""The keys inside of the logs pane; the pane itself does them.

Some stand for another action elsewhere, even one that changes the mesh (`c`, `m`): here they do
nothing to it. `R`, `u` and the other changes mean the same everywhere.
"""

from __future__ import annotations

from meshtui.ui.actions.action import LOOK, Action
from meshtui.ui.actions.situation import LOGS

IN_LOGS = frozenset({LOGS})

LOGGING: tuple[Action, ...] = (
    Action(
        "only_5xx", ("5",), "5", "5xx",
        "Logs: only what was answered 5xx, as by {filter}5xx, summed up by path; again all lines.",
        LOOK, False, IN_LOGS, "", 7, False,
    ),
    Action(
        "open_line", ("enter",), "Enter", "open line",
        "Logs: the line under the cursor in its fields, with its flags in words.",
        LOOK, False, IN_LOGS, "", 7, False,
    ),
    Action(
        "follow_request", ("F",), "F", "follow request",
        "Logs: the request of the line under the cursor through every proxy's and program's log.",
        LOOK, False, IN_LOGS, "", 12, False,
    ),
    Action(
        "pause", ("space",), "Space", "pause/follow",
        "Logs: stop following, or follow again.",
        LOOK, False, IN_LOGS, "", 8, False,
    ),
    Action(
        "error_before", ("N",), "N", "error before",
        "Logs: to the next error above the cursor.",
        LOOK, False, IN_LOGS, "", 9, False,
    ),
    Action(
        "error_after", ("n",), "n", "error after",
        "Logs: to the next error below the cursor.",
        LOOK, False, IN_LOGS, "", 0, False,
    ),
    Action(
        "wrap", ("w",), "w", "wrap",
        "Logs: break long lines, or leave them to be followed with {scroll_left} {scroll_right}.",
        LOOK, False, IN_LOGS, "", 0, False,
    ),
    Action(
        "as_written", ("v",), "v", "as written",
        "Logs: lines as the proxies wrote them, or readable.",
        LOOK, False, IN_LOGS, "", 0, False,
    ),
    Action(
        "times", ("T",), "T", "times",
        "Logs: show or hide the times; of lines as written, the kubelet's.",
        LOOK, False, IN_LOGS, "", 0, False,
    ),
    Action(
        "further_back", ("B",), "B", "further back",
        "Logs: begin 200 or 1,000 lines back, 5m, 15m, 1h, or with all there is.",
        LOOK, False, IN_LOGS, "", 0, False,
    ),
    Action(
        "callers", ("C",), "C", "callers too",
        "Logs: with what callers' proxies say of the service: only there are UO, UF, NR, FI.",
        LOOK, False, IN_LOGS, "", 0, False,
    ),
    Action(
        "programs", ("O",), "O", "programs too",
        "Logs: with what the pods' own programs write, by time; :logs container NAME one's.",
        LOOK, False, IN_LOGS, "", 0, False,
    ),
    Action(
        "highlight", ("M",), "M", "highlight",
        "Logs: mark what matches a regular expression in the lines; without one nothing.",
        LOOK, False, IN_LOGS, "", 0, False,
    ),
    Action(
        "mark", ("m",), "m", "mark",
        "Logs: draw a line with the time.",
        LOOK, False, IN_LOGS, "", 0, False,
    ),
    Action(
        "copy", ("c",), "c", "copy",
        "Logs: the line under the cursor to the clipboard; while following all that are shown.",
        LOOK, False, IN_LOGS, "", 11, False,
    ),
    Action(
        "save", ("S",), "S", "save",
        "Logs: the lines that are shown to a new file, readable by you alone.",
        LOOK, False, IN_LOGS, "", 0, False,
    ),
)  # fmt: skip
