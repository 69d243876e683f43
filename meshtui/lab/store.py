"""The objects of the lab's cluster, with their versions and the recent past."""

from __future__ import annotations

import logging
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from meshtui.lab.api import managed
from meshtui.lab.api.kinds import KINDS, counts_generations, is_custom
from meshtui.lab.contract import Kind, Obj, StoreEvent

log = logging.getLogger(__name__)

Key = tuple[str, str]
"""Namespace (empty for a cluster-scoped kind) and name."""

_T = TypeVar("_T")


def clone(value: _T) -> _T:
    """A deep copy of JSON, several times quicker than `copy.deepcopy`."""
    if isinstance(value, dict):
        return {k: clone(v) for k, v in value.items()}  # type: ignore[return-value]
    if isinstance(value, list):
        return [clone(v) for v in value]  # type: ignore[return-value]
    return value


def utc_now() -> str:
    """Now, as Kubernetes writes a time: `2026-11-20T19:53:14Z`."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Change:
    """One write in the history: what the object was before, and what was told of it."""

    revision: int
    event: StoreEvent
    before: Obj | None


class Expired(Exception):
    """The history no longer reaches back to the revision asked for."""

    def __init__(self, oldest: int) -> None:
        super().__init__(f"history starts at {oldest}")
        self.oldest = oldest


class Store:
    """Keeps the objects; every write gets the next resourceVersion and is told to the subscribers.

    Stored objects are never changed in place: `items` and `find` share them for reading,
    `objects` and `get` hand out copies. Revisions start from the clock, so that a client that
    outlives a restart finds its resourceVersion expired instead of meaning something else.
    """

    def __init__(
        self,
        kinds: Iterable[Kind] = KINDS,
        history: int = 2000,
        revision: int | None = None,
        now: Callable[[], str] = utc_now,
    ) -> None:
        self._kinds = {(k.group, k.plural): k for k in kinds}
        self._items: dict[Kind, dict[Key, Obj]] = {k: {} for k in self._kinds.values()}
        self._history: deque[Change] = deque(maxlen=history)
        self._listeners: list[Callable[[StoreEvent], None]] = []
        self._untold: deque[StoreEvent] = deque()
        self.revision = int(time.time() * 10) if revision is None else revision
        self._floor = self.revision
        self.now = now

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return tuple(self._items)

    def kind(self, group: str, plural: str) -> Kind:
        return self._kinds[group, plural]

    def objects(self, group: str, plural: str, namespace: str | None = None) -> list[Obj]:
        """Copies of the objects of one kind, by namespace and name."""
        return clone(self.items(self.kind(group, plural), namespace))

    def get(self, group: str, plural: str, namespace: str, name: str) -> Obj | None:
        """A copy of one object."""
        return clone(self.find(self.kind(group, plural), namespace, name))

    def items(self, kind: Kind, namespace: str | None = None) -> list[Obj]:
        """The stored objects themselves, for reading only."""
        return _in_order(self._items[kind], namespace)

    def find(self, kind: Kind, namespace: str, name: str) -> Obj | None:
        """The stored object itself, for reading only."""
        return self._items[kind].get((namespace if kind.namespaced else "", name))

    def items_at(self, kind: Kind, revision: int, namespace: str | None = None) -> list[Obj]:
        """The objects as they were at `revision`, or `Expired`."""
        items = dict(self._items[kind])
        for change in reversed(self.since(revision)):
            if change.event.kind != kind:
                continue
            key = key_of(kind, change.event.obj)
            if change.before is None:
                items.pop(key, None)
            else:
                items[key] = change.before
        return _in_order(items, namespace)

    def since(self, revision: int) -> list[Change]:
        """Every write after `revision`, oldest first, or `Expired`."""
        if revision < self._floor:
            raise Expired(self._floor)
        found: list[Change] = []
        for change in reversed(self._history):
            if change.revision <= revision:
                break
            found.append(change)
        return found[::-1]

    def put(self, group: str, plural: str, obj: Obj, manager: str = "lab") -> Obj:
        """Create or replace without validation or precondition; no event where nothing changes."""
        kind = self.kind(group, plural)
        new = clone(obj)
        new.setdefault("apiVersion", _api_version(kind))
        new.setdefault("kind", kind.kind)
        meta = new.setdefault("metadata", {})
        if kind.namespaced:
            meta.setdefault("namespace", "default")
        old = self._items[kind].get(key_of(kind, new))
        managed.record_update(new, old, manager, self.now(), is_custom(kind))
        return clone(self.commit(kind, self.stamp(kind, new, old)))

    def remove(self, group: str, plural: str, namespace: str, name: str) -> None:
        """Delete one object; nothing happens where there is none."""
        kind = self.kind(group, plural)
        if self.find(kind, namespace, name) is not None:
            self.delete(kind, namespace, name)

    def subscribe(self, listener: Callable[[StoreEvent], None]) -> None:
        """Call `listener` at every write; it may write itself, and its failures are logged."""
        self._listeners.append(listener)

    def stamp(self, kind: Kind, new: Obj, old: Obj | None) -> Obj:
        """Fill in what the server alone decides, except the resourceVersion; `new` is changed."""
        meta = new["metadata"]
        was = old["metadata"] if old else {}
        meta["uid"] = was.get("uid") or str(uuid.uuid4())
        meta["creationTimestamp"] = was.get("creationTimestamp") or self.now()
        meta.pop("generation", None)
        if counts_generations(kind):
            meta["generation"] = was.get("generation", 0) + (_wanted(new) != _wanted(old))
        meta.pop("resourceVersion", None)
        if old:
            meta["resourceVersion"] = was["resourceVersion"]
        return new

    def commit(self, kind: Kind, new: Obj) -> Obj:
        """Store a stamped object under the next revision, unless it is what is there already."""
        key = key_of(kind, new)
        old = self._items[kind].get(key)
        if old is not None and same(old, new):
            return old
        self.revision += 1
        new["metadata"]["resourceVersion"] = str(self.revision)
        self._items[kind][key] = new
        self._notify("ADDED" if old is None else "MODIFIED", kind, new, old)
        return new

    def delete(self, kind: Kind, namespace: str, name: str) -> Obj:
        """Take an object away; the answer and the event carry the revision of the deletion."""
        old = self._items[kind].pop((namespace if kind.namespaced else "", name))
        self.revision += 1
        gone = old | {"metadata": old["metadata"] | {"resourceVersion": str(self.revision)}}
        self._notify("DELETED", kind, gone, old)
        return gone

    def _notify(self, event_type: str, kind: Kind, obj: Obj, before: Obj | None) -> None:
        event = StoreEvent(event_type, kind, obj)
        if self._history.maxlen and len(self._history) == self._history.maxlen:
            self._floor = self._history[0].revision
        self._history.append(Change(self.revision, event, before))
        self._untold.append(event)
        if len(self._untold) == 1:
            self._notify_all()

    def _notify_all(self) -> None:
        """Tell every listener of one write before any of the next, also of writes they make."""
        while self._untold:
            for listener in tuple(self._listeners):
                try:
                    listener(self._untold[0])
                except Exception:
                    log.exception("a listener failed on %s", self._untold[0].type)
            self._untold.popleft()


def key_of(kind: Kind, obj: Obj) -> Key:
    meta = obj["metadata"]
    return (meta["namespace"] if kind.namespaced else "", meta["name"])


def same(old: Obj, new: Obj) -> bool:
    """Equal but for what a write by itself changes."""
    return _comparable(old) == _comparable(new)


def _comparable(obj: Obj) -> Obj:
    meta = {k: v for k, v in obj["metadata"].items() if k not in ("resourceVersion",)}
    entries = [e | {"time": ""} for e in meta.get("managedFields", ())]
    return obj | {"metadata": meta | {"managedFields": entries}}


def _wanted(obj: Obj | None) -> Any:
    if obj is None:
        return None
    return {k: v for k, v in obj.items() if k not in ("metadata", "status", "apiVersion")}


def _in_order(items: dict[Key, Obj], namespace: str | None) -> list[Obj]:
    return [items[k] for k in sorted(items) if namespace is None or k[0] == namespace]


def _api_version(kind: Kind) -> str:
    return f"{kind.group}/{kind.preferred}" if kind.group else kind.preferred
