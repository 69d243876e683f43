"""The changes to this cluster, newest first; the one under the cursor can be taken back."""

from __future__ import annotations

from meshtui.errors import MeshtuiError
from meshtui.mesh.quantity import number_of
from meshtui.operations.types import Snapshot
from meshtui.ui.panes.base import Pane
from meshtui.ui.panes.journaltext import entry_lines, unread_words
from meshtui.ui.widgets.item_list import Picked, PickList
from meshtui.ui.widgets.paint import Line, Span, wrapped


class JournalPane(Pane):
    """Of the selected service, or of all. Read again with each snapshot."""

    kind = "journal"

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self._all = True
        self._count = 0
        self._denied: dict[str, str] = {}
        self._unread = ""

    def make_body(self) -> PickList:
        return PickList(classes="pane-body")

    @property
    def picks(self) -> PickList:
        assert isinstance(self.body, PickList)  # noqa: S101 - made by make_body
        return self.body

    @property
    def picked(self) -> str:
        return self.picks.picked

    @property
    def denied(self) -> str:
        return self._denied.get(self.picked, "")

    def update_body(self, snapshot: Snapshot) -> None:
        self._fill()

    def read_again(self) -> None:
        self._fill()

    def _fill(self) -> None:
        if self.size.width:
            self.picks.offer(self._lines(max(self.size.width - 3, 20)))

    def _lines(self, width: int) -> list[Picked]:
        if not self._all and self.view is None:
            return []
        try:
            key = self.view.key if self.view and not self._all else None
            entries = self.cockpit.journal(key)
        except MeshtuiError as error:
            return [Picked(line) for line in wrapped(f"✖ {error}", width, "error")]
        self._count = len(entries)
        self._unread = unread_words(entries)
        self._denied = {entry.change_id: entry.denied for entry in entries}
        if not entries:
            return [Picked((Span("no change was made from here yet", "muted"),))]
        return [
            Picked(line, entry.change_id)
            for entry in entries
            for line in entry_lines(entry, self.now, width)
        ]

    def _service_words(self) -> Line:
        return (Span("all services", "strong"),) if self._all else super()._service_words()

    def title_words(self) -> tuple[Line, Line]:
        many = number_of(self._count, "change")
        counted = many if self._count else ""
        unread = (Span("  "), Span(self._unread, "warning")) if self._unread else ()
        return unread, (Span(counted, "muted"),)

    def do_everyones(self) -> None:
        self._all = not self._all
        self._fill()
        self.picks.to_top()
        self.update_title()

    def on_resize(self) -> None:
        super().on_resize()
        self._fill()

    def on_focus(self) -> None:
        self.picks.light(True)

    def on_blur(self) -> None:
        self.picks.light(False)
