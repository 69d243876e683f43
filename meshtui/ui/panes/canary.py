"""The canary of the selected service: where it is, how it does, and the orders to its driver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.message import Message

from meshtui.canary.events import Order
from meshtui.canary.machine import Phase
from meshtui.canary.progress import Progress
from meshtui.errors import MeshtuiError, Refused, Usage
from meshtui.mesh.model import ServiceKey
from meshtui.operations.types import Snapshot
from meshtui.paths import short_path
from meshtui.ui.actions.action import ORDERS
from meshtui.ui.actions.registry import key_of
from meshtui.ui.main.background import in_background
from meshtui.ui.main.snapshot_feed import unexpected
from meshtui.ui.panes.base import Pane
from meshtui.ui.panes.canarystart import (
    ALONE,
    RunRequest,
    begin_question,
    proposed,
    read_run,
    resume_question,
    run_words,
)
from meshtui.ui.panes.canarytext import canary_lines, summary
from meshtui.ui.widgets.paint import Line, Span, span, wrapped

if TYPE_CHECKING:
    from textual.dom import DOMNode

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

        self._snapshot: Snapshot | None = None
        self._waiting: Callable[[], None] | None = None
        """What was typed before the pane knew the canary of its service."""

    def update_body(self, snapshot: Snapshot) -> None:
        if self.view is None or not self.display:
            return
        if self.view.key != self._service:
            self._service, self._run, self._error = self.view.key, None, None
            self._given = None
            self.listing.to_top()
            self.read_again()
        self._snapshot = snapshot
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
            self._do_what_waited()

    def on_canary_pane_unread(self, message: Unread) -> None:
        if message.service == self._service:
            self._busy, self._error = False, message.error
            self._show()
            self._do_what_waited()

    def _do_what_waited(self) -> None:
        do, self._waiting = self._waiting, None
        if do is not None:
            self._guarded(do)

    def _guarded(self, do: Callable[[], None]) -> None:
        try:
            do()
        except MeshtuiError as error:
            self.report_failure(error)

    def _when_read(self, do: Callable[[], None]) -> None:
        """At once, or as soon as the canary of the service is known."""
        if self._run is not None or self._error is not None:
            do()
        else:
            self._waiting = do

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
            lines += canary_lines(self._run, self.now, width, self._proposed)
        elif not lines:
            lines = [(Span("reading…", "muted"),)]
        self.listing.fill(lines)
        self.update_title()

    def on_resize(self) -> None:
        super().on_resize()
        self._show()

    # Orders

    def do_canary_hold(self) -> None:
        run, progress = self._run, self._progress
        if run is not None and not run.live:
            self._ask(Order.RESUME)
            return
        waiting = progress is not None and progress.phase in _WAITING
        if self._given is not None and progress is not None and self._given[1] == progress.phase:
            waiting = self._given[0] is Order.HOLD  # the report is from before it
        self._ask(Order.RESUME if waiting else Order.HOLD)

    def do_canary_abort(self) -> None:
        self._ask(Order.ABORT)

    def do_canary_promote(self) -> None:
        self._ask(Order.PROMOTE)

    def do_canary_run(self) -> None:
        """The `:` line with what a canary of the service needs."""
        if self.view is not None:
            self.post_message(
                self.Prompted(
                    run_words(self.view.key, self._proposed, self.cockpit.settings.ladder)
                )
            )

    @property
    def _proposed(self) -> str:
        return proposed(self.view, self.version) if self.view else ""

    def command(self, words: Sequence[str]) -> None:
        """`:canary hold`, of the selected service, or `:canary run` of any."""
        order = next((one for one in Order if words and one.value == words[0]), None)
        if self.cockpit.read_only:
            raise Usage("read-only: nothing can be changed from here")
        if words[:1] == ("run",):
            request = read_run(words[1:], self.cockpit.settings.ladder)
            self._when_read(lambda: self._begin(request))
            return
        if order is None:
            names = ", ".join(one.value for one in Order)
            raise Usage(f":canary takes run, {names}", "as in :canary run --to v3")
        if words[1:]:
            raise Usage(f":canary {order.value} is for the selected service", "move the cursor")
        self._when_read(lambda: self._ask(order))

    def _begin(self, request: RunRequest) -> None:
        """Asks before anything is started. Raises what stands against it."""
        from meshtui.operations.canary.preflight import refuse_at_once

        snapshot = self._snapshot
        if self._service is None or snapshot is None:
            return
        service = request.of(self._service, snapshot.mesh, self.cockpit.namespace or "default")
        if service == self._service and self._unfinished:
            if request.resume:
                self._ask(Order.RESUME)
                return
            raise self._not_begun(service)
        view = next((one for one in snapshot.views if one.key == service), None)
        question = begin_question(request, service, view)
        mesh = view.mesh if view is not None else snapshot.mesh
        refuse_at_once(mesh, service, request.plan, snapshot.sample)
        self._confirm(service, request.words(service), *question)

    @property
    def _progress(self) -> Progress | None:
        return self._run.progress if self._run else None

    @property
    def _unfinished(self) -> bool:
        """Whether there is a canary that is not over, or somebody who drives one."""
        run, progress = self._run, self._progress
        return run is not None and (run.live or (progress is not None and progress.exit is None))

    @property
    def idle(self) -> frozenset[str]:
        return frozenset({"canary_run"}) if self._unfinished else ORDERS

    def _not_begun(self, service: ServiceKey) -> Refused:
        run, progress = self._run, self._progress
        if run is not None and run.live:
            return Refused(
                f"a canary of {service} is driven by {run.driver}", f"{_steering()} steer it here"
            )
        where = f" at {progress.ladder[progress.index]}" if progress else ""
        return Refused(
            f"a canary of {service} is unfinished{where}",
            f"{key_of('canary_hold')} goes on with it, "
            f"{key_of('canary_abort')} goes back to stable",
        )

    def _ask(self, order: Order) -> None:
        """What moves traffic is asked first; where nobody drives, a new process is to."""
        service, run = self._service, self._run
        if service is None:
            return
        if run is not None and not run.live:
            self._take_up(service, order)
            return
        if order not in _ASKED_FIRST:
            self._give(service, order)
            return
        self._question(
            self._words_of(order), _CONSEQUENCE[order], lambda: self._give(service, order)
        )

    def _take_up(self, service: ServiceKey, order: Order) -> None:
        """An order for a canary that nobody drives, which a process of its own carries out."""
        progress = self._progress
        if progress is None or progress.exit is not None:
            from meshtui.operations.canary.watching import nobody_drives

            self.report_failure(nobody_drives(service))
        elif order is Order.HOLD:
            words = f"nobody drives the canary of {service.name}: it stays where it is already"
            self.report_failure(Refused(words))
        elif order is Order.RESUME:
            self._confirm(service, ("resume", str(service)), *resume_question(service, progress))
        else:
            consequence = f"{_CONSEQUENCE[order]}\n{ALONE}"
            self._confirm(service, (order.value, str(service)), self._words_of(order), consequence)

    def _words_of(self, order: Order) -> str:
        to = f" to {self._progress.version}" if self._progress else ""
        name = self._service.name if self._service else ""
        return _ASKED_FIRST[order].format(service=name, to=to)

    def _question(self, question: str, consequence: str, do: Callable[[], None]) -> None:
        from meshtui.ui.dialogs.question import Question

        def answered(yes: bool | None) -> None:
            if yes:
                do()
            else:
                self.report("nothing was done: the canary is as it was")

        self.app.push_screen(Question(question, consequence), answered)

    def _confirm(
        self, service: ServiceKey, words: tuple[str, ...], question: str, consequence: str
    ) -> None:
        """Starts a process that drives, if the answer is yes."""

        def start() -> None:
            screen, group = self.screen, f"canary-start-{service}"
            screen.post_message(self.Reported(f"starting: canary {words[0]} of {service}…", "info"))
            in_background(screen, group, _start, self.cockpit, service, words, screen)

        self._question(question, consequence, start)

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


async def _start(
    cockpit: Cockpit, service: ServiceKey, words: tuple[str, ...], screen: DOMNode
) -> None:
    """Of the screen, not of the pane: it says what became of it though the pane was closed."""
    try:
        started = await cockpit.start_canary(service, words)
    except MeshtuiError as error:
        screen.post_message(Pane.Failed(error))
    except Exception as error:  # noqa: BLE001 - the edge of a worker
        screen.post_message(Pane.Failed(unexpected("starting the canary", error)))
    else:
        by = f"{started.driver} drives it" if started.driver else "it has not begun yet"
        words_of = started.ended or f"canary {words[0]} of {service}: {by}"
        screen.post_message(Pane.Reported(f"{words_of}; log {short_path(started.log)}", "done"))


def _steering() -> str:
    hold, abort, promote = map(key_of, ("canary_hold", "canary_abort", "canary_promote"))
    return f"{hold}, {abort} and {promote}"
