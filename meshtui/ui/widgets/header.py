"""The two lines on top."""

from __future__ import annotations

from textual import events

from meshtui.mesh.sides import CALLER
from meshtui.operations.types import Snapshot
from meshtui.ui.widgets.headline import ConnectedTo, header_lines
from meshtui.ui.widgets.lines import LinesBlock
from meshtui.ui.widgets.paint import Line, Span, span


class Header(LinesBlock):
    """Place, counts, sources and their ages; a second that passes repaints its own cells."""

    def __init__(self, place: ConnectedTo) -> None:
        super().__init__(id="header")
        self.place = place
        self.side = CALLER
        self._snapshot: Snapshot | None = None
        self._now = 0.0

    def tell(self, snapshot: Snapshot | None, now: float) -> None:
        self._snapshot = snapshot
        self._now = now
        self._update()

    def on_resize(self, _: events.Resize) -> None:
        self._update()

    def _update(self) -> None:
        width = self.size.width
        if width:
            self.show(header_lines(self.place, self._snapshot, self._now, width, self.side))


class Notices(LinesBlock):
    """What wants attention before anything else; not there when nothing does."""

    MOST = 3

    def tell(self, notices: tuple[str, ...]) -> None:
        shown = list(notices[: self.MOST])
        if len(notices) > self.MOST:
            shown[-1] = f"{shown[-1]}   (+{len(notices) - self.MOST} more)"
        self.display = bool(shown)
        self.show([_notice(text) for text in shown])


def _notice(text: str) -> Line:
    if text.startswith(("OVERDUE", "REVERTED")):
        return (Span(" ✖ ", "error"), span(text, "error"))
    return (Span(" ▲ ", "warning"), span(text, "text"))
