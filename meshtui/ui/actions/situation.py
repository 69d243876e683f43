"""Where the person is: what the keys of the moment and the reasons why not are decided by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from meshtui.dataclass import dataclass

TABLE, LOGS, PROXIES, RULES, JOURNAL = "table", "logs", "proxies", "rules", "journal"
ANALYSIS, TRACE = "analysis", "trace"
CHARTS, SIGNALS = "charts", "signals"
EXPOSURE, PODS, CANARY = "exposure", "pods", "canary"
STATUS = "status"
GRAPH, DESCRIBE = "graph", "describe"
LOAD = "load"

PROMPTING = ("colon", "slash")
"""Keys that open the prompt: they go first, so that what is typed after them is in it."""


@dataclass(frozen=True, slots=True)
class Situation:
    """`focus` is the table or a pane by its kind; `service` and `version` what the cursor is on."""

    focus: str = TABLE
    connected: bool = False
    read_only: bool = False
    denied: str = ""
    denied_verbs: Mapping[str, str] = field(default_factory=dict)
    """Why the selected service's rules may not be changed; empty where they may."""

    service: str = ""
    version: str = ""
    draft: bool = False
    filtered: bool = False
    open_panes: frozenset[str] = frozenset()
    idle: frozenset[str] = frozenset()
    """Actions that the focused pane has nothing for now."""
