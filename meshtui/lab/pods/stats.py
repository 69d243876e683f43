"""What a pod serves beside its application: metrics on 15020 and 15090, health on 15021."""

from __future__ import annotations

import aiohttp
from aiohttp import web

from meshtui.lab.control.telemetry import STATS_PREFIX
from meshtui.lab.pods.envoy import Envoy

AGENT, ENVOY_METRICS, HEALTH = 15020, 15090, 15021
_OF_ITSELF = b"""# TYPE istio_agent_go_goroutines gauge
istio_agent_go_goroutines 60
"""
_OURS = f"envoy_{STATS_PREFIX}_istio_".encode()


class StatsServer:
    """The agent of one pod, on the pod's own address."""

    def __init__(self, envoy: Envoy) -> None:
        self._envoy = envoy
        self._runner = web.ServerRunner(web.Server(self._answer, access_log=None))

    async def start(self) -> None:
        await self._runner.setup()
        for port in (AGENT, ENVOY_METRICS, HEALTH):
            await web.TCPSite(self._runner, self._envoy.proxy.ip, port).start()

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        port = request.transport.get_extra_info("sockname")[1] if request.transport else 0
        try:
            if request.path == "/stats/prometheus" and port in (AGENT, ENVOY_METRICS):
                return await self._metrics(request.rel_url.raw_query_string, port == AGENT)
            if request.path in ("/healthz/ready", "/ready") and port in (AGENT, HEALTH):
                status, _ = await self._envoy.get("/ready")
                return web.Response(status=status)
        except (aiohttp.ClientError, OSError) as error:
            return web.Response(status=503, text=f"proxy not reachable: {error}\n")
        return web.Response(status=404, text="404 page not found\n")

    async def _metrics(self, query: str, agent: bool) -> web.Response:
        """Envoy's metrics; Istio's own go by Istio's names. The agent adds some of itself."""
        status, body = await self._envoy.get(f"/stats/prometheus?{query}")
        text = body.replace(_OURS, b"istio_") + (_OF_ITSELF if agent else b"")
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(status=status, body=text, headers=headers)
