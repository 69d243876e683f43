"""A bounded load on the selected service: asked first, watched while it runs, stopped by key."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.message import Message

from meshtui.errors import MeshtuiError, Refused
from meshtui.mesh.model import Service
from meshtui.operations.look.trace import Question
from meshtui.operations.request.load import refuse_load
from meshtui.operations.request.load_plan import LoadPlan
from meshtui.operations.request.loading import LoadState, ReadyLoad
from meshtui.ui.main.background import in_background
from meshtui.ui.main.snapshot_feed import unexpected
from meshtui.ui.panes.base import Pane
from meshtui.ui.panes.load_ask import LoadAsk, load_words
from meshtui.ui.panes.loadtext import (
    load_lines,
    load_question,
    nothing_lines,
    refused_method,
    state_line,
)
from meshtui.ui.widgets.paint import BLANK, Line, Span, span, wrapped

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit
    from meshtui.ui.panes.trace_request import TraceRequest


class LoadPane(Pane):
    """Stays with the load that it made, wherever the cursor goes; it ends with the pane."""

    kind = "load"

    class Prepared(Message):
        """What the load will hit is known."""

        def __init__(self, question: Question, ready: ReadyLoad) -> None:
            super().__init__()
            self.question = question
            self.ready = ready

    class Came(Message):
        """Another second has passed, or it is over."""

        def __init__(self, state: LoadState) -> None:
            super().__init__()
            self.state = state

    class Ended(Message):
        """It has ended before it was over, or could not be prepared."""

        def __init__(self, error: MeshtuiError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._asked: LoadAsk | None = None
        self._state: LoadState | None = None
        self._error: MeshtuiError | None = None
        self._preparing: Question | None = None
        self._stop: asyncio.Event | None = None
        """Of the load that runs."""

    @property
    def running(self) -> bool:
        return self._stop is not None

    def words(self, traced: TraceRequest | None) -> str:
        """The words of the command: of the last load, else of the request that is traced."""
        usual = LoadAsk() if traced is None else LoadAsk(request=traced)
        return load_words(self._asked or usual)

    # Asking

    def refuse(self) -> None:
        """Raises NotAllowed or Refused where no load may be begun now."""
        production = self.cockpit.settings.production
        refuse_load(self.cockpit.context, production=production, read_only=self.cockpit.read_only)
        if self.running:
            raise Refused("a load is running", "X stops it")

    def ask(self, ask: LoadAsk, service: Service) -> None:
        """Finds out whom it would hit, and asks then. Raises what stands against it."""
        self.refuse()
        method = ask.request.request.method
        why = refused_method(method, str(service.key))
        if why:
            raise Refused(f"a {method} may change something: it is not sent from here", why)
        traced = ask.request
        question = Question(service, traced.request, traced.source, traced.port)
        self._asked, self._preparing, self._error = ask, question, None
        self._show()
        in_background(self, "load", self._prepare, question, ask.plan)

    async def _prepare(self, question: Question, plan: LoadPlan) -> None:
        try:
            ready = await self.cockpit.prepare_load(question, plan)
        except MeshtuiError as error:
            self.post_message(self.Ended(error))
        except Exception as error:  # noqa: BLE001 - the edge of a worker
            self.post_message(self.Ended(unexpected("preparing the load", error)))
        else:
            self.post_message(self.Prepared(question, ready))

    def on_load_pane_prepared(self, message: Prepared) -> None:
        """Unless something else was asked meanwhile."""
        from meshtui.ui.dialogs import question

        if message.question is not self._preparing:
            return
        self._preparing = None
        self._show()

        def answered(yes: bool | None) -> None:
            if yes and self.is_attached:
                self._begin(message.ready)
            else:
                self.report("nothing was sent")

        dialog = question.Question(*load_question(message.ready))
        self.app.push_screen(dialog, answered)

    # While it runs

    def _begin(self, ready: ReadyLoad) -> None:
        self._state, self._stop = LoadState(ready), asyncio.Event()
        self._show()
        self.listing.to_top()
        in_background(self, "load", self._run, ready, self._stop)

    async def _run(self, ready: ReadyLoad, stop: asyncio.Event) -> None:
        try:
            async with aclosing(self.cockpit.load(ready, stop)) as states:
                async for state in states:
                    self.post_message(self.Came(state))
        except MeshtuiError as error:
            self.post_message(self.Ended(error))
        except Exception as error:  # noqa: BLE001 - the edge of a worker
            self.post_message(self.Ended(unexpected("making the load", error)))

    def on_load_pane_came(self, message: Came) -> None:
        if not self.running:
            return
        self._state = message.state
        if message.state.over:
            self._stop = None
            how = "stopped" if message.state.stopped else "done"
            self.report(f"the load on {message.state.ready.service.key} is {how}", "done")
        self._show()

    def on_load_pane_ended(self, message: Ended) -> None:
        self._preparing, self._error = None, message.error
        self._halted()
        self.report_failure(message.error)

    def do_load_stop(self) -> None:
        if self._stop is None:
            self.report("no load is running")
        else:
            self._stop.set()
            self.report("stopping the load…")

    @property
    def idle(self) -> frozenset[str]:
        return frozenset({"load_stop" if self._stop is None else "load_words"})

    def leave(self) -> None:
        """At once: the connection over which it runs is about to be closed."""
        self.workers.cancel_node(self)
        self._preparing = None
        self._halted()

    def _halted(self) -> None:
        """What came until then stays on the screen."""
        if self._stop is not None and self._state is not None:
            self._state = replace(self._state, over=True, stopped=True)
        self._stop = None
        self._show()

    # What is shown

    def title_words(self) -> tuple[Line, Line]:
        if self._preparing is not None:
            return (), (Span("looking for who can make it…", "muted"),)
        return (), state_line(self._state) if self._state is not None else ()

    def _service_words(self) -> Line:
        """Of the load, as long as there is one."""
        if self._state is None:
            return super()._service_words()
        return (span(f"{self._state.ready.service.key}  ", "strong"),)

    def _show(self) -> None:
        if not self.is_mounted or not self.size.width:
            return
        width = max(self.size.width - 3, 20)
        lines = wrapped(f"✖ {self._error}", width, "error") if self._error else []
        lines += [BLANK] if lines else []
        lines += load_lines(self._state, width) if self._state else nothing_lines(width)
        self.listing.fill(lines)
        self.update_title()

    def on_mount(self) -> None:
        super().on_mount()
        self.call_after_refresh(self._show)

    def on_resize(self) -> None:
        super().on_resize()
        self._show()
