"""The selected row in detail, in the space that a short table leaves on a tall screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.widget import Widget

from meshtui.mesh.courses import course_name
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView
from meshtui.operations.types import Snapshot
from meshtui.ui.widgets.lines import LinesBlock
from meshtui.ui.widgets.paint import Line

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit

TALL = 30
"""Lines of a screen below which there is no detail."""

RANGE_S = 900.0
REDRAWN_S = 10.0
"""Seconds after which a chart is drawn anew: each time costs bytes."""

SPARED = 2
"""Lines left free below the table's last one, its head counted."""


@dataclass(frozen=True, slots=True)
class Row:
    """What the cursor is on; `stale` where its numbers are old."""

    view: ServiceView | None
    version: VersionView | None = None
    stale: bool = False


class Detail(LinesBlock):
    """Below the table; not there where the table needs the room."""

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(id="detail")
        self._cockpit = cockpit
        self._drawn_for: tuple[ServiceKey, str, int, int, bool] | None = None
        self._drawn_at = 0.0
        self.display = False

    def show_row(self, row: Row, snapshot: Snapshot, now: float, free: int) -> None:
        """`free`: the lines below the table's last one. A chart is drawn for another row at once,
        for the same one at its own beat."""
        from meshtui.ui.main.detailtext import LEAST_LINES, LEAST_WIDTH, MOST_LINES

        view, version = row.view, row.version
        height = min(free - SPARED, MOST_LINES)
        width = self.parent.size.width if isinstance(self.parent, Widget) else 0
        self.display = (
            view is not None
            and self.app.size.height >= TALL
            and height >= LEAST_LINES
            and width >= LEAST_WIDTH
        )
        if view is None or not self.display:
            self._drawn_for = None
            return
        shown = (view.key, version.label if version else "", width, height, row.stale)
        if version is None or shown != self._drawn_for or now - self._drawn_at >= REDRAWN_S:
            self._drawn_for, self._drawn_at = shown, now
            self.show(self._lines(view, row, snapshot, (width, height), now))

    def _lines(
        self,
        view: ServiceView,
        row: Row,
        snapshot: Snapshot,
        size: tuple[int, int],
        now: float,
    ) -> list[Line]:
        """Always as many as there is room for: the table above it does not jump."""
        from meshtui.ui.main import detailtext as text

        (width, height), version = size, row.version
        inner = (width - 2, height - 1)
        if version is None:
            lines = text.service_lines(view, snapshot.sample, inner)
        else:
            cells = text.chart_cells(inner[0])
            picture = self._cockpit.history.picture(view.key, RANGE_S, cells, now)
            course = course_name(view.versions, version)
            lines = text.version_lines(version, picture, inner, now, course=course, stale=row.stale)
        indented = [(text.EDGE, *line) for line in lines]
        blank: list[Line] = [()] * (inner[1] - len(indented))
        return [text.title_line(view, version, width), *indented, *blank]
