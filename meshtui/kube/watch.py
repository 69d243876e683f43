"""One kind of object in one namespace, or in the whole cluster, kept up to date.

How lists, watches, bookmarks and 410 belong together:
https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from typing import Literal

from meshtui.errors import MeshtuiError, NotAllowed, NotFound, Unreachable
from meshtui.kube.cluster import Cluster
from meshtui.kube.failures import Expired, Unauthenticated, event_failure
from meshtui.kube.objects import list_all
from meshtui.kube.pace import Pace
from meshtui.kube.resources import Resource
from meshtui.kube.snapshot import place
from meshtui.kube.trim import trim
from meshtui.mesh import read
from meshtui.mesh.json_text import decode
from meshtui.mesh.model import Json
from meshtui.mesh.parsed import Parsed

_LONGEST_EVENT = 16 * 2**20
_RELIST_AFTER = 3
_LATE_S = 30.0

State = Literal["ok", "reading", "stale", "failed", "forbidden", "missing"]


class Watch:
    """Lists once, then follows the changes; what it has read it keeps through every failure."""

    def __init__(
        self,
        cluster: Cluster,
        resource: Resource,
        namespace: str | None,
        pace: Pace,
        changed: Callable[[], None],
        made_of: Callable[[Json], Json | Parsed] | None = None,
    ) -> None:
        """`made_of` gives what is retained of each object, by default what `trim` leaves."""
        self.resource = resource
        self.objects: dict[tuple[str, str], Json | Parsed] = {}
        self.listed = False
        self.last_event_at = pace.clock()
        self.error: MeshtuiError | None = None
        self._cluster = cluster
        self._namespace = namespace
        self._pace = pace
        self._changed = changed
        self._made_of = made_of
        self._version = ""
        self._opened_at: float | None = None
        self._progress = False

    async def run(self) -> None:
        """Never returns. Raises NotAllowed or NotFound where that goes for the list itself."""
        failures = 0
        while True:
            error = await self._round()
            failures = 0 if self._worked() else failures + 1
            if error is not None:
                self.notify(error)
                failures = max(failures, 1)
            if failures >= _RELIST_AFTER:
                self._version = ""
            if failures:
                await self._pace.sleep(self._pace.backoff(failures))

    def notify(self, error: MeshtuiError) -> None:
        """Note what is wrong, until the server is heard again."""
        self.error = error
        self._changed()

    def state(self) -> tuple[State, str]:
        """How far `objects` can be trusted, and why not further."""
        match self.error:
            case None:
                return self._age_state()
            case Unauthenticated():
                return "failed", str(self.error)
            case NotAllowed():
                return "forbidden", str(self.error)
            case NotFound():
                return "missing", str(self.error)
            case _:
                return "stale" if self.listed else "failed", str(self.error)

    def _age_state(self) -> tuple[State, str]:
        if not self.listed:
            return "reading", ""
        age = self._pace.clock() - self.last_event_at
        if age > self._pace.silence_s + _LATE_S:
            return "stale", f"nothing heard for {age:.0f} s"
        return "ok", ""

    async def _round(self) -> MeshtuiError | None:
        """One list, where one is needed, and one watch until it ends; gives why it ended badly."""
        self._opened_at, self._progress = None, False
        try:
            if not self._version:
                await self.relist()
            await self._watch_or_poll()
        except Expired:
            self._version = ""
        except (Unauthenticated, Unreachable) as error:
            return error
        except (NotAllowed, NotFound):
            raise
        except MeshtuiError as error:
            self._version = ""
            return error
        return None

    async def relist(self) -> None:
        """Read all objects anew; those that are as before stay. Raises what the list raises."""
        items, version = await list_all(
            self._cluster, self.resource, self._namespace, made_of=self._retained
        )
        before, found = self.objects, {place(item): item for item in items}
        for key, new in found.items():
            if (old := before.get(key)) is not None and old == new:
                found[key] = old
        differs = not self.listed or found.keys() != before.keys()
        differs = differs or any(before[key] is not item for key, item in found.items())
        self.objects, self._version, self.listed = found, version, True
        self._note_event()
        if differs:
            self._changed()

    async def _watch_or_poll(self) -> None:
        try:
            await self._watch()
        except Unauthenticated:
            raise
        except NotAllowed:
            # Some roles may list and not watch.
            self._version, self._progress = "", True
            await self._pace.sleep(self._pace.poll_s)

    async def _watch(self) -> None:
        params = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(self._pace.watch_seconds()),
        }
        if self.resource.selector:
            params["labelSelector"] = self.resource.selector
        lines = self._cluster.lines(
            self.resource.path(self._namespace),
            params,
            silence=self._pace.silence_s,
            longest=_LONGEST_EVENT,
            opened=self._opened,
        )
        async with aclosing(lines):
            async for line in lines:
                if line:
                    self._handle_line(line)

    def _handle_line(self, line: bytes) -> None:
        """One event of the watch. Raises what an ERROR event tells."""
        try:
            event = decode(line)
        except (ValueError, RecursionError):
            event = {}
        kind, raw = read.text(event, "type"), read.obj(event, "object")
        if kind == "ERROR":
            self._version = ""
            raise event_failure(raw, f"watch {self.resource.plural}", self._cluster.server)
        version = read.text(read.obj(raw, "metadata"), "resourceVersion")
        if kind not in ("ADDED", "MODIFIED", "DELETED", "BOOKMARK") or not version:
            self._version = ""
            raise Unreachable(
                f"{self._cluster.server} sent a broken event for {self.resource.plural}",
                "reading all of them again",
            )
        self._version, self._progress = version, True
        self._note_event()
        if kind != "BOOKMARK":
            self._store(kind, raw)

    def _store(self, kind: str, raw: Json) -> None:
        key = place(raw)
        if kind == "DELETED":
            self.objects.pop(key, None)
        else:
            self.objects[key] = self._retained(raw)
        self._changed()

    def _retained(self, raw: Json) -> Json | Parsed:
        return self._made_of(raw) if self._made_of else trim(self.resource, raw)

    def _opened(self) -> None:
        self._opened_at = self._pace.clock()
        self._note_event()

    def _note_event(self) -> None:
        self.last_event_at = self._pace.clock()
        if self.error is not None:
            self.error = None
            self._changed()

    def _worked(self) -> bool:
        """Whether the watch brought something, or at least lasted."""
        if self._progress:
            return True
        opened = self._opened_at
        return opened is not None and self._pace.clock() - opened >= self._pace.steady_s
