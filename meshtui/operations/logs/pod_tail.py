"""One container's log, through dropped connections and restarts: no line lost, none twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

from meshtui.dataclass import dataclass
from meshtui.errors import MeshtuiError, NotFound, Refused, Unreachable
from meshtui.kube.logs import pod_log, split_stamp
from meshtui.mesh.model import Pod
from meshtui.operations.types import LogEntry

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

RETRY_S = 2.0
"""Seconds before a log that ended is asked for again; twice as long after each failure."""

LONGEST_RETRY_S = 30.0
QUIET_S = 60.0
"""A log that says nothing for so long is asked for anew: its connection may be dead."""

Put = Callable[[LogEntry], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class TailFrom:
    """How far back a tail begins: `lines` of each pod (None: all that are kept), and how old the
    oldest may be, in seconds. `previous`: the containers before the present ones, and only they.
    `callers`: with what the service's callers logged of it. `programs`: with the logs of the other
    containers beside the proxy's; `containers`: of those with these names.
    """

    lines: int | None = 200
    since_s: float | None = None
    previous: bool = False
    callers: bool = False
    programs: bool = False
    containers: tuple[str, ...] = ()

    def logs_of(self, pod: Pod) -> tuple[str, ...]:
        """The containers of a pod that are read; an empty name is the proxy."""
        proxy = ("",) if pod.sidecar else ()
        return (*proxy, *(name for name in pod.containers if self._wants(name, pod)))

    def _wants(self, name: str, pod: Pod) -> bool:
        return name != pod.proxy_container and (self.programs or name in self.containers)


@dataclass(slots=True)
class LogPosition:
    """How far a log was read: the time of the last line, and how many lines of that time were read.

    The server can begin only at a whole second, so it sends some lines again.
    """

    stamp: int = 0
    alike: int = 0

    def __bool__(self) -> bool:
        """True where something was read."""
        return bool(self.stamp or self.alike)

    def again(self) -> Callable[[int], bool]:
        """For lines that come a second time from here on: is this one new?"""
        last, left = self.stamp, self.alike
        caught_up = not last

        def new(stamp: int) -> bool:
            nonlocal left, caught_up
            if not caught_up and stamp == last and left:
                left -= 1
                return False
            caught_up = caught_up or not 0 < stamp < last
            return caught_up

        return new

    def passed(self, stamp: int) -> None:
        if stamp == self.stamp:
            self.alike += 1
        elif stamp > self.stamp:
            self.stamp, self.alike = stamp, 1


class PodTail:
    """Reads what is there with `backlog`, then what comes with `follow`.

    `pod` is the pod as it is known now, `gone` that it is no longer known: whoever made the tail
    keeps them up.
    """

    def __init__(self, cluster: Cluster, pod: Pod, start: TailFrom, container: str = "") -> None:
        self.pod = pod
        self.container = container
        self.gone = False
        self._cluster = cluster
        self._start = start
        self._place = LogPosition()
        self._restarts = self._known_restarts
        self._last_error = ""
        self._failures = 0

    @property
    def _known_restarts(self) -> int:
        if not self.container:
            return self.pod.proxy_restarts
        named = (one.restarts for one in self.pod.statuses if one.name == self.container)
        return next(named, 0)

    # What is there

    async def backlog(self) -> AsyncGenerator[LogEntry, None]:
        """The last lines, of the container before too where this one has not written as many."""
        try:
            async with aclosing(self._there()) as lines:
                async for entry in lines:
                    yield entry
        except MeshtuiError as error:
            yield self._failed(error)

    def _there(self) -> AsyncGenerator[LogEntry, None]:
        if self._start.previous:
            return self._previous(self._start.lines)
        return self._across() if self._restarts else self._lines(tail=self._start.lines)

    async def _across(self) -> AsyncGenerator[LogEntry, None]:
        """The present container is read first: it says how many lines of the other are wanted."""
        wanted = self._start.lines
        present = [entry async for entry in self._lines(tail=wanted)]
        place, self._place = self._place, LogPosition()
        missing = None if wanted is None else wanted - len(present)
        if missing is None or missing > 0:
            async with aclosing(self._previous(missing)) as lines:
                async for entry in lines:
                    yield entry
            yield self.note(self._anew)
        self._place = place or self._place
        for entry in present:
            yield entry

    @property
    def _anew(self) -> str:
        times = "once" if self._restarts == 1 else f"{self._restarts} times"
        who = self.container or "its proxy"
        return f"{who} has restarted ({times} so far): a new log begins"

    async def _previous(self, tail: int | None = None) -> AsyncGenerator[LogEntry, None]:
        """That there is no container before this one is no failure, unless it was asked for."""
        try:
            async with aclosing(self._lines(tail=tail, previous=True)) as lines:
                async for entry in lines:
                    yield entry
        except Refused as error:
            if self._start.previous:
                yield self._failed(error)

    # What comes

    async def follow(self, put: Put) -> None:
        """Goes on until the pod is gone. What fails is said once, and tried again."""
        pause = RETRY_S if self._last_error else 0.0
        while True:
            await asyncio.sleep(pause)
            try:
                pause = RETRY_S
                await self._restarted(put)
                if await self._stream(put):
                    pause = 0.0
            except NotFound:
                self.gone = True
            except _Quiet:
                pause = 0.0
            except MeshtuiError as error:
                pause = await self._trouble(error, put)
            if self.gone:
                if self.speaks_for_pod:
                    await put(self.note("is gone"))
                return

    async def _stream(self, put: Put) -> bool:
        """One connection, to its end. True where the proxy has restarted meanwhile: what comes is
        the new container's, and the rest of the one before has to be read first.
        """
        place = self._place
        read = place.stamp, place.alike
        async with aclosing(self._lines(tail=self._start.lines, follow=True)) as lines:
            async for entry in lines:
                if self._known_restarts > self._restarts:
                    self._place = LogPosition(*read)
                    return True
                await self._back(put)
                await put(entry)
                read = place.stamp, place.alike
        return False

    async def _restarted(self, put: Put) -> None:
        """The rest of the container that ended, asked for once after each restart."""
        if self._known_restarts <= self._restarts:
            return
        self._restarts = self._known_restarts
        async with aclosing(self._previous(self._start.lines)) as lines:
            async for entry in lines:
                await put(entry)
        await put(self.note(self._anew))
        self._place.alike = 0

    async def _back(self, put: Put) -> None:
        self._failures = 0
        if self._last_error:
            self._last_error = ""
            await put(self.note("its log can be read again"))

    async def _trouble(self, error: MeshtuiError, put: Put) -> float:
        """Says it where it is news; gives the seconds until the next try."""
        starting = isinstance(error, Refused) and not self._place and not self.pod.ready
        if starting or self.gone:
            return RETRY_S
        if str(error) != self._last_error:
            await put(self._failed(error))
        self._failures += 1
        return min(RETRY_S * 2.0 ** min(self._failures - 1, 10), LONGEST_RETRY_S)

    def _failed(self, error: MeshtuiError) -> LogEntry:
        self._last_error = str(error)
        return self.note(str(error), error)

    @property
    def speaks_for_pod(self) -> bool:
        """One of a pod's logs says what becomes of the pod."""
        return self.container == next(iter(self._start.logs_of(self.pod)), self.container)

    def note(self, words: str, error: MeshtuiError | None = None) -> LogEntry:
        """A line of meshtui's own, behind the last that was read."""
        text = f"meshtui: {self.pod.name}: {words}"
        return self._entry(text, self._place.stamp, own=True, error=error)

    def _entry(
        self, text: str, stamp: int, *, own: bool = False, error: MeshtuiError | None = None
    ) -> LogEntry:
        pod = self.pod
        place = pod.namespace, pod.name, pod.version
        address = "" if own else pod.ip
        return LogEntry(*place, text, stamp, own, error, address, self.container)

    # One connection

    async def _lines(
        self, *, tail: int | None, follow: bool = False, previous: bool = False
    ) -> AsyncGenerator[LogEntry, None]:
        """The lines that were not read yet; `tail` and the age count only where none was.

        Where the server gives no times, what was written in between is not read.
        """
        pod, at, again = self.pod, self._place.stamp, self._place.again()
        if self._place:
            tail = None if at else 0
        log = pod_log(
            self._cluster,
            pod.namespace,
            pod.name,
            self.container or pod.proxy_container,
            follow=follow,
            previous=previous,
            tail=tail,
            since=at or None,
            since_s=None if at else self._start.since_s,
            timestamps=True,
            silence=QUIET_S if follow else None,
        )
        clock = asyncio.get_running_loop().time
        last_line_at = clock()
        try:
            async with aclosing(log):
                async for raw in log:
                    last_line_at = clock()
                    stamp, text = split_stamp(raw)
                    if again(stamp):
                        self._place.passed(stamp)
                        yield self._entry(text.decode("utf-8", "replace"), stamp)
        except Unreachable:
            if follow and clock() - last_line_at >= 0.9 * QUIET_S:
                raise _Quiet from None
            raise


class _Quiet(Exception):
    """Nothing was written for a while."""
