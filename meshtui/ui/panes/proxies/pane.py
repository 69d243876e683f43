"""What the proxies of the service's clients do: against the rules, and all that they have."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partialmethod
from typing import TYPE_CHECKING, ClassVar

from textual.timer import Timer

from meshtui.errors import MeshtuiError, NotFound, Usage
from meshtui.mesh.model import Pod
from meshtui.operations.types import Snapshot
from meshtui.paths import short_path
from meshtui.ui.actions.registry import worded
from meshtui.ui.panes.base import Pane
from meshtui.ui.panes.proxies.body import ProxyBody
from meshtui.ui.panes.proxies.heads import Frame, painted, search_words, title_words
from meshtui.ui.panes.proxies.matrix import owner_of
from meshtui.ui.panes.proxies.requests import (
    AskFailed,
    Asking,
    RawCame,
    ReadingCame,
    RowCame,
    Saved,
)
from meshtui.ui.panes.proxies.state import INTENT, VIEWS, ProxyState, key_of, versions
from meshtui.ui.widgets.paint import Line, span

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit

SIDEWAYS = 16
"""Cells of one step to the side."""


class ProxiesPane(Pane):
    """Intent against actual first; then one proxy at a time. Read on a slow beat while shown."""

    kind = "proxies"
    EVERY_S: ClassVar[float] = 10.0
    LAGGING_S: ClassVar[float] = 4.0
    PATIENCE_S: ClassVar[float] = 60.0
    SETTLE_S: ClassVar[float] = 0.2

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self.state = ProxyState()
        self.asking = Asking(cockpit, self)
        self._versions: tuple[str, ...] = ()
        self._settling: Timer | None = None
        self._asked_at = 0.0
        self._held: tuple[int, int] | None = None

    def make_body(self) -> ProxyBody:
        return ProxyBody(classes="pane-body")

    @property
    def lines(self) -> ProxyBody:
        assert isinstance(self.body, ProxyBody)  # noqa: S101 - made by make_body
        return self.body

    # What is followed, and when it is asked

    def update_body(self, snapshot: Snapshot) -> None:
        """Out of sight nothing is asked: the pane is told again when it comes to the front."""
        if self.view is None or not self.display:
            return
        before, self._versions = self._versions, versions(snapshot.mesh, self.view.service.host)
        if (self.view.key, self.cockpit.context) != (self.state.service, self.state.context):
            self._follow()
        elif before != self._versions:
            self.read_again()

    def _follow(self) -> None:
        """The service under the cursor, once the cursor has come to rest."""
        if self.view is None:
            return
        first = self.state.service is None
        self.state.follow(self.view.key, self.cockpit.context)
        self.asking.stop()
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(0.01 if first else self.SETTLE_S, self.read_again)
        self._asked_at = self.now
        self.show()

    def read_again(self) -> None:
        """Whom to ask about what, from the objects as they are now; then ask."""
        state = self.state
        if state.service is None:
            return
        self._asked_at = self.now
        try:
            state.meet(self.cockpit.proxies.matrix(state.service))
        except MeshtuiError as error:
            state.error = error
        else:
            self._ask()
        self.show()

    def _ask(self) -> None:
        question, state = self.state.ask(), self.state
        if question is None:
            self.asking.stop()
        elif state.at == INTENT and state.matrix is not None:
            self.asking.rows(question, state.matrix)
        elif state.pod is not None:
            self.asking.view(question, state.pod)

    def tick(self, now: float) -> None:
        super().tick(now)
        if not self.display or self.state.service is None:
            return
        if now - self._asked_at >= self._beat:
            self.read_again()
        elif self.state.at == INTENT:
            self.show()

    @property
    def _beat(self) -> float:
        """A round of proxies that do not answer takes longer than the beat: it is let be."""
        if self.state.awaited > 0:
            return self.PATIENCE_S
        lagging = self.state.at == INTENT and self.state.lagging
        return self.LAGGING_S if lagging else self.EVERY_S

    # What came

    def on_row_came(self, message: RowCame) -> None:
        state = self.state
        if message.question == state.question:
            state.awaited = max(state.awaited - 1, 0)
            state.rows[key_of(message.row.pod)] = (message.row, self.now)
            state.read_at, state.error = self.now, None
            worst = None if state.moved else state.worth_a_look
            if worst is not None:
                self.lines.picked = owner_of(worst)
            self.show()

    def on_reading_came(self, message: ReadingCame) -> None:
        state = self.state
        if message.question == state.question:
            state.awaited = 0
            state.reading, state.table = message.reading, message.table
            state.read_at, state.error = self.now, None
            if state.wants_raw:
                self.asking.raw(message.reading)
            self.show()

    def on_raw_came(self, message: RawCame) -> None:
        if message.reading is self.state.reading and self.state.wants_raw:
            self.state.raw = message.text.searched(self.state.search)
            self.show()

    def on_saved(self, message: Saved) -> None:
        self.state.saved(short_path(message.path), message.size)
        self.show()

    def on_ask_failed(self, message: AskFailed) -> None:
        if message.question is None:
            self.state.note = (span(f"✖ {message.error}", "error"),)
        elif message.question == self.state.question:
            self.state.error, self.state.awaited = message.error, 0
        self.show()

    # Showing

    def show(self) -> None:
        if not self.is_mounted or not self.size.width:
            return
        body = self.lines
        width = max(self.size.width - 3, 20)
        frame = Frame(width, self.now, body.scroll_offset.x, body.picked, body.marked)
        found = painted(self.state, frame)
        self._held = found.held
        if found.long is None:
            body.show_lines(found.fixed, found.lines)
        else:
            body.show_long(found.fixed, found.long)
        self.update_title()

    def title_words(self) -> tuple[Line, Line]:
        return (), title_words(self.state, self.now)

    def _service_words(self) -> Line:
        raw = self.state.wants_raw
        found = () if raw else search_words(self.state.search, self._held)
        return (*super()._service_words(), *found)

    def on_resize(self) -> None:
        super().on_resize()
        self.show()

    def on_focus(self) -> None:
        self.lines.light(True)

    def on_blur(self) -> None:
        self.lines.light(False)

    # Moving

    def move(self, by: int) -> None:
        self.state.moved, self.state.note = True, ()
        super().move(by)
        self.show()

    def to_top(self) -> None:
        super().to_top()
        self.show()

    def to_end(self) -> None:
        super().to_end()
        self.show()

    def sideways(self, by: int) -> None:
        super().sideways(by)
        self.show()

    def do_columns_right(self) -> None:
        self.sideways(SIDEWAYS)

    def do_columns_left(self) -> None:
        self.sideways(-SIDEWAYS)

    # Views and proxies

    def turn_to(self, view: str) -> None:
        """Another view; in the first the cursor is on the proxy that was shown."""
        if view == self.state.at:
            self.state.wants_raw = False
        else:
            self._use_picked()
            self.state.turn_to(view)
            self.state.moved = True
            self.lines.picked = owner_of(self.state.pod) if self.state.pod else ""
        self._from_the_top()
        self.read_again()

    do_view_intent = partialmethod(turn_to, VIEWS[0])
    do_view_routes = partialmethod(turn_to, VIEWS[1])
    do_view_clusters = partialmethod(turn_to, VIEWS[2])
    do_view_endpoints = partialmethod(turn_to, VIEWS[3])
    do_view_listeners = partialmethod(turn_to, VIEWS[4])

    def _use_picked(self) -> None:
        """The proxy under the cursor of the first view is the one of the others."""
        if self.state.at == INTENT:
            pods = (pod for pod in self.state.clients if owner_of(pod) == self.lines.picked)
            found = next(pods, None)
            if found is not None:
                self.state.pod, self.state.named = found, False

    def _from_the_top(self) -> None:
        self.lines.marked = -1
        self.lines.jump(x=0, y=0)

    def do_open_proxy(self) -> None:
        if self.state.at == INTENT and not self.state.wants_raw:
            self.turn_to(VIEWS[1])
        else:
            self._to_match(1)

    def do_next_proxy(self) -> None:
        self._turn(1)

    def do_previous_proxy(self) -> None:
        self._turn(-1)

    def _turn(self, by: int) -> None:
        clients, state = self.state.clients, self.state
        if state.at == INTENT:
            self.move(by)
        elif clients:
            place = state.place
            state.choose(clients[(place + by) % len(clients) if place >= 0 else 0])
            self._from_the_top()
            self.read_again()

    def do_everything(self) -> None:
        if self.state.at != INTENT:
            self.state.everything = not self.state.everything
            self.state.forget()
            self._from_the_top()
            self.read_again()

    def do_save_dump(self) -> None:
        """Of the proxy that is shown, or under the cursor."""
        self._use_picked()
        if self.state.pod is not None:
            self.state.note = (span(f"reading all that {self.state.pod.name} has…", "muted"),)
            self.asking.dump(self.state.pod)
            self.show()

    # Raw JSON, searched

    def do_raw_proxy(self) -> None:
        state = self.state
        if state.at == INTENT:
            self.turn_to(VIEWS[1])
        state.wants_raw, state.raw, state.search = not state.wants_raw, None, ""
        state.note = ()
        self._from_the_top()
        if state.wants_raw and state.reading is not None:
            self.asking.raw(state.reading)
        self.show()

    def back(self) -> bool:
        """The text that was searched goes first, then the raw JSON for what it says."""
        if self.state.search:
            self.search("")
            return True
        raw = self.state.wants_raw
        if raw:
            self.do_raw_proxy()
        return raw

    @property
    def search_text(self) -> str | None:
        return self.state.search

    def search(self, text: str) -> None:
        state = self.state
        state.search, state.note = text, ()
        if state.wants_raw and state.raw is not None:
            state.raw = state.raw.searched(text)
            self.lines.mark(state.raw.next(max(self.lines.marked, 0) - 1, 1))
        self.show()

    def do_next_match(self) -> None:
        self._to_match(1)

    def do_match_before(self) -> None:
        self._to_match(-1)

    def _to_match(self, by: int) -> None:
        raw = self.state.raw
        if self.state.wants_raw and raw is not None:
            self.lines.mark(raw.next(self.lines.marked, by))
            self.show()
        elif not self.state.wants_raw:
            self.report(worded("matches are in the raw JSON, which {raw_proxy} shows"))

    # Words

    def command(self, words: Sequence[str]) -> None:
        """`:proxies POD [VIEW]`: any proxy of the mesh."""
        name, view = words[0], words[1] if len(words) > 1 else VIEWS[1]
        if len(words) > 2 or view not in VIEWS[1:]:
            raise Usage(f"proxies takes POD and one of {', '.join(VIEWS[1:])}")
        pod = self._find(name)
        self.state.turn_to(view)
        self.state.choose(pod, named=True)
        if self.state.service is not None:
            self._from_the_top()
            self.read_again()

    def _find(self, name: str) -> Pod:
        """Near the service first, then wherever it is."""
        near = self.view.key.namespace if self.view else self.cockpit.namespace
        proxies = self.cockpit.proxies
        try:
            return proxies.find(name, near)
        except NotFound:
            return proxies.find(name, "")
