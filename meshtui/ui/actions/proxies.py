"""The keys inside of the proxies pane; the pane itself does them."""

from __future__ import annotations

from meshtui.ui.actions.action import LOOK, Action
from meshtui.ui.actions.situation import PROXIES

IN_PROXIES = frozenset({PROXIES})


def _view(key: str, name: str, label: str, text: str) -> Action:
    help_text = f"Proxies: {text}"
    return Action(
        f"view_{name}", (key,), key, label, help_text, LOOK, where=IN_PROXIES, palette=False
    )


PROXYING: tuple[Action, ...] = (
    _view("1", "intent", "intent", "what each rule asks against what each client's proxy does."),
    _view("2", "routes", "routes", "the proxy's routes for the service."),
    _view("3", "clusters", "clusters", "its clusters, limits, gauges and overflows."),
    _view("4", "endpoints", "endpoints", "its endpoints, their health and who is ejected."),
    _view("5", "listeners", "listeners", "what it listens on, and where that goes."),
    Action(
        "open_proxy", ("enter",), "Enter", "open/next match",
        "Proxies: the routes of the proxy under the cursor; in raw JSON the next match.",
        LOOK, False, IN_PROXIES, "", 7, False,
    ),
    Action(
        "next_proxy", ("right_square_bracket", "right"), "] →", "next proxy",
        "Proxies: the next client's proxy.",
        LOOK, False, IN_PROXIES, "", 8, False,
    ),
    Action(
        "previous_proxy", ("left_square_bracket", "left"), "[ ←", "proxy before",
        "Proxies: the client's proxy before.",
        LOOK, False, IN_PROXIES, "", 0, False,
    ),
    Action(
        "everything", ("space",), "Space", "service/all",
        "Proxies: what the proxy has for this service, or all that it has.",
        LOOK, False, IN_PROXIES, "", 9, False,
    ),
    Action(
        "raw_proxy", ("w",), "w", "raw",
        "Proxies: the JSON as the proxy gave it; {filter} searches it, "
        "{open_proxy} {match_before} {next_match} go from match to match.",
        LOOK, False, IN_PROXIES, "", 10, False,
    ),
    Action(
        "save_dump", ("D",), "D", "save dump",
        "Proxies: the proxy's whole configuration into a new file.",
        LOOK, False, IN_PROXIES, "", 11, False,
    ),
    Action(
        "next_match", ("full_stop",), ".", "next match",
        "Proxies, raw JSON: to the next match.",
        LOOK, False, IN_PROXIES, "", 0, False,
    ),
    Action(
        "match_before", ("comma",), ",", "match before",
        "Proxies, raw JSON: to the match before.",
        LOOK, False, IN_PROXIES, "", 0, False,
    ),
    Action(
        "columns_right", ("greater_than_sign",), ">", "to the right",
        "Proxies: columns that are cut off at the right.",
        LOOK, False, IN_PROXIES, "", 0, False,
    ),
    Action(
        "columns_left", ("less_than_sign",), "<", "to the left",
        "Proxies: columns that are cut off at the left.",
        LOOK, False, IN_PROXIES, "", 0, False,
    ),
)  # fmt: skip
