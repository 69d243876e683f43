"""How traffic from outside gets to the selected service, and what limits it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.message import Message

from meshtui.errors import MeshtuiError
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.quantity import human_duration
from meshtui.mesh.service_limits import Exposed, exposed, refused
from meshtui.operations.look.exposure import Tally, growth, tally
from meshtui.operations.look.proxy_counters import Counters
from meshtui.operations.types import Snapshot
from meshtui.ui.main.background import in_background
from meshtui.ui.main.snapshot_feed import unexpected
from meshtui.ui.panes.base import Pane
from meshtui.ui.panes.exposuretext import Reading, exposure_lines, summary
from meshtui.ui.widgets.paint import BLANK, Line, Span, wrapped

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit

Clients = frozenset[tuple[str, str]]
NOBODY: Clients = frozenset()
OLD = "telemetry is STALE: what is refused now is not known"


class ExposurePane(Pane):
    """By the objects at once; the proxies' counters on a slow beat, and only while it is shown."""

    kind = "exposure"
    EVERY_S: ClassVar[float] = 10.0
    PATIENCE_S: ClassVar[float] = 60.0

    class Counted(Message):
        """What the proxies on the way to a service refused so far."""

        def __init__(self, found: Exposed, counters: tuple[Counters, ...]) -> None:
            super().__init__()
            self.found = found
            self.counters = counters

    class Failed(Message):
        """The proxies could not be asked at all."""

        def __init__(self, found: Exposed, error: MeshtuiError) -> None:
            super().__init__()
            self.found = found
            self.error = error

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._snapshot: Snapshot | None = None
        self._old = False
        """Whether telemetry is shown as too old to tell what is refused now."""

        self._mark: tuple[Mesh, ServiceKey, Clients] | None = None
        self._found: Exposed | None = None
        self._readings: dict[int, Reading] = {}
        self._counted_at: float | None = None
        self._asked_at = 0.0
        self._awaited = False
        self._error: MeshtuiError | None = None

    def update_body(self, snapshot: Snapshot) -> None:
        """Out of sight nothing is worked out: the pane is told again when it comes to the front."""
        if self.view is None or not self.display:
            return
        self._snapshot = snapshot
        sample, service = snapshot.sample, self.view.service
        clients = sample.clients.get(service.key, NOBODY) if sample else NOBODY
        mark = (snapshot.mesh, service.key, clients)
        if not self._is_same(mark):
            moved = self._mark is None or self._mark[1] != service.key
            self._mark, before = mark, self._found
            self._found = exposed(snapshot.mesh, service, sample)
            if moved or before is None or before.limits != self._found.limits:
                self._ask_anew()
            if moved:
                self.listing.to_top()
        elif self._found is not None:
            self._found = replace(self._found, refused=refused(service.key, sample))
        self._show()

    def _is_same(self, mark: tuple[Mesh, ServiceKey, Clients]) -> bool:
        """A mesh is the same object for as long as nothing changes in it."""
        return self._mark is not None and self._mark[0] is mark[0] and self._mark[1:] == mark[1:]

    def _ask_anew(self) -> None:
        self._readings, self._counted_at, self._error, self._awaited = {}, None, None, False
        self.read_again()

    def read_again(self) -> None:
        found = self._found
        if found is not None and found.limiting_pods:
            self._asked_at, self._awaited = self.now, True
            in_background(self, "exposure", self._count, found)

    async def _count(self, found: Exposed) -> None:
        try:
            counters = await self.cockpit.limit_counters(found.limiting_pods)
        except MeshtuiError as error:
            self.post_message(self.Failed(found, error))
        except Exception as error:  # noqa: BLE001 - the edge of a worker
            self.post_message(self.Failed(found, unexpected("asking the proxies", error)))
        else:
            self.post_message(self.Counted(found, counters))

    def on_exposure_pane_counted(self, message: Counted) -> None:
        if not self._is_asked(message.found):
            return
        self._awaited = False
        seconds = self.now - (self.now if self._counted_at is None else self._counted_at)
        before = self._readings
        self._readings = {}
        for place, one in enumerate(message.found.limits):
            found = tally(one, message.counters)
            last = before[place].tally if place in before else Tally()
            self._readings[place] = Reading(found, growth(last, found, seconds))
        self._counted_at, self._error = self.now, None
        self._show()

    def _is_asked(self, found: Exposed) -> bool:
        """An answer may be older than the step of the cursor to another service."""
        return self._found is not None and found.limits == self._found.limits

    def on_exposure_pane_failed(self, message: Failed) -> None:
        if not self._is_asked(message.found):
            return
        self._awaited, self._error = False, message.error
        self._show()

    def tick(self, now: float) -> None:
        super().tick(now)
        if self.display and self._stale != self._old:
            self._show()
        if self.display and now - self._asked_at >= self._beat:
            self.read_again()

    @property
    def _stale(self) -> bool:
        shown = self._snapshot
        return shown is not None and shown.telemetry.stale(max(0.0, self.now - shown.time))

    @property
    def _now_known(self) -> Exposed | None:
        """Rates of old telemetry are none of now."""
        if self._found is None or not self._stale:
            return self._found
        return replace(self._found, refused=None)

    @property
    def _beat(self) -> float:
        """A round of proxies that do not answer takes longer than the beat: it is let be."""
        return self.PATIENCE_S if self._awaited else self.EVERY_S

    def title_words(self) -> tuple[Line, Line]:
        found = self._now_known
        if found is None:
            return (), ()
        age = ""
        if self._counted_at is not None:
            age = f"  {human_duration(self.now - self._counted_at)} ago"
        return (), (*summary(found), Span(age, "muted"))

    def _show(self) -> None:
        found = self._now_known
        if found is not None and self.is_mounted and self.size.width:
            self._old = self._stale
            self.listing.fill(self._lines(found, self.size.width - 3))
            self.update_title()

    def _lines(self, found: Exposed, width: int) -> list[Line]:
        lines: list[Line] = []
        if self._error is not None:
            lines += [*wrapped(f"✖ {self._error}", width, "error"), BLANK]
        if self._old:
            lines += [*wrapped(OLD, width, "warning"), BLANK]
        return lines + exposure_lines(found, self._readings, width, asked=self._error is None)

    def on_resize(self) -> None:
        super().on_resize()
        self._show()
