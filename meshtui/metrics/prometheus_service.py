"""A Prometheus in the cluster, reached through the API server's service proxy.

It needs no address of its own and no credentials but the kubeconfig's (`get` on
`services/proxy`). Asked by GET: a POST through the proxy counts as a write, which a read-only
connection refuses and fewer people may do. `prometheus-api-client` is left out here, as it would
need a second log-in beside the kubeconfig's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from meshtui.errors import MeshtuiError, NotAllowed, NotFound, Unreachable
from meshtui.metrics.discovery import PrometheusAddress
from meshtui.metrics.prometheus_access import PLAIN, Access
from meshtui.metrics.prometheus_result import PARTIAL, Over, QueryResult, parse, unable
from meshtui.metrics.promql_short import in_short
from meshtui.metrics.worker import Worker

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster


_ASKED = re.compile(r".*/proxy/api/v1/query(?:_range)?: ", re.DOTALL)


class ServiceServer:
    """Asks the service at `place`."""

    def __init__(
        self, cluster: Cluster, place: PrometheusAddress, worker: Worker, access: Access = PLAIN
    ) -> None:
        self._cluster = cluster
        self._headers = {"headers": dict(access.headers)} if access.headers else {}
        self._worker = worker
        self.where = f"Prometheus {place}"
        name = quote(f"{place.scheme}:{place.name}:{place.port}", safe=":")
        space = quote(place.namespace, safe="")
        self._path = f"/api/v1/namespaces/{space}/services/{name}/proxy/api/v1/"

    async def ask(self, promql: str, at: float | None, seconds: float) -> QueryResult:
        """As `UrlServer.ask`."""
        return await self._get("query", promql, {} if at is None else {"time": repr(at)}, seconds)

    async def ask_range(self, promql: str, over: Over, seconds: float) -> QueryResult:
        """As `UrlServer.ask_range`."""
        times = {"start": str(over.begin), "end": str(over.end), "step": f"{over.step_s}s"}
        return await self._get("query_range", promql, times, seconds)

    async def _get(
        self, kind: str, promql: str, times: Mapping[str, str], seconds: float
    ) -> QueryResult:
        params = {"query": in_short(promql), "timeout": f"{round(seconds * 1000)}ms", **times}
        params |= PARTIAL
        path = self._path + kind
        try:
            body = await self._cluster.get_text(path, params, timeout=seconds, **self._headers)
        except MeshtuiError as error:
            raise _failure(error, self.where) from error
        try:
            return await self._worker.run(partial(parse, body, self.where), seconds)
        except TimeoutError:
            raise Unreachable(f"{self.where}: its answer takes too long to read") from None

    async def close(self) -> None:
        self._worker.close()


def _failure(error: MeshtuiError, where: str) -> MeshtuiError:
    """Of whoever failed: the API server on the way, or the Prometheus behind it."""
    found = _ASKED.search(error.what)
    behind, reason = found is not None, error.what[found.end() :] if found else error.what
    if isinstance(error, NotAllowed):
        return NotAllowed(f"{where}: {reason}", "reading it needs `get` on `services/proxy`")
    if isinstance(error, NotFound):
        return Unreachable(f"{where}: {reason}", "is its query API under another path?")
    return unable(where, reason) if behind else Unreachable(f"{where}: {reason}", error.hint)
