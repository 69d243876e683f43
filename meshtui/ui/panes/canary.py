"""The canary of the selected service: where it is, how it does, and the orders to its driver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.message import Message

from meshtui.canary.events import Order
from meshtui.canary.machine import Phase
from meshtui.errors import MeshtuiError, Usage
from meshtui.mesh.model import ServiceKey
from meshtui.operations.types import Snapshot
from meshtui.ui.main.background import in_background
from meshtui.ui.main.snapshot_feed import unexpected
from meshtui.ui.panes.base import Pane
from meshtui.ui.panes.canarytext import canary_lines, summary
from meshtui.ui.widgets.paint import Line, Span, span, wrapped

if TYPE_CHECKING:
    from meshtui.operations.canary.watching import CanaryRun
    from meshtui.operations.cockpit import Cockpit

_WAITING = (Phase.HELD.value, Phase.ASKING.value)
_ASKED_FIRST = {
    Order.ABORT: "Abort the canary of {service}{to}?",
    Order.PROMOTE: "Promote the canary of {service}{to} to its last step?",
}
_CONSEQUENCE = {
    Order.ABORT: "All traffic goes back to stable at once, and the canary ends.",
    Order.PROMOTE: "The steps between are left out; it is still observed at the last one.",
}


class CanaryPane(Pane):
    """Reads the Lease and the journal on a beat, and only while it is shown."""

    kind = "canary"
    EVERY_S: ClassVar[float] = 2.0

    class Read(Message):
        """Where the canary of a service is."""

        def __init__(self, run: CanaryRun) -> None:
            super().__init__()
            self.run = run

    class Unread(Message):
        """Nothing could be read at all."""

        def __init__(self, service: ServiceKey, error: MeshtuiError) -> None:
            super().__init__()
            self.service = service
            self.error = error

    class Received(Message):
        """The driver has the order."""

        def __init__(self, service: ServiceKey, order: Order, driver: str) -> None:
            super().__init__()
            self.service = service
            self.order = order
            self.driver = driver

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._service: ServiceKey | None = None
        self._run: CanaryRun | None = None
        self._error: MeshtuiError | None = None
        self._asked_at = float("-inf")
        self._busy = False
        self._given: tuple[Order, str] | None = None
        """The last order to hold or go on, and the phase that was shown then."""

        self._ordered: Order | None = None
        """What was typed before the pane knew its service."""

    def update_body(self, snapshot: Snapshot) -> None:
        if self.view is None or not self.display:
            return
        if self.view.key != self._service:
            self._service, self._run, self._error = self.view.key, None, None
            self._given = None
            self.listing.to_top()
            self.read_again()
        if self._ordered is not None:
            order, self._ordered = self._ordered, None
            self._ask(order)
        self._show()

    def tick(self, now: float) -> None:
        super().tick(now)
        if not self.display:
            return
        if not self._busy and now - self._asked_at >= self.EVERY_S:
            self.read_again()
        self._show()

    def read_again(self) -> None:
        if self._service is not None and self.display:
            self._busy, self._asked_at = True, self.now
            in_background(self, "canary", self._read, self._service)

    async def _read(self, service: ServiceKey) -> None:
        try:
            run = await self.cockpit.canary(service)
        except MeshtuiError as error:
            self.post_message(self.Unread(service, error))
        except Exception as error:  # noqa: BLE001 - the edge of a worker
            self.post_message(self.Unread(service, unexpected("reading the canary", error)))
        else:
            self.post_message(self.Read(run))

    def on_canary_pane_read(self, message: Read) -> None:
        """An answer may be older than the step of the cursor to another service."""
        if message.run.service == self._service:
            self._busy, self._run, self._error = False, message.run, None
            phase = message.run.progress.phase if message.run.progress else ""
            if self._given is not None and self._given[1] != phase:
                self._given = None
            self._show()

    def on_canary_pane_unread(self, message: Unread) -> None:
        if message.service == self._service:
            self._busy, self._error = False, message.error
            self._show()

    # What is shown

    def title_words(self) -> tuple[Line, Line]:
        run = self._run
        if run is None or run.progress is None:
            return (), ()
        return (span(f"to {run.progress.version}", "text"),), summary(run, self.now)

    def _show(self) -> None:
        if not self.is_mounted or not self.size.width:
            return
        width = max(self.size.width - 3, 20)
        lines = wrapped(f"✖ {self._error}", width, "error") if self._error else []
        if self._run is not None:
            lines += canary_lines(self._run, self.now, width, self.version)
        elif not lines:
            lines = [(Span("reading…", "muted"),)]
        self.listing.fill(lines)
        self.update_title()

    def on_resize(self) -> None:
        super().on_resize()
        self._show()

    # Orders

    def do_canary_hold(self) -> None:
        progress = self._run.progress if self._run else None
        waiting = progress is not None and progress.phase in _WAITING
        if self._given is not None and progress is not None and self._given[1] == progress.phase:
            waiting = self._given[0] is Order.HOLD  # the report is from before it
        self._ask(Order.RESUME if waiting else Order.HOLD)

    def do_canary_abort(self) -> None:
        self._ask(Order.ABORT)

    def do_canary_promote(self) -> None:
        self._ask(Order.PROMOTE)

    def command(self, words: Sequence[str]) -> None:
        """`:canary hold`, of the selected service."""
        order = next((one for one in Order if words and one.value == words[0]), None)
        if order is None:
            names = ", ".join(one.value for one in Order)
            raise Usage(f":canary takes {names}", "`meshtui canary run` in a shell begins one")
        if words[1:]:
            raise Usage(f":canary {order.value} is for the selected service", "move the cursor")
        if self.cockpit.read_only:
            raise Usage("read-only: nothing can be changed from here")
        if self._service is None:
            self._ordered = order
        else:
            self._ask(order)

    def _ask(self, order: Order) -> None:
        """Refuses what nobody would get; what moves traffic is asked first."""
        service, run = self._service, self._run
        if service is None:
            return
        if run is not None and not run.live:
            from meshtui.operations.canary.watching import nobody_drives

            self.report_failure(nobody_drives(service))
            return
        if order not in _ASKED_FIRST:
            self._give(service, order)
            return
        from meshtui.ui.dialogs.question import Question

        to = f" to {run.progress.version}" if run and run.progress else ""
        words = _ASKED_FIRST[order].format(service=service.name, to=to)

        def answered(yes: bool | None) -> None:
            if yes:
                self._give(service, order)
            else:
                self.report(f"the canary of {service.name} goes on as it was")

        self.app.push_screen(Question(words, _CONSEQUENCE[order]), answered)

    def _give(self, service: ServiceKey, order: Order) -> None:
        self.report(f"{order.value}: waiting for the driver of the canary of {service.name}…")
        in_background(self, "canary-order", self._order, service, order)

    async def _order(self, service: ServiceKey, order: Order) -> None:
        try:
            driver = await self.cockpit.order_canary(service, order)
        except MeshtuiError as error:
            self.report_failure(error)
        except Exception as error:  # noqa: BLE001 - the edge of a worker
            self.report_failure(unexpected("ordering the canary", error))
        else:
            self.post_message(self.Received(service, order, driver))

    def on_canary_pane_received(self, message: Received) -> None:
        words = f"{message.order.value}: {message.driver} has it ({message.service.name})"
        self.report(words, "done")
        phase = self._run.progress.phase if self._run and self._run.progress else ""
        if message.service == self._service and message.order in (Order.HOLD, Order.RESUME):
            self._given = message.order, phase
        self.read_again()
