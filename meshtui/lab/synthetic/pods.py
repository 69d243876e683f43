"""The pods of a synthetic mesh: nothing runs in them, and one server answers for all sidecars."""

from __future__ import annotations

import secrets
import time

from aiohttp import web

from meshtui.lab.contract import Address, PodLog, StoreEvent
from meshtui.lab.logs import LogBuffer
from meshtui.lab.store import Store, clone
from meshtui.lab.synthetic.statistics import Proxy, statistics
from meshtui.lab.synthetic.traffic import Traffic

_STATISTICS = frozenset({15020, 15090})
_PATH = "/stats/prometheus"


class SyntheticPods:
    """See `contract.PodRuntime`; `proxies` are by the pod's address."""

    def __init__(self, store: Store, traffic: Traffic) -> None:
        self._store = store
        self._traffic = traffic
        self.proxies: dict[str, Proxy] = {}
        self._runner: web.AppRunner | None = None
        self._address = Address()

    async def start(self) -> None:
        application = web.Application()
        application.add_routes([web.get(_PATH, self._answer)])
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self._address = Address(host=host, port=port)

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def log(
        self, namespace: str, pod: str, container: str, previous: bool = False
    ) -> PodLog | None:
        """Nothing was ever written."""
        del namespace, pod, container
        return None if previous else LogBuffer()

    def address(self, namespace: str, pod: str, port: int) -> Address | None:
        del namespace, pod
        return self._address if port in _STATISTICS else None

    def outbound(self, namespace: str, pod: str, port: int) -> Address | None:
        del namespace, pod, port
        return None

    def delete_pod(self, namespace: str, pod: str) -> None:
        """Its end is seen in the store, as that of every other object."""

    def on_write(self, event: StoreEvent) -> None:
        """Where a pod is deleted another one takes its place at once, with its address."""
        if event.kind.plural != "pods" or event.type != "DELETED":
            return
        fresh = clone(event.obj)
        for key in ("uid", "resourceVersion", "creationTimestamp", "managedFields"):
            fresh["metadata"].pop(key, None)
        name = fresh["metadata"]["name"]
        fresh["metadata"]["name"] = f"{name.rpartition('-')[0]}-{secrets.token_hex(3)[:5]}"
        self._store.put("", "pods", fresh)

    async def _answer(self, request: web.Request) -> web.Response:
        """The API server's proxy names the pod's address as the host."""
        proxy = self.proxies.get(request.host.partition(":")[0])
        if proxy is None:
            raise web.HTTPNotFound(text="no such pod")
        return web.Response(text=statistics(self._traffic, proxy, time.monotonic()))
