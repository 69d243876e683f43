"""Which rule takes a request to the selected service, by the objects and in the proxies."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.message import Message
from textual.timer import Timer

from meshtui.errors import MeshtuiError, Refused
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.quantity import human_duration
from meshtui.mesh.request import SAFE_METHODS
from meshtui.operations.look.trace import Question, Traced
from meshtui.operations.request.words import request_line
from meshtui.operations.types import Snapshot
from meshtui.ui.main.background import in_background
from meshtui.ui.main.snapshot_feed import unexpected
from meshtui.ui.panes.base import Pane
from meshtui.ui.panes.trace_request import TraceRequest, words_of
from meshtui.ui.panes.tracetext import sent_lines, state_of, summary, trace_lines
from meshtui.ui.widgets.paint import BLANK, Line, Span, wrapped

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit
    from meshtui.operations.request.ask import Asked


class TracePane(Pane):
    """Asks again when the service's objects change, soon where a proxy lags, else now and then."""

    kind = "trace"
    SETTLE_S: ClassVar[float] = 0.2
    EVERY_S: ClassVar[float] = 30.0
    LAGGING_S: ClassVar[float] = 5.0

    class Answered(Message):
        """Where the request of `question` goes."""

        def __init__(self, question: Question, traced: Traced) -> None:
            super().__init__()
            self.question = question
            self.traced = traced

    class Failed(Message):
        """The question could not be answered."""

        def __init__(self, question: Question, error: MeshtuiError) -> None:
            super().__init__()
            self.question = question
            self.error = error

    class Sent(Message):
        """What came of a request that was sent."""

        def __init__(self, question: Question, found: Asked | MeshtuiError) -> None:
            super().__init__()
            self.question = question
            self.found = found

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._ask = TraceRequest()
        self._key: ServiceKey | None = None
        self._versions: tuple[str, ...] = ()
        self._question: Question | None = None
        self._asked_at = 0.0
        self._traced: Traced | None = None
        self._answered_at: float | None = None
        self._error: MeshtuiError | None = None
        self._settling: Timer | None = None
        self._sending = False
        self._sent: Asked | MeshtuiError | None = None

    @property
    def words(self) -> str:
        """The request in the words of the command."""
        return words_of(self._ask)

    @property
    def asked(self) -> TraceRequest:
        return self._ask

    def ask(self, ask: TraceRequest) -> None:
        """Another request to the selected service."""
        self._ask = ask
        self._forget()
        self.read_again()

    def update_body(self, snapshot: Snapshot) -> None:
        """Out of sight nothing is asked: the pane is told again when it comes to the front."""
        if self.view is None or not self.display:
            return
        versions = _versions(snapshot.mesh, self.view.service.host)
        if self.view.key != self._key:
            self._follow(self.view.key)
        elif versions != self._versions:
            self.read_again()
        self._versions = versions

    def _follow(self, key: ServiceKey) -> None:
        """The service under the cursor, once the cursor has come to rest."""
        first, self._key = self._key is None, key
        if not first:
            self._ask = self._ask.of_another()
            self._forget()
        if self._settling is not None:
            self._settling.stop()
        if not first or self._question is None:
            self._settling = self.set_timer(0.01 if first else self.SETTLE_S, self.read_again)

    def _forget(self) -> None:
        self._traced = self._error = self._answered_at = self._question = self._sent = None
        self._show()

    def read_again(self) -> None:
        if self.view is None:
            return
        ask = self._ask
        question = Question(self.view.service, ask.request, ask.source, ask.port)
        self._question, self._asked_at = question, self.now
        in_background(self, "trace", self._answer, question)

    async def _answer(self, question: Question) -> None:
        try:
            traced = await self.cockpit.trace(question)
        except MeshtuiError as error:
            self.post_message(self.Failed(question, error))
        except Exception as error:  # noqa: BLE001 - the edge of a worker
            self.post_message(self.Failed(question, unexpected("tracing the request", error)))
        else:
            self.post_message(self.Answered(question, traced))

    def on_trace_pane_answered(self, message: Answered) -> None:
        if message.question is self._question:
            self._traced, self._error, self._answered_at = message.traced, None, self.now
            self._show()

    def on_trace_pane_failed(self, message: Failed) -> None:
        if message.question is self._question:
            self._error = message.error
            self._show()

    def tick(self, now: float) -> None:
        super().tick(now)
        if self.display and self._question and now - self._asked_at >= self._beat:
            self.read_again()

    @property
    def _beat(self) -> float:
        """Proxies that differ are most often about to follow."""
        seen = self._traced.seen if self._traced else ()
        lagging = any(state_of(one) == "DIFFERS" for one in seen)
        return self.LAGGING_S if lagging else self.EVERY_S

    # One real request

    def do_send(self) -> None:
        """Sends the request that is shown; a method that is not safe wants the command line."""
        if self.view is None or self._sending:
            return
        ask = self._ask
        if ask.request.method not in SAFE_METHODS:
            self._sent = Refused(
                f"a {ask.request.method} may change something: it is not sent from here",
                f"`meshtui request {self.view.key} --method {ask.request.method}` asks first",
            )
            self._show()
            return
        self._sending, self._sent = True, None
        question = Question(self.view.service, ask.request, ask.source, ask.port)
        self._show()
        in_background(self, "request", self._send, question)

    async def _send(self, question: Question) -> None:
        try:
            found: Asked | MeshtuiError = await self.cockpit.request(question)
        except MeshtuiError as error:
            found = error
        except Exception as error:  # noqa: BLE001 - the edge of a worker
            found = unexpected("sending the request", error)
        self.post_message(self.Sent(question, found))

    def on_trace_pane_sent(self, message: Sent) -> None:
        """What came of it, unless the pane has gone to another service."""
        self._sending = False
        if self.view is not None and message.question.service.key == self.view.key:
            self._sent = message.found
        self._show()

    def title_words(self) -> tuple[Line, Line]:
        if self._traced is None or self._answered_at is None:
            return (), (Span("" if self._error else "asking…", "muted"),)
        age = Span(f"  {human_duration(self.now - self._answered_at)} ago", "muted")
        return (), (*summary(self._traced), age)

    def _show(self) -> None:
        if self.is_mounted and self.size.width:
            self.listing.fill(self._lines(self.size.width - 3))
            self.update_title()

    def _lines(self, width: int) -> list[Line]:
        lines: list[Line] = []
        if self._error is not None:
            lines += [*wrapped(f"✖ {self._error}", width, "error"), BLANK]
        lines += self._sent_lines(width)
        if self._traced is not None:
            lines += trace_lines(self._traced, width, self._said)
        hint = (Span(":trace GET /path header k=v", "key"), Span("  asks for another", "muted"))
        return [*lines, hint]

    @property
    def _said(self) -> str:
        """The request that was sent, whose lines stand above the trace's."""
        sent = None if self._sending or isinstance(self._sent, MeshtuiError) else self._sent
        return request_line(sent) if sent is not None else ""

    def _sent_lines(self, width: int) -> list[Line]:
        if self._sending:
            return [(Span("sending it, then looking for it in the logs…", "muted"),), BLANK]
        if isinstance(self._sent, MeshtuiError):
            return [*wrapped(f"✖ {self._sent}", width, "error"), BLANK]
        return [*sent_lines(self._sent, width), BLANK] if self._sent is not None else []

    def on_resize(self) -> None:
        super().on_resize()
        self._show()


def _versions(mesh: Mesh, host: str) -> tuple[str, ...]:
    """The resourceVersions of what decides where the service's requests go."""
    services = {service.ref: service for service, _ in mesh.rules_by_destination.get(host, ())}
    services |= {service.ref: service for service in mesh.virtual_services_by_host.get(host, ())}
    rules = {rule.ref: rule for rule in mesh.rules_by_host.get(host, ())}
    found = [(ref.uid, one.resource_version) for ref, one in (services | rules).items()]
    return tuple(sorted(f"{uid} {version}" for uid, version in found))
