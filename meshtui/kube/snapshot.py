"""Everything a mesh is made of, read once: what a command needs before it does its one thing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from meshtui.dataclass import dataclass
from meshtui.errors import NotAllowed, NotFound
from meshtui.kube.access import ReadableNamespaces
from meshtui.kube.cluster import Cluster
from meshtui.kube.failures import Unauthenticated
from meshtui.kube.objects import list_all
from meshtui.kube.resources import (
    ISTIO_GROUP,
    MESH_RESOURCES,
    OtherVersions,
    Resource,
    in_several_versions,
    note_served,
    other_versions,
    served,
)
from meshtui.kube.shapes import pieces
from meshtui.mesh import read
from meshtui.mesh.model import Json
from meshtui.mesh.parsed import Parsed

Early = Mapping[str, Callable[[Json], Parsed]]
"""By plural name: how to parse the objects of a kind as they come."""


@dataclass(frozen=True, slots=True)
class RawObjects:
    """Objects as the API server gave them, by plural name, ordered by namespace and name."""

    items: Mapping[str, tuple[Json | Parsed, ...]] = field(default_factory=dict)
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
    items: tuple[Json | Parsed, ...] = ()
    namespaces: tuple[str, ...] | None = None
    missing: bool = False
    refused: NotAllowed | None = None

    @property
    def readable(self) -> bool:
        return not self.missing and (self.refused is None or bool(self.namespaces))

    @property
    def problem(self) -> str:
        return kind_problem(self.resource, self.namespaces, self.refused)


async def read_objects(
    cluster: Cluster,
    namespaces: tuple[str, ...] | None = None,
    early: Early | None = None,
    kinds: Sequence[Resource] = MESH_RESOURCES,
    texts: Collection[Resource] = (),
) -> RawObjects:
    """All `kinds` at once, in `namespaces` or, with None, in as much of the cluster as can be read.

    Of the kinds in `early` no dictionary is retained: each object is parsed as its page comes.
    Those in `texts` are not even decoded: see `rule_texts`.

    A kind that may not be read is a line in `problems`. Raises the first error where that goes
    for all of them, and Unreachable as soon as one kind cannot be reached: half a mesh that
    looks whole would be worse.
    """
    namespaces = tuple(dict.fromkeys(namespaces)) if namespaces else None
    reach = ReadableNamespaces(cluster)
    keys = frozenset(kind.key for kind in texts)
    found = await _all(_Reading(cluster, reach, early or {}, keys), kinds, namespaces)
    refused = [kind.refused for kind in found if kind.refused is not None]
    if refused and not any(kind.readable for kind in found):
        raise refused[0]
    problems = (*(kind.problem for kind in found), reach.problem, other_versions(cluster))
    return RawObjects(
        items={kind.resource.key: kind.items for kind in found},
        istio=any(kind.resource.group == ISTIO_GROUP and not kind.missing for kind in found),
        problems=tuple(filter(None, problems)),
        namespaces=_read_in(found) if namespaces is None else namespaces,
        partial=partly_read((kind.resource, kind.namespaces) for kind in found),
    )


def partly_read(
    kinds: Iterable[tuple[Resource, tuple[str, ...] | None]],
) -> Mapping[str, frozenset[str]]:
    """Which kinds were read only in some namespaces; without it what is unread looks missing."""
    return {
        resource.key: frozenset(namespaces)
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
        return f"{resource.key}: read only in {shown}; {refused.what}"
    return f"{resource.key}: {refused.what}"


def in_order(items: Sequence[Json | Parsed]) -> tuple[Any, ...]:
    return tuple(sorted(items, key=place))


def place(raw: Json | Parsed) -> tuple[str, str]:
    """Namespace and name of an object; empty where it has none."""
    if isinstance(raw, Parsed):
        return raw.place
    meta = read.obj(raw, "metadata")
    return read.text(meta, "namespace"), read.text(meta, "name")


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the reads of all kinds have in common."""

    cluster: Cluster
    reach: ReadableNamespaces
    early: Early
    texts: frozenset[str]

    async def items(self, resource: Resource, namespace: str | None = None) -> tuple[Any, ...]:
        early = self.early.get(resource.key)
        decode = pieces if resource.key in self.texts else None
        items, _ = await list_all(self.cluster, resource, namespace, made_of=early, decode=decode)
        return items


async def _all(
    reading: _Reading, resources: Sequence[Resource], namespaces: tuple[str, ...] | None
) -> list[_Kind]:
    reads = (_kind(reading, resource, namespaces) for resource in resources)
    kinds = []
    for outcome in await asyncio.gather(*reads, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
        kinds.append(outcome)
    return kinds


async def _kind(reading: _Reading, resource: Resource, namespaces: tuple[str, ...] | None) -> _Kind:
    if not resource.namespaced:
        namespaces = None
    try:
        if namespaces is None and in_several_versions(resource):
            guessed = await _in_usual_version(reading, resource)
            if guessed is not None:
                return guessed
        resource = await served(reading.cluster, resource)
        if namespaces is not None:
            return await _in_namespaces(reading, resource, namespaces)
        return _Kind(resource, in_order(await reading.items(resource)))
    except NotFound:
        return _Kind(resource, missing=True)
    except OtherVersions as error:
        return _Kind(resource, namespaces=(), refused=error)
    except Unauthenticated:
        raise
    except NotAllowed as error:
        if not resource.namespaced:
            return _Kind(resource, namespaces=(), refused=error)
        readable = await reading.reach.namespaces(resource)
        if not readable:
            return _Kind(resource, namespaces=(), refused=error)
        return await _in_namespaces(reading, resource, readable, error)


async def _in_usual_version(reading: _Reading, resource: Resource) -> _Kind | None:
    """The kind in the version that most clusters serve, without a question which one it is.

    None where it can't be read in it: then the server has to be asked.
    """
    try:
        items = await reading.items(resource)
    except Unauthenticated:
        raise
    except (NotFound, NotAllowed):
        return None
    note_served(reading.cluster, resource)
    return _Kind(resource, in_order(items))


async def _in_namespaces(
    reading: _Reading,
    resource: Resource,
    namespaces: tuple[str, ...],
    refused: NotAllowed | None = None,
) -> _Kind:
    """Reads each namespace; `refused` is why this is done instead of reading the cluster."""
    lists = (_one_namespace(reading, resource, namespace) for namespace in namespaces)
    answers = dict(zip(namespaces, await asyncio.gather(*lists), strict=True))
    items = [item for found in answers.values() if isinstance(found, tuple) for item in found]
    errors = [found for found in answers.values() if isinstance(found, NotAllowed)]
    read = tuple(name for name, found in answers.items() if isinstance(found, tuple))
    return _Kind(resource, in_order(items), read, refused=refused or next(iter(errors), None))


async def _one_namespace(
    reading: _Reading, resource: Resource, namespace: str
) -> tuple[Any, ...] | NotAllowed:
    try:
        return await reading.items(resource, namespace)
    except Unauthenticated:
        raise
    except NotAllowed as error:
        return error


def _read_in(kinds: Sequence[_Kind]) -> tuple[str, ...] | None:
    """None where some kind was read in the whole cluster and none in part of it."""
    parts = [kind.namespaces for kind in kinds if kind.namespaces is not None]
    names = {name for part in parts for name in part}
    return tuple(sorted(names)) if names else None
