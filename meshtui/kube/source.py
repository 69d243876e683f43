"""One kind of object over time: in the whole cluster, or in those namespaces that can be read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from meshtui.dataclass import dataclass
from meshtui.errors import MeshtuiError, NotAllowed, NotFound
from meshtui.kube.access import ReadableNamespaces, allowed
from meshtui.kube.cluster import Cluster
from meshtui.kube.failures import Unauthenticated
from meshtui.kube.pace import Pace
from meshtui.kube.resources import OtherVersions, Resource, forget_kinds, served
from meshtui.kube.snapshot import Early, kind_problem
from meshtui.kube.watch import State, Watch
from meshtui.mesh.model import Json
from meshtui.mesh.parsed import Parsed

_WORST_FIRST: tuple[State, ...] = ("failed", "stale", "reading", "forbidden", "missing", "ok")


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """How far the objects of one kind can be trusted.

    "ok": being followed. "reading": for the first time. "stale": kept from before while the
    connection has a problem. "failed": never read, or the login is refused. "forbidden" and
    "missing" are what the server says; what was read before that is kept. `age_s` is the time in
    seconds since the server was last heard.
    """

    name: str
    state: State
    age_s: float
    message: str = ""


class Source:
    """One `Watch` for the cluster, or one for each namespace; moves over as the rights change."""

    def __init__(
        self,
        cluster: Cluster,
        resource: Resource,
        namespaces: tuple[str, ...] | None,
        pace: Pace,
        changed: Callable[[], None],
        early: Early | None = None,
    ) -> None:
        self.resource = resource
        self._made_of = (early or {}).get(resource.key)
        self._cluster = cluster
        self._namespaces = namespaces
        self._pace = pace
        self._notify = changed
        self._refused: NotAllowed | None = None
        self._left_out = ""
        self._objects: tuple[Json | Parsed, ...] | None = ()
        self._places: dict[tuple[str, str], None] = {}
        self._whole = self._watch(None)
        self._parts = {namespace: self._watch(namespace) for namespace in namespaces or ()}

    async def run(self) -> None:
        """Follows the kind for ever; every failure becomes part of `health`."""
        failures = 0
        while True:
            try:
                await self._follow()
                failures = 0
            except MeshtuiError as error:
                failures += 1
                self.note(error)
                await self._pace.sleep(self._pace.backoff(failures))

    def note(self, error: MeshtuiError) -> None:
        """Say of everything that is being read what is wrong with it."""
        for watch in self._active():
            watch.notify(error)

    def objects(self) -> tuple[Json | Parsed, ...]:
        """What is known, ordered by namespace and name; nothing goes because of a failure."""
        if self._objects is None:
            known = dict(self._known())
            if known.keys() != self._places.keys():
                self._places = dict.fromkeys(sorted(known))
            self._objects = tuple(map(known.__getitem__, self._places))
        return self._objects

    def health(self) -> SourceHealth:
        watches = self._active()
        state, message = min(
            (watch.state() for watch in watches), key=lambda found: _WORST_FIRST.index(found[0])
        )
        age = max(self._pace.clock() - watch.last_event_at for watch in watches)
        return SourceHealth(self.resource.key, state, age, message or self.problem)

    @property
    def answered(self) -> bool:
        """Whether there is something to show of it: objects, or why there are none."""
        return all(watch.listed or watch.error is not None for watch in self._active())

    @property
    def unread(self) -> bool:
        """True as long as some of it has not come yet; what may not be read is not waited for."""
        permanent = (NotFound, NotAllowed)
        return any(not w.listed and not isinstance(w.error, permanent) for w in self._active())

    @property
    def missing(self) -> bool:
        return all(isinstance(watch.error, NotFound) for watch in self._active())

    @property
    def namespaces(self) -> tuple[str, ...] | None:
        """Where it is read; None for the whole cluster."""
        if self._namespaces is None and self._refused is None:
            return None
        parts = self._parts.items()
        return tuple(sorted(name for name, w in parts if not isinstance(w.error, NotAllowed)))

    @property
    def problem(self) -> str:
        """One line on what may not be read; empty where all may."""
        refused = [watch.error for watch in self._active() if isinstance(watch.error, NotAllowed)]
        error = self._refused or next(iter(refused), None)
        parts = filter(None, [kind_problem(self.resource, self.namespaces, error), self._left_out])
        return "; ".join(parts)

    async def _follow(self) -> None:
        """Until the way of reading has to change."""
        if self._namespaces is not None:
            async with asyncio.TaskGroup() as group:
                for watch in self._parts.values():
                    group.create_task(self._follow_part(watch))
        try:
            await self._follow_whole()
        except Unauthenticated:
            raise
        except OtherVersions as error:
            self._refused = error
            await self._retry_list(self._whole, error)
        except NotAllowed as error:
            await self._fall_back(error)
        except NotFound as error:
            await self._retry_list(self._whole, error)

    async def _follow_whole(self) -> None:
        self._whole.resource = await served(self._cluster, self.resource)
        if self._refused is not None:
            await self._whole.relist()
            self._refused, self._left_out = None, ""
            self._parts.clear()
            self._on_change()
        await self._whole.run()

    async def _follow_part(self, watch: Watch) -> None:
        while True:
            try:
                watch.resource = await served(self._cluster, self.resource)
                await watch.run()
            except MeshtuiError as error:
                await self._retry_list(watch, error)

    async def _retry_list(self, watch: Watch, error: MeshtuiError) -> None:
        """After a while: rights are given and kinds are installed while meshtui runs."""
        watch.notify(error)
        await self._pace.sleep(self._pace.again_s)
        if isinstance(error, NotFound | OtherVersions):
            forget_kinds(self._cluster, self.resource.group)

    async def _fall_back(self, error: NotAllowed) -> None:
        """Follow the namespaces that can be read, until the whole cluster can be."""
        self._whole.notify(error)
        namespaces = await self._readable()
        self._refused = error
        self._on_change()
        async with asyncio.TaskGroup() as group:
            tasks: dict[str, asyncio.Task[None]] = {}
            try:
                while True:
                    self._start(group, tasks, namespaces)
                    await self._pace.sleep(self._pace.again_s)
                    try:
                        if await allowed(self._cluster, "list", self.resource, None):
                            return
                        namespaces = await self._readable()
                    except MeshtuiError:
                        # The watches meet the same failure and tell it.
                        continue
            finally:
                for task in tasks.values():
                    task.cancel()

    def _start(
        self,
        group: asyncio.TaskGroup,
        tasks: dict[str, asyncio.Task[None]],
        namespaces: Iterable[str],
    ) -> None:
        for namespace in namespaces:
            if namespace not in tasks:
                watch = self._parts.setdefault(namespace, self._watch(namespace))
                tasks[namespace] = group.create_task(self._follow_part(watch))
                self._on_change()

    async def _readable(self) -> tuple[str, ...]:
        if not self.resource.namespaced:
            return ()
        reach = ReadableNamespaces(self._cluster)
        namespaces = await reach.namespaces(self.resource)
        self._left_out = reach.problem
        return namespaces

    def _watch(self, namespace: str | None) -> Watch:
        read = self._cluster, self.resource, namespace, self._pace, self._on_change
        return Watch(*read, self._made_of)

    def _active(self) -> list[Watch]:
        """The watches that count now: without a part to read, the refused whole does."""
        in_parts = self._namespaces is not None or self._refused is not None
        return list(self._parts.values()) if in_parts and self._parts else [self._whole]

    def _known(self) -> Iterable[tuple[tuple[str, str], Json | Parsed]]:
        """By namespace and name; a list comes in this order, so that little is left to sort."""
        read = {namespace for namespace, watch in self._parts.items() if watch.listed}
        for found, raw in self._whole.objects.items():
            if found[0] not in read:
                yield found, raw
        for watch in self._parts.values():
            yield from watch.objects.items()

    def _on_change(self) -> None:
        self._objects = None
        self._notify()
