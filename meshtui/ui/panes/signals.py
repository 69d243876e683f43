"""Caller's and server's view of the selected service, and what its errors mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.message import Message

from meshtui.diagnosis.explain.evidence import Evidence
from meshtui.diagnosis.explain.scope import VersionScope, scope_of
from meshtui.errors import MeshtuiError
from meshtui.mesh.judging import NO_TRAFFIC, NOT_KNOWN, OK, bad_ratio
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.signals import Signals
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView
from meshtui.operations.types import Snapshot
from meshtui.ui.actions.steps import by_key, on_a_service
from meshtui.ui.main.background import in_background
from meshtui.ui.main.snapshot_feed import unexpected
from meshtui.ui.panes.base import Pane
from meshtui.ui.panes.signalstext import by_how, signals_lines
from meshtui.ui.table.outline import version_name
from meshtui.ui.widgets.headline import telemetry_words
from meshtui.ui.widgets.paint import Line, span

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit

FAULTS = ("fault", "rule")
"""First words of changes that put a fault in: a targeted one is a rule of its own."""


def _wants_evidence(view: ServiceView) -> bool:
    seen = (view.caller, view.server)
    bad = any(one is not None and (bad_ratio(one) or one.flags or _refuses(one)) for one in seen)
    return bad or view.state not in (OK, NO_TRAFFIC, NOT_KNOWN)


def _refuses(signals: Signals) -> bool:
    return any(code.startswith("4") for code in signals.codes)


class SignalsPane(Pane):
    """Follows the cursor to a service, or to one version of it.

    The numbers at once; what logs and istiod say of errors on a slow beat, while it is shown.
    """

    kind = "signals"
    EVERY_S: ClassVar[float] = 15.0
    SETTLE_S: ClassVar[float] = 0.5
    """Seconds for which the cursor rests before logs are read."""

    class Witnessed(Message):
        """What was read beside telemetry."""

        def __init__(self, service: ServiceKey, evidence: Evidence | None) -> None:
            super().__init__()
            self.service = service
            self.evidence = evidence

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._snapshot: Snapshot | None = None
        self._evidence: tuple[ServiceKey, Evidence] | None = None
        self._asked: ServiceKey | None = None
        self._asked_at = 0.0
        self._busy = False
        self._place: tuple[ServiceKey, str] | None = None
        self._old = False
        """Whether what is shown is dimmed as old."""

    def update_body(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        if self.view is not None and self.view.key != self._asked and not self._busy:
            self._asked, self._asked_at = self.view.key, self.now + self.SETTLE_S - self.EVERY_S
        self._ask_if_due()
        self._show()

    def tick(self, now: float) -> None:
        """Numbers grow old while nothing comes."""
        super().tick(now)
        self._ask_if_due()
        if self._stale != self._old:
            self._show()

    def _ask_if_due(self) -> None:
        """Only of a service with something to explain."""
        view = self.view
        if view is None or self._busy or not self._visible or not _wants_evidence(view):
            return
        if view.key == self._asked and self.now - self._asked_at >= self.EVERY_S:
            self._busy, self._asked_at = True, self.now
            in_background(self, "evidence", self._read, view.key)

    def read_again(self) -> None:
        self._asked_at = self.now - self.EVERY_S
        self._ask_if_due()

    async def _read(self, service: ServiceKey) -> None:
        """The numbers stand without it: what fails here is only not added to them."""
        try:
            found = await self.cockpit.evidence(service)
        except MeshtuiError:
            found = None
        except Exception as error:  # noqa: BLE001 - the edge of a worker
            found = Evidence(troubles=(str(unexpected("reading logs", error)),))
        self.post_message(self.Witnessed(service, found))

    def on_signals_pane_witnessed(self, message: Witnessed) -> None:
        self._busy = False
        self._evidence = (message.service, message.evidence) if message.evidence else None
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
        trouble = health.message or ("" if health.state == "ok" else health.state)
        width = self.size.width - 3
        told = by_how(by_key if scope.row else on_a_service)
        self.listing.fill(signals_lines(scope, trouble, width, told=told, stale=self._old))
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
        known = self._evidence
        evidence = known[1] if known is not None and known[0] == self.view.key else None
        return scope_of(
            shown.mesh, self.view, self._row, shown.sample, shown.views, ends_s, evidence
        )

    def _ends(self, view: ServiceView) -> float | None:
        """Seconds until the service's fault is taken off by itself."""
        mine = (p for p in self.cockpit.pending() if p.service == view.key)
        left = [p.left_s for p in mine if p.words.partition(" ")[0] in FAULTS]
        return min(left, default=None)

    def on_resize(self) -> None:
        super().on_resize()
        self._show()
