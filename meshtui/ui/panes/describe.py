"""All that configures the selected service, or the version under the cursor."""

from __future__ import annotations

from meshtui.mesh.description import described
from meshtui.mesh.exposure import doors_to
from meshtui.operations.types import Snapshot
from meshtui.ui.panes.base import Pane
from meshtui.ui.panes.describetext import describe_lines
from meshtui.ui.widgets.paint import Line, Span, span


class DescribePane(Pane):
    """From the objects alone; worked out when one of them, or the cursor, is another."""

    kind = "describe"

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self._snapshot: Snapshot | None = None
        self._shown: tuple[object, ...] = ()

    def update_body(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._show()

    def _show(self) -> None:
        """Not while it is out of sight: it is told again when it comes to the front."""
        view, snapshot = self.view, self._snapshot
        if view is None or snapshot is None or not self.display or not self.size.width:
            return
        rows = tuple(row for row in view.versions if row.host)
        rows = tuple(row for row in rows if row.label == self.version) or rows
        place = view.key, self.version
        words = tuple((row.label, row.pods_words) for row in rows)
        mark = (place, id(snapshot.mesh), view.route, words, self.size.width)
        if mark == self._shown:
            return
        moved = self._shown[:1] != mark[:1]
        self._shown = mark
        found = [described(snapshot.mesh, view, row) for row in rows]
        doors = doors_to(snapshot.mesh, view.service)
        self.listing.fill(describe_lines(view, found, doors, self.size.width - 3))
        if moved:
            self.listing.to_top()
        self.update_title()

    def title_words(self) -> tuple[Line, Line]:
        version = (span(f"{self.version}  ", "strong"),) if self.version else ()
        return version, (Span("by the objects", "muted"),)

    def on_resize(self) -> None:
        super().on_resize()
        self._show()
