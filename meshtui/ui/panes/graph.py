"""Who calls the selected service and which versions they reach, or the whole mesh."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.message import Message

from meshtui.errors import MeshtuiError, Usage
from meshtui.mesh.calls import Calls
from meshtui.mesh.graph import Callee, CallGraph, Edge, Graph, Row
from meshtui.mesh.model import ServiceKey
from meshtui.operations.types import Snapshot
from meshtui.ui.main.background import in_background
from meshtui.ui.main.snapshot_feed import unexpected
from meshtui.ui.panes.base import Pane
from meshtui.ui.panes.graphedges import CALLER, VERSION, Cursor, Drawing, owner_of
from meshtui.ui.panes.graphtext import graph_lines
from meshtui.ui.widgets.headline import telemetry_words
from meshtui.ui.widgets.item_list import Picked, PickList
from meshtui.ui.widgets.paint import BLANK, Line, Span, wrapped

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit

WHOLE, AROUND = "all", "service"
"""What is drawn: the whole mesh, or what is around the selected service."""


class GraphPane(Pane):
    """Asks for the calls with each new sample, and only while it is shown."""

    kind = "graph"

    class Answered(Message):
        """Who called whom."""

        def __init__(self, calls: Calls) -> None:
            super().__init__()
            self.calls = calls

    class Unread(Message):
        """It could not be read."""

        def __init__(self, error: MeshtuiError) -> None:
            super().__init__()
            self.error = error

    class WorkedOut(Message):
        """The whole mesh, of the calls that were read."""

        def __init__(self, of: CallGraph, graph: Graph) -> None:
            super().__init__()
            self.of = of
            self.graph = graph

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self.shown = AROUND
        self._end = CALLER
        self._snapshot: Snapshot | None = None
        self._asked_for: float | None = None
        self._busy = False
        self._calls: Calls | None = None
        self._error: MeshtuiError | None = None
        self._known: tuple[Snapshot, Calls | None, CallGraph] | None = None
        self._graph = Graph()
        self._whole: tuple[CallGraph, Graph] | None = None
        self._working_out: CallGraph | None = None
        self._place: tuple[str, ServiceKey | None, bool] | None = None
        self._old = False

    def make_body(self) -> PickList:
        return PickList(classes="pane-body")

    @property
    def picks(self) -> PickList:
        assert isinstance(self.body, PickList)  # noqa: S101 - made by make_body
        return self.body

    # Following

    def update_body(self, snapshot: Snapshot) -> None:
        """Out of sight nothing is asked or worked out."""
        self._snapshot = snapshot
        if self.display:
            self._ask_if_new()
            self._show()

    def tick(self, now: float) -> None:
        super().tick(now)
        if self.display and self._stale != self._old:
            self._show()

    def read_again(self) -> None:
        self._asked_for = None
        self._ask_if_new()

    def _ask_if_new(self) -> None:
        """Once for each sample: between two of them there is nothing new."""
        sample = self._snapshot.sample if self._snapshot else None
        if sample is None or sample.window_s <= 0 or self._busy or sample.time == self._asked_for:
            return
        self._busy, self._asked_for = True, sample.time
        in_background(self, "calls", self._read)

    async def _read(self) -> None:
        try:
            calls = await self.cockpit.calls()
        except MeshtuiError as error:
            self.post_message(self.Unread(error))
        except Exception as error:  # noqa: BLE001 - the edge of a worker
            self.post_message(self.Unread(unexpected("reading who calls whom", error)))
        else:
            self.post_message(self.Answered(calls))

    def on_graph_pane_answered(self, message: Answered) -> None:
        self._busy, self._error, self._calls = False, None, message.calls
        self._show()

    def on_graph_pane_unread(self, message: Unread) -> None:
        """What was read before is of another time than the rest of the screen."""
        self._busy, self._error, self._calls = False, message.error, None
        self._show()

    @property
    def _stale(self) -> bool:
        shown = self._snapshot
        return shown is not None and shown.telemetry.stale(max(0.0, self.now - shown.time))

    # Showing

    def _show(self) -> None:
        if self._snapshot is None or not self.is_mounted or not self.size.width:
            return
        self._graph, self._old = self._around(self._snapshot), self._stale
        self._draw()
        place = self.shown, self._graph.centre, bool(self._graph.callees)
        if place != self._place:
            self._place = place
            self.to_top()
        self.update_title()

    def _around(self, snapshot: Snapshot) -> Graph:
        """The part that is shown; what was worked out of the same numbers is kept."""
        known = self._known
        if known is None or known[0] is not snapshot or known[1] is not self._calls:
            graph = CallGraph(
                snapshot.mesh, snapshot.views, self._calls, snapshot.sample, snapshot.thresholds
            )
            known = self._known = snapshot, self._calls, graph
        if self.shown == WHOLE:
            return self._whole_of(known[2])
        return known[2].neighbourhood(self.view.key) if self.view else Graph()

    def _whole_of(self, calls: CallGraph) -> Graph:
        """As last worked out; a newer one comes later, as of a large mesh it takes long."""
        if self._working_out is None and (self._whole is None or self._whole[0] is not calls):
            self._working_out = calls
            in_background(self, "whole", self._work_out, calls)
        return self._whole[1] if self._whole else Graph()

    async def _work_out(self, calls: CallGraph) -> None:
        try:
            graph = await asyncio.to_thread(calls.whole)
        except Exception as error:  # noqa: BLE001 - the edge of a worker
            self._working_out = None
            self.post_message(self.Unread(unexpected("drawing the mesh", error)))
        else:
            self.post_message(self.WorkedOut(calls, graph))

    def on_graph_pane_worked_out(self, message: WorkedOut) -> None:
        self._working_out, self._whole = None, (message.of, message.graph)
        self._show()

    def _draw(self) -> None:
        width = self.size.width - 3
        cursor = Cursor(self.picks.picked, self._end)
        lines = graph_lines(self._graph, Drawing(width, cursor, self._old))
        self.picks.offer([*map(Picked, self._trouble(width)), *lines])
        if self.picks.picked != cursor.owner:
            self._draw()

    def _trouble(self, width: int) -> list[Line]:
        if self._error is not None:
            return [*wrapped(f"✖ {self._error}", width, "error"), BLANK]
        if self._calls is None:
            return [*wrapped("reading who calls whom…", width, "muted"), BLANK]
        return []

    def _service_words(self) -> Line:
        return super()._service_words() if self.shown == AROUND else ()

    def title_words(self) -> tuple[Line, Line]:
        left = (Span("the whole mesh", "text"),) if self.shown == WHOLE else ()
        return left, telemetry_words(self._snapshot, self.now) if self._snapshot else ()

    def on_resize(self) -> None:
        super().on_resize()
        self._show()

    def on_focus(self) -> None:
        self.picks.light(True)

    def on_blur(self) -> None:
        self.picks.light(False)

    # Keys and words

    def move(self, by: int) -> None:
        super().move(by)
        self._draw()

    def page(self, pages: float) -> None:
        super().page(pages)
        self._draw()

    def to_top(self) -> None:
        super().to_top()
        self._draw()

    def to_end(self) -> None:
        super().to_end()
        self._draw()

    def on_pick_list_clicked(self, message: PickList.Clicked) -> None:
        """The end that is nearer."""
        self._turn(CALLER if message.x < self.size.width // 2 else VERSION)

    def do_to_callers(self) -> None:
        self._turn(CALLER)

    def do_to_versions(self) -> None:
        self._turn(VERSION)

    def _turn(self, end: str) -> None:
        self._end = end
        self._draw()

    def do_whole_graph(self) -> None:
        self._choose(AROUND if self.shown == WHOLE else WHOLE)

    def _choose(self, shown: str) -> None:
        self.shown = shown
        self._show()

    def do_open_row(self) -> None:
        """The table's cursor to what is picked."""
        row = self._row()
        if row is not None:
            self.post_message(self.Sought(row.service, row.version))

    def _row(self) -> Row | None:
        for callee in self._graph.callees:
            if owner_of(callee) == self.picks.picked:
                return Row(callee.key, "")
            for edge in callee.edges:
                if owner_of(callee, edge) == self.picks.picked:
                    return self._row_of(callee, edge)
        return None

    def _row_of(self, callee: Callee, edge: Edge) -> Row | None:
        if self._end == VERSION:
            return edge.row or Row(callee.key, "")
        if edge.caller.row is None:
            name = edge.caller.client[1] or "a caller that is not known"
            self.report(f"{name} belongs to no service of the table", "warning")
        return edge.caller.row

    def command(self, words: Sequence[str]) -> None:
        if len(words) != 1 or words[0] not in (WHOLE, AROUND):
            raise Usage(f"the graph shows no {' '.join(words)}", f"there are: {WHOLE}, {AROUND}")
        self._choose(words[0])
