"""The live table: a cursor and drafts that follow identity, and a repaint of changed lines only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest

from textual import events
from textual.message import Message

from meshtui.mesh.model import ServiceKey
from meshtui.mesh.sides import CALLER, SIDES
from meshtui.mesh.signals import Sample, same_numbers
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView
from meshtui.ui.main.draft import Draft
from meshtui.ui.main.filters import Filter
from meshtui.ui.table.cells import BAD, CellContext, state_of
from meshtui.ui.table.columns import SORTED, ColumnGrid, grid
from meshtui.ui.table.layout import Layout, Wanted, namespaced, several
from meshtui.ui.table.lineid import LineId
from meshtui.ui.table.marks import Notes
from meshtui.ui.table.order import Sort, same_objects
from meshtui.ui.table.outline import Outline, TableLine, worst_place
from meshtui.ui.table.rows import Rows, head
from meshtui.ui.table.sparklines import History
from meshtui.ui.widgets.lines import LinesView, lines_of
from meshtui.ui.widgets.paint import BLANK, Line, Span


def _time_of(sample: Sample | None) -> float:
    return sample.time if sample else 0.0


FOLDS = 5
"""Cells at the left of a service's line that fold it, where there is a mouse."""

POINTER = "▌"
"""In front of the cursor's line, which is told by more than a colour."""


class MeshTable(LinesView, can_focus=True):
    """Services and their versions. Feed it views; it keeps order, cursor and folds."""

    class Moved(Message):
        """The cursor stands on another line, or on none."""

        def __init__(self, place: LineId | None) -> None:
            super().__init__()
            self.place = place

    class Clicked(Message):
        """The table was clicked, `sort` where it was the head of a column that sorts."""

        def __init__(self, sort: str = "") -> None:
            super().__init__()
            self.sort = sort

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.sort = Sort()
        self.filter = Filter()
        self.side = CALLER
        self.empty_text = "connecting…"
        self._histories = {side: History(side) for side in SIDES}
        self._layout = Layout()
        self._views: dict[ServiceKey, ServiceView] = {}
        self._sampled = 0.0
        self._entries = Outline()
        self._fed: tuple[tuple[ServiceView, ...], Sample | None] = ((), None)
        self._facts = CellContext(history=self._histories[CALLER])
        self._folded: frozenset[ServiceKey] = frozenset()
        self._opened: frozenset[ServiceKey] = frozenset()
        self._place: LineId | None = None
        self._moved_by_hand = False
        self._grid: ColumnGrid = grid(80, 0)
        self._name_width = 0
        self._rows = Rows()
        self._titles: tuple[tuple[ColumnGrid, Sort, str], tuple[Line, ...]] | None = None

    # What it is fed with

    def prepare(self, views: tuple[ServiceView, ...], sample: Sample | None) -> None:
        """What `feed` would work out of each view on the loop; called in a thread.

        What it says of a view is used for that very view alone: what is chosen meanwhile, or
        comes otherwise, is worked out by `feed`.
        """
        fed_views, fed = self._fed
        if same_numbers(fed, sample) and same_objects(views, fed_views):
            return
        for history in self._histories.values():
            history.prepare(sample, views)
        self._layout.prepare(views, self._wanted, _time_of(sample))

    def feed(self, views: tuple[ServiceView, ...], sample: Sample | None) -> None:
        """Show these views; `sample` is what they were measured by."""
        before, self._fed = self._fed, (views, sample)
        if views and same_numbers(before[1], sample) and same_objects(views, before[0]):
            if before[1] is not sample and sample is not None:
                self._feed_again(sample)
            return
        for history in self._histories.values():
            history.record(sample, views)
        self._views = {view.key: view for view in views}
        self._sampled = _time_of(sample)
        self._know(namespaces=namespaced(views))
        self._opened |= several(views)
        self._arrange()

    def _feed_again(self, sample: Sample) -> None:
        """Nothing was counted since: rows that are on their way to a better place may reach it."""
        for history in self._histories.values():
            history.repeat(sample)
        self._sampled = sample.time
        if self._layout.settled:
            self.repaint_changed()
        else:
            self._arrange()

    def set_drafts(self, drafts: Mapping[ServiceKey, Draft]) -> None:
        if self._know(drafts=dict(drafts)):
            self.repaint_changed()

    def set_notes(self, notes: Mapping[ServiceKey, Notes]) -> None:
        """Words in front of a service's marks: a change under way, or not verified."""
        if self._know(notes=dict(notes)):
            self.repaint_changed()

    def notes_of(self, key: ServiceKey) -> Notes:
        return self._facts.notes.get(key, ())

    def set_stale(self, stale: bool, clusters: frozenset[str] = frozenset()) -> None:
        """Whether the numbers are so old that they must not pass for new; or those of some of
        several clusters are."""
        if self._know(stale=stale, stale_clusters=clusters):
            self.repaint_changed()

    def _know(self, **facts: object) -> bool:
        """Whether that is something new."""
        new = any(getattr(self._facts, name) != value for name, value in facts.items())
        if new:
            self._facts = replace(self._facts, **facts)  # type: ignore[arg-type]
        return new

    @property
    def stale(self) -> bool:
        """Whether the numbers under the cursor are old, or all are."""
        place = self._place
        return self._facts.is_stale(place.service) if place else self._facts.stale

    def set_sort(self, sort: Sort) -> None:
        self.sort = sort
        self._moved_by_hand = self._moved_by_hand and self._place is not None
        self._arrange()

    def next_sort(self, by: int) -> str:
        """The sort of the column so many to the right of the present one's, of those in sight."""
        shown = {column.id for column in self._grid.columns}
        known = [key for key, column in SORTED.items() if column in shown]
        place = known.index(self.sort.key) if self.sort.key in known else 0
        return known[(place + by) % len(known)]

    def set_side(self, side: str) -> None:
        """Whose numbers are shown, the callers' or the servers'; the cursor stays on its line."""
        self.side = side
        self._layout.begin_again()
        self._facts = replace(self._facts, history=self._histories[side])
        self._arrange()

    def set_filter(self, wanted: Filter) -> None:
        self.filter = wanted
        self._arrange()

    # Which lines there are

    @property
    def _wanted(self) -> Wanted:
        return Wanted(self.sort, self.filter, self.side, self._folded, self._opened)

    def _arrange(self) -> None:
        self._entries, self._name_width = self._layout.lay(
            self._fed[0], self._wanted, self._sampled, namespaces=self._facts.namespaces
        )
        self._fit()
        self._follow()
        self.repaint_changed()

    def _fit(self) -> None:
        self.fit_virtual_size()
        width = self.scrollable_content_region.width or self.size.width
        fitting = grid(max(width - 2, 20), self._name_width)
        if fitting != self._grid:
            self._grid = fitting

    def on_resize(self, _: events.Resize) -> None:
        self._fit()
        self.forget_strips()
        self._show_cursor()

    # The cursor

    def _follow(self) -> None:
        """Stay on the same line wherever it is now; until somebody chose one, on the worst."""
        before = self._place
        if not self._entries:
            self._place = None
        elif before is None or not self._moved_by_hand:
            self._place = worst_place(self._entries.blocks[0], before)
        elif self._entries.find(before) is None:
            self._place = self._nearest(before)
        if self._place != before:
            self.post_message(self.Moved(self._place))
        self._show_cursor()

    def keep_place(self) -> None:
        """Something is done with the line under the cursor: it is chosen from now on."""
        self._moved_by_hand = self._place is not None

    def _nearest(self, gone: LineId) -> LineId:
        """The service of a line that is gone, else the top."""
        service = LineId(gone.service)
        return self._entries[0].place if self._entries.find(service) is None else service

    def _show_cursor(self) -> None:
        index = self._entries.find(self._place) if self._place else None
        if index is not None:
            self.show_line(index)

    @property
    def cursor(self) -> int:
        return (self._entries.find(self._place) or 0) if self._place else 0

    @property
    def place(self) -> LineId | None:
        return self._place

    @property
    def entry(self) -> TableLine | None:
        """The line under the cursor."""
        return self._entries[self.cursor] if self._entries else None

    @property
    def view(self) -> ServiceView | None:
        """The service under the cursor, with the numbers of both sides."""
        return self._views[self.entry.place.service] if self.entry else None

    @property
    def version(self) -> VersionView | None:
        """The version under the cursor, with the numbers of both sides."""
        label = self.entry.place.version if self.entry else ""
        rows = self.view.versions if self.view and label else ()
        return next((row for row in rows if row.label == label), None)

    @property
    def entries(self) -> Sequence[TableLine]:
        return self._entries

    @property
    def in_sight(self) -> frozenset[ServiceKey]:
        """The services of the lines on screen, and the one under the cursor."""
        top = self.scroll_offset.y
        seen = range(top, min(top + self.room, len(self._entries)))
        found = {self._entries[index].place.service for index in seen}
        return frozenset(found | ({self._place.service} if self._place else set()))

    @property
    def listed(self) -> frozenset[ServiceKey]:
        """All services that there are lines of."""
        return frozenset(block.view.key for block in self._entries.blocks)

    def move(self, by: int) -> None:
        self.move_to(self.cursor + by)

    def page(self, pages: float) -> None:
        self.move(lines_of(pages, self.room))

    def to_top(self) -> None:
        self.move_to(0)

    def to_end(self) -> None:
        self.move_to(len(self._entries) - 1)

    def move_to(self, index: int) -> None:
        """The cursor to a line's number; beyond the ends it stays on the last one."""
        if not self._entries:
            return
        target = self._entries[min(max(index, 0), len(self._entries) - 1)].place
        self.select(target)

    def has(self, place: LineId) -> bool:
        """Whether there is such a line now."""
        return self._entries.find(place) is not None

    def select(self, place: LineId) -> None:
        if self._entries.find(place) is None:
            return
        self._moved_by_hand = True
        if place != self._place:
            self._place = place
            self.post_message(self.Moved(place))
        self._show_cursor()
        self.repaint_changed()

    # Folding

    def fold(self, close: bool) -> None:
        """Close the service under the cursor, or open it."""
        if self._place is None:
            return
        key = self._place.service
        self._folded = self._folded | {key} if close else self._folded - {key}
        self._opened = self._opened - {key} if close else self._opened | {key}
        if close:
            self._place = LineId(key)
            self._moved_by_hand = True
        self._arrange()

    def toggle_fold(self) -> None:
        if self._place is not None:
            index = self._entries.find(LineId(self._place.service)) or 0
            self.fold(not self._entries[index].folded)

    # The mouse

    def click_head(self, x: int) -> None:
        """The cell before a title at the right is its own: its arrow may have moved it there."""
        end = 1
        for column, after in zip_longest(self._grid.columns, self._grid.columns[1:]):
            end += column.width + self._grid.gap
            if x < end - (after is not None and after.right):
                known = [key for key, name in SORTED.items() if name == column.id]
                self.post_message(self.Clicked(known[0] if known else ""))
                return

    def click_line(self, index: int, x: int, *, again: bool) -> None:
        """The sign in front of a service folds it; the second click is Enter."""
        if not self._entries:
            return
        entry = self._entries[index]
        self.select(entry.place)
        self.post_message(self.Clicked())
        if not entry.is_version and x < FOLDS:
            self.toggle_fold()
        elif again:
            self.app.simulate_key("enter")

    # Painting

    def pinned(self) -> Sequence[Line]:
        shown = self._grid, self.sort, self.side
        if self._titles is None or self._titles[0] != shown:
            self._titles = shown, (head(*shown),)
        return self._titles[1]

    def line_count(self) -> int:
        return max(len(self._entries), 1)

    def line_at(self, index: int) -> Line:
        if not self._entries:
            return self._empty_line(index)
        entry = self._entries[index]
        pieces = self._rows.of(entry, (self._grid, self._facts, self._sampled))
        if entry.place != self._place:
            return pieces
        return (Span(POINTER, "pointer-sick" if self._sick(index) else "pointer"), *pieces[1:])

    def _empty_line(self, index: int) -> Line:
        if index:
            return BLANK
        text = f"nothing matches /{self.filter.source}" if self._views else self.empty_text
        return (Span(f"   {text}", "muted"),)

    def base_role_at(self, index: int) -> str:
        if not self._entries:
            return ""
        here = self._entries[index].place == self._place
        sick = self._sick(index)
        if here and self.has_focus:
            return "cursor-sick" if sick else "cursor"
        if sick:
            return "sick"
        return "cursor-blurred" if here else ""

    def _sick(self, index: int) -> bool:
        entry = self._entries[index]
        return not self._facts.is_stale(entry.view.key) and state_of(entry) in BAD

    def on_focus(self) -> None:
        self.repaint_changed()

    def on_blur(self) -> None:
        self.repaint_changed()
