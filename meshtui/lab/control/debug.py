"""istiod's debug and monitoring port: what each proxy was sent and has taken, as istiod tells it.

The answer to `/debug/syncz` (pilot/pkg/xds/debug.go) and the counts of refusals in `/metrics`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from meshtui.lab.contract import Obj
from meshtui.lab.control.discovery import CLUSTERS, LISTENERS, ROUTES, Discovery, Sync
from meshtui.lab.control.world import Proxy

PORT = 15014
VERSION = "1.29.0"
_TYPE = "type.googleapis.com/envoy.config"
_URLS = {
    "cluster": (CLUSTERS, f"{_TYPE}.cluster.v3.Cluster"),
    "listener": (LISTENERS, f"{_TYPE}.listener.v3.Listener"),
    "route": (ROUTES, f"{_TYPE}.route.v3.RouteConfiguration"),
    "endpoint": (CLUSTERS, f"{_TYPE}.endpoint.v3.ClusterLoadAssignment"),
}
"""Endpoints travel inside the clusters: what holds for these holds for them."""

_REJECTS = {CLUSTERS: "cds", LISTENERS: "lds", ROUTES: "rds"}


class Debug:
    """The port, on a unix socket."""

    def __init__(
        self, socket: Path, discovery: Discovery, proxies: Callable[[], Iterable[Proxy]]
    ) -> None:
        self.socket = socket
        self._discovery = discovery
        self._proxies = proxies
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        application = web.Application()
        application.router.add_get("/debug/syncz", self._syncz)
        application.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self.socket)).start()
        self.socket.chmod(0o600)

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _syncz(self, request: web.Request) -> web.Response:
        del request
        return web.json_response(syncz(self._discovery, self._proxies()))

    async def _metrics(self, request: web.Request) -> web.Response:
        del request
        text = metrics(self._discovery, self._proxies())
        return web.Response(text=text, content_type="text/plain")


def syncz(discovery: Discovery, proxies: Iterable[Proxy]) -> list[Obj]:
    """One entry for each proxy that has asked for something, by name."""
    entries = (_entry(proxy, discovery) for proxy in sorted(proxies, key=lambda p: p.pod))
    return [entry for entry in entries if entry["resources"]]


def _entry(proxy: Proxy, discovery: Discovery) -> Obj:
    entry: Obj = {
        "cluster_id": "Kubernetes",
        "proxy": f"{proxy.pod}.{proxy.namespace}",
        "proxy_type": "router" if proxy.gateway else "sidecar",
        "istio_version": VERSION,
    }
    resources: Obj = {}
    for prefix, (kind, url) in _URLS.items():
        found = discovery.sync(proxy.pod, kind)
        if found is not None:
            sent, acked = _nonce(found.sent, found), _nonce(found.acked, found)
            entry |= {f"{prefix}_sent": sent, f"{prefix}_acked": acked}
            error = {"lastError": found.refused} if found.refused else {}
            resources[url] = {"sent": sent, "acked": acked, "sentTime": _time(found.at)} | error
    return entry | {"resources": resources}


def _nonce(version: int, sync: Sync) -> str:
    """When and how manieth a push it was, and an id of the push."""
    if not version:
        return ""
    began = _time(sync.began.get(version, sync.at))[:19]
    return f"{began}Z/{version}{uuid.uuid5(uuid.NAMESPACE_OID, str(version))}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def metrics(discovery: Discovery, proxies: Iterable[Proxy]) -> str:
    """The few that say whether proxies are well."""
    listed = list(proxies)
    lines = [
        "# TYPE istio_build gauge",
        f'istio_build{{component="pilot",tag="{VERSION}"}} 1',
        "# TYPE pilot_xds gauge",
        f'pilot_xds{{version="{VERSION}"}} {len(syncz(discovery, listed))}',
    ]
    for kind, short in _REJECTS.items():
        counts = {
            f"{proxy.pod}.{proxy.namespace}": found.refusals
            for proxy in listed
            if (found := discovery.sync(proxy.pod, kind)) is not None and found.refusals
        }
        lines += [f"# TYPE pilot_xds_{short}_reject gauge"] if counts else []
        lines += [
            f'pilot_xds_{short}_reject{{err="Internal",node="{node}"}} {count}'
            for node, count in counts.items()
        ]
    return "\n".join(lines) + "\n"
