"""The process of the applications and the load: apart from the API server, so that it stays quick.

It is told what to do over a unix socket; what applications log goes to its standard output, one
JSON list `[pod, line]` each.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import defaultdict
from typing import Any

import aiohttp
from aiohttp import web

from meshtui.lab.pods.apps import App, AppSpec
from meshtui.lab.pods.behaviour import Behaviour, Workload
from meshtui.lab.pods.load import Load, Series, send


class Fleet:
    """Every application of the lab."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._apps: dict[str, App] = {}
        self._workloads: dict[str, Workload] = defaultdict(Workload)
        self.load = Load(session)

    async def start_app(self, request: web.Request) -> web.Response:
        spec = AppSpec(**await request.json())
        app = App(spec, self._workloads[spec.workload], self._session, _logger(spec.pod))
        await app.start()
        self._apps[spec.pod] = app
        return web.json_response({})

    async def stop_app(self, request: web.Request) -> web.Response:
        app = self._apps.pop(request.match_info["pod"], None)
        if app is not None:
            await app.stop()
        return web.json_response({})

    async def behave(self, request: web.Request) -> web.Response:
        workload = self._workloads[request.match_info["workload"]]
        known = {name: getattr(workload.behaviour, name) for name in Behaviour.__slots__}
        workload.behaviour = Behaviour(**known | await request.json())
        return web.json_response({})

    async def counts(self, request: web.Request) -> web.Response:
        del request
        return web.json_response({name: w.counts() for name, w in self._workloads.items()})

    async def reset(self, request: web.Request) -> web.Response:
        del request
        for workload in self._workloads.values():
            workload.reset()
        self.load.counts.clear()
        return web.json_response({})

    async def set_load(self, request: web.Request) -> web.Response:
        asked: dict[str, Any] = await request.json()
        self.load.set(float(asked["rps"]), str(asked.get("url", "")))
        return web.json_response({})

    async def load_status(self, request: web.Request) -> web.Response:
        del request
        return web.json_response(self.load.status())

    async def send(self, request: web.Request) -> web.Response:
        return web.json_response(await send(Series(**await request.json())))

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/apps", self.start_app),
            web.delete("/apps/{pod}", self.stop_app),
            web.post("/workloads/{workload}", self.behave),
            web.get("/counts", self.counts),
            web.delete("/counts", self.reset),
            web.post("/load", self.set_load),
            web.get("/load", self.load_status),
            web.post("/send", self.send),
        ]


def _logger(pod: str) -> Any:
    def log(line: str) -> None:
        sys.stdout.write(json.dumps([pod, line]) + "\n")
        sys.stdout.flush()

    return log


async def serve(path: str) -> None:
    """Serve until the process is ended."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
    async with aiohttp.ClientSession(connector=connector) as session:
        fleet = Fleet(session)
        application = web.Application(client_max_size=2**24)
        application.add_routes(fleet.routes())
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        await web.UnixSite(runner, path).start()
        _logger("")("ready")
        await fleet.load.run()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
