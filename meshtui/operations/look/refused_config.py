"""Which proxies refuse their configuration: istiod's counts, and what such a proxy serves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from meshtui.diagnosis.refused_config import KINDS, ROUTES, RefusedConfig, RefusedConfigs
from meshtui.errors import MeshtuiError
from meshtui.mesh.model import Mesh, Pod, Ref, RuleOwner
from meshtui.mesh.parse import parse_pod
from meshtui.mesh.resolution import client_of, world
from meshtui.mesh.touched import ruled_hosts
from meshtui.metrics.exposition import is_exposition, points, read_labels

if TYPE_CHECKING:
    from meshtui.envoy.virtual_hosts import ProxyHost
    from meshtui.kube.cluster import Cluster

PORT = 15014
MOST_COMPARED = 20
"""Proxies that refuse are asked what they serve; of more only that they refuse is known."""

FRESH_S = 10.0

_SELECTOR = {"app": "istiod"}
_TIMEOUT_S = 5.0
_CONCURRENCY = 4
_METRICS = {f"pilot_xds_{kind}_reject": kind for kind in KINDS}

Counts = Mapping[tuple[str, str], tuple[str, ...]]
"""What each proxy (namespace, pod) has refused, in istiod's short names."""


async def read_refused(cluster: Cluster, mesh: Mesh) -> RefusedConfigs:
    """Raises no `MeshtuiError`: where nothing can be read, `trouble` says why."""
    try:
        counts = await _counts(cluster, mesh)
    except MeshtuiError as error:
        return RefusedConfigs(trouble=str(error))
    known = {(pod.namespace, pod.name): pod for pod in mesh.pods if pod.sidecar}
    mine = [(known[place], kinds) for place, kinds in sorted(counts.items()) if place in known]
    gate = asyncio.Semaphore(_CONCURRENCY)

    async def one(pod: Pod, kinds: tuple[str, ...], compared: bool) -> RefusedConfig:
        if not compared or ROUTES not in kinds:
            return RefusedConfig(pod.namespace, pod.name, kinds)
        async with gate:
            return await _compared(cluster, mesh, pod, kinds)

    asked = (one(pod, kinds, at < MOST_COMPARED) for at, (pod, kinds) in enumerate(mine))
    return RefusedConfigs(tuple(await asyncio.gather(*asked)))


class RecentRefusals:
    """What was read lately, for all who ask: istiod's metrics may be megabytes."""

    def __init__(self, cluster: Cluster, clock: Callable[[], float] = time.monotonic) -> None:
        self._cluster = cluster
        self._clock = clock
        self._lock = asyncio.Lock()
        self._known: tuple[float, RefusedConfigs] | None = None

    async def read(self, mesh: Mesh) -> RefusedConfigs:
        """As `read_refused`, at most `FRESH_S` seconds old."""
        async with self._lock:
            now = self._clock()
            if self._known is None or now - self._known[0] >= FRESH_S:
                self._known = now, await read_refused(self._cluster, mesh)
            return self._known[1]


async def _counts(cluster: Cluster, mesh: Mesh) -> Counts:
    """Of all istiods together; raises where none answers, or there is none."""
    from meshtui.errors import NotFound

    root = mesh.settings.root_namespace
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    failed: MeshtuiError | None = None
    answered = False
    for pod in await running_istiods(cluster, mesh):
        try:
            path = f"/api/v1/namespaces/{root}/pods/{pod.name}:{PORT}/proxy/metrics"
            text = await cluster.get_text(path, timeout=_TIMEOUT_S)
        except MeshtuiError as error:
            failed = error
            continue
        answered = answered or is_exposition(text)
        for place, kinds in parse_rejects(text).items():
            found[place] = tuple(dict.fromkeys((*found.get(place, ()), *kinds)))
    if answered:
        return found
    raise failed or NotFound(f"no istiod answers in {root}")


async def running_istiods(cluster: Cluster, mesh: Mesh) -> tuple[Pod, ...]:
    """All of the mesh's own namespace, of every revision. Raises where its pods may not be read."""
    from meshtui.kube.objects import list_all
    from meshtui.kube.resources import PODS

    root = mesh.settings.root_namespace
    near = mesh.pods_by_namespace.get(root, ())
    found = [pod for pod in near if _SELECTOR.items() <= pod.labels.items()]
    if not found and not mesh.knows("pods", root):
        raw, _ = await list_all(cluster, PODS, root, "app=istiod")
        found = [parse_pod(one) for one in raw]
    return tuple(pod for pod in found if pod.phase == "Running")


def parse_rejects(text: str) -> Counts:
    """`pilot_xds_rds_reject{err="Internal",node="web-1.shop"} 1`; a node is `POD.NAMESPACE`."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for point in points(text, _METRICS):
        name, dot, namespace = read_labels(point.labels).get("node", "").rpartition(".")
        if dot and point.value > 0:
            place = (namespace, name)
            kinds = (*found.get(place, ()), _METRICS[point.name])
            found[place] = tuple(dict.fromkeys(kinds))
    return found


async def _compared(
    cluster: Cluster, mesh: Mesh, pod: Pod, kinds: tuple[str, ...]
) -> RefusedConfig:
    from meshtui.envoy.proxy import read_hosts

    try:
        hosts = await read_hosts(cluster, pod, timeout=_TIMEOUT_S)
    except MeshtuiError:
        return RefusedConfig(pod.namespace, pod.name, kinds)
    missing, updated = not_served(mesh, pod, hosts)
    return RefusedConfig(pod.namespace, pod.name, kinds, missing, updated)


def not_served(
    mesh: Mesh, pod: Pod, hosts: Iterable[ProxyHost]
) -> tuple[tuple[Ref, ...], float | None]:
    """The objects with rules that a proxy does not serve as written, and when its tables came."""
    from meshtui.envoy.compare import compare_host, host_of

    known = tuple(hosts)
    view = world(mesh).view(client_of(mesh, pod))
    missing: dict[Ref, None] = {}
    times: list[float] = []
    owners: tuple[RuleOwner, ...] = (*mesh.virtual_services, *mesh.http_routes)
    for owner in owners:
        for asked in ruled_hosts(view, owner.ref):
            actual = host_of(known, asked)
            if not compare_host(asked, actual).verdict().in_sync:
                missing[owner.ref] = None
                if actual is not None and actual.updated is not None:
                    times.append(actual.updated)
    return tuple(missing), min(times, default=None)
