"""The selected row in detail, in the space that a short table leaves on a tall screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

from meshtui.dataclass import dataclass
from meshtui.diagnosis.logged_paths import LoggedPaths
from meshtui.diagnosis.state_reason import state_reason
from meshtui.errors import MeshtuiError, Unreachable
from meshtui.mesh.courses import course_name
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView
from meshtui.operations.look.charts import Picture
from meshtui.operations.types import Snapshot
from meshtui.ui.main.background import in_background
from meshtui.ui.main.snapshot_feed import unexpected
from meshtui.ui.timers import CertainTimers
from meshtui.ui.widgets.key_block import KeyBlock
from meshtui.ui.widgets.paint import Line

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit

TALL = 30
"""Lines of a screen below which there is no detail."""

RANGES_S = (120.0, 180.0, 300.0, 600.0, 900.0)
"""How far back the charts look: as far as was seen, at most the last of these."""

REDRAWN_S = 10.0
"""Seconds after which a chart is drawn anew: each time costs bytes."""

PATHS_S, NO_PATHS_S, REST_S = 60.0, 15.0, 1.0
"""Seconds after which logs are read again for the paths that fail, and where there were none: a
proxy may write its log seconds later. The cursor rests so long before they are read at all."""

NOT_READ, READING = "not read", "reading the logs…"
SPARED = 2
"""Lines left free below the table's last one, its head counted."""


@dataclass(frozen=True, slots=True)
class Row:
    """What the cursor is on; `stale` where its numbers are old."""

    view: ServiceView | None
    version: VersionView | None = None
    stale: bool = False
    notes: Sequence[str] = ()
    """What is said of the service in front of its marks."""

    charted: bool = False
    """Whether a pane beside it draws the service's charts."""


class Detail(CertainTimers, KeyBlock):
    """Below the table; not there where the table needs the room."""

    only = ("i", "l", "v")
    """Of the keys that it names; a rule may be called like one."""

    class PathsRead(Message):
        """What the logs around a service say of its paths."""

        def __init__(self, service: ServiceKey, paths: LoggedPaths) -> None:
            super().__init__()
            self.service = service
            self.paths = paths

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(id="detail")
        self._shown: tuple[Row, Snapshot, float, int] | None = None
        self._paths: dict[ServiceKey, LoggedPaths] = {}
        """Of the service that was read last."""

        self._reading: ServiceKey | None = None
        self._resting: Timer | None = None
        self._rests_on: tuple[ServiceKey, str] | None = None
        self._cockpit = cockpit
        self._drawn_for: tuple[ServiceKey, str, int, int, bool] | None = None
        self._drawn_at = 0.0
        self._charts: dict[tuple[int, int], Sequence[Line]] = {}
        """By their size, as they were drawn last; what stands beside them is of the newest
        sample."""

        self.display = False

    def show_row(self, row: Row, snapshot: Snapshot, now: float, free: int) -> None:
        """`free`: the lines below the table's last one. A chart is drawn for another row at once,
        for the same one at its own beat."""
        from meshtui.ui.main.detailtext import LEAST_LINES, LEAST_WIDTH, MOST_LINES

        self._shown = row, snapshot, now, free
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
            self._drawn_for = self._rests_on = None
            return
        self._read_paths_of(view, version)
        shown = (view.key, version.label if version else "", width, height, row.stale)
        if shown != self._drawn_for or now - self._drawn_at >= REDRAWN_S:
            self._drawn_for, self._drawn_at = shown, now
            self._charts = {}
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
        why = () if row.stale else state_reason(version or view, snapshot.thresholds)
        if version is None:
            draw = None if row.charted else partial(self._charts_of, view, inner[0], now)
            lines = text.service_lines(view, snapshot.sample, inner, row.notes, why, draw=draw)
        else:
            if inner not in self._charts:
                self._charts[inner] = self._draw(view, version, inner, now)
            side = text.side_column(
                version,
                inner[0],
                now,
                paths=self._paths_of(view.key),
                stale=row.stale,
                why=why,
                window_s=snapshot.sample.window_s if snapshot.sample else 0.0,
                callers=text.caller_names(view, snapshot.sample),
            )
            lines = text.version_lines(self._charts[inner], side, inner)
        indented = [(text.EDGE, *line) for line in lines]
        blank: list[Line] = [()] * (inner[1] - len(indented))
        return [text.title_line(view, version, width), *indented, *blank]

    def _draw(
        self, view: ServiceView, version: VersionView, size: tuple[int, int], now: float
    ) -> Sequence[Line]:
        from meshtui.ui.main.detailtext import chart_cells, chart_column

        picture = self._picture(view.key, chart_cells(size[0]), now)
        course = course_name(view.versions, version)
        return chart_column(version, picture, size, now, course=course)

    def _charts_of(
        self, view: ServiceView, width: int, now: float, size: tuple[int, int]
    ) -> Sequence[Line]:
        from meshtui.ui.main.detailtext import service_charts
        from meshtui.ui.panes.charts.lines import cells_of

        if size not in self._charts:
            picture = self._picture(view.key, cells_of(size[0]), now)
            drawn = service_charts(view, picture, size, now, width) if picture else ()
            self._charts[size] = drawn
        return self._charts[size]

    def _picture(self, service: ServiceKey, cells: int, now: float) -> Picture | None:
        """A program that has just begun to look draws no chart that is empty but for its end, and
        one that is not connected yet draws none."""
        try:
            return self._fitting(service, cells, now)
        except Unreachable:
            return None

    def _fitting(self, service: ServiceKey, cells: int, now: float) -> Picture:
        history = self._cockpit.history
        for range_s in RANGES_S:
            picture = history.picture(service, range_s, cells, now)
            seen = picture.seen_since
            if not picture.source and seen is not None and now - seen <= range_s:
                break
        return picture

    # Which paths fail

    def _paths_of(self, service: ServiceKey) -> LoggedPaths | str:
        return self._paths.get(service) or (READING if service == self._reading else NOT_READ)

    def _read_paths_of(self, view: ServiceView, version: VersionView | None) -> None:
        """Logs cost much more than samples: only of what fails, where the cursor comes to rest."""
        from meshtui.ui.main.detailtext import fails

        place = (view.key, version.label) if version is not None and fails(version) else None
        if place != self._rests_on:
            self._rests_on = place
            if self._resting is not None:
                self._resting.stop()
            self._resting = self.set_timer(REST_S, self._read_paths) if place else None
        elif place is not None and self._resting is None:
            self._read_paths()

    def _read_paths(self) -> None:
        """Not while they are read, and not before what is known is old."""
        self._resting = None
        if self._rests_on is None or self._shown is None or self._reading is not None:
            return
        service, now = self._rests_on[0], self._shown[2]
        known = self._paths.get(service)
        if known is None or now - known.at >= (PATHS_S if known.failed else NO_PATHS_S):
            self._reading = service
            in_background(self, "paths", self._read, service, now)

    async def _read(self, service: ServiceKey, now: float) -> None:
        try:
            found = await self._cockpit.paths(service)
        except MeshtuiError as error:
            found = LoggedPaths(troubles=(str(error),))
        except Exception as error:  # noqa: BLE001 - the edge of a worker
            found = LoggedPaths(troubles=(str(unexpected("reading logs", error)),))
        self.post_message(self.PathsRead(service, replace(found, at=now)))

    def on_detail_paths_read(self, message: PathsRead) -> None:
        self._reading, self._paths = None, {message.service: message.paths}
        self._drawn_for = None
        if self._shown is not None:
            self.show_row(*self._shown)
