"""Reading sidecars, a few at a time and by turns, into windows of their last seconds."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import Callable, Sequence, Set, Sized
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from meshtui.dataclass import dataclass
from meshtui.errors import MeshtuiError, Unreachable
from meshtui.mesh.model import Pod
from meshtui.metrics.counter_reading import Reading, SeriesCache, read
from meshtui.metrics.focus import FEW
from meshtui.metrics.read_once import ReadOnce
from meshtui.metrics.scrape import PodId, Scraper, pod_id
from meshtui.metrics.sidecar_words import Failures
from meshtui.metrics.turns import Round, Turn
from meshtui.metrics.window import Window

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

_LARGE = 256 * 1024
"""Characters of statistics that are worth a thread, so that the screen goes on meanwhile."""

REST = 2.0
"""Between two proxies of a large mesh the loop is left alone for so many times as long as the first
took to parse: keys are answered in between."""

CALM = 9.0
"""The same after one that nobody looks at."""

TRIED = 32
"""Of a large mesh none of whose proxies answers so many are tried in a sample, each in its turn,
until one does: nobody's way to them is there, or nobody may go it."""

ROUNDS = 4.0
"""So many rounds over all proxies a reading stands where one sample is too short for a round: two
samples go to each proxy before the next ones have their turn."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a sample may ask for, in seconds and in requests at a time.

    `round_s` is how long in each sample those are read that nobody looks at, `begin_s` as long as
    some of them have no rate; `busy` how many times as long as the processor was busy with a sample
    the next one lasts at least, up to `pause_s`. `fresh_s`: what is looked at is not read longer in
    one sample than that leaves, but for `least_s`; numbers older than eight are called stale.
    """

    window_s: float = 15.0
    pod_timeout_s: float = 2.5
    deadline_s: float = 10.0
    concurrency: int = 16
    round_s: float = 1.0
    begin_s: float = 4.0
    busy: float = 6.0
    pause_s: float = 6.0
    fresh_s: float = 6.0
    least_s: float = 2.0


DEFAULTS = Limits()

T = TypeVar("T")

Outcomes = dict[PodId, MeshtuiError | None]


class SidecarReader:
    """Keeps a window of each proxy. `clock` gives seconds that never jump."""

    def __init__(self, cluster: Cluster, limits: Limits, clock: Callable[[], float]) -> None:
        self.windows: dict[PodId, Window] = {}
        self.once = ReadOnce()
        self.busy_s = 0.0
        """How long the last sample kept the processor busy; whoever sums it up adds that."""

        self._limits = limits
        self._clock = clock
        self._scraper = Scraper(cluster, limits.pod_timeout_s)
        self._series = SeriesCache()
        self._length_s = self._others_length_s = limits.window_s
        self._turns: dict[PodId, float] = {}
        self._fresh: dict[PodId, float] = {}
        """When each was read last, the longest ago first."""

        self._first: Set[PodId] | None = None
        self._first_took_s = 0.0
        self._why: dict[PodId, MeshtuiError] = {}
        self._out_of_reach = False
        self._began = clock()
        self._hurried = asyncio.Event()
        self._parsing = asyncio.Lock()
        self._rest, self._rested_at = 0.0, 0.0

    def hurry(self) -> None:
        """Somebody looks at others than before: these are read next."""
        self._hurried.set()

    def keep_only(self, pods: set[PodId]) -> None:
        """Forget what others said."""
        self.once.touch(pods - self._turns.keys())
        for known in (self.windows, self._turns, self._fresh, self._why):
            for gone in known.keys() - pods:
                del known[gone]
        self.once.keep_only(pods)
        self._scraper.keep_only(pods)

    def known(self, pod: PodId) -> bool:
        """Whether there is a rate of it."""
        window = self.windows.get(pod)
        return window is not None and window.elapsed_s > 0

    @property
    def fresh(self) -> bool:
        """Whether anything that was read still stands."""
        return bool(self._fresh)

    def turn(self, pod: Pod) -> Turn:
        one = pod_id(pod)
        window = self.windows.get(one)
        return Turn(window is not None and window.half, self._turns.get(one, -math.inf))

    async def read_all(self, pods: Sequence[Pod]) -> Failures:
        """Read the pods until the deadline; who failed, and why.

        Where that is too short for all of them, each has its turn: first those that were read once,
        since only a second reading gives rates, then whoever waits longest.
        """
        self._first, self.busy_s = None, 0.0
        ordered = await beside(pods, lambda: sorted(pods, key=self._place))
        failures = await self._read_first(ordered, pods, self._clock(), self._limits.deadline_s)
        self._others_length_s = self._length_s
        return failures

    def _place(self, pod: Pod) -> tuple[bool, float]:
        half, at = self.turn(pod)
        return not half, at

    async def read_round(self, plan: Round) -> tuple[Sequence[Pod], Failures]:
        """Read others as long as that may take, then those that come first until the deadline.

        Who was asked, and who of them failed.
        """
        began = self._clock()
        self._first = {pod_id(pod) for pod in plan.first}
        pause_s = min(self._limits.busy * self.busy_s, self._limits.pause_s)
        self.busy_s = 0.0
        others = await self._read_others(plan, began, pause_s)
        asked, failed = await beside(plan.others, lambda: _asked(plan.others, others))
        self._expire()
        for pod, _ in failed:
            self._miss(pod)
        at = self._clock()
        left_s = max(self._limits.fresh_s - (at - began), self._limits.least_s)
        deadline_s = min(left_s, self._limits.deadline_s)
        failures = await self._read_first(plan.first, plan.first, began, deadline_s)
        self._first_took_s = self._clock() - at
        if None in others.values():
            self._out_of_reach = False
        return [*plan.first, *asked], [*failures, *failed]

    async def _read_others(self, plan: Round, began: float, pause_s: float) -> Outcomes:
        """In their turns, until it is time for what is looked at.

        `pause_s` is how long the whole sample is to last. As long as some have no rate at all they
        are read as quickly as keys allow: among them may be what fails.
        """
        hurried, pods = self._hurried, plan.others
        pause_s -= self._first_took_s
        limits = self._limits
        wanted_s = max(limits.begin_s if plan.begins else limits.round_s, pause_s)
        until = began + max(min(wanted_s, limits.fresh_s - self._first_took_s), limits.round_s)
        outcomes: Outcomes = {}
        if not hurried.is_set():
            self._rest = REST if plan.begins else CALM
            queue = deque(islice(pods, TRIED) if self._out_of_reach else pods)
            await self._work(
                queue, outcomes, lambda: not hurried.is_set() and self._clock() < until
            )
            if not queue and not hurried.is_set():
                await self._pass_time(began + pause_s - self._clock())
        if outcomes and not hurried.is_set():
            every_s = max(began - self._began, self._clock() - began)
            stands_s = ROUNDS * every_s * len(pods) / len(outcomes)
            self._others_length_s = max(self._limits.window_s, stands_s)
        hurried.clear()
        return outcomes

    async def _pass_time(self, seconds: float) -> None:
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurried.wait(), seconds)

    async def _read_first(
        self, ordered: Sequence[Pod], pods: Sequence[Pod], began: float, deadline_s: float
    ) -> Failures:
        """Until the deadline; `pods` are the same in the order in which failures are told."""
        self._rest = REST if len(pods) > FEW or self._first is not None else 0.0
        few = self._out_of_reach and len(pods) > FEW
        outcomes: Outcomes = {}
        queue = deque(islice(ordered, TRIED) if few else ordered)
        until = self._clock() + deadline_s
        await self._work(queue, outcomes, lambda: self._clock() < until, deadline_s)
        self._out_of_reach = bool(outcomes) and None not in outcomes.values()
        if not few:
            fit = partial(self._fit_windows, len(pods), len(outcomes), began)
            await beside(self.windows, fit)
        overdue = Unreachable(f"not read within {deadline_s:.2g} s")
        return await beside(pods, lambda: self._failures(pods, outcomes, overdue, few=few))

    async def _work(
        self,
        queue: deque[Pod],
        outcomes: Outcomes,
        going_on: Callable[[], bool],
        deadline_s: float | None = None,
    ) -> None:
        """Read from the queue; those that are not done by the deadline are left."""

        async def work() -> None:
            while queue and going_on():
                pod = queue.popleft()
                outcomes[pod_id(pod)] = await self._read(pod)
                self._turns[pod_id(pod)] = self._clock()

        workers = min(self._limits.concurrency, len(queue))
        tasks = [asyncio.create_task(work()) for _ in range(workers)]
        try:
            if tasks:
                await asyncio.wait(tasks, timeout=deadline_s)
        finally:
            unfinished = [task for task in tasks if task.cancel()]
            await asyncio.gather(*unfinished, return_exceptions=True)
        for task in set(tasks) - set(unfinished):
            task.result()

    def _failures(
        self, pods: Sequence[Pod], outcomes: Outcomes, overdue: MeshtuiError, *, few: bool
    ) -> Failures:
        known = self._why if few else {}
        errors = [(pod, outcomes.get(pod_id(pod), known.get(pod_id(pod), overdue))) for pod in pods]
        failures = [(pod, error) for pod, error in errors if error is not None]
        self._why = {pod_id(pod): error for pod, error in failures}
        for pod, _ in failures:
            self._miss(pod)
        return failures

    def _fit_windows(self, wanted: int, done: int, began: float) -> None:
        """What a proxy said stands until its turn comes again, or twice as long."""
        every_s = max(began - self._began, self._clock() - began)
        self._began = began
        self._length_s = self._limits.window_s
        if done < wanted:
            stands_s = ROUNDS * every_s * wanted / max(done, 1)
            self._length_s = max(self._length_s, stands_s)
        for pod, window in tuple(self.windows.items()):
            window.length_s = self._length_of(pod)

    def _length_of(self, pod: PodId) -> float:
        first = self._first is None or pod in self._first
        return self._length_s if first else self._others_length_s

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
            self.busy_s += spent
            self._rested_at = time.perf_counter() + self._rest * spent
        return outcome

    async def _parse(self, text: str) -> Reading:
        if len(text) < _LARGE:
            return read(text, self._series)
        return await asyncio.to_thread(read, text, self._series)

    def _take(self, pod: Pod, at: float, reading: Reading) -> MeshtuiError | None:
        if reading.unusable and not reading.requests:
            return Unreachable("its counters of requests are no numbers")
        one = pod_id(pod)
        window = self.windows.get(one)
        if window is None:
            window = self.windows[one] = Window(self._length_of(one))
        window.add(at, reading)
        self._fresh.pop(one, None)
        self._fresh[one] = at
        self.once.touch({one})
        return None

    def _miss(self, pod: Pod) -> None:
        self._forget(pod_id(pod))

    def _forget(self, pod: PodId) -> None:
        window = self.windows.get(pod)
        if window is not None:
            window.miss(self._clock())
            self.once.touch({pod})

    def _expire(self) -> None:
        """What was said so long ago that it stands no more; only that is looked at."""
        now = self._clock()
        while self._fresh:
            pod, at = next(iter(self._fresh.items()))
            if now - at <= self.windows[pod].length_s:
                break
            del self._fresh[pod]
            self._forget(pod)


def _asked(pods: Sequence[Pod], outcomes: Outcomes) -> tuple[list[Pod], Failures]:
    """Those of the pods that were asked, and those that failed."""
    asked = [pod for pod in pods if pod_id(pod) in outcomes]
    return asked, [(pod, error) for pod in asked if (error := outcomes[pod_id(pod)]) is not None]


async def beside(pods: Sized, work: Callable[[], T]) -> T:
    """In a thread where there are many of them: keys are answered meanwhile."""
    return await asyncio.to_thread(work) if len(pods) > FEW else work()
