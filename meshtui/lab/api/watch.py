"""Watching: every change since a resourceVersion, then every change to come."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from aiohttp import web

from meshtui.lab.api import forms, lists, status
from meshtui.lab.api.call import Call
from meshtui.lab.api.selectors import Predicate
from meshtui.lab.contract import Obj, StoreEvent
from meshtui.lab.store import Change, Expired, Store

_DEFAULT_TIMEOUT = (1800, 3600)
_NO_WATCH_LIST = (
    'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is '
    "forbidden for watch unless the WatchList feature gate is enabled"
)


class Wakeup:
    """Wakes every watch after each write to a store."""

    def __init__(self, store: Store) -> None:
        self._event = asyncio.Event()
        self._stopped = False
        store.subscribe(self._wake)

    def _wake(self, _: StoreEvent) -> None:
        self._event.set()
        self._event = asyncio.Event()

    def stop(self) -> None:
        """End the watches: the server goes away."""
        self._stopped = True
        self._event.set()

    @property
    def stopped(self) -> bool:
        return self._stopped

    @property
    def next(self) -> asyncio.Event:
        """Set at the next write after this was asked for."""
        return self._event


@dataclass(slots=True)
class _Watch:
    """One client's watch: how far it has read, and what it wants to see."""

    call: Call
    matches: Predicate
    revision: int
    form: forms.Form
    started: bool = field(default=False)

    def initial(self) -> Iterator[bytes]:
        store, target = self.call.store, self.call.target
        for obj in store.items(target.stored, target.scope):
            if self._wanted(obj):
                yield self._line("ADDED", obj)
        self.revision = store.revision

    def fresh(self) -> Iterator[bytes]:
        """The lines of the changes since the last call; ends with an error once it is too late."""
        store = self.call.store
        try:
            changes = store.since(self.revision)
        except Expired as gap:
            yield self._expired(gap)
            raise
        # One that is ahead hears nothing until the store has come so far.
        self.revision = max(self.revision, store.revision)
        for change in changes:
            if change.event.kind == self.call.target.stored:
                yield from self._change(change)

    def bookmark(self) -> bytes:
        target = self.call.target
        obj: Obj = {
            "apiVersion": target.api_version,
            "kind": target.kind.kind,
            "metadata": {"resourceVersion": str(self.revision)},
        }
        if self.form.name == "Table":
            obj = {"kind": "Table", "apiVersion": self.form.api_version} | {
                "metadata": obj["metadata"],
                "columnDefinitions": None,
                "rows": [],
            }
        return forms.encode({"type": "BOOKMARK", "object": obj})

    def _change(self, change: Change) -> Iterator[bytes]:
        obj = change.event.obj
        was = change.before is not None and self._wanted(change.before)
        now = change.event.type != "DELETED" and self._wanted(obj)
        if now:
            yield self._line("MODIFIED" if was else "ADDED", obj)
        elif was:
            yield self._line("DELETED", obj)

    def _wanted(self, obj: Obj) -> bool:
        scope = self.call.target.scope
        name = self.call.target.name
        meta = obj["metadata"]
        return (
            (scope is None or meta.get("namespace") == scope)
            and (not name or meta["name"] == name)
            and self.matches(obj)
        )

    def _line(self, event_type: str, obj: Obj) -> bytes:
        shown = forms.event(self.call.target, self.form, obj, not self.started)
        self.started = True
        return forms.encode({"type": event_type, "object": shown})

    def _expired(self, gap: Expired) -> bytes:
        error = status.expired(f"too old resource version: {self.revision} ({gap.oldest})")
        return forms.encode({"type": "ERROR", "object": error.to_json()})


async def answer_watch(call: Call, wakeup: Wakeup) -> web.StreamResponse:
    """Stream events, one JSON object a line, until the time is over or the client leaves."""
    target = call.target
    if "sendInitialEvents" in target.query:
        details = {"group": "meta.k8s.io", "kind": "ListOptions"}
        raise status.ApiError(422, "Invalid", _NO_WATCH_LIST, details)
    asked = target.number("resourceVersion") or 0
    watch = _Watch(call, lists.predicate(target), asked, call.form)
    timeout = target.number("timeoutSeconds") or random.randint(*_DEFAULT_TIMEOUT)  # noqa: S311
    headers = {"Content-Type": forms.JSON, "Cache-Control": "no-cache, private"}
    response = web.StreamResponse(headers=headers)
    await response.prepare(call.request)
    await _stream(watch, response, wakeup, timeout)
    return response


async def _stream(
    watch: _Watch, response: web.StreamResponse, wakeup: Wakeup, seconds: float
) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    ahead = watch.revision > watch.call.store.revision
    bookmarks = watch.call.target.flag("allowWatchBookmarks") and not ahead
    period = watch.call.server.bookmark_period
    if not watch.revision:
        await _write(response, watch.initial())
    while not wakeup.stopped:
        changed = wakeup.next
        try:
            await _write(response, watch.fresh())
        except Expired:
            return
        left = end - loop.time()
        if left <= 0:
            break
        if not await _happens(changed, min(left, period)) and left > period and bookmarks:
            await response.write(watch.bookmark())
    if bookmarks:
        await response.write(watch.bookmark())


async def _write(response: web.StreamResponse, lines: Iterator[bytes]) -> None:
    for line in lines:
        await response.write(line)


async def _happens(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
