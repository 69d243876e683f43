"""Finds a request again in the access logs of both sides, by a mark that is in its lines.

Where a proxy passes whole connections on, it logs no ids: the caller's end of the connection marks
its own line, and its end of the next one, which that line has, the line of the other side.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from meshtui.dataclass import dataclass
from meshtui.envoy.accesslog import AccessRecord, parse_line
from meshtui.envoy.request_id import in_line
from meshtui.errors import MeshtuiError
from meshtui.kube.logs import pod_log
from meshtui.mesh.model import Mesh, Pod
from meshtui.operations.logs.formats import formats_of
from meshtui.operations.request.foretold import Sight, address_of

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Mark:
    """What tells the lines: an id, or the caller's end of a connection."""

    text: str
    connection: bool = False

    def of_servers(self, record: AccessRecord | None) -> Mark | None:
        """On the other side; None where it is not known."""
        if not self.connection:
            return self
        return Mark(record.upstream_local, True) if record and record.upstream_local else None

    def fits(self, record: AccessRecord) -> bool:
        return not self.connection or record.downstream_remote == self.text


AGAIN_S = 0.4
"""Between two looks: Envoy writes its log out once a second."""

MOST_SERVERS = 20
_LINES = 20_000
_AT_ONCE = 8


async def find_request(
    cluster: Cluster,
    mesh: Mesh,
    caller: Pod,
    servers: Sequence[Pod],
    mark: Mark,
    *,
    since_s: float,
    wait_s: float,
) -> Sight:
    """Looks until both sides are there, or for `wait_s` seconds. `since_s`: the request's age.

    Where the caller's line names the pod, only that one's log is read besides.
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    sight = Sight()
    while True:
        age = since_s + loop.time() - begun
        sight = await _look(cluster, mesh, caller, servers, mark, age, sight)
        if _complete(sight) or loop.time() - begun >= wait_s:
            return sight
        await asyncio.sleep(AGAIN_S)


def _complete(sight: Sight) -> bool:
    """Whether there is nothing to wait for: the caller's proxy may have asked nobody."""
    if sight.trouble:
        return True
    return sight.caller is not None and bool(sight.servers or not sight.caller.upstream_host)


async def _look(
    cluster: Cluster,
    mesh: Mesh,
    caller: Pod,
    servers: Sequence[Pod],
    mark: Mark,
    age_s: float,
    sight: Sight,
) -> Sight:
    record = sight.caller
    if record is None:
        found, trouble = await _lines(cluster, mesh, caller, mark, age_s)
        record = next((one for one in found if not one.inbound), None)
        if trouble:
            return Sight(trouble=trouble)
    theirs = mark.of_servers(record)
    asked = addressed(servers, record) if theirs is not None else []
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(pod: Pod) -> list[tuple[Pod, AccessRecord]]:
        async with gate:
            records, _ = await _lines(cluster, mesh, pod, theirs or mark, age_s)
        return [(pod, record) for record in records if record.came_to(pod.ip)]

    seen = await asyncio.gather(*map(one, asked))
    return Sight(record, tuple(pair for pairs in seen for pair in pairs))


def addressed(servers: Iterable[Pod], record: AccessRecord | None) -> list[Pod]:
    """The pods whose logs are read: the one that the caller's proxy sent to, where that is said."""
    running = [pod for pod in servers if pod.sidecar and pod.phase == "Running"]
    if record is not None and record.upstream_host:
        named = [pod for pod in running if pod.ip == address_of(record)]
        if named:
            return named
    return running[:MOST_SERVERS]


async def _lines(
    cluster: Cluster, mesh: Mesh, pod: Pod, mark: Mark, age_s: float
) -> tuple[list[AccessRecord], str]:
    """Access-log lines with the mark, and why there may be more."""
    formats, wanted = formats_of(mesh, (pod,)), in_line(mark.text)
    log = pod_log(
        cluster,
        pod.namespace,
        pod.name,
        pod.proxy_container,
        tail=_LINES,
        since_s=age_s + 2.0,
    )
    found = []
    try:
        async with aclosing(log):
            async for raw in log:
                if wanted.search(raw):
                    record = parse_line(raw.decode("utf-8", "replace"), formats)
                    if record is not None and mark.fits(record):
                        found.append(record)
    except MeshtuiError as error:
        return found, str(error)
    return found, ""
