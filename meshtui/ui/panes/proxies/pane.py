"""What the proxies of the service's clients do: against the rules, and all that they have."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.timer import Timer

from meshtui.errors import MeshtuiError
from meshtui.operations.types import Snapshot
from meshtui.ui.main.pending_edit import short_path
from meshtui.ui.panes.proxies.heads import Frame, painted, title_words
from meshtui.ui.panes.proxies.keys import ProxyKeys
from meshtui.ui.panes.proxies.matrix import owner_of
from meshtui.ui.panes.proxies.requests import (
    AskFailed,
    Asking,
    RawCame,
    ReadingCame,
    RowCame,
    Saved,
)
from meshtui.ui.panes.proxies.state import INTENT, ProxyState, key_of, versions
from meshtui.ui.widgets.paint import Line, span

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit


class ProxiesPane(ProxyKeys):
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
            state.awaited -= 1
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
        if found.long is None:
            body.show_lines(found.fixed, found.lines)
        else:
            body.show_long(found.fixed, found.long)
        self.update_title()

    def title_words(self) -> tuple[Line, Line]:
        return (), title_words(self.state, self.now)

    def on_resize(self) -> None:
        super().on_resize()
        self.show()

    def on_focus(self) -> None:
        self.lines.light(True)

    def on_blur(self) -> None:
        self.lines.light(False)
