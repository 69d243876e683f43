"""The applications behind the sidecars: one small server for each pod."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from meshtui.lab.contract import SHADOW_HEADER
from meshtui.lab.pods.behaviour import Workload
from meshtui.lab.pods.pages import Answer, Call, page_of

COUNT_PATH = "/__lab/count"
_KEEPALIVE = 7200.0
"""Longer than Envoy keeps an idle connection: an application that closes first makes errors."""
_PATIENCE = aiohttp.ClientTimeout(total=15)


@dataclass(frozen=True, slots=True)
class AppSpec:
    """An application to run: who it is, where it listens and where its sidecar takes its calls."""

    pod: str
    workload: str
    app: str
    version: str
    ip: str
    outbound_ip: str
    port: int = 9080


class App:
    """One running application."""

    def __init__(
        self,
        spec: AppSpec,
        workload: Workload,
        session: aiohttp.ClientSession,
        log: Callable[[str], None],
    ) -> None:
        self._spec = spec
        self._workload = workload
        self._session = session
        self._log = log
        self._chance = random.Random()  # noqa: S311 - chance of a demo, no secret
        self._runner = web.ServerRunner(
            web.Server(self._answer, access_log=None, keepalive_timeout=_KEEPALIVE),
            shutdown_timeout=0.5,
        )

    async def start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, self._spec.ip, self._spec.port, backlog=512).start()
        self._log(f"{self._spec.app} {self._spec.version} listening on port {self._spec.port}")

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def ask(self, host: str, path: str, headers: Mapping[str, str]) -> Answer:
        """Call another service through the pod's sidecar."""
        url = f"http://{self._spec.outbound_ip}:{self._spec.port}{path}"
        sent = {**headers, "Host": host}
        try:
            async with self._session.get(url, headers=sent, timeout=_PATIENCE) as response:
                body = await response.json(content_type=None) if response.status < 300 else None
                return Answer(response.status, body)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            self._log(f"calling {host}{path}: {error!r}")
            return Answer(0)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == COUNT_PATH:
            return self._count(request)
        behaviour, begun = self._workload.behaviour, self._workload.begun
        delay = behaviour.delay(self._chance)
        if delay:
            await asyncio.sleep(delay)
        if behaviour.fails(self._chance):
            response = web.json_response({"error": "the database is gone"}, status=503)
        else:
            page = page_of(self._spec.app, request.path)
            response = await page(Call(self._spec.app, self._spec.version, request, self))
        response.headers["x-served-by"] = self._spec.workload
        self._workload.count(response.status, is_shadow(request), begun)
        if response.status >= 500:
            self._log(f"ERROR {request.method} {request.raw_path} answered {response.status}")
        return response

    def _count(self, request: web.BaseRequest) -> web.Response:
        if request.method == "DELETE":
            self._workload.reset()
        return web.json_response(self._workload.counts())


def is_shadow(request: web.BaseRequest) -> bool:
    """A copy of a mirror looks like any request, as in Istio, but for the lab's own mark."""
    return SHADOW_HEADER in request.headers
