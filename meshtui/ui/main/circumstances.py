"""The situation of the moment, read off the screen's parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from meshtui.ui.actions.action import OTHER_RIGHTS
from meshtui.ui.actions.situation import JOURNAL, Situation
from meshtui.ui.main.drafts import Drafts
from meshtui.ui.main.host import HasSnapshot
from meshtui.ui.main.layout import Arrangement
from meshtui.ui.panes.dock import PaneDock
from meshtui.ui.table.widget import MeshTable

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit


class Parts(HasSnapshot, Protocol):
    """What decides the situation."""

    @property
    def table(self) -> MeshTable: ...

    @property
    def dock(self) -> PaneDock: ...

    @property
    def arrangement(self) -> Arrangement: ...

    @property
    def drafting(self) -> Drafts: ...

    @property
    def cockpit(self) -> Cockpit: ...

    @property
    def was_connected(self) -> bool: ...


def situation_of(screen: Parts) -> Situation:
    """What decides which keys mean what, and which are not allowed."""
    view, version = screen.table.view, screen.table.version
    pane = screen.arrangement.focused_pane
    return Situation(
        focus=screen.arrangement.focus,
        connected=screen.was_connected,
        read_only=screen.cockpit.read_only,
        denied=_denied(screen),
        denied_verbs=_denied_verbs(screen),
        service=view.key.name if view else "",
        version=version.label if version else "",
        draft=view is not None and view.key in screen.drafting.drafts,
        filtered=bool(screen.table.filter),
        open_panes=frozenset(screen.dock.open_kinds),
        idle=pane.idle if pane else frozenset(),
    )


def _denied_verbs(screen: Parts) -> Mapping[str, str]:
    """What needs another right than the selected service's rules do, and is not allowed."""
    view = screen.table.view
    if view is None or screen.snapshot is None:
        return {}
    denied, pane = screen.snapshot.of(view.key).denied, screen.arrangement.focused_pane
    entry = pane.denied if pane else ""
    last = entry if screen.arrangement.focus == JOURNAL else denied.get("undo", "")
    others = {verb: denied.get(f"{view.key.namespace}/{verb}", "") for verb in OTHER_RIGHTS}
    return {**others, "undo": last, "undo_entry": entry}


def _denied(screen: Parts) -> str:
    """Why the object that routes the service may not be changed."""
    view = screen.table.view
    if view is None or screen.snapshot is None or view.virtual_service is None:
        return ""
    return screen.snapshot.of(view.key).denied.get(view.virtual_service.ref.namespace, "")
