"""Golden signals from the sidecars themselves: nothing to install, nothing to configure.

Every Envoy counts its requests. The counters are read through the API server's pod proxy, which
needs `get` on `pods/proxy`, and rates are what they grew by over the last seconds.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from meshtui.dataclass import dataclass
from meshtui.errors import MeshtuiError, NotAllowed, NotFound, Unreachable
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
from meshtui.metrics.counter_reading import Reading, SeriesCache, read
from meshtui.metrics.denied import with_all_denied
from meshtui.metrics.focus import FEW, callers_among, own_pods
from meshtui.metrics.scrape import PodId, Scraper, pod_id
from meshtui.metrics.silent import Filling, behind_waypoints, filling_of
from meshtui.metrics.window import Window

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster
    from meshtui.metrics.source import Supplement

_LARGE = 256 * 1024
"""Characters of statistics that are worth a thread, so that the screen goes on meanwhile."""

REST = 2.0
"""Between two proxies of a large mesh the loop is left alone for so many times as long as the first
took to parse: keys are answered in between."""

TRIED = 32
"""Of a large mesh none of whose proxies answers so many are tried in a sample, each in its turn,
until one does: nobody's way to them is there, or nobody may go it."""

_MOST_PROBLEMS = 8

ROUNDS = 4.0
"""So many rounds over all proxies a reading stands where one sample is too short for a round: two
samples go to each proxy before the next ones have their turn."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a sample may ask for, in seconds and in requests at a time."""

    window_s: float = 15.0
    pod_timeout_s: float = 2.5
    deadline_s: float = 10.0
    concurrency: int = 16


DEFAULTS = Limits()

T = TypeVar("T")


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
        self._limits = limits
        self._clock = clock
        self._now = now
        self._scraper = Scraper(cluster, limits.pod_timeout_s)
        self._series = SeriesCache()
        self._windows: dict[PodId, Window] = {}
        self._window_length_s = limits.window_s
        self._turns: dict[PodId, float] = {}
        self._why: dict[PodId, MeshtuiError] = {}
        self._waited: set[PodId] = set()
        self._out_of_reach = False
        self._began = clock()
        self._sampled_at = 0.0
        self._about: frozenset[ServiceKey] = frozenset()
        # Two samples at once would take the older counters for a reset of the newer ones.
        self._one_at_a_time = asyncio.Lock()
        self._parsing = asyncio.Lock()
        self._rest, self._rested_at = 0.0, 0.0
        self._filling: Filling = {}
        self._waypoints = frozenset[Client]()

    async def sample(self, mesh: Mesh) -> Sample:
        """Read all sidecars once.

        The first sample has no rates (`window_s` 0), only `clients`. A proxy that does not answer
        counts with what it said before, until that is older than the window, and is in `failed`.
        Raises `NotAllowed` where none may be read and `Unreachable` where none answers.
        """
        async with self._one_at_a_time:
            pods = await _beside(mesh.pods, lambda: self._kept(mesh))
            asked, failures = await self._read_wanted(mesh, pods)
            _refuse_nothing(asked, failures)
            found = await asyncio.to_thread(self._summary, mesh, pods, asked, failures)
            return await self._supplement(mesh, found) if self._supplement else found

    def _kept(self, mesh: Mesh) -> Sequence[Pod]:
        """Those that count; what others said is forgotten."""
        pods = [pod for pod in mesh.pods if _counts(pod)]
        self._keep_only({pod_id(pod) for pod in pods})
        return pods

    def focus(self, about: frozenset[ServiceKey]) -> None:
        """Of a large mesh only the proxies of these services are read, and of who reached them."""
        self._about = about

    async def _read_wanted(
        self, mesh: Mesh, pods: Sequence[Pod]
    ) -> tuple[Sequence[Pod], list[tuple[Pod, MeshtuiError]]]:
        """The pods that were asked, and those of them that failed.

        A service that nobody reached names no caller: then all are asked.
        """
        if not self._about or len(pods) <= FEW:
            return pods, await self._read_all(pods)
        about = self._about
        own = await _beside(pods, lambda: own_pods(mesh, about, pods))
        failures = await self._read_all(own)
        known = {pod_id(pod) for pod in own}
        latest = [w.latest for pod, w in self._windows.items() if pod in known and w.latest]
        callers = callers_among(clients_of(latest), self._about, pods)
        rest = [pod for pod in (callers or pods) if pod_id(pod) not in known]
        return [*own, *rest], [*failures, *await self._read_all(rest)]

    async def calls(self, mesh: Mesh) -> Calls:
        """From what the last sample was counted of: no proxy is asked."""
        async with self._one_at_a_time:
            read = {pod: window.elapsed_s > 0 for pod, window in self._windows.items()}
            known = [(pod, read.get(pod_id(pod), False)) for pod in mesh.pods if _counts(pod)]
            partly = {(pod.namespace, pod.workload) for pod, is_read in known if not is_read}
            whole = {(pod.namespace, pod.workload) for pod, is_read in known if is_read} - partly
            return await asyncio.to_thread(self._summed_calls, frozenset(whole))

    def _summed_calls(self, read: frozenset[Client]) -> Calls:
        ledger, window_s = CallLedger(self._waypoints), self._window_s
        if window_s <= 0:
            raise Unreachable("the sidecars have been read only once", "rates need two readings")
        for window in self._windows.values():
            for counted in window.counted:
                ledger.add(counted, window.elapsed_s)
        return Calls(self._sampled_at, self.name, window_s, ledger.calls(read, self._filling))

    @property
    def _window_s(self) -> float:
        return max((window.elapsed_s for window in self._windows.values()), default=0.0)

    def _counted_since(self) -> float | None:
        """When the oldest of the windows began, by the clock of samples."""
        start = min((window.start for window in self._windows.values()), default=math.inf)
        return None if start == math.inf else self._sampled_at - (self._clock() - start)

    async def close(self) -> None:
        """Forget all readings."""
        self._keep_only(set())

    def _keep_only(self, pods: set[PodId]) -> None:
        self._windows = {pod: window for pod, window in self._windows.items() if pod in pods}
        self._turns = {pod: at for pod, at in self._turns.items() if pod in pods}
        self._why = {pod: error for pod, error in self._why.items() if pod in pods}
        self._waited &= pods
        self._scraper.keep_only(pods)

    async def _read_all(self, pods: Sequence[Pod]) -> list[tuple[Pod, MeshtuiError]]:
        """Read the pods until the deadline; who failed, and why.

        Where that is too short for all of them, each has its turn: first those that were read once,
        since only a second reading gives rates, then whoever waits longest.
        """
        began = self._clock()
        queue = deque(await _beside(pods, lambda: sorted(pods, key=self._turn)))
        self._rest = REST if len(pods) > FEW else 0.0
        few = self._out_of_reach and len(pods) > FEW
        if few:
            queue = deque(islice(queue, TRIED))
        outcomes: dict[PodId, MeshtuiError | None] = {}

        async def work() -> None:
            while queue:
                pod = queue.popleft()
                outcomes[pod_id(pod)] = await self._read(pod)
                self._turns[pod_id(pod)] = self._clock()

        workers = min(self._limits.concurrency, len(queue))
        tasks = [asyncio.create_task(work()) for _ in range(workers)]
        try:
            if tasks:
                await asyncio.wait(tasks, timeout=self._limits.deadline_s)
        finally:
            unfinished = [task for task in tasks if task.cancel()]
            await asyncio.gather(*unfinished, return_exceptions=True)
        for task in set(tasks) - set(unfinished):
            task.result()
        self._out_of_reach = bool(outcomes) and None not in outcomes.values()
        if not few:
            self._fit_windows(len(pods), len(outcomes), began)
        return await _beside(pods, lambda: self._failures(pods, outcomes, few=few))

    def _failures(
        self, pods: Sequence[Pod], outcomes: Mapping[PodId, MeshtuiError | None], *, few: bool
    ) -> list[tuple[Pod, MeshtuiError]]:
        overdue = Unreachable(f"not read within {self._limits.deadline_s:g} s")
        known = self._why if few else {}
        errors = [(pod, outcomes.get(pod_id(pod), known.get(pod_id(pod), overdue))) for pod in pods]
        failures = [(pod, error) for pod, error in errors if error is not None]
        self._why = {pod_id(pod): error for pod, error in failures}
        for pod, _ in failures:
            self._miss(pod)
        return failures

    def _turn(self, pod: Pod) -> tuple[bool, float]:
        window = self._windows.get(pod_id(pod))
        half = window is not None and window.half
        return not half, self._turns.get(pod_id(pod), -math.inf)

    def _fit_windows(self, wanted: int, done: int, began: float) -> None:
        """What a proxy said stands until its turn comes again, or twice as long."""
        every_s = max(began - self._began, self._clock() - began)
        self._began = began
        length_s = self._limits.window_s
        if done < wanted:
            length_s = max(length_s, ROUNDS * every_s * wanted / max(done, 1))
        if length_s != self._window_length_s:
            self._window_length_s = length_s
            for window in self._windows.values():
                window.length_s = length_s

    async def _read(self, pod: Pod) -> MeshtuiError | None:
        """Take one pod's reading into its window; the failure is the answer where there is one."""
        try:
            text = await self._scraper.fetch(pod)
        except MeshtuiError as error:
            return error
        at = self._clock()
        async with self._parsing:
            await asyncio.sleep(self._rested_at - time.perf_counter())
            # Of a processor: on a busy machine most of the time is others'.
            began = time.thread_time()
            outcome = self._take(pod, at, await self._parse(text))
            spent = time.thread_time() - began
            self._rested_at = time.perf_counter() + self._rest * spent
        return outcome

    async def _parse(self, text: str) -> Reading:
        if len(text) < _LARGE:
            return read(text, self._series)
        return await asyncio.to_thread(read, text, self._series)

    def _take(self, pod: Pod, at: float, reading: Reading) -> MeshtuiError | None:
        if reading.unusable and not reading.requests:
            return Unreachable("its counters of requests are no numbers")
        window = self._windows.setdefault(pod_id(pod), Window(self._window_length_s))
        window.add(at, reading)
        return None

    def _miss(self, pod: Pod) -> None:
        window = self._windows.get(pod_id(pod))
        if window is not None:
            window.miss(self._clock())

    def _unread(self, pods: Sequence[Pod], missing: Sequence[Pod]) -> _Unread:
        """What a pod said before stands for as long as it is in the window."""
        lost = {pod_id(pod) for pod in missing if not self._known(pod)}
        partly = {(p.namespace, p.workload) for p in pods if pod_id(p) in lost}
        seen = {(p.namespace, p.workload) for p in pods if pod_id(p) not in lost}
        return _Unread(frozenset(partly - seen), frozenset(partly))

    def _read_once(self, pods: Sequence[Pod]) -> list[Pod]:
        """Those whose turn came late: what they count is known from the next reading on.

        A pod that was read as soon as it was there has counted nothing before.
        """
        latest = {pod: window.latest for pod, window in self._windows.items()}
        late = [pod for pod in pods if pod_id(pod) in self._waited and not self._known(pod)]
        self._waited = {pod_id(pod) for pod in late}
        self._waited.update(one for pod in pods if latest.get(one := pod_id(pod)) is None)
        return [pod for pod in late if latest.get(pod_id(pod)) is not None]

    def _known(self, pod: Pod) -> bool:
        window = self._windows.get(pod_id(pod))
        return window is not None and window.elapsed_s > 0

    def _summary(
        self,
        mesh: Mesh,
        pods: Sequence[Pod],
        asked: Sequence[Pod],
        failures: Sequence[tuple[Pod, MeshtuiError]],
    ) -> Sample:
        missing = [(pod, error) for pod, error in failures if not _vanished(pod, error)]
        left = {pod_id(pod) for pod in pods} - {pod_id(pod) for pod in asked}
        passed_over = [pod for pod in pods if pod_id(pod) in left]
        late = self._read_once(pods)
        unread = self._unread(pods, [*(pod for pod, _ in missing), *passed_over, *late])
        gateways = frozenset((pod.namespace, pod.workload) for pod in pods if pod.gateway)
        waypoints = self._waypoints = waypoint_workloads(mesh)
        ledger = Ledger(unread.whole, gateways, copied_to(mesh), waypoints)
        connections = ConnectionLedger(waypoints)
        workloads = {pod_id(pod): (pod.namespace, pod.workload) for pod in pods}
        denied: list[tuple[Client, Mapping[str, float]]] = []
        for pod, window in self._windows.items():
            for counted in window.counted:
                ledger.add(counted, window.elapsed_s)
                connections.add(counted.connections, window.elapsed_s)
                if counted.denied and pod in workloads:
                    denied.append((workloads[pod], counted.denied))
        self._sampled_at = self._now()
        latest = [window.latest for window in self._windows.values() if window.latest]
        muted = self._fill(ledger, mesh, workloads, unread.whole)
        sample = Sample(
            time=self._sampled_at,
            source=self.name,
            window_s=self._window_s,
            began=self._counted_since(),
            clients=with_clients(clients_of(latest), (one.connections for one in latest)),
            read=len(asked) - len(failures),
            failed=len(missing),
            unread=unread.any,
            filled=ledger.filled,
            answered_by=ledger.answered_by,
            hops=ledger.hops,
            passed=ledger.passed,
            copies=ledger.copies,
            muted=muted,
            problems=(*_left_out(asked, pods), *_problems(missing)) if pods else (_none(mesh),),
        )
        seen = replace(connections.within(ledger.views().within(sample)), sent=ledger.sent)
        return with_all_denied(seen, denied, gateways)

    def _fill(
        self,
        ledger: Ledger,
        mesh: Mesh,
        workloads: Mapping[PodId, Client],
        unread: frozenset[Client],
    ) -> Mapping[Client, str]:
        """Has those who answered count for whoever does not; gives who is told not to count."""
        muted = not_counting(mesh, CLIENT)
        windows = [(workloads[pod], w) for pod, w in self._windows.items() if pod in workloads]
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


async def _beside(pods: Sequence[Pod], work: Callable[[], T]) -> T:
    """In a thread where there are many of them: keys are answered meanwhile."""
    return await asyncio.to_thread(work) if len(pods) > FEW else work()


def _left_out(asked: Sequence[Pod], pods: Sequence[Pod]) -> tuple[str, ...]:
    """Which share of the mesh the numbers cover."""
    if len(asked) == len(pods):
        return ()
    return (
        f"{len(asked)} of {len(pods)} sidecars are read: the service's own, the gateways', and"
        " those of who reached it",
    )


class _Unread(NamedTuple):
    """Workloads of which no pod could be read within the window, and those with any such pod."""

    whole: frozenset[Client]
    any: frozenset[Client]


def _counts(pod: Pod) -> bool:
    return pod.sidecar and pod.phase in ("Running", "")


def _vanished(pod: Pod, error: MeshtuiError) -> bool:
    """Pods come and go: one that ends while it is read is no failure of the telemetry."""
    return pod.deleting or isinstance(error, NotFound)


def _refuse_nothing(pods: Sequence[Pod], failures: Sequence[tuple[Pod, MeshtuiError]]) -> None:
    """Raise where not one pod was read: the signals are unknown then, not zero."""
    if not pods or len(failures) < len(pods):
        return
    what = f"none of {len(pods)} sidecars could be read"
    reasons = "; ".join(_problems(failures))
    if all(isinstance(error, NotAllowed) for _, error in failures):
        raise NotAllowed(f"{what} ({reasons})", "reading them needs `get` on `pods/proxy`")
    raise Unreachable(f"{what} ({reasons})", "check the API server's way to the pods, port 15020")


def _problems(failures: Iterable[tuple[Pod, MeshtuiError]]) -> tuple[str, ...]:
    """One line per reason, the commonest first; a thousand pods often fail for one reason."""
    pods: dict[str, list[Pod]] = {}
    for pod, error in failures:
        pods.setdefault(_reason(pod, error), []).append(pod)
    ranked = Counter({reason: len(those) for reason, those in pods.items()})
    return tuple(
        f"{pods[reason][0].namespace}/{pods[reason][0].name}"
        + (f" and {count - 1} more" if count > 1 else "")
        + f": {reason}"
        for reason, count in ranked.most_common(_MOST_PROBLEMS)
    )


def _reason(pod: Pod, error: MeshtuiError) -> str:
    """Why, without what tells the pods apart, so that the same reason is the same text."""
    reason = error.what.replace(f"/{pod.name}:", "/…:")
    reason = reason.replace(f"/namespaces/{pod.namespace}/", "/namespaces/…/")
    return reason.replace(f"{pod.ip}:", "…:") if pod.ip else reason


def _none(mesh: Mesh) -> str:
    """Why no sidecar is asked: the first samples come before a large mesh's pods."""
    known = mesh.knows("pods")
    return "no running pod has a sidecar" if known else "which pods there are is not known"
