"""The control socket of a running lab: what `meshtui lab set`, `load` and the tests speak to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from meshtui.lab.errors import LabError

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Controlled(Protocol):
    """What can be asked of a lab from outside."""

    def status(self) -> dict[str, Any]: ...

    async def set(self, workload: str, changes: dict[str, float]) -> None: ...

    async def load(self, rps: float) -> None: ...

    async def loadgen(self) -> Any: ...

    async def counts(self) -> Any: ...

    async def reset(self) -> None: ...

    async def send(self, asked: dict[str, Any]) -> Any: ...

    async def admin(self, workload: str, path: str) -> str: ...


class ControlSocket:
    """Serves one lab on a unix socket that only its owner may use."""

    def __init__(self, lab: Controlled, path: Path) -> None:
        self._lab = lab
        self._path = path
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        application = web.Application(middlewares=[_errors_as_json], client_max_size=2**24)
        application.add_routes(self._routes())
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self._path)).start()
        self._path.chmod(0o600)

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def _routes(self) -> list[web.RouteDef]:
        return [
            web.get("/status", self._status),
            web.post("/set", self._set),
            web.post("/load", self._load),
            web.get("/load", self._loadgen),
            web.get("/counts", self._counts),
            web.delete("/counts", self._reset),
            web.post("/send", self._send),
            web.post("/admin", self._admin),
        ]

    async def _status(self, request: web.Request) -> web.Response:
        del request
        return web.json_response(self._lab.status())

    async def _set(self, request: web.Request) -> web.Response:
        asked = await request.json()
        await self._lab.set(asked["workload"], asked["changes"])
        return web.json_response({})

    async def _load(self, request: web.Request) -> web.Response:
        await self._lab.load(float((await request.json())["rps"]))
        return web.json_response({})

    async def _loadgen(self, request: web.Request) -> web.Response:
        del request
        return web.json_response(await self._lab.loadgen())

    async def _counts(self, request: web.Request) -> web.Response:
        del request
        return web.json_response(await self._lab.counts())

    async def _reset(self, request: web.Request) -> web.Response:
        del request
        await self._lab.reset()
        return web.json_response({})

    async def _send(self, request: web.Request) -> web.Response:
        return web.json_response(await self._lab.send(await request.json()))

    async def _admin(self, request: web.Request) -> web.Response:
        asked = await request.json()
        return web.json_response(await self._lab.admin(asked["workload"], asked["path"]))


@web.middleware
async def _errors_as_json(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """A failure of the lab is an answer with one line."""
    try:
        return await handler(request)
    except LabError as error:
        return web.json_response({"error": str(error)}, status=400)
