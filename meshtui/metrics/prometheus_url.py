"""A Prometheus at a URL, asked with `prometheus-api-client`.

The library makes the requests for instant and range queries and takes their results out of the
answers; httpx carries them, in `prometheus_session`. It blocks, so it runs in a daemon thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from meshtui.errors import Unreachable
from meshtui.metrics.prometheus_access import PLAIN, Access
from meshtui.metrics.prometheus_result import PARTIAL, Over, QueryResult, shown
from meshtui.metrics.worker import Worker

if TYPE_CHECKING:
    from meshtui.metrics.prometheus_session import Session


class UrlServer:
    """Asks by POST, once, within a time limit. Nothing is imported or connected before that.

    User and password may stand in the URL, in ~/.netrc or in a file that `access` names; `where`
    never shows them.
    """

    def __init__(self, url: str, worker: Worker, access: Access = PLAIN) -> None:
        self._url = url.rstrip("/")
        self._access = access
        self.where = f"Prometheus at {shown(self._url)}"
        self._worker = worker
        self._client: _Client | None = None

    async def ask(self, promql: str, at: float | None, seconds: float) -> QueryResult:
        """The answer at time `at` (seconds since the epoch; None: the server's now).

        Raises Unreachable or NotAllowed.
        """
        return await self._done(lambda client: client.ask(promql, at, seconds), seconds)

    async def ask_range(self, promql: str, over: Over, seconds: float) -> QueryResult:
        """The answers at each time of `over`. Raises as `ask` does."""
        return await self._done(lambda client: client.ask_range(promql, over, seconds), seconds)

    async def _done(self, ask: Callable[[_Client], QueryResult], seconds: float) -> QueryResult:
        try:
            return await self._worker.run(lambda: ask(self._connected()), seconds)
        except TimeoutError:
            raise Unreachable(f"{self.where}: no answer in {seconds:g} s") from None
        finally:
            if not self._worker.alive:
                # The thread that was left behind still uses it.
                self._client = None

    def _connected(self) -> _Client:
        client = self._client
        if client is None:
            client = self._client = _Client(self._url, self.where, self._access)
        return client

    async def close(self) -> None:
        self._worker.close()
        client, self._client = self._client, None
        if client is not None:
            client.close()


class _Client:
    """The library, with a session of our own. Lives in the worker's thread."""

    def __init__(self, url: str, where: str, access: Access) -> None:
        from meshtui.metrics.prometheus_libraries import PrometheusConnect, Session

        self._session: Session = Session(url, where, access)
        self._prometheus = PrometheusConnect(url, session=self._session, method="POST")

    def ask(self, promql: str, at: float | None, seconds: float) -> QueryResult:
        params = self._limited(seconds) | ({} if at is None else {"time": at})
        result = self._prometheus.custom_query(promql, params=params, timeout=seconds)
        return QueryResult(result, self._session.warnings)

    def ask_range(self, promql: str, over: Over, seconds: float) -> QueryResult:
        begin, end = (datetime.fromtimestamp(at, UTC) for at in (over.begin, over.end))
        result = self._prometheus.custom_query_range(
            promql, begin, end, f"{over.step_s}s", self._limited(seconds), seconds
        )
        return QueryResult(result, self._session.warnings)

    def _limited(self, seconds: float) -> dict[str, Any]:
        self._session.deadline = time.monotonic() + seconds
        return {"timeout": f"{round(seconds * 1000)}ms", **PARTIAL}

    def close(self) -> None:
        self._prometheus.close()
