"""The pods of a service whose logs are read, by the names of its rows, while they come and go."""

from __future__ import annotations

from dataclasses import replace

from meshtui.errors import NotFound
from meshtui.mesh.model import Mesh, Pod, Service
from meshtui.mesh.nearest import nearest_words
from meshtui.mesh.row_pods import (
    pods_by_row,
    pods_of_rows,
    row_names,
    services_behind,
    usual_rule,
)


class OwnPods:
    """Those of a service and of what its rule sends to, or of one `version` of it.

    `pods` is to be kept up with the cluster; `services` are those that have them.
    """

    def __init__(self, mesh: Mesh, service: Service, version: str) -> None:
        self._mesh = mesh
        self._service = service
        self._version = version
        self._rule = usual_rule(mesh, service)
        self.pods = list(pods_of_rows(mesh, service, self._rule))
        self.services = services_behind(mesh, service, self._rule)

    def now(self) -> tuple[Pod, ...]:
        """Those that there are at this moment, each with its row's name as its version."""
        mesh = replace(self._mesh, pods=tuple(self.pods))
        return pods_by_row(mesh, self._service, self._rule, self._version)

    def refuse_unknown(self) -> None:
        """Raises `NotFound`, naming the versions that there are."""
        there = row_names(self._mesh, self._service, self._rule)
        if self._version and self._version not in there and not self.now():
            words = f"{self._service.key} has no version {self._version}"
            raise NotFound(words, nearest_words(self._version, there, "there are: none"))
