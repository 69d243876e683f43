"""What somebody looks at, told to the cockpit: of a large mesh that is measured first.

It is looked at once a second, so that who scrolls through a thousand rows sends nobody after each
of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtui.mesh.model import ServiceKey
from meshtui.ui.main.change_desk import ChangeDesk
from meshtui.ui.main.table_feed import TableFeed
from meshtui.ui.table.widget import MeshTable

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit


class InSight:
    """Says it where it is something else than before."""

    def __init__(
        self, table: MeshTable, feed: TableFeed, desk: ChangeDesk, cockpit: Cockpit
    ) -> None:
        self._table = table
        self._feed = feed
        self._desk = desk
        self._cockpit = cockpit
        self._told: tuple[frozenset[ServiceKey], frozenset[ServiceKey] | None] | None = None

    def tell(self) -> None:
        """The rows in sight, the one that is selected, and what is being changed."""
        changing = (one.service for plan in self._desk.busy for one in plan.changes)
        shown = self._table.in_sight.union(changing)
        limited = self._feed.namespace or self._table.filter
        listed = self._table.listed if limited else None
        if (shown, listed) != self._told and self._table.entries:
            self._told = shown, listed
            self._cockpit.show(shown, listed)

    def forget(self) -> None:
        """Another connection knows nothing of it yet."""
        self._told = None
