"""Where the panes are: beside the table where there is room, else one thing at a time."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical

from meshtui.mesh.view import ServiceView
from meshtui.operations.types import Snapshot
from meshtui.ui.panes.base import Pane
from meshtui.ui.widgets.lines import LinesBlock
from meshtui.ui.widgets.paint import Line, Span

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit


PANES = {
    "logs": "logs.pane.LogsPane",
    "proxies": "proxies.pane.ProxiesPane",
    "rules": "rules.RulesPane",
    "trace": "trace.TracePane",
    "analysis": "analysis.AnalysisPane",
    "journal": "journal.JournalPane",
    "charts": "charts.pane.ChartsPane",
    "exposure": "exposure.ExposurePane",
    "signals": "signals.SignalsPane",
    "pods": "pods.PodsPane",
    "canary": "canary.CanaryPane",
    "status": "status.StatusPane",
    "graph": "graph.GraphPane",
    "describe": "describe.DescribePane",
    "load": "load.LoadPane",
}
"""Where the class of each kind of pane is."""


def pane_class(kind: str) -> type[Pane]:
    """Imported when it is opened: the first paint does not wait for panes."""
    module, _, name = PANES[kind].rpartition(".")
    found: type[Pane] = getattr(import_module(f"meshtui.ui.panes.{module}"), name)
    return found


class Tabs(LinesBlock):
    """The names of the panes; a click on one brings it to the front."""

    def on_click(self, event: events.Click) -> None:
        end = 0
        for piece in self.lines[0] if self.lines else ():
            end += len(piece.text)
            if event.x < end:
                kind = piece.text.strip("[]")
                if kind in PANES:
                    self.post_message(Pane.Clicked(kind))
                return


class PaneDock(Vertical):
    """Opens and closes panes, and tells them what the table shows."""

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(id="dock")
        self._cockpit = cockpit
        self._panes: dict[str, Pane] = {}
        self._tabs = Tabs(id="dock-tabs")
        self._tabs.display = False

    def compose(self) -> ComposeResult:
        yield self._tabs

    @property
    def open_kinds(self) -> tuple[str, ...]:
        return tuple(self._panes)

    @property
    def panes(self) -> tuple[Pane, ...]:
        return tuple(self._panes.values())

    def pane(self, kind: str) -> Pane | None:
        return self._panes.get(kind)

    def open(self, kind: str) -> Pane:
        pane = self._panes[kind] = pane_class(kind)(self._cockpit)
        self.mount(pane)
        return pane

    def close(self, kind: str) -> None:
        pane = self._panes.pop(kind, None)
        if pane is not None:
            pane.workers.cancel_node(pane)
            pane.remove()

    def show_tabs(self, kinds: Sequence[str], front: str) -> None:
        """The names of the panes of which one is in front; none where all are displayed."""
        self._tabs.display = bool(kinds)
        if kinds:
            self._tabs.show([tabs_line(kinds, front)])

    def receive(
        self, view: ServiceView | None, snapshot: Snapshot, now: float, version: str = ""
    ) -> None:
        for pane in self.panes:
            if pane.is_mounted:
                pane.version = version
                pane.receive(view, snapshot, now)

    def tick(self, now: float) -> None:
        for pane in self.panes:
            if pane.is_mounted:
                pane.tick(now)

    def leave(self) -> None:
        for pane in self.panes:
            pane.leave()

    def read_again(self) -> None:
        for pane in self.panes:
            pane.read_again()


def tabs_line(kinds: Sequence[str], front: str) -> Line:
    """`logs │ [rules] │ proxies`: which one is in front is told without colour, too."""
    pieces: list[Span] = [Span(" ")]
    for kind in kinds:
        pieces += [Span(" │ ", "faint")] if len(pieces) > 1 else []
        pieces.append(Span(f"[{kind}]", "tab") if kind == front else Span(kind, "muted"))
    return tuple(pieces)
