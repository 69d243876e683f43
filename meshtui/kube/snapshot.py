"""Everything a mesh is made of, read once: what a command needs before it does its one thing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from meshtui.errors import NotAllowed, NotFound
from meshtui.kube.access import ReadableNamespaces
from meshtui.kube.cluster import Cluster
from meshtui.kube.failures import Unauthenticated
from meshtui.kube.objects import list_all
from meshtui.kube.resources import ISTIO_GROUP, MESH_RESOURCES, Resource, served
from meshtui.mesh import read
from meshtui.mesh.model import Json


@dataclass(frozen=True, slots=True)
class RawObjects:
    """Objects as the API server gave them, by plural name, ordered by namespace and name."""

    items: Mapping[str, tuple[Json, ...]] = field(default_factory=dict)
    istio: bool = True
    """False where the cluster does not serve Istio's kinds."""

    problems: tuple[str, ...] = ()
    """What could not be read and why, one line each."""

    namespaces: tuple[str, ...] | None = None
    """Where it was read; None where the whole cluster was."""

    partial: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By plural name: the kinds that were not read everywhere, and where they were read."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What reading one kind came to. `namespaces` is None where the whole cluster was read."""

    resource: Resource
    items: tuple[Json, ...] = ()
    namespaces: tuple[str, ...] | None = None
    missing: bool = False
    refused: NotAllowed | None = None

    @property
    def readable(self) -> bool:
        return not self.missing and (self.refused is None or bool(self.namespaces))

    @property
    def problem(self) -> str:
        return kind_problem(self.resource, self.namespaces, self.refused)


async def read_objects(cluster: Cluster, namespaces: tuple[str, ...] | None = None) -> RawObjects:
    """All kinds at once, in `namespaces` or, with None, in as much of the cluster as can be read.

    A kind that may not be read is a line in `problems`. Raises the first error where that goes
    for all of them, and Unreachable as soon as one kind cannot be reached: half a mesh that
    looks whole would be worse.
    """
    namespaces = tuple(dict.fromkeys(namespaces)) if namespaces else None
    reach = ReadableNamespaces(cluster)
    kinds = await _all(cluster, MESH_RESOURCES, namespaces, reach)
    refused = [kind.refused for kind in kinds if kind.refused is not None]
    if refused and not any(kind.readable for kind in kinds):
        raise refused[0]
    return RawObjects(
        items={kind.resource.plural: kind.items for kind in kinds},
        istio=any(kind.resource.group == ISTIO_GROUP and not kind.missing for kind in kinds),
        problems=tuple(filter(None, [*(kind.problem for kind in kinds), reach.problem])),
        namespaces=_read_in(kinds) if namespaces is None else namespaces,
        partial=partly_read((kind.resource, kind.namespaces) for kind in kinds),
    )


def partly_read(
    kinds: Iterable[tuple[Resource, tuple[str, ...] | None]],
) -> Mapping[str, frozenset[str]]:
    """Which kinds were read only in some namespaces; without it what is unread looks missing."""
    return {
        resource.plural: frozenset(namespaces)
        for resource, namespaces in kinds
        if namespaces is not None
    }


def kind_problem(
    resource: Resource, namespaces: tuple[str, ...] | None, refused: NotAllowed | None
) -> str:
    """One line on what of a kind cannot be read; empty where all can."""
    if refused is None or resource.optional:
        return ""
    if namespaces:
        shown = ", ".join(namespaces[:5]) + (" …" if len(namespaces) > 5 else "")
        return f"{resource.plural}: read only in {shown}; {refused.what}"
    return f"{resource.plural}: {refused.what}"


def in_order(items: Sequence[Json]) -> tuple[Json, ...]:
    return tuple(sorted(items, key=place))


def place(raw: Json) -> tuple[str, str]:
    """Namespace and name of an object; empty where it has none."""
    meta = read.obj(raw, "metadata")
    return read.text(meta, "namespace"), read.text(meta, "name")


async def _all(
    cluster: Cluster,
    resources: Sequence[Resource],
    namespaces: tuple[str, ...] | None,
    reach: ReadableNamespaces,
) -> list[_Kind]:
    reads = (_kind(cluster, resource, namespaces, reach) for resource in resources)
    kinds = []
    for outcome in await asyncio.gather(*reads, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
        kinds.append(outcome)
    return kinds


async def _kind(
    cluster: Cluster,
    resource: Resource,
    namespaces: tuple[str, ...] | None,
    reach: ReadableNamespaces,
) -> _Kind:
    try:
        resource = await served(cluster, resource)
        if namespaces is not None:
            return await _in_namespaces(cluster, resource, namespaces)
        items, _ = await list_all(cluster, resource)
        return _Kind(resource, in_order(items))
    except NotFound:
        return _Kind(resource, missing=True)
    except Unauthenticated:
        raise
    except NotAllowed as error:
        readable = await reach.namespaces(resource)
        if not readable:
            return _Kind(resource, namespaces=(), refused=error)
        return await _in_namespaces(cluster, resource, readable, error)


async def _in_namespaces(
    cluster: Cluster,
    resource: Resource,
    namespaces: tuple[str, ...],
    refused: NotAllowed | None = None,
) -> _Kind:
    """Reads each namespace; `refused` is why this is done instead of reading the cluster."""
    lists = (_one_namespace(cluster, resource, namespace) for namespace in namespaces)
    answers = dict(zip(namespaces, await asyncio.gather(*lists), strict=True))
    items = [item for found in answers.values() if isinstance(found, tuple) for item in found]
    errors = [found for found in answers.values() if isinstance(found, NotAllowed)]
    read = tuple(name for name, found in answers.items() if isinstance(found, tuple))
    return _Kind(resource, in_order(items), read, refused=refused or next(iter(errors), None))


async def _one_namespace(
    cluster: Cluster, resource: Resource, namespace: str
) -> tuple[Json, ...] | NotAllowed:
    try:
        items, _ = await list_all(cluster, resource, namespace)
    except Unauthenticated:
        raise
    except NotAllowed as error:
        return error
    return items


def _read_in(kinds: Sequence[_Kind]) -> tuple[str, ...] | None:
    """None where some kind was read in the whole cluster and none in part of it."""
    parts = [kind.namespaces for kind in kinds if kind.namespaces is not None]
    names = {name for part in parts for name in part}
    return tuple(sorted(names)) if names else None
