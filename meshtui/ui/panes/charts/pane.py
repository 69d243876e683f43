"""Errors, latency and requests of the selected service over time, with the changes made to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.message import Message
from textual.timer import Timer

from meshtui.diagnosis.explain.edge import COUNTED, is_gateway
from meshtui.errors import MeshtuiError, Usage
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.time_series import ERRORS, P50, P95, P99, RANGES, RPS, SHORTEST_BEAT_S, beat_s
from meshtui.mesh.undecided import may_refuse_tokens
from meshtui.operations.look.charts import Picture
from meshtui.operations.types import Snapshot
from meshtui.ui.main.background import in_background
from meshtui.ui.main.snapshot_feed import unexpected
from meshtui.ui.panes.base import Pane
from meshtui.ui.panes.charts.lines import (
    ALL,
    LATENCY,
    ChartStyle,
    cells_of,
    chart_lines,
    course_labels,
    room_of,
    versions_of,
)
from meshtui.ui.panes.charts.title import source_words
from meshtui.ui.widgets.listing import Listing
from meshtui.ui.widgets.paint import Line, Span, fit_line, span, wrapped

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit

Question = tuple[ServiceKey, str, int]
"""Whose past, how far back, in how many cells."""

QUANTILES = {"p99": P99, "p95": P95, "p50": P50}
SHOWN = {"all": ALL, "errors": ERRORS, "latency": LATENCY, "requests": RPS}
"""The words for the charts, in the order in which a key goes through them."""

USUAL_RANGE = "30m"
UNSURE = "401s may be refused tokens: a Prometheus does not tell, and they count as success here"
_NAMES = tuple(RANGES)


class ChartsPane(Pane):
    """Shows what is known at once; asks for the past while it is in sight, at a slow beat."""

    kind = "charts"
    SETTLE_S: ClassVar[float] = 0.2

    class Answered(Message):
        """The past of a service is there."""

        def __init__(self, asked: object) -> None:
            super().__init__()
            self.asked = asked

    class Failed(Message):
        """The past could not be read."""

        def __init__(self, asked: object, error: MeshtuiError) -> None:
            super().__init__()
            self.asked = asked
            self.error = error

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self.range = USUAL_RANGE
        self._chosen = False
        self.chart_style = ChartStyle()
        self._key: ServiceKey | None = None
        self._asked: Question | None = None
        self._asked_at = 0.0
        self._busy = False
        self._error: MeshtuiError | None = None
        self._snapshot: Snapshot | None = None
        self._picture: Picture | None = None
        self._settling: Timer | None = None

    def make_body(self) -> Listing:
        return Listing(classes="pane-body")

    # Following

    def update_body(self, snapshot: Snapshot) -> None:
        """The cursor goes through the versions of a service without a new picture of it."""
        key = self.view.key if self.view else None
        if key != self._key:
            self._key, self._error = key, None
            self._ask_soon()
        elif snapshot is self._snapshot and self._picture is not None:
            return
        self._snapshot = snapshot if self._space[0] else None
        self._draw()

    def tick(self, now: float) -> None:
        """What is seen comes with the snapshots; where there are none, time passes all the same."""
        super().tick(now)
        if self._picture is None or now >= self._picture.grid.end:
            self._draw()
        if self._cells and (self._asked != self._question or now - self._asked_at >= self._beat_s):
            self._ask()

    def read_again(self) -> None:
        self._ask()

    @property
    def _question(self) -> Question | None:
        return (self._key, self.range, self._cells) if self._key else None

    @property
    def _beat_s(self) -> float:
        """Sooner, where nobody remembers anything yet."""
        known = self._error is None and self._picture is not None and self._picture.source
        return beat_s(RANGES[self.range], self._cells) if known else SHORTEST_BEAT_S

    @property
    def _cells(self) -> int:
        width = self._space[0]
        return cells_of(width) if width else 0

    @property
    def _space(self) -> tuple[int, int]:
        region = self.body.scrollable_content_region
        return (region.width, region.height) if self.is_mounted and self.display else (0, 0)

    def _ask_soon(self) -> None:
        """Once the cursor, or the range, has come to rest."""
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(self.SETTLE_S if self._asked else 0.01, self._ask)

    def _ask(self) -> None:
        """Not while it is out of sight, and one question at a time but for another one."""
        asked = self._question
        if asked is None or not self._cells or (self._busy and asked == self._asked):
            return
        self._busy, self._asked, self._asked_at = True, asked, self.now
        in_background(self, "charts", self._read_past, asked)

    async def _read_past(self, asked: Question) -> None:
        key, name, cells = asked
        try:
            await self.cockpit.history.read_past(key, RANGES[name], cells, self.now)
        except MeshtuiError as error:
            self.post_message(self.Failed(asked, error))
        except Exception as error:  # noqa: BLE001 - the edge of a worker
            self.post_message(self.Failed(asked, unexpected("reading the past", error)))
        else:
            self.post_message(self.Answered(asked))

    def on_charts_pane_answered(self, message: Answered) -> None:
        if message.asked == self._asked:
            self._busy, self._error = False, None
            self._draw()
            self._fit_range()

    def on_charts_pane_failed(self, message: Failed) -> None:
        if message.asked == self._asked:
            self._busy, self._error = False, message.error
            self._draw()

    # Showing

    def _draw(self) -> None:
        width, height = self._space
        if not width or self._key is None:
            return
        try:
            self._picture = self.cockpit.history.picture(
                self._key, RANGES[self.range], cells_of(width), self.now
            )
        except MeshtuiError as error:
            self.listing.fill([(span(f"✖ {error}", "error"),)])
            return
        top = self._trouble(width)
        names = course_labels(self.view, self._picture) if self.view else {}
        versions = versions_of(self._picture, names)
        size = width, height - len(top)
        lines = chart_lines(self._picture, self.chart_style, versions, size, self.now)
        self.listing.fill([*top, *lines])
        self.update_title()

    def _trouble(self, width: int) -> list[Line]:
        if self._error is not None:
            return [fit_line((span(f"✖ {self._error}", "error"),), width)]
        if self._picture is not None and not self._picture.courses:
            return wrapped("asking for the past…" if self._busy else self._none(), width, "muted")
        shown = self._snapshot
        if self._picture is not None and self._picture.unsure and shown is not None:
            return wrapped(UNSURE, width, "unknown") if may_refuse_tokens(shown.mesh) else []
        return []

    def _none(self) -> str:
        words = "no requests were seen in this time"
        shown = self._snapshot
        edge = self.view and shown and is_gateway(shown.mesh, self.view.service)
        return f"{words}; {COUNTED}" if edge else words

    def title_words(self) -> tuple[Line, Line]:
        left = (Span(self.range, "key"),)
        picture = self._picture
        if picture is None or picture.service != self._key:
            return left, ()
        return left, source_words(picture, self.now)

    # Keys and words

    def do_longer(self) -> None:
        self._change_range(1)

    def do_shorter(self) -> None:
        self._change_range(-1)

    def _change_range(self, by: int) -> None:
        place = min(max(_NAMES.index(self.range) + by, 0), len(_NAMES) - 1)
        self._choose_range(_NAMES[place])

    def _fit_range(self) -> None:
        """Until a person chooses one: where nobody remembers more, as long as was seen."""
        picture = self._picture
        if self._chosen or picture is None or picture.source or picture.seen_since is None:
            return
        seen_s = self.now - picture.seen_since
        usual = _NAMES[: _NAMES.index(USUAL_RANGE)]
        self._show_range(next((n for n in usual if RANGES[n] >= seen_s), USUAL_RANGE))

    def _choose_range(self, name: str) -> None:
        self._chosen = True
        self._show_range(name)

    def _show_range(self, name: str) -> None:
        if name != self.range:
            self.range = name
            self._draw()
            self._ask_soon()

    def do_next_chart(self) -> None:
        """The next that shows something else."""
        if self._picture is None:
            return
        width, height = self._space
        room = room_of(self._picture, (width, height - len(self._trouble(width))))
        now = self.chart_style.measures(room)
        order = list(SHOWN.values())
        place = order.index(self.chart_style.shown)
        turned = order[place + 1 :] + order[:place]
        candidates = [ChartStyle(shown, self.chart_style.quantile) for shown in turned]
        self.chart_style = next(
            (chart_style for chart_style in candidates if chart_style.measures(room) != now),
            self.chart_style,
        )
        self._draw()

    def do_quantile(self) -> None:
        order = list(QUANTILES.values())
        following = order[(order.index(self.chart_style.quantile) + 1) % len(order)]
        self.chart_style = ChartStyle(self.chart_style.shown, following)
        self._draw()

    def command(self, words: Sequence[str]) -> None:
        known = {**RANGES, **SHOWN, **QUANTILES}
        wrong = next((word for word in words if word.lower() not in known), None)
        if wrong is not None:
            raise Usage(f"charts cannot show {wrong}", f"there are: {', '.join(known)}")
        for word in (word.lower() for word in words):
            if word in RANGES:
                self._choose_range(word)
            elif word in SHOWN:
                self.chart_style = ChartStyle(SHOWN[word], self.chart_style.quantile)
            else:
                self.chart_style = ChartStyle(self.chart_style.shown, QUANTILES[word])
        self._draw()

    def on_resize(self) -> None:
        super().on_resize()
        self._draw()
