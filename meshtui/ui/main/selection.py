"""What the cursor of the table is on, for what needs it: raises where there is nothing."""

from __future__ import annotations

from meshtui.errors import Refused
from meshtui.mesh.model import Mesh
from meshtui.mesh.signals import UNKNOWN
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView
from meshtui.ui.main.host import HasSnapshot
from meshtui.ui.table.outline import version_name
from meshtui.ui.table.widget import MeshTable


class Selection:
    """Every property raises `Refused` with the reason."""

    def __init__(self, table: MeshTable, host: HasSnapshot) -> None:
        self._table = table
        self._host = host

    @property
    def view(self) -> ServiceView:
        view = self._table.view
        if view is None:
            raise Refused("no service is selected")
        return view

    @property
    def version(self) -> VersionView:
        version = self._table.version
        if version is None:
            raise Refused("choose a version first: the cursor is on a service")
        if version.version == UNKNOWN:
            raise Refused(f"{version_name(version)} is no version", "choose one of the service's")
        return version

    @property
    def mesh(self) -> Mesh:
        snapshot = self._host.snapshot
        if snapshot is None:
            raise Refused("not connected yet")
        view = self._table.view
        return snapshot.of(view.key if view else None).mesh
