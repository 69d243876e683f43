"""A Prometheus at a URL, asked with `prometheus-api-client`.

That library blocks, retries by itself for seconds, puts the query of a POST into its URL, follows
redirects into login pages, and tells every failure as text. So it is given a session that does
none of this, and it runs in a daemon thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from meshtui.errors import MeshtuiError, Unreachable
from meshtui.mesh.text import clean
from meshtui.metrics.prometheus_answer import Answer, Over, not_prometheus, parse, refused
from meshtui.metrics.worker import Worker

if TYPE_CHECKING:
    import requests

LARGEST_ANSWER = 128 * 2**20
LARGEST_ERROR = 2**16
_CHUNK = 2**18
_LOOPBACK = ("localhost", "127.", "::1")


class UrlServer:
    """Asks by POST, once, within a time limit. Nothing is imported or connected before that.

    User and password may stand in the URL or in ~/.netrc; `where` never shows them.
    """

    def __init__(self, url: str, worker: Worker) -> None:
        self._url = url.rstrip("/")
        self.where = f"Prometheus at {_shown(self._url)}"
        self._worker = worker
        self._client: _Client | None = None

    async def ask(self, promql: str, at: float | None, seconds: float) -> Answer:
        """The answer at time `at` (seconds since the epoch; None: the server's now).

        Raises Unreachable or NotAllowed.
        """
        return await self._done(lambda client: client.ask(promql, at, seconds), seconds)

    async def ask_range(self, promql: str, over: Over, seconds: float) -> Answer:
        """The answers at each time of `over`. Raises as `ask` does."""
        return await self._done(lambda client: client.ask_range(promql, over, seconds), seconds)

    async def _done(self, ask: Callable[[_Client], Answer], seconds: float) -> Answer:
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
            client = self._client = _Client(self._url, self.where)
        return client

    async def close(self) -> None:
        self._worker.close()
        client, self._client = self._client, None
        if client is not None:
            client.close()


class _Client:
    """The library, with a session of our own. Lives in the worker's thread."""

    def __init__(self, url: str, where: str) -> None:
        import requests
        from prometheus_api_client import PrometheusConnect
        from urllib3.util import Retry

        session = requests.Session()
        # What HTTP_PROXY names cannot reach this machine's own ports.
        session.trust_env = not (urlsplit(url).hostname or "").startswith(_LOOPBACK)
        self._session = _Session(session, where)
        never = Retry(total=0, redirect=False, status_forcelist=())
        self._prometheus = PrometheusConnect(url, session=self._session, retry=never, method="POST")

    def ask(self, promql: str, at: float | None, seconds: float) -> Answer:
        params = self._limited(seconds) | ({} if at is None else {"time": at})
        result = self._prometheus.custom_query(promql, params=params, timeout=seconds)
        return Answer(result, self._session.warnings)

    def ask_range(self, promql: str, over: Over, seconds: float) -> Answer:
        begin, end = (datetime.fromtimestamp(at, UTC) for at in (over.begin, over.end))
        result = self._prometheus.custom_query_range(
            promql, begin, end, f"{over.step_s}s", self._limited(seconds), seconds
        )
        return Answer(result, self._session.warnings)

    def _limited(self, seconds: float) -> dict[str, Any]:
        self._session.deadline = time.monotonic() + seconds
        return {"timeout": f"{round(seconds * 1000)}ms"}

    def close(self) -> None:
        self._prometheus.close()


class _Session:
    """As much of a `requests.Session` as the library uses, with manners."""

    def __init__(self, session: requests.Session, where: str) -> None:
        self._session = session
        self._where = where
        self.verify, self.cert = session.verify, session.cert
        self.mount, self.close = session.mount, session.close
        self.deadline = 0.0
        self.warnings: tuple[str, ...] = ()

    def request(self, method: str, url: str, *, params: Any, **options: Any) -> Any:
        """The parameters go into the body: queries are longer than some proxies' URLs may be."""
        from requests import RequestException

        options |= {"data": params, "allow_redirects": False, "stream": True}
        try:
            with self._session.request(method, url, **options) as response:
                answer = self._answer(response)
        except RequestException as error:
            raise _failure(error, self._where) from error
        self.warnings = answer.warnings
        document = {"data": {"result": answer.result}}
        return SimpleNamespace(status_code=200, json=lambda: document)

    def _answer(self, response: requests.Response) -> Answer:
        if response.is_redirect or 300 <= response.status_code < 400:
            raise _elsewhere(self._where, response.headers.get("Location", ""))
        if response.status_code != 200:
            raise refused(self._where, response.status_code, self._body(response, LARGEST_ERROR))
        body = self._body(response, LARGEST_ANSWER)
        if len(body) > LARGEST_ANSWER:
            raise Unreachable(f"{self._where} answers with more than {LARGEST_ANSWER >> 20} MiB")
        if "html" in response.headers.get("Content-Type", ""):
            raise not_prometheus(self._where, b"<html>")
        return parse(body, self._where)

    def _body(self, response: requests.Response, most: int) -> bytes:
        """A little more than `most` bytes at the most; requests only limits each wait."""
        chunks, size = [], 0
        for chunk in response.iter_content(_CHUNK):
            chunks.append(chunk)
            size += len(chunk)
            if size > most:
                break
            if time.monotonic() > self.deadline:
                raise Unreachable(f"{self._where}: its answer takes too long")
        return b"".join(chunks)


def _elsewhere(where: str, location: str) -> MeshtuiError:
    target = clean(_shown(location), 120) if location else "somewhere else"
    return Unreachable(
        f"{where} sends us to {target}", "a login page? give the address of Prometheus itself"
    )


def _failure(error: Exception, where: str) -> MeshtuiError:
    from requests import exceptions

    if isinstance(error, exceptions.SSLError):
        hint = "REQUESTS_CA_BUNDLE names the file of an authority to trust"
        return Unreachable(f"{where}: TLS failed ({_reason(error)})", hint)
    if isinstance(error, exceptions.ProxyError):
        return Unreachable(f"{where}: the proxy of the environment fails ({_reason(error)})")
    if isinstance(error, exceptions.Timeout):
        return Unreachable(f"{where}: no answer in time")
    if isinstance(error, exceptions.ConnectionError):
        return Unreachable(f"{where} does not answer ({_reason(error)})")
    return Unreachable(f"{where}: {_reason(error)}")


def _reason(error: Exception) -> str:
    """The innermost cause: what wraps it repeats address and path."""
    inner: Any = error.args[0] if error.args else error
    inner = getattr(inner, "reason", inner)
    text = str(inner).rsplit(": ", 1)[-1] if "object at 0x" in str(inner) else str(inner)
    return clean(text, 120)


def _shown(url: str) -> str:
    """Without user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))
