"""Follows a request that a line of a log is about through the other logs, pod by pod."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meshtui.envoy.accesslog import AccessRecord, parse_line
from meshtui.envoy.hops import AppLine, Hop, LoggedHop, Place, address_of, hops_of, seconds_of
from meshtui.envoy.request_id import in_line, same_request
from meshtui.errors import MeshtuiError, Refused
from meshtui.kube.logs import pod_log, split_stamp
from meshtui.mesh.model import Mesh, Pod
from meshtui.operations.logs.formats import formats_of

if TYPE_CHECKING:
    from meshtui.envoy.logline import LogLine
    from meshtui.kube.cluster import Cluster

MOST_PODS, MOST_RECORDS, MOST_LINES = 24, 400, 50
"""Pods whose logs are read, requests of one id, and lines of each program that are shown."""

MOST_GATEWAYS = 6
"""Gateways that are read where a request came from none that is known: behind them a server sees
the address of the client outside."""

BEFORE_S, AFTER_S = 60.0, 90.0
"""A log is read from so long before the line's time, as an outer request began earlier, and until
so long after it."""

LONGEST_ID = 200
_AT_ONCE = 4
_TIMEOUT_S = 8.0
_NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class FollowedRequest:
    """What was found of a request. `read` are the pods whose logs were; `left_out` those that
    were not because there are too many, and `troubles` says why others could not be.
    """

    request_id: str
    hops: tuple[Hop, ...] = ()
    read: tuple[Place, ...] = ()
    left_out: int = 0
    troubles: tuple[str, ...] = ()


@dataclass(slots=True)
class _Found:
    records: list[LoggedHop] = field(default_factory=list)
    lines: list[AppLine] = field(default_factory=list)
    troubles: dict[str, None] = field(default_factory=dict)


async def follow_request(cluster: Cluster, mesh: Mesh, line: LogLine) -> FollowedRequest:
    """From the pod of the line to those that it names, and so on. Raises `Refused` where the line
    has no request id: without one nothing tells two requests apart."""
    record = parse_line(line.text, line.formats)
    wanted = record.request_id[:LONGEST_ID] if record else ""
    if record is None or not wanted:
        raise Refused("this line has no request id", "the access log's format must have one")
    pods = {(pod.namespace, pod.name): pod for pod in mesh.pods}
    places = {pod.ip: place for place, pod in pods.items() if pod.ip}
    at = seconds_of(record.time) or time.time()
    found, read, left_out = _Found(), dict[Place, None](), set[Place]()
    gateways = [place for place, pod in pods.items() if pod.gateway and pod.sidecar][:MOST_GATEWAYS]
    start = (line.namespace, line.pod)
    waiting = [start, *_named(record, places)]
    while waiting:
        room = MOST_PODS - len(read)
        batch = [place for place in dict.fromkeys(waiting) if place in pods and place not in read]
        left_out |= set(batch[room:])
        read |= dict.fromkeys(batch[:room])
        before = len(found.records)
        await _read_all(cluster, mesh, [pods[place] for place in batch[:room]], wanted, at, found)
        waiting = [p for one in found.records[before:] for p in _named(one.record, places)]
        if not waiting and _is_unsent(hops_of(found.records, places)):
            waiting = [place for place in gateways if place not in read]
    if start not in read:
        found.troubles[f"{line.namespace}/{line.pod} is gone, and its log with it"] = None
    hops = hops_of(found.records, places, found.lines)
    return FollowedRequest(wanted, hops, tuple(read), len(left_out), tuple(found.troubles))


def _is_unsent(hops: Iterable[Hop]) -> bool:
    """Whether nobody who was read has sent some of it."""
    return any(hop.sent is None for hop in hops)


def _named(record: AccessRecord, places: dict[str, Place]) -> Iterator[Place]:
    """The pods at the other end of a line: who was asked, or who asked."""
    for text in (record.upstream_host, record.downstream_remote):
        place = places.get(address_of(text))
        if place is not None:
            yield place


async def _read_all(
    cluster: Cluster, mesh: Mesh, pods: Iterable[Pod], wanted: str, at: float, found: _Found
) -> None:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(pod: Pod, container: str) -> None:
        async with gate:
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    await _read(cluster, mesh, pod, container, wanted, at, found)
            except TimeoutError:
                found.troubles[f"the log of {pod.namespace}/{pod.name} takes too long"] = None
            except MeshtuiError as error:
                found.troubles[str(error)] = None

    await asyncio.gather(*(one(pod, name) for pod in pods for name in pod.containers))


async def _read(
    cluster: Cluster,
    mesh: Mesh,
    pod: Pod,
    container: str,
    wanted: str,
    at: float,
    found: _Found,
) -> None:
    """The lines of one container that hold the request id, of the time around it."""
    formats, mark = formats_of(mesh, (pod,)), in_line(wanted)
    since = int(max(at - BEFORE_S, 0) * _NANO)
    log = pod_log(
        cluster, pod.namespace, pod.name, container, tail=None, since=since, timestamps=True
    )
    count = 0
    async with aclosing(log) as lines:
        async for raw in lines:
            stamp, text = split_stamp(raw)
            if stamp > (at + AFTER_S) * _NANO:
                break
            if not mark.search(text):
                continue
            words = text.decode("utf-8", "replace")
            record = parse_line(words, formats) if container == pod.proxy_container else None
            if record is not None and same_request(record.request_id[:LONGEST_ID], wanted):
                if len(found.records) == MOST_RECORDS:
                    found.troubles[f"more than {MOST_RECORDS} requests have this id"] = None
                    return
                found.records.append(LoggedHop(pod, record))
            elif record is None and count < MOST_LINES:
                count += 1
                found.lines.append(AppLine(pod, container, stamp / _NANO, words))
