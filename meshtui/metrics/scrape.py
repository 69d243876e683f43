"""Reading one sidecar's statistics through the API server's pod proxy."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from meshtui.errors import MeshtuiError, NotAllowed, Unreachable
from meshtui.mesh.model import Pod
from meshtui.mesh.text import clean
from meshtui.metrics.connections import OPENED
from meshtui.metrics.denied import FILTER as DENIED
from meshtui.metrics.exposition import is_exposition, points
from meshtui.metrics.traffic import REQUESTS

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

AGENT_PORT, ENVOY_PORT = 15020, 15090
"""Istio's agent serves the merged statistics, Envoy its own; old agents ignore the query."""

_COUNTERS = f"istio_requests_total|istio_request_duration|istio_tcp_|{DENIED}"
QUERY = {"usedonly": "", "filter": _COUNTERS}

SILENT_READS = 10
"""How often a proxy without a request counter is believed before its other port is asked again."""

COUNTERS = (REQUESTS, OPENED)

PodId = tuple[str, str, str]
"""Namespace, name and address: a StatefulSet gives a new pod the old one's name."""


def pod_id(pod: Pod) -> PodId:
    return pod.namespace, pod.name, pod.ip


class Scraper:
    """Fetches statistics, and remembers which port of which pod answers."""

    def __init__(self, cluster: Cluster, timeout_s: float) -> None:
        self._cluster = cluster
        self._timeout_s = timeout_s
        self._ports: dict[PodId, int] = {}
        self._silent: dict[PodId, int] = {}

    async def fetch(self, pod: Pod) -> str:
        """The statistics of the pod's proxy. `timeout_s` is for both ports together."""
        port = self._ports.get(pod_id(pod), AGENT_PORT)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._either(pod, port)
        except TimeoutError:
            self._ports[pod_id(pod)] = _other(port)
            raise Unreachable(f"no answer in {self._timeout_s:g} s") from None

    def keep_only(self, pods: set[PodId]) -> None:
        """Forget the pods that are gone."""
        self._ports = {pod: port for pod, port in self._ports.items() if pod in pods}
        self._silent = {pod: left for pod, left in self._silent.items() if pod in pods}

    async def _either(self, pod: Pod, port: int) -> str:
        try:
            text = await self._from(pod, port)
        except NotAllowed:
            raise
        except MeshtuiError as error:
            try:
                text = await self._from(pod, _other(port))
            except MeshtuiError:
                raise error from None
            if not counts(text):
                # Only where both say so it is nothing.
                raise error from None
            self._ports[pod_id(pod)] = _other(port)
            return text
        return await self._counted(pod, port, text)

    async def _counted(self, pod: Pod, port: int, text: str) -> str:
        """`text`, or what the other port says where it has no counter of requests.

        A proxy that never had a request has none. One whose agent answers without Envoy's part,
        or whose Envoy starts, has none either: only where both say so it is nothing.
        """
        key = pod_id(pod)
        if counts(text):
            self._silent.pop(key, None)
            return text
        if self._silent.get(key, 0) > 0:
            self._silent[key] -= 1
            return text
        try:
            second = await self._from(pod, _other(port))
        except MeshtuiError as error:
            what = f"port {port} has no counter of requests, and port {_other(port)} does not"
            raise Unreachable(f"{what} answer: {error.what}") from None
        if not counts(second):
            self._silent[key] = SILENT_READS
        return second

    async def _from(self, pod: Pod, port: int) -> str:
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}:{port}/proxy/stats/prometheus"
        text = await self._cluster.get_text(path, QUERY, timeout=self._timeout_s)
        if not is_exposition(text):
            begins = clean(text.lstrip()[:24])
            raise Unreachable(f"port {port} answers something else than statistics ({begins}…)")
        if port == AGENT_PORT and not text.strip():
            # The agent counts itself, too: where it says nothing at all, it is not the agent.
            raise Unreachable(f"port {port} answers an empty text")
        if not counts(text) and next(points(text, COUNTERS), None) is not None:
            raise Unreachable(f"port {port} has counters of requests that are no numbers")
        return text


def counts(text: str) -> bool:
    """Whether requests or connections are counted, by Istio's own names: others end like them."""
    return any(math.isfinite(point.value) for point in points(text, COUNTERS))


def _other(port: int) -> int:
    return ENVOY_PORT if port == AGENT_PORT else AGENT_PORT
