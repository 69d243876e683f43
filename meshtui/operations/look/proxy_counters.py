"""Counters of several pods' proxies, each with the reason where it could not be asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import TYPE_CHECKING
from urllib.parse import quote

from meshtui.dataclass import dataclass
from meshtui.errors import MeshtuiError, NotAllowed
from meshtui.mesh.model import Pod

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

_CONCURRENCY = 8
_TIMEOUT_S = 5.0
_LARGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class Counters:
    """What a pod's proxy counted since it started, by the counter's name.

    Empty where it keeps no such counters: Istio's proxies keep those of HTTP limits only where
    `proxyStatsMatcher` says so. `trouble` says why the proxy could not be asked; `denied`: because
    a right is missing.
    """

    pod: Pod
    counts: Mapping[str, int] = field(default_factory=dict)
    trouble: str = ""
    denied: bool = False


async def counters_of(cluster: Cluster, pods: Iterable[Pod], names: str) -> tuple[Counters, ...]:
    """Those whose name matches a regular expression. Raises no `MeshtuiError`: each has its own."""
    gate = asyncio.Semaphore(_CONCURRENCY)
    path = f"/stats?filter={quote(names, safe='')}"

    async def one(pod: Pod) -> Counters:
        async with gate:
            return await _read(cluster, pod, path)

    return tuple(await asyncio.gather(*map(one, pods)))


async def _read(cluster: Cluster, pod: Pod, path: str) -> Counters:
    from meshtui.envoy.admin import admin_get

    try:
        page = await admin_get(
            cluster, pod.namespace, pod.name, path,
            container=pod.proxy_container, timeout=_TIMEOUT_S, limit=_LARGEST,
        )  # fmt: skip
    except MeshtuiError as error:
        return Counters(pod, trouble=str(error), denied=isinstance(error, NotAllowed))
    return Counters(pod, dict(parse_counters(page.decode("utf-8", "replace"))))


def parse_counters(page: str) -> Iterator[tuple[str, int]]:
    """`name: number` of each line; anything else is no counter."""
    for line in page.splitlines():
        name, colon, value = line.rpartition(": ")
        if colon and value.isascii() and value.isdigit() and len(value) < 20:
            yield name, int(value)
