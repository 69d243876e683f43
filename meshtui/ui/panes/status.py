"""Every proxy of the mesh: its version, and whether it has what istiod sent it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.message import Message

from meshtui.diagnosis.proxy_sync import proxies_among
from meshtui.errors import MeshtuiError, Usage
from meshtui.mesh.model import Mesh
from meshtui.mesh.quantity import human_duration
from meshtui.operations.types import Snapshot, are_same
from meshtui.ui.main.background import in_background
from meshtui.ui.main.snapshot_feed import unexpected
from meshtui.ui.panes.base import Pane
from meshtui.ui.panes.statustext import shown_rows, status_lines, summary
from meshtui.ui.widgets.paint import BLANK, Line, Span, span, wrapped

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit
    from meshtui.operations.look.proxy_sync import MeshSync


class StatusPane(Pane):
    """Of the whole mesh, whatever service is selected; read again on a slow beat while it is shown.

    A text after `/` or `:status` leaves the proxies whose line holds it.
    """

    kind = "status"
    EVERY_S: ClassVar[float] = 15.0
    NEW_S: ClassVar[float] = 2.0
    """How soon it is read again where there are proxies that were not asked for."""

    class Read(Message):
        """How the proxies stand."""

        def __init__(self, found: MeshSync) -> None:
            super().__init__()
            self.found = found

    class Unread(Message):
        """They could not be asked at all."""

        def __init__(self, error: MeshtuiError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._found: MeshSync | None = None
        self._error: MeshtuiError | None = None
        self._began_at: float | None = None
        self._busy = False
        self._text = ""
        self._meshes: dict[str, Mesh] = {}
        self._there: frozenset[tuple[str, str, str]] = frozenset()
        self._asked: frozenset[tuple[str, str, str]] = frozenset()

    def update_body(self, snapshot: Snapshot) -> None:
        """A mesh is the same object for as long as nothing changes in it."""
        if not are_same(self._meshes, snapshot.meshes):
            self._meshes = snapshot.meshes
            self._there = frozenset(
                (cluster, pod.namespace, pod.name)
                for cluster, mesh in self._meshes.items()
                for pod in proxies_among(mesh.pods)
            )
        self._read_if_due()

    def tick(self, now: float) -> None:
        super().tick(now)
        self._read_if_due()

    def read_again(self) -> None:
        self._began_at = None
        self._read_if_due()

    def _read_if_due(self) -> None:
        wait = self.NEW_S if self._there - self._asked else self.EVERY_S
        early = self._began_at is not None and self.now - self._began_at < wait
        if self._busy or early or not self.display or not self._meshes:
            return
        self._busy, self._began_at, self._asked = True, self.now, self._there
        in_background(self, "status", self._read)

    async def _read(self) -> None:
        try:
            found = await self.cockpit.mesh_sync()
        except MeshtuiError as error:
            self.post_message(self.Unread(error))
        except Exception as error:  # noqa: BLE001 - the edge of a worker
            self.post_message(self.Unread(unexpected("asking the proxies", error)))
        else:
            self.post_message(self.Read(found))

    def on_status_pane_read(self, message: Read) -> None:
        self._busy, self._error, self._found = False, None, message.found
        self._show()

    def on_status_pane_unread(self, message: Unread) -> None:
        self._busy, self._error = False, message.error
        self._show()

    def _service_words(self) -> Line:
        if self._found is None or not self._text:
            return (Span("all proxies  ", "strong"),)
        shown, every = len(shown_rows(self._found, self._text)), len(self._found.rows)
        return (span(f"/{self._text}  ", "strong"), Span(f"{shown} of {every}  ", "muted"))

    def title_words(self) -> tuple[Line, Line]:
        if self._found is None:
            return (), (Span("" if self._error else "asking…", "muted"),)
        age = human_duration(self.now - self._found.time)
        return (), (*summary(self._found), Span(f"{age} ago", "muted"))

    def _show(self) -> None:
        if not self.is_mounted or not self.size.width:
            return
        width = self.size.width - 3
        lines = [*wrapped(f"✖ {self._error}", width, "error"), BLANK] if self._error else []
        if self._found is not None:
            lines += status_lines(self._found, self._text, width)
        self.listing.fill(lines)
        self.update_title()

    def on_resize(self) -> None:
        super().on_resize()
        self._show()

    @property
    def search_text(self) -> str | None:
        return self._text

    def search(self, text: str) -> None:
        self._text = text.strip()
        self._show()
        self.listing.to_top()

    def command(self, words: Sequence[str]) -> None:
        """`:status TEXT`; `:status all` shows every proxy again."""
        if len(words) > 1:
            raise Usage(":status takes one word", "a part of a name, a namespace, or a state")
        self.search("" if words[0] == "all" else words[0])

    def back(self) -> bool:
        """The text goes first."""
        if not self._text:
            return False
        self.search("")
        return True
