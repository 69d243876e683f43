"""The sync state of all proxies: istiod's own account, else what the proxies say themselves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from meshtui.dataclass import dataclass
from meshtui.diagnosis.proxy_sync import (
    ProxyRow,
    SyncFacts,
    is_cut_off,
    logged_refusals,
    proxies_among,
    proxy_rows,
)
from meshtui.diagnosis.refused_config import RefusedConfig, RefusedConfigs
from meshtui.errors import MeshtuiError
from meshtui.mesh.json_text import decode
from meshtui.mesh.model import Mesh, Pod
from meshtui.mesh.syncz import ProxySync, parse_syncz
from meshtui.operations.look.proxy_status import read_answers
from meshtui.operations.look.refused_config import read_refused, running_istiods

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

SYNCZ = "/debug/syncz"
MOST_ASKED = 200
"""Proxies that are asked themselves, where istiod does not name them."""

MOST_LOGS = 10
"""Proxies of whose log the reason of a refusal is read, where istiod cut it off."""

_LOG_TIMEOUT_S = 5.0
_LONGEST_LOG = 2 * 1024 * 1024
_LOG_BEFORE_S = 5
_NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Istiod:
    """One istiod, how many clients it has, and why it could not be asked."""

    name: str
    clients: int = 0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class MeshSync:
    """All proxies that were asked for. `trouble` says why istiod's account is not known or not
    whole, empty where it is; `time` is seconds since the epoch. `silent`: there are proxies, and
    neither an istiod nor one of them has answered. `unread` names the clusters, of several, that
    are out of reach."""

    time: float
    rows: tuple[ProxyRow, ...] = ()
    istiods: tuple[Istiod, ...] = ()
    trouble: str = ""
    silent: bool = False
    unread: tuple[str, ...] = ()

    @property
    def by_istiod(self) -> bool:
        """Whether an istiod has answered."""
        return any(not one.trouble for one in self.istiods)

    @property
    def unsaid(self) -> str:
        """What the rows are without; empty where istiod's account is whole."""
        what = "istiod's own account of its proxies is not known"
        return f"{what}: {self.trouble}" if self.trouble else ""


async def read_sync(
    cluster: Cluster,
    mesh: Mesh,
    chosen: Callable[[str, str], bool] = lambda namespace, name: True,
    refused: Callable[[Mesh], Awaitable[RefusedConfigs]] | None = None,
    clock: Callable[[], float] = time.time,
) -> MeshSync:
    """Of the proxies whose namespace and name are `chosen`. Raises no `MeshtuiError`: each row has
    its own trouble. `refused` reads istiod's counts; by default anew."""
    counting = refused(mesh) if refused else read_refused(cluster, mesh)
    (istiods, clients, trouble), counted = await asyncio.gather(
        read_accounts(cluster, mesh), counting
    )
    pods = [pod for pod in proxies_among(mesh.pods) if chosen(pod.namespace, pod.name)]
    clients = [one for one in clients if chosen(one.namespace, one.name)]
    answers = await read_answers(cluster, _unnamed(pods, clients), MOST_ASKED)
    now = clock()
    facts = SyncFacts(clients, trouble, counted, answers)
    rows = await asyncio.to_thread(proxy_rows, pods, facts, now)
    heard = any(not one.trouble for one in istiods) or any(not a.trouble for a in answers.values())
    rows = await _with_reasons(cluster, rows)
    return MeshSync(now, rows, istiods, trouble, silent=bool(rows) and not heard)


async def read_refusing(cluster: Cluster, mesh: Mesh, counted: RefusedConfigs) -> RefusedConfigs:
    """`counted`, with what istiod's own account says of the kinds that no proxy shows.

    Only where such were refused, which is rare, is it asked. Raises no `MeshtuiError`.
    """
    places = {(one.namespace, one.pod) for one in counted.found if one.unseen}
    if not places:
        return counted

    async def known(_: Mesh) -> RefusedConfigs:
        return counted

    sync = await read_sync(cluster, mesh, lambda *place: place in places, known)
    rows = {row.place: row for row in sync.rows if row.sync is not None}
    return replace(counted, found=tuple(_with_account(one, rows) for one in counted.found))


def _with_account(one: RefusedConfig, rows: Mapping[tuple[str, str], ProxyRow]) -> RefusedConfig:
    row = rows.get((one.namespace, one.pod))
    if row is None:
        return one
    said = ((refusal.type.lower(), refusal.words) for refusal in row.refused if refusal.still)
    return replace(one, said=tuple(said))


def _unnamed(pods: Iterable[Pod], clients: Iterable[ProxySync]) -> list[Pod]:
    named = {(one.namespace, one.name) for one in clients if one.types}
    return [p for p in pods if p.phase == "Running" and (p.namespace, p.name) not in named]


async def read_accounts(
    cluster: Cluster, mesh: Mesh
) -> tuple[tuple[Istiod, ...], Sequence[ProxySync], str]:
    """Each istiod, the clients of all, and why that is not all there is to know."""
    root = mesh.settings.root_namespace
    try:
        pods = await running_istiods(cluster, mesh)
    except MeshtuiError as error:
        return (), (), str(error)
    found = await asyncio.gather(*(_account(cluster, pod) for pod in pods))
    clients = [client for _, theirs in found for client in theirs]
    istiods = tuple(one for one, _ in found)
    if not istiods:
        return (), (), f"no istiod runs in {root}"
    return istiods, clients, next((one.trouble for one in istiods if one.trouble), "")


async def _account(cluster: Cluster, pod: Pod) -> tuple[Istiod, tuple[ProxySync, ...]]:
    from meshtui.envoy.istiod import istiod_get

    try:
        body = await istiod_get(cluster, pod.namespace, pod.name, SYNCZ)
    except MeshtuiError as error:
        return Istiod(pod.name, trouble=str(error)), ()
    try:
        clients = await asyncio.to_thread(lambda: parse_syncz(decode(body), pod.name))
    except (ValueError, RecursionError):
        words = f"istiod {pod.name} answers {SYNCZ} with something that is not JSON"
        return Istiod(pod.name, trouble=words), ()
    return Istiod(pod.name, clients=sum(bool(one.types) for one in clients)), clients


async def _with_reasons(cluster: Cluster, rows: Sequence[ProxyRow]) -> tuple[ProxyRow, ...]:
    """With the reasons that istiod cut off, from the proxies' own logs."""
    cut = [row for row in rows if row.pod and any(map(is_cut_off, row.refused))][:MOST_LOGS]
    logs = await asyncio.gather(*(_logged(cluster, row) for row in cut))
    words = {row.place: found for row, found in zip(cut, logs, strict=True)}
    return tuple(_reworded(row, words.get(row.place, {})) for row in rows)


def _reworded(row: ProxyRow, words: dict[str, str]) -> ProxyRow:
    if not words:
        return row
    refused = tuple(
        replace(one, words=words[one.type]) if is_cut_off(one) and one.type in words else one
        for one in row.refused
    )
    return replace(row, refused=refused)


async def _logged(cluster: Cluster, row: ProxyRow) -> dict[str, str]:
    """What the proxy wrote of its refusals since they were sent; nothing where that is not to be
    had: the words are cut off then."""
    from meshtui.kube.logs import pod_log

    pod = row.pod
    times = [one.at for one in row.refused if is_cut_off(one) and one.at is not None]
    if pod is None or not times:
        return {}
    since = max(0, int(min(times)) - _LOG_BEFORE_S) * _NANO
    log = pod_log(cluster, pod.namespace, pod.name, pod.proxy_container, tail=None, since=since)
    found = bytearray()
    try:
        async with asyncio.timeout(_LOG_TIMEOUT_S), aclosing(log):
            async for line in log:
                found += line + b"\n"
                if len(found) > _LONGEST_LOG:
                    break
    except (MeshtuiError, TimeoutError):
        pass
    return logged_refusals(found.decode("utf-8", "replace"))
