"""The access logs of a service's proxies as one stream, through restarts and new pods."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING

from meshtui.errors import MeshtuiError
from meshtui.mesh.model import Pod
from meshtui.operations.types import LogEntry

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

QUEUED = 4000
"""Lines read ahead of the reader; beyond, the proxies' connections are left to wait."""

LOOK_AGAIN_S = 2.0

Key = tuple[str, str]


async def tail(
    cluster: Cluster,
    pods: Callable[[], Iterable[Pod]],
    *,
    lines: int = 200,
    follow: bool = True,
) -> AsyncGenerator[LogEntry, None]:
    """The last `lines` of each pod's access log, then, with `follow`, what is written.

    `pods` is asked again every two seconds, so that pods that come are tailed too. A pod that
    can't be read is said as a line of its own that begins with "meshtui:".
    """
    queue: asyncio.Queue[LogEntry] = asyncio.Queue(QUEUED)
    readers: dict[Key, asyncio.Task[None]] = {}
    seen: set[Key] = set()

    def look() -> None:
        for pod in pods():
            key = (pod.namespace, pod.name)
            running = readers.get(key)
            if not pod.sidecar or (running is not None and not running.done()):
                continue
            if key in seen and (not follow or not pod.serving):
                continue
            first, again = lines if key not in seen else 0, key in seen
            seen.add(key)
            readers[key] = asyncio.create_task(_read(cluster, pod, queue, first, follow, again))

    try:
        while True:
            look()
            if not follow and all(task.done() for task in readers.values()) and queue.empty():
                return
            try:
                async with asyncio.timeout(LOOK_AGAIN_S if follow else 0.05):
                    yield await queue.get()
            except TimeoutError:
                continue
            while not queue.empty():
                yield queue.get_nowait()
    finally:
        for task in readers.values():
            task.cancel()
        await asyncio.gather(*readers.values(), return_exceptions=True)


async def _read(
    cluster: Cluster,
    pod: Pod,
    queue: asyncio.Queue[LogEntry],
    lines: int,
    follow: bool,
    again: bool,
) -> None:
    from meshtui.kube.logs import pod_log

    if again:
        await asyncio.sleep(LOOK_AGAIN_S)

    def entry(text: str) -> LogEntry:
        return LogEntry(pod.namespace, pod.name, pod.version, text)

    log = pod_log(cluster, pod.namespace, pod.name, pod.proxy_container, follow=follow, tail=lines)
    try:
        async with aclosing(log):
            async for line in log:
                await queue.put(entry(line.decode("utf-8", "replace")))
    except MeshtuiError as error:
        await queue.put(entry(f"meshtui: {error}"))
