"""Configurations that proxies refuse: counted before a change, and again where it is not served."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from meshtui.changes.change import ProxyVerdict
from meshtui.envoy.compare import OLD
from meshtui.errors import MeshtuiError
from meshtui.mesh.model import Pod

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

REJECTED = "rejected"

BEFORE_S = 1.0
"""A proxy that has not told its count by then has none: the write does not wait for it."""

URGENT_S = 0.2
"""A rollback waits less: at worst its verdict on a proxy says old where it means rejected."""

AFTER_S = 3.0

_CONCURRENCY = 8

Counts = Mapping[tuple[str, str], int]
"""Refused configurations since each proxy began, by the pod's namespace and name."""


async def count_refusals(cluster: Cluster, pods: Iterable[Pod], seconds: float) -> Counts:
    """The counts of the proxies that tell them within `seconds`."""
    from meshtui.envoy.proxy import rejected_updates

    found: dict[tuple[str, str], int] = {}
    gate = asyncio.Semaphore(_CONCURRENCY)

    async def ask(pod: Pod) -> None:
        with suppress(MeshtuiError):
            async with gate:
                count = await rejected_updates(cluster, pod, timeout=seconds)
            found[pod.namespace, pod.name] = count

    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*map(ask, pods))
    return found


def with_refusals(
    verdicts: Iterable[ProxyVerdict], before: Counts, after: Counts
) -> tuple[ProxyVerdict, ...]:
    """A proxy that still serves what was, and has refused something since, has rejected it."""
    return tuple(_judged(verdict, before, after) for verdict in verdicts)


def _judged(verdict: ProxyVerdict, before: Counts, after: Counts) -> ProxyVerdict:
    pod = verdict.namespace, verdict.pod
    if verdict.state != OLD or pod not in before or pod not in after:
        return verdict
    count = after[pod] - before[pod]
    if count <= 0:
        return verdict
    refused = f"its Envoy has refused {count} configuration{'s' if count > 1 else ''} since"
    return replace(verdict, state=REJECTED, detail=f"{refused}; {verdict.detail}".rstrip("; "))
