"""The control plane at work: from an accepted write to the proxies in a few milliseconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from meshtui.lab.contract import ObjectStore, StoreEvent
from meshtui.lab.control.api_status import write_statuses
from meshtui.lab.control.deliver import Delivery
from meshtui.lab.control.discovery import Discovery
from meshtui.lab.control.reading import WATCHED, complain, snapshot
from meshtui.lab.control.resources import configure
from meshtui.lab.control.world import MALFORMED, Proxy
from meshtui.lab.store import utc_now

COALESCE = 0.005
"""Seconds to wait for the other writes of a burst."""


class ControlPlane:
    """Follows the store and keeps every proxy's configuration as the objects say."""

    def __init__(
        self, store: ObjectStore, discovery: Discovery, now: Callable[[], str] = utc_now
    ) -> None:
        self._store = store
        self._now = now
        self._discovery = discovery
        self._delivery = Delivery(discovery)
        self._proxies: dict[str, Proxy] = {}
        self._dirty = asyncio.Event()
        self._lock = asyncio.Lock()
        store.subscribe(self._on_write)

    async def run(self) -> None:
        """Push until cancelled."""
        while True:
            await self._dirty.wait()
            await asyncio.sleep(COALESCE)
            try:
                await self.push()
            except MALFORMED as error:
                complain(f"the proxies keep what they have: {error!r}")

    async def push(self) -> None:
        """Translate the cluster as it is now and deliver it, unless that is done already."""
        async with self._lock:
            if not self._dirty.is_set():
                return
            self._dirty.clear()
            world, proxies = snapshot(self._store), list(self._proxies.values())
            write_statuses(self._store, world, self._now())
            await self._delivery.deliver(configure(world, proxies))

    def add(self, *proxies: Proxy) -> None:
        """Proxies that are about to start; the next push has something for them."""
        self._proxies |= {proxy.pod: proxy for proxy in proxies}
        self._dirty.set()

    def proxies(self) -> tuple[Proxy, ...]:
        return tuple(self._proxies.values())

    def remove(self, pod: str) -> None:
        self._proxies.pop(pod, None)
        self._discovery.forget(pod)

    def _on_write(self, event: StoreEvent) -> None:
        if (event.kind.group, event.kind.plural) in WATCHED:
            self._dirty.set()
