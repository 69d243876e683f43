"""What an action is: its keys, its words, and when it can be done."""

from __future__ import annotations

from meshtui.dataclass import dataclass
from meshtui.ui.actions.situation import (
    ANALYSIS,
    CANARY,
    CHARTS,
    DESCRIBE,
    EXPOSURE,
    GRAPH,
    JOURNAL,
    LOAD,
    LOGS,
    PODS,
    PROXIES,
    RULES,
    SIGNALS,
    STATUS,
    TABLE,
    TRACE,
    Situation,
)

ANYWHERE = frozenset(
    {
        TABLE,
        LOGS,
        PROXIES,
        RULES,
        ANALYSIS,
        TRACE,
        JOURNAL,
        CHARTS,
        SIGNALS,
        EXPOSURE,
        PODS,
        CANARY,
        STATUS,
        GRAPH,
        DESCRIBE,
        LOAD,
    }
)
IN_TABLE = frozenset({TABLE})
OF_A_ROW = frozenset({TABLE, SIGNALS})
"""Where the selected version is what one looks at: the signals say why to take weight off it."""

IN_TEXT = frozenset({LOGS, RULES})
IN_LONG = ANYWHERE - {TABLE, GRAPH}
"""Panes, where `g` is what it is to less, vim and k9s; the graph's own is closed by its key."""

WITH_TEXT = ANYWHERE - {TABLE, LOGS}
"""Panes whose text is all there; of the logs lines are copied."""

IN_GRAPH = frozenset({GRAPH})
IN_RULES = frozenset({RULES})
IN_JOURNAL = frozenset({JOURNAL})

MOVE, FIND, CHANGE, LOOK, PROGRAM = "Move", "Find and sort", "Change", "Look closer", "Program"
GROUPS = (CHANGE, LOOK, FIND, MOVE, PROGRAM)


def way(place: str) -> str:
    """A part of the screen with the key that leads there; panes are called as their actions."""
    return f"{place} ({{{'focus' if place == TABLE else place}}})"


ORDERS = frozenset({"canary_hold", "canary_abort", "canary_promote"})
"""Orders to whoever drives a canary: written to its Lease."""

OTHER_RIGHTS = frozenset({"breaker", "adopt", "undo", "undo_entry", *ORDERS})
"""Changes to other objects than the selected service's VirtualService: the plan asks for these."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something a key does. In its words `{logs}` stands for the key of the moment of that action.

    `keys` are Textual's names; `shown` is how they are written for people. `where` names the
    parts of the screen that must have the focus. `footer` is its place in the footer, 0 for none.
    """

    id: str
    keys: tuple[str, ...]
    shown: str
    label: str
    help: str
    group: str
    changes: bool = False
    where: frozenset[str] = ANYWHERE
    needs: str = ""
    """ "service", "version" or "draft": what there must be; "head": a service's own line."""

    footer: int = 0
    palette: bool = True

    @property
    def wide(self) -> bool:
        """Whether it works in most parts of the screen, so that it is told once for all."""
        return len(self.where) > len(ANYWHERE) // 2

    @property
    def breadth(self) -> int:
        """Of how many parts of the screen it is; the table and what speaks of its row are one."""
        return 1 if self.where <= OF_A_ROW else len(self.where)

    def why_not(self, now: Situation) -> str:
        """Why it cannot be done now, in words; empty where it can."""
        if now.focus not in self.where:
            return f"{self.shown} does nothing here; {self.place_words(now)}"
        if self.needs and not now.connected:
            return "not connected yet"
        return self.forbidden(now) or self.missing(now)

    def place_words(self, now: Situation) -> str:
        """What it does, where, and how to get there: `clusters: in proxies ({proxies})`."""
        places = (way(place) for place in sorted(self.where - {now.focus}))
        return f"{self.label}: in {' or '.join(places)}"

    def forbidden(self, now: Situation) -> str:
        """Why the person may not, whatever the cursor is on."""
        if self.changes and now.read_only:
            return "read-only: nothing can be changed from here"
        if self.id in OTHER_RIGHTS:
            return now.denied_verbs.get(self.id, "")
        return now.denied if self.changes else ""

    def missing(self, now: Situation) -> str:
        """What there would have to be."""
        if self.needs and not now.service:
            return "no service is selected"
        if self.needs == "version" and not now.version:
            return "choose a version first: the cursor is on a service"
        if self.needs == "head" and now.version:
            return f"{self.shown} ({self.label}) is for a service; the cursor is on a version"
        if self.needs == "draft" and not now.draft:
            return "there is no draft: {heavier} and {lighter} change the selected version's weight"
        return ""
