"""Caller's and server's view of the selected service, and what its errors mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtui.diagnosis.explain.scope import VersionScope, scope_of
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView
from meshtui.operations.types import Snapshot
from meshtui.ui.panes.base import Pane
from meshtui.ui.panes.signalstext import signals_lines
from meshtui.ui.table.outline import version_name
from meshtui.ui.widgets.headline import telemetry_words
from meshtui.ui.widgets.paint import Line, span

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit

FAULTS = ("fault", "rule")
"""First words of changes that put a fault in: a targeted one is a rule of its own."""


class SignalsPane(Pane):
    """Follows the cursor to a service, or to one version of it."""

    kind = "signals"

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._snapshot: Snapshot | None = None
        self._place: tuple[ServiceKey, str] | None = None
        self._old = False
        """Whether what is shown is dimmed as old."""

    def update_body(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._show()

    def tick(self, now: float) -> None:
        """Numbers grow old while nothing comes."""
        super().tick(now)
        if self._stale != self._old:
            self._show()

    @property
    def _stale(self) -> bool:
        shown = self._snapshot
        return shown is not None and shown.telemetry.stale(max(0.0, self.now - shown.time))

    def title_words(self) -> tuple[Line, Line]:
        row = self._row
        version = (span(f"{version_name(row)}  ", "strong"),) if row else ()
        if self._snapshot is None:
            return version, ()
        return version, telemetry_words(self._snapshot, self.now)

    @property
    def _row(self) -> VersionView | None:
        """The version under the cursor."""
        rows = self.view.versions if self.view and self.version else ()
        return next((row for row in rows if row.label == self.version), None)

    def _show(self) -> None:
        """Not while it is out of sight: it is told again when it comes to the front."""
        scope = self._scope() if self._visible else None
        if scope is None or self._snapshot is None:
            return
        health, self._old = self._snapshot.telemetry, self._stale
        trouble = "" if health.state == "ok" else health.message or health.state
        width = self.size.width - 3
        self.listing.fill(signals_lines(scope, trouble, width, stale=self._old))
        place = (scope.view.key, self.version)
        if place != self._place:
            self._place = place
            self.listing.to_top()

    @property
    def _visible(self) -> bool:
        return self.is_mounted and self.display and self.size.width > 0

    def _scope(self) -> VersionScope | None:
        if self.view is None or self._snapshot is None:
            return None
        shown = self._snapshot
        ends_s = self._ends(self.view)
        return scope_of(shown.mesh, self.view, self._row, shown.sample, shown.views, ends_s)

    def _ends(self, view: ServiceView) -> float | None:
        """Seconds until the service's fault is taken off by itself."""
        mine = (p for p in self.cockpit.pending() if p.service == view.key)
        left = [p.left_s for p in mine if p.words.partition(" ")[0] in FAULTS]
        return min(left, default=None)

    def on_resize(self) -> None:
        super().on_resize()
        self._show()
