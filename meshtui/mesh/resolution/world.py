"""The world as istiod sees it: what each client gets for a host and port.

Everything that asks which rule, which object, which cluster or which endpoints count asks here. A
`World` is made of one snapshot and works out what is asked for, once. Where only pods differ from
the snapshot before, what that one has worked out without them holds: see `after`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from functools import cached_property

from meshtui.mesh.model import Mesh, Pod
from meshtui.mesh.resolution.client import (
    Callers,
    Client,
    Crowd,
    caller_of,
    callers,
    crowd_of,
)
from meshtui.mesh.resolution.endpoints import KnownEndpoints
from meshtui.mesh.resolution.shared import Shared
from meshtui.mesh.resolution.view import View

_SLOT = "_world"


class World:
    """One snapshot, resolved: what its clients share, and what each of them gets."""

    def __init__(self, mesh: Mesh, shared: Shared | None = None) -> None:
        self.mesh = mesh
        self.shared = shared or Shared(mesh)
        self._endpoints = KnownEndpoints(mesh)
        self._views: dict[object, View] = {}
        self._crowds: dict[tuple[int, ...], Crowd] = {}

    @cached_property
    def callers(self) -> tuple[Callers, ...]:
        """All pods with a proxy, together where they get the same answers."""
        return callers(self.mesh, self.shared.asked_labels, self.shared.gateway_labels)

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
            self._views[key] = View(self.shared, client, self._endpoints)
        return self._views[key]

    def after(self, mesh: Mesh, gone: Iterable[Pod], come: Iterable[Pod]) -> tuple[World, bool]:
        """The world of a snapshot that differs from this one's in pods alone.

        Also whether the callers in it are the same to every rule: only their pods' states differ.
        """
        found = World(mesh, self.shared)
        found._views = {
            key: view.with_pods_of(found._endpoints) for key, view in list(self._views.items())
        }
        changed = self._exchanged(mesh, gone, come)
        if changed is None or "callers" not in self.__dict__:
            return found, False
        new = {id(group): changed.get(id(group), group) for group in self.callers}
        found.__dict__["callers"] = tuple(new.values())
        found._crowds = {
            tuple(id(new[one]) for one in key): crowd
            for key, crowd in list(self._crowds.items())
            if all(one in new for one in key)
        }
        return found, True

    def with_rules_of(self, mesh: Mesh, fields: Set[str]) -> World | None:
        """The world of a snapshot that differs from this one's in some of these fields alone:
        `virtual_services`, `destination_rules`, and `services` of which none selects a gateway.

        None where these tell callers apart by other labels.
        """
        shared = self.shared.after(mesh, fields)
        if shared.asked_labels != self.shared.asked_labels:
            return None
        found = World(mesh, shared)
        found.__dict__["callers"], found._crowds = self.callers, dict(self._crowds)
        return found

    def recounted(self, before: World) -> Mapping[int, tuple[Crowd, Crowd]] | None:
        """The crowds of the world before with what they are now, by the id of their workloads.

        None where there are other groups of callers than before, or in another order.
        """
        old, new = before.callers, self.callers
        if [group.client.key for group in old] != [group.client.key for group in new]:
            return None
        known = {id(one): other for one, other in zip(old, new, strict=True)}
        return {
            id(crowd.workloads): (crowd, self.crowd(tuple(known[one] for one in key)))
            for key, crowd in list(before._crowds.items())
            if key and all(one in known for one in key)
        }

    def _exchanged(
        self, mesh: Mesh, gone: Iterable[Pod], come: Iterable[Pod]
    ) -> Mapping[int, Callers] | None:
        """The groups of which a pod is another one now; None where groups differ in more."""
        before = {(pod.namespace, pod.name): pod for pod in gone}
        pairs: dict[int, Pod] = {}
        for pod in come:
            old = before.pop((pod.namespace, pod.name), None)
            mine, was = self._caller(mesh, pod), self._caller(mesh, old)
            if (mine and mine.key) != (was and was.key) or (old and old.workload) != pod.workload:
                return None
            if mine is not None:
                pairs[id(old)] = pod
        if any(self._caller(mesh, old) for old in before.values()):
            return None
        return {
            id(group): Callers(group.client, tuple(pairs.get(id(p), p) for p in group.pods))
            for group in (self.callers if pairs else ())
            if any(id(pod) in pairs for pod in group.pods)
        }

    def _caller(self, mesh: Mesh, pod: Pod | None) -> Client | None:
        shared = self.shared
        return caller_of(mesh, pod, shared.asked_labels, shared.gateway_labels) if pod else None


def world(mesh: Mesh) -> World:
    """The world of a snapshot; one for all who ask, as it lives as long as the snapshot."""
    found = mesh.__dict__.get(_SLOT)
    if not isinstance(found, World):
        found = mesh.__dict__[_SLOT] = World(mesh)
    return found


def succeed(before: Mesh, after: Mesh, gone: Iterable[Pod], come: Iterable[Pod]) -> bool:
    """Makes the world of a snapshot of that of the one before, which differs in pods alone.

    Whether its callers are the same to every rule; false too where there is no world before.
    """
    known = before.__dict__.get(_SLOT)
    if not isinstance(known, World):
        return False
    after.__dict__[_SLOT], same = known.after(after, gone, come)
    return same


def succeed_with_rules(before: Mesh, after: Mesh, fields: Set[str]) -> bool:
    """Likewise of one that differs in these fields alone: see `World.with_rules_of`."""
    known = before.__dict__.get(_SLOT)
    found = known.with_rules_of(after, fields) if isinstance(known, World) else None
    if found is not None:
        after.__dict__[_SLOT] = found
    return found is not None


def recounts(before: Mesh, after: Mesh) -> Mapping[int, tuple[Crowd, Crowd]] | None:
    """The same of the worlds of two snapshots; None too where there was no world before."""
    known = before.__dict__.get(_SLOT)
    return world(after).recounted(known) if isinstance(known, World) else None
