"""What every pane is: a title line, a body, and the service that it follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from meshtui.errors import MeshtuiError, Usage
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.placed import cluster_of
from meshtui.mesh.view import ServiceView
from meshtui.operations.types import Snapshot
from meshtui.ui.timers import CertainTimers
from meshtui.ui.widgets.lines import COPIED_MOST, LinesBlock, LinesView
from meshtui.ui.widgets.listing import Listing
from meshtui.ui.widgets.paint import JOINTS, Line, Span, both_ends, span, width_of

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit


class Pane(CertainTimers, Vertical, can_focus=True, can_focus_children=False):
    """Follows the selected service for as long as it is open."""

    kind: ClassVar[str] = ""

    class Opened(Message):
        """The pane is there and wants to be told what to show."""

    class Reported(Message):
        """One line for the status line."""

        def __init__(self, text: str, level: str) -> None:
            super().__init__()
            self.text = text
            self.level = level

    class Failed(Message):
        """What the person asked of the pane has failed."""

        def __init__(self, error: MeshtuiError) -> None:
            super().__init__()
            self.error = error

    class Prompted(Message):
        """The pane has words for the `:` line, which the person may go on with."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    class Clicked(Message):
        """The pane, or its tab, was clicked."""

        def __init__(self, kind: str) -> None:
            super().__init__()
            self.kind = kind

    class Sought(Message):
        """The person wants the table's cursor on this service, or this version of it."""

        def __init__(self, service: ServiceKey, version: str = "") -> None:
            super().__init__()
            self.service = service
            self.version = version

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(id=f"pane-{self.kind}", classes="pane")
        self.title_block = LinesBlock(classes="pane-title")
        self.body = self.make_body()
        self.cockpit = cockpit
        self.view: ServiceView | None = None
        self.version = ""
        """The label of the version under the cursor; empty on the line of a service."""

        self.now = 0.0

    def compose(self) -> ComposeResult:
        yield self.title_block
        yield self.body

    def make_body(self) -> LinesView:
        return Listing(classes="pane-body")

    @property
    def listing(self) -> Listing:
        """The body, where it is a list of lines that are all there."""
        assert isinstance(self.body, Listing)  # noqa: S101 - a pane with another body overrides
        return self.body

    def receive(self, view: ServiceView | None, snapshot: Snapshot, now: float) -> None:
        """A new snapshot, or another service under the cursor."""
        self.now = now
        self.view = view
        self.update_body(snapshot)
        self.update_title()

    def tick(self, now: float) -> None:
        """A second has passed."""
        self.now = now
        self.update_title()

    def update_body(self, snapshot: Snapshot) -> None:
        """Show what the pane is for."""

    def read_again(self) -> None:
        """The person asked for it."""

    def leave(self) -> None:
        """The connection is about to be closed: what goes on over it is to end."""

    def report(self, text: str, level: str = "info") -> None:
        self.post_message(self.Reported(text, level))

    def report_failure(self, error: MeshtuiError) -> None:
        self.post_message(self.Failed(error))

    def title_words(self) -> tuple[Line, Line]:
        """What stands at the left and at the right of the title."""
        return (), ()

    def update_title(self) -> None:
        if not self.is_mounted or not self.size.width:
            return
        left, right = self.title_words()
        name = (Span(f" {self.kind} ", "brand"), *self._service_words())
        right = shortened((*right, Span(" ")), self.size.width - width_of(name))
        title = both_ends((*name, *left), right, self.size.width)
        self.title_block.show([title])

    def _service_words(self) -> Line:
        if self.view is None:
            return ()
        cluster = cluster_of(self.view.key)
        where = (span(f"@{cluster}  ", "mark"),) if cluster else ()
        return (span(f"{self.view.key.name}{' ' if cluster else '  '}", "strong"), *where)

    def on_mount(self) -> None:
        self.call_after_refresh(self.post_message, self.Opened())

    def on_resize(self) -> None:
        self.update_title()

    def on_click(self) -> None:
        """Whatever was clicked in it: it has the focus then."""
        self.post_message(self.Clicked(self.kind))

    # Keys

    def move(self, by: int) -> None:
        self.listing.move(by)

    def page(self, pages: float) -> None:
        self.listing.page(pages)

    def to_top(self) -> None:
        self.listing.to_top()

    def to_end(self) -> None:
        self.listing.to_end()

    def sideways(self, by: int) -> None:
        self.listing.sideways(by)

    def do_raw(self) -> None:
        """Readable, or as it came."""

    def back(self) -> bool:
        """One step out of a part of the pane; False where there is none, so that it is closed."""
        return False

    def do_copy_pane(self) -> None:
        """By OSC 52, which works over SSH; from its top where it is more than a terminal takes."""
        lines = (self.body.line_at(at) for at in range(self.body.line_count()))
        text = "\n".join("".join(piece.text for piece in line).rstrip() for line in lines)
        taken = text.encode("utf-8", "replace")[:COPIED_MOST].decode("utf-8", "ignore")
        self.app.copy_to_clipboard(taken)
        size = f"{len(taken.encode('utf-8', 'replace')):,} bytes"
        whole = "" if taken == text else ", its beginning: a terminal takes no more"
        self.report(f"copied {self.kind}, {size}{whole}", "done")

    # Words

    @property
    def search_text(self) -> str | None:
        """What `/` searches the pane for now; None where `/` is the table's."""
        return None

    @property
    def search_grammar(self) -> str:
        """What can be typed beside a text."""
        return ""

    def search(self, text: str) -> None:
        """Search for it; told at each letter typed. Raises `Usage`, and then changes nothing."""

    def command(self, words: Sequence[str]) -> None:
        """What was typed after `:KIND`. Raises `Usage`."""
        raise Usage(f":{self.kind} takes no arguments")

    @property
    def picked(self) -> str:
        """What the cursor of the pane is on, where it has one."""
        return ""

    @property
    def idle(self) -> frozenset[str]:
        """Its actions that have nothing to act on now: the keys of the moment leave them out."""
        return frozenset()

    @property
    def denied(self) -> str:
        """Why what the cursor of the pane is on may not be taken back; empty where it may."""
        return ""


def shortened(right: Line, room: int) -> Line:
    """Without its last words where there is no room for them: whose pane it is comes first."""
    *words, edge = right
    while len(words) > 1 and width_of((*words, edge)) > room:
        words.pop()
        while len(words) > 1 and not words[-1].text.strip(JOINTS):
            words.pop()
    return (*words, edge)
