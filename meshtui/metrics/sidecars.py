"""Golden signals from the sidecars themselves: nothing to install, nothing to configure.

Every Envoy counts its requests. The counters are read through the API server's pod proxy, which
needs `get` on `pods/proxy`, and rates are what they grew by over the last seconds.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from operator import is_
from typing import TYPE_CHECKING, NamedTuple

from meshtui.errors import Unreachable
from meshtui.mesh.ambient import waypoint_workloads
from meshtui.mesh.calls import Calls
from meshtui.mesh.copies import copied_to
from meshtui.mesh.count_overrides import CLIENT
from meshtui.mesh.metrics_off import not_counting
from meshtui.mesh.model import Mesh, Pod, ServiceKey
from meshtui.mesh.signals import Sample
from meshtui.metrics.aggregate import Client, Ledger, clients_of
from meshtui.metrics.call_ledger import CallLedger
from meshtui.metrics.connections import ConnectionLedger, with_clients
from meshtui.metrics.denied import with_all_denied
from meshtui.metrics.focus import FEW, callers_among, own_pods
from meshtui.metrics.scrape import PodId, pod_id
from meshtui.metrics.sidecar_reader import DEFAULTS, TRIED, Limits, SidecarReader, beside
from meshtui.metrics.sidecar_words import (
    Failures,
    about_one,
    in_turns,
    none_there,
    problems,
    refuse_nothing,
    vanished,
)
from meshtui.metrics.silent import Filling, behind_waypoints, filling_of
from meshtui.metrics.turns import Needed, Round, needed, round_of

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster
    from meshtui.metrics.source import Supplement


class SidecarSource:
    """Reads every sidecar of the mesh, a few at a time, and keeps their last seconds.

    `clock` gives seconds that never jump and `now` seconds since the epoch; tests give their own.
    """

    name = "sidecars"

    def __init__(
        self,
        cluster: Cluster,
        limits: Limits = DEFAULTS,
        *,
        supplement: Supplement | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._supplement = supplement
        self._now = now
        self._clock = clock
        self._reader = SidecarReader(cluster, limits, clock)
        self._pods_of: tuple[tuple[Pod, ...], Sequence[Pod]] | None = None
        self._sampled_at = 0.0
        self._about: frozenset[ServiceKey] = frozenset()
        self._shown: frozenset[ServiceKey] | None = None
        self._listed: frozenset[ServiceKey] | None = None
        self._need: tuple[tuple[object, ...], Needed] | None = None
        self._clients: Mapping[ServiceKey, frozenset[Client]] = {}
        self._begins = False
        # Two samples at once would take the older counters for a reset of the newer ones.
        self._one_at_a_time = asyncio.Lock()
        self._filling: Filling = {}
        self._waypoints = frozenset[Client]()

    async def sample(self, mesh: Mesh) -> Sample:
        """Read all sidecars once, or of a large mesh those whose turn it is.

        The first sample has no rates (`window_s` 0), only `clients`. A proxy that does not answer
        counts with what it said before, until that is older than the window, and is in `failed`.
        Raises `NotAllowed` where none may be read and `Unreachable` where none answers.
        """
        async with self._one_at_a_time:
            pods = await beside(mesh.pods, lambda: self._kept(mesh))
            reading = await self._read_wanted(mesh, pods)
            if not (reading.in_turns and self._reader.fresh and len(reading.asked) <= TRIED):
                refuse_nothing(reading.asked, reading.failures)
            found = await asyncio.to_thread(self._summary, mesh, pods, reading)
            return await self._supplement(mesh, found) if self._supplement else found

    def _kept(self, mesh: Mesh) -> Sequence[Pod]:
        """Those that count; what others said is forgotten."""
        if self._pods_of is None or self._pods_of[0] is not mesh.pods:
            pods = [pod for pod in mesh.pods if _counts(pod)]
            self._reader.keep_only({pod_id(pod) for pod in pods})
            self._pods_of = mesh.pods, pods
        return self._pods_of[1]

    def focus(self, about: frozenset[ServiceKey]) -> None:
        """Of a large mesh only the proxies of these services are read, and of who reached them."""
        self._about = about

    def show(
        self, shown: frozenset[ServiceKey], listed: frozenset[ServiceKey] | None = None
    ) -> None:
        """Of a large mesh these are read in each sample, the others in turns.

        At once where others come into sight; but while the mesh is read for the first time rows
        change their places all the time, as numbers come in.
        """
        come = shown - (self._shown or frozenset())
        if listed != self._listed or (come and not self._begins):
            self._reader.hurry()
        self._shown, self._listed = shown, listed

    async def _read_wanted(self, mesh: Mesh, pods: Sequence[Pod]) -> _Reading:
        """A service that nobody reached names no caller: then all are asked."""
        reader = self._reader
        if len(pods) <= FEW or (self._shown is None and not self._about):
            return _Reading(pods, await reader.read_all(pods))
        if self._shown is not None:
            need, plan = await beside(pods, lambda: self._plan(mesh, pods))
            there = len(pods) if need.listed is None else len(plan.first) + len(plan.others)
            return _Reading(*await reader.read_round(plan), in_turns=there)
        about = self._about
        own = await beside(pods, lambda: own_pods(mesh, about, pods))
        failures = await reader.read_all(own)
        known = {pod_id(pod) for pod in own}
        windows = reader.windows.items()
        latest = [w.latest for pod, w in windows if pod in known and w.latest]
        callers = callers_among(clients_of(latest), self._about, pods)
        rest = [pod for pod in (callers or pods) if pod_id(pod) not in known]
        return _Reading([*own, *rest], [*failures, *await reader.read_all(rest)])

    def _plan(self, mesh: Mesh, pods: Sequence[Pod]) -> tuple[Needed, Round]:
        """Whom the rows rest on is looked for where they, the pods or the callers are others."""
        shown, listed = self._shown or frozenset(), self._listed
        asked = (mesh, shown, listed, self._clients)
        if self._need is None or not all(map(is_, self._need[0], asked)):
            self._need = asked, needed(mesh, pods, shown, listed, self._clients)
        need = self._need[1]
        plan = round_of(pods, need, self._reader.turn)
        self._begins = plan.begins
        return need, plan

    async def calls(self, mesh: Mesh) -> Calls:
        """From what the last sample was counted of: no proxy is asked."""
        async with self._one_at_a_time:
            read = {pod: window.elapsed_s > 0 for pod, window in self._reader.windows.items()}
            known = [(pod, read.get(pod_id(pod), False)) for pod in mesh.pods if _counts(pod)]
            partly = {(pod.namespace, pod.workload) for pod, is_read in known if not is_read}
            whole = {(pod.namespace, pod.workload) for pod, is_read in known if is_read} - partly
            return await asyncio.to_thread(self._summed_calls, frozenset(whole))

    def _summed_calls(self, read: frozenset[Client]) -> Calls:
        ledger, window_s = CallLedger(self._waypoints), self._window_s
        if window_s <= 0:
            raise Unreachable("the sidecars have been read only once", "rates need two readings")
        for window in self._reader.windows.values():
            for counted in window.counted:
                ledger.add(counted, window.elapsed_s)
        return Calls(self._sampled_at, self.name, window_s, ledger.calls(read, self._filling))

    @property
    def _window_s(self) -> float:
        return max((window.elapsed_s for window in self._reader.windows.values()), default=0.0)

    def _counted_since(self) -> float | None:
        """When the oldest of the windows began, by the clock of samples."""
        start = min((window.start for window in self._reader.windows.values()), default=math.inf)
        return None if start == math.inf else self._sampled_at - (self._clock() - start)

    async def close(self) -> None:
        """Forget all readings."""
        self._reader.keep_only(set())
        self._pods_of = None

    def _unread(self, pods: Sequence[Pod], missing: Sequence[Pod]) -> _Unread:
        """What a pod said before stands for as long as it is in the window."""
        known = self._reader.known
        lost = {one for pod in missing if not known(one := pod_id(pod))}
        partly = {(p.namespace, p.workload) for p in pods if pod_id(p) in lost}
        seen = {(p.namespace, p.workload) for p in pods if pod_id(p) not in lost}
        return _Unread(frozenset(partly - seen), frozenset(partly))

    def _summary(
        self,
        mesh: Mesh,
        pods: Sequence[Pod],
        reading: _Reading,
    ) -> Sample:
        began = time.thread_time()
        asked, failures = reading.asked, reading.failures
        missing = [(pod, error) for pod, error in failures if not vanished(pod, error)]
        left = {pod_id(pod) for pod in pods} - {pod_id(pod) for pod in asked}
        passed_over = [pod for pod in pods if pod_id(pod) in left]
        once = self._reader.once.look(self._reader.windows)
        late = [pod for pod in pods if pod_id(pod) in once] if once else []
        unread = self._unread(pods, [*(pod for pod, _ in missing), *passed_over, *late])
        gateways = frozenset((pod.namespace, pod.workload) for pod in pods if pod.gateway)
        waypoints = self._waypoints = waypoint_workloads(mesh)
        ledger = Ledger(unread.whole, gateways, copied_to(mesh), waypoints)
        connections = ConnectionLedger(waypoints)
        workloads = {pod_id(pod): (pod.namespace, pod.workload) for pod in pods}
        denied: list[tuple[Client, Mapping[str, float]]] = []
        for pod, window in self._reader.windows.items():
            for counted in window.counted:
                ledger.add(counted, window.elapsed_s)
                connections.add(counted.connections, window.elapsed_s)
                if counted.denied and pod in workloads:
                    denied.append((workloads[pod], counted.denied))
        self._sampled_at = self._now()
        latest = [window.latest for window in self._reader.windows.values() if window.latest]
        clients = with_clients(clients_of(latest), (one.connections for one in latest))
        muted = self._fill(ledger, mesh, workloads, unread.whole)
        read, failed, said = self._covered(mesh, pods, reading, missing)
        sample = Sample(
            time=self._sampled_at,
            source=self.name,
            window_s=self._window_s,
            began=self._counted_since(),
            clients=self._known_clients(clients, unread.any),
            read=read,
            failed=failed,
            unread=unread.any,
            filled=ledger.filled,
            answered_by=ledger.answered_by,
            hops=ledger.hops,
            passed=ledger.passed,
            copies=ledger.copies,
            muted=muted,
            problems=(*said, *problems(missing)) if pods else (none_there(mesh),),
        )
        seen = replace(connections.within(ledger.views().within(sample)), sent=ledger.sent)
        self._reader.busy_s += time.thread_time() - began
        return with_all_denied(seen, denied, gateways)

    def _known_clients(
        self, clients: Mapping[ServiceKey, frozenset[Client]], unread: frozenset[Client]
    ) -> Mapping[ServiceKey, frozenset[Client]]:
        """With those who sent to a service before they could not be read any more.

        The same object as long as it is the same: who is read first hangs on it.
        """
        gone = {service: known & unread for service, known in self._clients.items() if unread}
        more = {s: lost for s, lost in gone.items() if not lost <= clients.get(s, frozenset())}
        if more:
            both = {s: clients.get(s, frozenset()) | lost for s, lost in more.items()}
            clients = {**clients, **both}
        if clients != self._clients:
            self._clients = clients
        return self._clients

    def _covered(
        self, mesh: Mesh, pods: Sequence[Pod], reading: _Reading, missing: Failures
    ) -> tuple[int, int, tuple[str, ...]]:
        """Of how many proxies the numbers are, of how many they are not, and what is said of it."""
        asked = reading.asked
        if not reading.in_turns:
            read = len(asked) - len(reading.failures)
            return read, len(missing), about_one(len(asked), len(pods))
        known = sum(map(self._reader.known, map(pod_id, pods)))
        return known, len(pods) - known, in_turns(known, reading.in_turns, len(pods))

    def _fill(
        self,
        ledger: Ledger,
        mesh: Mesh,
        workloads: Mapping[PodId, Client],
        unread: frozenset[Client],
    ) -> Mapping[Client, str]:
        """Has those who answered count for whoever does not; gives who is told not to count."""
        muted = not_counting(mesh, CLIENT)
        windows = [
            (workloads[pod], w) for pod, w in self._reader.windows.items() if pod in workloads
        ]
        latest = ((client, window.latest) for client, window in windows if window.latest)
        grown = [(client, one) for client, window in windows for one in window.counted]
        counting = ledger.counting
        found = filling_of(counting, latest, grown, muted.keys(), unread)
        self._filling = {**found, **behind_waypoints(counting, unread)}
        fills = bool(self._filling or counting.passing)
        timed = ledger.timed if fills else frozenset()
        for _, window in windows if fills else ():
            for counted in window.counted:
                ledger.fill(counted, window.elapsed_s, self._filling, timed)
        return muted


class _Reading(NamedTuple):
    """Who was asked, and who of them failed. `in_turns`: of how many the rest have their turns."""

    asked: Sequence[Pod]
    failures: Failures
    in_turns: int = 0


class _Unread(NamedTuple):
    """Workloads of which no pod could be read within the window, and those with any such pod."""

    whole: frozenset[Client]
    any: frozenset[Client]


def _counts(pod: Pod) -> bool:
    return pod.sidecar and pod.phase in ("Running", "")
