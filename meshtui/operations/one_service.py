"""A mesh as far as the rows of one service rest on it: its rules, and few of the pods.

All rules are read, and those are decoded that may concern the service (`kube.rule_texts`). Which
pods are needed follows from them (`mesh.pods_needed`). Two round trips and some hundred kilobytes
of pods, where all pods of a large mesh are a hundred megabytes. What works on the answers is
imported while they are awaited.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

from meshtui.dataclass import dataclass
from meshtui.errors import NotAllowed, NotFound
from meshtui.kube.cluster import Cluster
from meshtui.kube.failures import Unauthenticated
from meshtui.kube.objects import list_all
from meshtui.kube.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    MESH_RESOURCES,
    NAMESPACES,
    PODS,
    Resource,
)
from meshtui.kube.rule_texts import KINDS, RuleTexts
from meshtui.kube.snapshot import RawObjects, place, read_objects
from meshtui.mesh.parsed import Parsed, ParsedObjects

if TYPE_CHECKING:
    from meshtui.mesh.model import Mesh, Service
    from meshtui.mesh.pods_needed import PodsNeeded
    from meshtui.mesh.signals import Sample

MOST_NAMESPACES = 300
"""More than these are not asked one by one whether a caller is in them."""

_LATER = ("meshtui.kube.early", "meshtui.mesh.pods_needed", "meshtui.mesh.view")
_RULES = tuple(kind for kind in MESH_RESOURCES if kind not in (PODS, DEPLOYMENTS))


@dataclass(frozen=True, slots=True)
class Part:
    """A mesh in which all is known of some hosts, and of others what may concern these."""

    mesh: Mesh
    hosts: frozenset[str]


async def read_part(
    cluster: Cluster,
    name: str,
    namespace: str,
    enough: Callable[[Mesh], bool] = lambda _: True,
    named: Iterable[str] = (),
) -> Part | None:
    """The mesh for the rows of the service of that name; None where all pods have to be read.

    It has the rules, too, whose own name is one of `named`. All pods are read where its callers are
    told apart, where not all may be read, where there is no such service, of which the whole mesh
    tells more, and where a mesh without pods is not `enough`. Raises Unreachable, and
    Unauthenticated.
    """
    try:
        return await _part(cluster, name, namespace, enough, named)
    except Unauthenticated:
        raise
    except (NotAllowed, NotFound):
        return None


async def _part(
    cluster: Cluster,
    name: str,
    namespace: str,
    enough: Callable[[Mesh], bool],
    named: Iterable[str],
) -> Part | None:
    rules, (spaces, _), _ = await asyncio.gather(
        read_objects(cluster, None, None, _RULES, texts=KINDS),
        list_all(cluster, NAMESPACES, made_of=lambda raw: place(raw)[1]),
        asyncio.to_thread(_import_all, _LATER),
    )
    from meshtui.mesh.parse_settings import parse_settings
    from meshtui.mesh.pods_needed import is_settled, pods_needed

    if rules.problems or len(spaces) > MOST_NAMESPACES:
        return None
    try:
        mesh, service = _mesh_about(rules, name, namespace, named)
    except (ValueError, RecursionError):
        return None  # A rule is not JSON: reading all says so.
    needed = pods_needed(mesh, service) if service is not None and enough(mesh) else None
    if service is None or needed is None:
        return None
    pods, workloads = await _read_needed(cluster, needed, spaces)
    settings = parse_settings(rules.items[CONFIG_MAPS.plural], (pod.domain for pod in pods))
    if settings != mesh.settings or any(one.trouble for one in (*pods, *workloads)):
        return None
    mesh = replace(
        mesh,
        pods=tuple(pod.value for pod in pods),
        workloads=tuple(workload.value for workload in workloads),
    )
    return Part(mesh, needed.hosts) if is_settled(mesh, service) else None


def _mesh_about(
    rules: RawObjects, name: str, namespace: str, named: Iterable[str]
) -> tuple[Mesh, Service | None]:
    """What was read, without the rules that can't concern the service of that name."""
    from meshtui.mesh.parse import parse_mesh
    from meshtui.mesh.pods_needed import mesh_about

    known, texts = ParsedObjects(), RuleTexts(rules.items)
    texts.naming(named)

    def naming(names: Iterable[str]) -> Mesh:
        items = {**rules.items, **texts.naming(names)}
        return parse_mesh(items, istio=rules.istio, partial=rules.partial, before=known)

    return mesh_about(naming, name, namespace)


async def _read_needed(
    cluster: Cluster, needed: PodsNeeded, spaces: Iterable[str]
) -> tuple[list[Parsed], list[Parsed]]:
    """Pods and Deployments, in one round trip."""
    parts = [_listed(cluster, PODS, namespace, labels) for namespace, labels in needed.selected]
    parts += [_listed(cluster, PODS, None, labels) for labels in needed.gateways]
    parts += [_one_caller(cluster, namespace) for namespace in spaces]
    parts += [_listed(cluster, DEPLOYMENTS, one) for one in sorted(needed.namespaces)]
    found: dict[Resource, dict[tuple[str, str], Parsed]] = {PODS: {}, DEPLOYMENTS: {}}
    for kind, items in await asyncio.gather(*parts):
        found[kind].update((one.place, one) for one in items)
    pods, workloads = ([one for _, one in sorted(found[kind].items())] for kind in found)
    return pods, workloads


async def with_callers(cluster: Cluster, part: Part, sample: Sample) -> Part | None:
    """The part with all pods of the namespaces in which `sample` has callers of its hosts.

    Their proxies are the ones that are asked whether they serve a change. None where the sample
    has no caller, so that any proxy may be one, or where their pods may not be read.
    """
    services = (part.mesh.by_host.get(host) for host in part.hosts)
    callers = (sample.clients.get(service.key, ()) for service in services if service)
    spaces = sorted({namespace for several in callers for namespace, _ in several})
    try:
        answers = await asyncio.gather(*(_listed(cluster, PODS, one) for one in spaces))
    except Unauthenticated:
        raise
    except (NotAllowed, NotFound):
        return None
    read = [one for _, items in answers for one in items]
    if not read or any(one.trouble for one in read):
        return None
    kept = {(pod.namespace, pod.name): pod for pod in part.mesh.pods}
    kept |= {one.place: one.value for one in read}
    whole = tuple(pod for _, pod in sorted(kept.items()))
    return replace(part, mesh=replace(part.mesh, pods=whole))


_Read = tuple[Resource, tuple[Parsed, ...]]


async def _listed(
    cluster: Cluster,
    kind: Resource,
    namespace: str | None = None,
    labels: Mapping[str, str] | None = None,
) -> _Read:
    from meshtui.kube.early import EARLY

    selector = ",".join(f"{key}={value}" for key, value in (labels or {}).items())
    items, _ = await list_all(cluster, kind, namespace, selector, EARLY[kind.plural])
    return kind, items


async def _one_caller(cluster: Cluster, namespace: str) -> _Read:
    """A caller of the namespace, or all of its pods where the first is none."""
    from meshtui.kube.early import EARLY

    first = await list_all(cluster, PODS, namespace, made_of=EARLY[PODS.plural], most=1)
    if not first[0] or any(_is_caller(one) for one in first[0]):
        return PODS, first[0]
    return await _listed(cluster, PODS, namespace)


def _is_caller(found: Parsed) -> bool:
    from meshtui.mesh.model import Pod
    from meshtui.mesh.pods_needed import is_caller

    return isinstance(found.value, Pod) and is_caller(found.value)


def _import_all(names: Iterable[str]) -> None:
    for name in names:
        import_module(name)
