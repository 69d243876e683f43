"""What a person typed in the editor, on disk until it is in the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtui.changes.change import Plan
from meshtui.errors import Conflict, MeshtuiError, Refused
from meshtui.paths import short_path

if TYPE_CHECKING:
    from meshtui.operations.change.edit import EditFile
    from meshtui.operations.cockpit import Cockpit


class PendingEdit:
    """A draft on its way into the cluster; every failure on that way names its file."""

    def __init__(self, draft: EditFile, cockpit: Cockpit) -> None:
        self.draft = draft
        self.planned: Plan | None = None
        self._cockpit = cockpit

    async def plan(self, _: bool) -> Plan:
        try:
            plan = await self._cockpit.plan_edit(self.draft)
        except MeshtuiError as error:
            raise self.with_file(error) from error
        self.planned = plan
        if plan.change.empty:
            self.done()
        return plan

    @property
    def saved(self) -> bool:
        return self.draft.path.exists()

    @property
    def words(self) -> str:
        """Short enough that the file can be read at 80 columns."""
        return f"edit kept: {short_path(self.draft.path)}"

    def with_file(self, error: MeshtuiError) -> MeshtuiError:
        """The failure with the file. The text is for the object as it was: no second try."""
        kind = Refused if isinstance(error, Conflict) else type(error)
        return kind(error.what, "; ".join(filter(None, (self.words, error.hint))))

    def done(self) -> None:
        self.draft.done()
