"""What is wrong with the mesh as it is written, the selected service's findings first."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.message import Message

from meshtui.errors import MeshtuiError
from meshtui.mesh.model import Mesh, Ref
from meshtui.mesh.placed import cluster_of
from meshtui.operations.types import Snapshot, are_same
from meshtui.ui.main.background import in_background
from meshtui.ui.main.snapshot_feed import unexpected
from meshtui.ui.panes.analysistext import counts_line, findings_lines, refs_of
from meshtui.ui.panes.base import Pane
from meshtui.ui.widgets.paint import BLANK, Line, Span, wrapped

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit
    from meshtui.operations.look.analyze import Analysis


class AnalysisPane(Pane):
    """Checks again when the mesh is another one, at most once a second and one at a time."""

    kind = "analysis"
    EVERY_S: ClassVar[float] = 1.0

    class Checked(Message):
        """What was found, and what could not be judged."""

        def __init__(self, found: Analysis) -> None:
            super().__init__()
            self.found = found

    class Failed(Message):
        """The mesh could not be checked."""

        def __init__(self, error: MeshtuiError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._mesh: Mesh | None = None
        self._meshes: dict[str, Mesh] = {}
        self._checked: dict[str, Mesh] = {}
        self._began_at: float | None = None
        self._busy = False
        self._found: Analysis | None = None
        self._error: MeshtuiError | None = None
        self._shown: tuple[object, ...] = ()

    def update_body(self, snapshot: Snapshot) -> None:
        self._mesh, self._meshes = snapshot.mesh, snapshot.meshes
        self._check_if_due()
        self._show()

    def tick(self, now: float) -> None:
        super().tick(now)
        self._check_if_due()

    def read_again(self) -> None:
        self._checked, self._began_at = {}, None
        self._check_if_due()

    def _check_if_due(self) -> None:
        """Not while it is out of sight: it is told again when it comes to the front."""
        early = self._began_at is not None and self.now - self._began_at < self.EVERY_S
        if self._busy or early or not self.display or are_same(self._checked, self._meshes):
            return
        self._busy, self._began_at, self._checked = True, self.now, self._meshes
        in_background(self, "analysis", self._check)

    async def _check(self) -> None:
        try:
            found = await self.cockpit.analyze()
        except MeshtuiError as error:
            self.post_message(self.Failed(error))
        except Exception as error:  # noqa: BLE001 - the edge of a worker
            self.post_message(self.Failed(unexpected("checking the mesh", error)))
        else:
            self.post_message(self.Checked(found))

    def on_analysis_pane_checked(self, message: Checked) -> None:
        self._busy, self._found, self._error = False, message.found, None
        self._show()
        self.update_title()

    def on_analysis_pane_failed(self, message: Failed) -> None:
        self._busy, self._error = False, message.error
        self._show()
        self.update_title()

    def title_words(self) -> tuple[Line, Line]:
        if self._found is None:
            return (), (Span("checking…", "muted"),)
        return (), counts_line(self._found.findings) or (Span("● nothing found", "ok"),)

    def _show(self) -> None:
        if self._mesh is None or not self.is_mounted or not self.size.width:
            return
        own: frozenset[Ref] = refs_of(self.view, self._mesh) if self.view else frozenset()
        key = self.view.key if self.view else None
        unread = (self._mesh.istio, self._mesh.problems)
        mark = (key, own, self._found, self._error, unread, self.size.width)
        if mark == self._shown:
            return
        moved = self._shown[:1] != mark[:1]
        self._shown = mark
        self.listing.fill(self._lines(self._mesh, own, self.size.width - 3))
        if moved:
            self.listing.to_top()

    def _lines(self, mesh: Mesh, own: frozenset[Ref], width: int) -> list[Line]:
        lines: list[Line] = []
        if self._error is not None:
            lines += [*wrapped(f"✖ {self._error}", width, "error"), BLANK]
        if self._found is not None:
            key = self.view.key if self.view else None
            name = key.name if key else ""
            lines += findings_lines(self._found, own, name, mesh, width, cluster_of(key))
        return lines

    def on_resize(self) -> None:
        super().on_resize()
        self._show()
