"""The logs of a service's pods as one stream, through restarts and new pods."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing, suppress
from heapq import heapify, heappop, heapreplace
from typing import TYPE_CHECKING, NamedTuple

from meshtui.errors import MeshtuiError
from meshtui.mesh.model import Pod, Service
from meshtui.mesh.parse import parse_pod
from meshtui.mesh.selector import selects
from meshtui.operations.logs.merging import READ_AGAIN_S, TimeWindow
from meshtui.operations.logs.pod_tail import PodTail, TailFrom
from meshtui.operations.types import LogEntry

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

QUEUED = 4000
"""Lines read ahead of the reader; beyond, the proxies' connections are left to wait: nothing is
dropped on the way."""

LOOK_AGAIN_S = 2.0
KEEP_UP_S = 5.0
PATIENCE_S = 1.5
"""A pod whose node does not answer holds the others up for so long; its lines come later."""

Pods = Callable[[], Iterable[Pod]]
Keep = Callable[[LogEntry], LogEntry | None]


async def tail(
    cluster: Cluster,
    pods: Pods,
    start: TailFrom | None = None,
    *,
    follow: bool = True,
    keep: Keep = lambda entry: entry,
) -> AsyncGenerator[LogEntry, None]:
    """What each pod's access log holds, then, with `follow`, what comes, both in the order of
    time; with the logs of its other containers where `start` asks for them.

    `pods` is asked again every two seconds, so that pods that come are tailed too. What happens
    to a log, and what fails, is said as an entry of its own (`own`): a log that could not be read
    behind all that is there, where it is seen. Only what is to be kept is given.
    """
    wanted = start or TailFrom()
    readers = {
        key: PodTail(cluster, pod, wanted, key.container) for key, pod in _logs(pods(), wanted)
    }
    logs = [reader.backlog() for reader in readers.values()]
    failed: list[LogEntry] = []
    window = TimeWindow(READ_AGAIN_S)
    there = in_order(logs, PATIENCE_S if follow else None)
    async with aclosing(_there(there, window, keep, failed, alone=len(logs) == 1)) as entries:
        async for entry in entries:
            yield entry
    if follow:
        window.follow(asyncio.get_running_loop().time(), time.time())
    else:
        for entry in window.rest():
            yield entry
    for entry in failed:
        yield entry
    if follow:
        async with aclosing(_following(cluster, pods, readers, wanted, window, keep)) as coming:
            async for entry in coming:
                yield entry


async def _there(
    entries: AsyncGenerator[LogEntry, None],
    window: TimeWindow,
    keep: Keep,
    failed: list[LogEntry],
    *,
    alone: bool,
) -> AsyncGenerator[LogEntry, None]:
    """What was logged so far; the window has the last of it. Failures are put aside."""
    newest = 0.0
    async with aclosing(entries):
        async for entry in entries:
            if entry.error is not None:
                failed.append(entry)
            elif (kept := keep(entry)) is None:
                continue
            elif alone:
                yield window.pass_by(kept)
            else:
                newest = max(newest, kept.stamp / 1e9)
                if (one := window.add(kept, newest)) is not None:
                    yield one
                for one in window.due(newest):
                    yield one


async def in_order(
    logs: Sequence[AsyncGenerator[LogEntry, None]], patience: float | None = None
) -> AsyncGenerator[LogEntry, None]:
    """Several logs as one, by their times; each stays in its own order. Holds one line of each.

    One that gives no line for `patience` seconds is left where it is.
    """

    async def head(place: int) -> LogEntry | None:
        if patience is None:
            return await anext(logs[place], None)
        try:
            async with asyncio.timeout(patience):
                return await anext(logs[place], None)
        except TimeoutError:
            return None

    async with AsyncExitStack() as stack:
        for log in logs:
            await stack.enter_async_context(aclosing(log))
        firsts = await asyncio.gather(*map(head, range(len(logs))))
        heads = [(e.stamp, place, e) for place, e in enumerate(firsts) if e is not None]
        heapify(heads)
        while heads:
            stamp, place, entry = heads[0]
            yield entry
            following = await head(place)
            if following is None:
                heappop(heads)
            else:
                heapreplace(heads, (max(stamp, following.stamp), place, following))


class Key(NamedTuple):
    """One log; an empty container is the proxy."""

    namespace: str
    pod: str
    container: str


def _logs(pods: Iterable[Pod], wanted: TailFrom) -> Iterator[tuple[Key, Pod]]:
    for pod in pods:
        for container in wanted.logs_of(pod):
            yield Key(pod.namespace, pod.name, container), pod


async def _following(
    cluster: Cluster,
    pods: Pods,
    readers: dict[Key, PodTail],
    start: TailFrom,
    window: TimeWindow,
    keep: Keep,
) -> AsyncGenerator[LogEntry, None]:
    queue: asyncio.Queue[LogEntry] = asyncio.Queue(QUEUED)
    tasks = {key: asyncio.create_task(r.follow(queue.put)) for key, r in readers.items()}

    async def list_pods() -> None:
        """Keeps the readers up with the pods there are; the list may tell late who is gone."""
        left: dict[Key, Pod] = {}
        while True:
            present = dict(_logs(pods(), start))
            left = {key: pod for key, pod in left.items() if present.get(key) == pod}
            for key, pod in present.items():
                if key not in readers and key not in left:
                    readers[key] = reader = PodTail(cluster, pod, start, key.container)
                    if reader.speaks_for_pod:
                        await queue.put(reader.note("has come"))
                    tasks[key] = asyncio.create_task(reader.follow(queue.put))
            for key, reader in tuple(readers.items()):
                if tasks[key].done():
                    left[key] = reader.pod
                    del readers[key], tasks[key]
                reader.gone = key not in present
                reader.pod = present.get(key, reader.pod)
            await asyncio.sleep(LOOK_AGAIN_S)

    looking = asyncio.create_task(list_pods())
    clock = asyncio.get_running_loop().time
    try:
        while True:
            entry = await _next(queue, window)
            kept = keep(entry) if entry is not None else None
            if kept is not None and len(readers) < 2 and not len(window):
                yield window.pass_by(kept)
            elif kept is not None and (one := window.add(kept, clock())) is not None:
                yield one
            for one in window.due(clock()):
                yield one
    finally:
        for task in (looking, *tasks.values()):
            task.cancel()
        await asyncio.gather(looking, *tasks.values(), return_exceptions=True)


async def _next(queue: asyncio.Queue[LogEntry], window: TimeWindow) -> LogEntry | None:
    """The next line that comes; None where the time has come for one that is held."""
    if not queue.empty():
        return queue.get_nowait()
    try:
        async with asyncio.timeout_at(window.due_at):
            return await queue.get()
    except TimeoutError:
        return None


async def keep_up(cluster: Cluster, services: Sequence[Service], pods: list[Pod]) -> None:
    """Keeps the list that a tail looks at up with the cluster, where nothing else watches it."""
    while True:
        await asyncio.sleep(KEEP_UP_S)
        with suppress(MeshtuiError):
            lists = await asyncio.gather(*(_pods_now(cluster, service) for service in services))
            found = {(pod.namespace, pod.name): pod for several in lists for pod in several}
            pods[:] = found.values()


async def _pods_now(cluster: Cluster, service: Service) -> list[Pod]:
    from meshtui.kube.objects import list_all
    from meshtui.kube.resources import PODS

    if not service.selector:
        return []
    selector = ",".join(f"{key}={value}" for key, value in service.selector.items())
    found, _ = await list_all(cluster, PODS, service.key.namespace, selector)
    return [pod for pod in map(parse_pod, found) if selects(service.selector, pod.labels)]
