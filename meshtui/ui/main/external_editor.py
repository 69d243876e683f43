"""An object in `$EDITOR`: the program makes room, waits, and shows what was done as a diff."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from textual.app import SuspendNotSupported

from meshtui.errors import MeshtuiError, Refused
from meshtui.mesh.model import Mesh
from meshtui.mesh.view import ServiceView
from meshtui.paths import short_path
from meshtui.ui.main.host import HasApp, Notifies, RunsWorkers
from meshtui.ui.main.messages import Edited
from meshtui.ui.main.snapshot_feed import unexpected

if TYPE_CHECKING:
    from meshtui.operations.change.edit import EditFile


class Host(Notifies, HasApp, RunsWorkers, Protocol):
    """What is used of the screen."""


class ExternalEditor:
    """One editor at a time. Reading, time limits and running changes go on meanwhile."""

    def __init__(self, edited: Callable[[EditFile], None], host: Host) -> None:
        self._edited = edited
        self._host = host

    def open(self, view: ServiceView, mesh: Mesh, words: str = "") -> None:
        """`words` names the object (`dr/reviews`); by default the selected rule's own."""
        from meshtui.operations.change.edit import Editable, EditFile, find_editable

        item: Editable | None = view.virtual_service or view.owner
        if words:
            wanted = f"dr/{view.key.name}" if words == "dr" else words
            item = find_editable(mesh, wanted, view.key.namespace)
        if item is None:
            raise Refused(f"no VirtualService routes {view.key.name}", "A adopts it")
        draft = EditFile(item)
        self._host.run_worker(self._edit(draft), group="edit", exit_on_error=False)

    async def _edit(self, draft: EditFile) -> None:
        """The editor has the terminal, nothing is painted, and the loop goes on."""
        app, error = self._host.app, None
        try:
            with app.suspend(), app.batch_update():
                await asyncio.to_thread(draft.open_editor)
        except MeshtuiError as failure:
            error = failure
        except SuspendNotSupported:
            error = Refused("this terminal cannot be handed to an editor", "use `meshtui edit`")
        except Exception as failure:  # noqa: BLE001 - the edge of a worker
            error = unexpected("editing", failure)
        self._host.post_message(Edited(draft, error))

    def finished(self, message: Edited) -> None:
        """An untouched text changes nothing; another one is planned."""
        draft, error = message.draft, message.error
        if error is None and draft.untouched:
            draft.done()
            self._host.announce("nothing was changed")
        elif error is None:
            self._edited(draft)
        elif draft.untouched:
            draft.done()
            self._host.fail(error)
        else:
            hint = f"edit kept: {short_path(draft.path)}"
            self._host.fail(type(error)(error.what, hint))
