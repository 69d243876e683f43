"""One request across services: its hops as a tree, over the log that it was picked from."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message

from meshtui.envoy.logline import LogLine
from meshtui.errors import MeshtuiError
from meshtui.operations.cockpit import Cockpit
from meshtui.operations.request.follow import FollowedRequest
from meshtui.ui.dialogs.base import SCROLLING, Dialog
from meshtui.ui.main.background import in_background
from meshtui.ui.main.snapshot_feed import unexpected
from meshtui.ui.panes.logs.followed import followed_lines
from meshtui.ui.widgets.key_block import KeyBlock
from meshtui.ui.widgets.listing import Listing
from meshtui.ui.widgets.paint import Line, Span, wrapped

ROUND = 5
"""Lines around the tree: the foot and what is left free."""


class FollowedDialog(Dialog[None]):
    """Closed by Enter, q or Esc; `r` reads the logs again."""

    CSS_PATH = "followed.tcss"
    BINDINGS = [  # noqa: RUF012
        Binding("enter,q", "close", show=False),
        Binding("r", "again", show=False),
        *SCROLLING,
    ]

    class Read(Message):
        """What the logs say."""

        def __init__(self, found: FollowedRequest | MeshtuiError) -> None:
            super().__init__()
            self.found = found

    def __init__(self, cockpit: Cockpit, line: LogLine) -> None:
        super().__init__()
        self._cockpit = cockpit
        self._line = line
        self._found: FollowedRequest | MeshtuiError | None = None
        self._body = Listing(id="followed-body")
        self._foot = KeyBlock(id="followed-foot")

    def compose(self) -> ComposeResult:
        with Vertical(id="followed"):
            yield self._body
            yield self._foot

    def on_mount(self) -> None:
        self._foot.show([_KEYS])
        self.call_after_refresh(self._fill)
        self.action_again()

    def on_resize(self) -> None:
        self.call_after_refresh(self._fill)

    def action_again(self) -> None:
        in_background(self, "follow", self._read)

    async def _read(self) -> None:
        found: FollowedRequest | MeshtuiError
        try:
            found = await self._cockpit.follow(self._line)
        except MeshtuiError as error:
            found = error
        except Exception as error:  # noqa: BLE001 - the edge of a worker
            found = unexpected("reading logs", error)
        self.post_message(self.Read(found))

    def on_followed_dialog_read(self, message: Read) -> None:
        self._found = message.found
        self._fill()

    def _fill(self) -> None:
        width = max(self.query_one("#followed").content_size.width - 2, 30)
        self._body.fill(self._lines(width))
        self._body.fit_into(max(self.size.height - ROUND, 4))

    def _lines(self, width: int) -> list[Line]:
        if self._found is None:
            return wrapped("reading the logs of the pods on its way…", width, "muted")
        if isinstance(self._found, MeshtuiError):
            return wrapped(f"✖ {self._found}", width, "error")
        return followed_lines(self._found, width)

    def action_scroll(self, by: int) -> None:
        self._body.move(by)


_KEYS: Line = tuple(
    Span(text, role)
    for keys, words in (("r", "read again"), ("j k", "scroll"), ("Esc", "back"))
    for text, role in ((keys, "key"), (f" {words}   ", "muted"))
)
