"""The two lines on top."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.message import Message

from meshtui.mesh.sides import CALLER
from meshtui.operations.types import Snapshot
from meshtui.ui.widgets.headline import ConnectedTo, Counts, clicked, header_lines
from meshtui.ui.widgets.lines import LinesBlock
from meshtui.ui.widgets.paint import Line, Span, span, wrapped

INDENT = 3


class Header(LinesBlock):
    """Place, counts, sources and their ages; a second that passes repaints its own cells."""

    class Clicked(Message):
        """What stands for a command was clicked."""

        def __init__(self, command: str) -> None:
            super().__init__()
            self.command = command

    def __init__(self, place: ConnectedTo) -> None:
        super().__init__(id="header")
        self.place = place
        self.side = CALLER
        self._snapshot: Snapshot | None = None
        self._now = 0.0
        self._counts = Counts()

    def prepare(self, snapshot: Snapshot) -> None:
        """What `receive` would count on the loop; called in a thread."""
        self._counts.prepare(snapshot.views, self.place.namespace, self.side)

    def receive(self, snapshot: Snapshot | None, now: float) -> None:
        self._snapshot = snapshot
        self._now = now
        self._update()

    def on_resize(self, _: events.Resize) -> None:
        self._update()

    def on_click(self, event: events.Click) -> None:
        command = clicked(self.lines[0], event.x, self.place) if event.y == 0 and self.lines else ""
        if command:
            self.post_message(self.Clicked(command))

    def _update(self) -> None:
        width = self.size.width
        if width:
            now, counts = self._now, self._counts
            self.show(header_lines(self.place, self._snapshot, now, width, counts, self.side))


class Notices(LinesBlock):
    """What wants attention before anything else; not there when nothing does."""

    MOST = 3

    def __init__(self, *, id: str) -> None:  # noqa: A002 - as every widget calls it
        super().__init__(id=id)
        self._notices: tuple[str, ...] = ()

    def receive(self, notices: tuple[str, ...]) -> None:
        self._notices = notices
        self._update()

    def on_resize(self, _: events.Resize) -> None:
        self._update()

    def _update(self) -> None:
        shown = list(self._notices[: self.MOST])
        if len(self._notices) > self.MOST:
            shown[-1] = f"{shown[-1]}   (+{len(self._notices) - self.MOST} more)"
        self.display = bool(shown)
        self.show(notice_lines(shown, self.MOST, self.size.width or self.app.size.width))


def notice_lines(notices: Sequence[str], most: int, width: int) -> list[Line]:
    """A line for each; those that are too long for one have what the others leave of `most`."""
    lines: list[Line] = []
    for number, text in enumerate(notices, 1):
        room = most - len(lines) - (len(notices) - number)
        lines += _notice(text, room, width)
    return lines


def _notice(text: str, room: int, width: int) -> list[Line]:
    loud = text.startswith(("OVERDUE", "REVERTED"))
    sign, role = (Span(" ✖ ", "error"), "error") if loud else (Span(" ▲ ", "warning"), "text")
    whole = [piece.text for (piece,) in wrapped(text, max(width - INDENT, 1), role)]
    parts = [*whole[: room - 1], " ".join(whole[room - 1 :])] if len(whole) > room else whole
    return [
        (sign if number == 0 else Span(" " * INDENT), span(part, role))
        for number, part in enumerate(parts)
    ]
