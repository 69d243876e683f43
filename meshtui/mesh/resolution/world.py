"""The world as istiod sees it: what each client gets for a host and port.

Everything that asks which rule, which object, which cluster or which endpoints count asks here. A
`World` is made of one snapshot and works out what is asked for, once.
"""

from __future__ import annotations

from functools import cached_property

from meshtui.mesh.model import Mesh
from meshtui.mesh.resolution.client import Callers, Client, Crowd, callers, crowd_of
from meshtui.mesh.resolution.shared import Shared
from meshtui.mesh.resolution.view import View

_SLOT = "_world"


class World:
    """One snapshot, resolved: what its clients share, and what each of them gets."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self.shared = Shared(mesh)
        self._views: dict[object, View] = {}
        self._crowds: dict[tuple[int, ...], Crowd] = {}

    @cached_property
    def callers(self) -> tuple[Callers, ...]:
        """All pods with a proxy, together where they get the same answers."""
        return callers(self.mesh)

    def crowd(self, groups: tuple[Callers, ...]) -> Crowd:
        """Some of the `callers` together; most hosts have the same ones."""
        key = tuple(map(id, groups))
        if key not in self._crowds:
            self._crowds[key] = crowd_of(groups)
        return self._crowds[key]

    def view(self, client: Client) -> View:
        """What one client gets; the same object for clients that istiod can't tell apart."""
        key = client.key
        if key not in self._views:
            self._views[key] = View(self.shared, client)
        return self._views[key]


def world(mesh: Mesh) -> World:
    """The world of a snapshot; one for all who ask, as it lives as long as the snapshot."""
    found = mesh.__dict__.get(_SLOT)
    if not isinstance(found, World):
        found = mesh.__dict__[_SLOT] = World(mesh)
    return found
