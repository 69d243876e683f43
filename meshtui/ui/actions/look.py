"""Actions that open panes, and the keys inside of panes that have only one or two."""

from __future__ import annotations

from meshtui.ui.actions.action import (
    ANYWHERE,
    IN_GRAPH,
    IN_JOURNAL,
    IN_RULES,
    IN_TABLE,
    LOOK,
    WITH_TEXT,
    Action,
)
from meshtui.ui.actions.situation import LOAD, TRACE

LOOKING: tuple[Action, ...] = (
    Action(
        "open_version", ("enter",), "Enter", "why",
        "On a version without a draft: its signals, which say in words what is wrong.",
        LOOK, False, IN_TABLE, "version", 7, False,
    ),
    Action(
        "logs", ("l",), "l", "logs",
        "Tail the access logs of the service's proxies, all pods.",
        LOOK, False, ANYWHERE, "service", 23,
    ),
    Action(
        "proxies", ("p",), "p", "proxies",
        "What the clients' proxies really route for the service.",
        LOOK, False, ANYWHERE, "service", 80,
    ),
    Action(
        "rules", ("v",), "v", "rules",
        "What VirtualService and DestinationRule say, in words.",
        LOOK, False, ANYWHERE, "service", 90,
    ),
    Action(
        "yaml", ("y",), "y", "YAML",
        "The same objects as they are stored, but for managed fields and what was applied last.",
        LOOK, False, ANYWHERE, "service", 91,
    ),
    Action(
        "trace", ("t",), "t", "trace",
        "Which rule takes a request to the service, by the objects and in the clients' proxies.",
        LOOK, False, ANYWHERE, "service", 95,
    ),
    Action(
        "request", ("enter",), "Enter", "other request",
        "Trace: ask for another method, path, header, host or caller.",
        LOOK, False, frozenset({TRACE}), "service", 7, False,
    ),
    Action(
        "send", ("T",), "T", "send it",
        "Trace: send the request once, from a caller's pod, and find it in both sides' logs.",
        LOOK, False, frozenset({TRACE}), "service", 8, False,
    ),
    Action(
        "load", ("K",), "K", "load",
        "A bounded load from a caller's pod: codes, times, and what the breaker does meanwhile.",
        LOOK, False, ANYWHERE, "service", 99,
    ),
    Action(
        "load_words", ("enter",), "Enter", "begin a load",
        "Load: say how much, for how long and of which request; it asks before it begins.",
        LOOK, False, frozenset({LOAD}), "service", 7, False,
    ),
    Action(
        "load_stop", ("X",), "X", "stop it",
        "Load: end it now; what came of it stays.",
        LOOK, False, frozenset({LOAD}), "", 8, False,
    ),
    Action(
        "signals", ("s",), "s", "signals",
        "Caller's and server's view: codes, statuses and flags, what each means and what to do.",
        LOOK, False, ANYWHERE, "service", 45,
    ),
    Action(
        "view_side", ("V",), "V", "caller/server",
        "The table's numbers: what callers saw, or what the versions themselves did.",
        LOOK, footer=99,
    ),
    Action(
        "graph", ("g",), "g", "graph",
        "Who calls the service and which versions they reach: rates, errors, mTLS, the rules.",
        LOOK, False, ANYWHERE, "", 46,
    ),
    Action(
        "describe", ("d",), "d", "describe",
        "All that configures the service or version: rules, mTLS, policies, Sidecar, images.",
        LOOK, False, ANYWHERE, "service", 91,
    ),
    Action(
        "open_row", ("enter",), "Enter", "to its row",
        "Graph: the table's cursor to the caller, version or service under the pane's.",
        LOOK, False, IN_GRAPH, "", 7, False,
    ),
    Action(
        "to_callers", ("left",), "←", "callers",
        "Graph: the cursor to the callers.",
        LOOK, False, IN_GRAPH, "", 8, False,
    ),
    Action(
        "to_versions", ("right",), "→", "versions",
        "Graph: the cursor to the versions.",
        LOOK, False, IN_GRAPH, "", 8, False,
    ),
    Action(
        "whole_graph", ("space",), "Space", "service/all",
        "Graph: what is around the selected service, or the whole mesh.",
        LOOK, False, IN_GRAPH, "", 9, False,
    ),
    Action(
        "analysis", ("a",), "a", "analysis",
        "What is wrong with the mesh as it is written, the selected service's findings first.",
        LOOK, False, ANYWHERE, "", 96,
    ),
    Action(
        "exposure", ("x",), "x", "exposure",
        "How traffic from outside gets to the service, and which rate limits stand in its way.",
        LOOK, False, ANYWHERE, "service", 97,
    ),
    Action(
        "pods", ("i",), "i", "pods",
        "The pods: ready, restarts and why, age, node, sidecar and whether it is in sync.",
        LOOK, False, ANYWHERE, "service", 98,
    ),
    Action(
        "status", ("H",), "H", "status",
        "Every proxy of the mesh: version, sync state by type, what it refuses; "
        "{filter} narrows it.",
        LOOK, footer=99,
    ),
    Action(
        "journal", ("J",), "J", "journal",
        "The changes that you made from this machine, newest first, each with its way back.",
        LOOK, footer=95,
    ),
    Action(
        "everyones", ("space",), "Space", "one/all services",
        "Journal: the changes of the selected service, or of all.",
        LOOK, False, IN_JOURNAL, "", 8, False,
    ),
    Action(
        "select_rule", ("enter", "asterisk"), "Enter *", "this rule",
        "Rules: show and change the rule under the cursor; {back} in the table: the ordinary one.",
        LOOK, False, IN_RULES, "service", 7, False,
    ),
    Action(
        "raw", ("w",), "w", "words/YAML",
        "Rules in words, or as YAML.",
        LOOK, False, IN_RULES, "", 9, False,
    ),
    Action(
        "copy_pane", ("Y",), "Y", "copy it",
        "A pane's text to the clipboard, by the terminal: YAML as it can be applied; logs: {copy}.",
        LOOK, False, WITH_TEXT, "", 0, False,
    ),
    Action(
        "refresh", ("r",), "r", "read again",
        "Read again what the open panes show.",
        LOOK,
    ),
)  # fmt: skip
