"""The body of the charts: lines of which only the cells that changed are painted."""

from __future__ import annotations

from typing import ClassVar

from textual.geometry import Region

from meshtui.ui.widgets.lines import changed_cells
from meshtui.ui.widgets.listing import Listing
from meshtui.ui.widgets.paint import Line, fit_line


class ChartBody(Listing):
    """Repaints the cells that changed: most of a chart is blank, and stays so."""

    NEAR: ClassVar[int] = 8
    """Cells between two changes that are cheaper painted than jumped over."""

    def repaint_changed(self) -> None:
        for y in range(self.size.height):
            painted, content = self._painted.get(y), self._content(y)
            if painted is None:
                self.refresh(Region(0, y, self.size.width, 1))
            elif painted != content:
                for start, end in self._runs(painted[0], content[0]):
                    self.refresh(Region(start, y, end - start, 1))

    def _runs(self, old: Line, new: Line) -> list[tuple[int, int]]:
        runs: list[tuple[int, int]] = []
        width = self.scrollable_content_region.width
        left = self.gutter.left
        for start, end in changed_cells(fit_line(old, width), fit_line(new, width)):
            if runs and start + left - runs[-1][1] < self.NEAR:
                runs[-1] = runs[-1][0], end + left
            else:
                runs.append((start + left, end + left))
        return runs
