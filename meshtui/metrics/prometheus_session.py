"""The HTTP session that `prometheus-api-client` is given: httpx, with limits.

By itself that library retries for seconds, puts the query of a POST into its URL, follows redirects
into login pages and reports every failure as text.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from meshtui.errors import MeshtuiError, Unreachable
from meshtui.kube.lean_httpx import httpx
from meshtui.mesh.text import clean
from meshtui.metrics.prometheus_access import PLAIN, Access
from meshtui.metrics.prometheus_result import QueryResult, not_prometheus, parse, refused, shown

LARGEST_ANSWER = 128 * 2**20
LARGEST_ERROR = 2**16
_CHUNK = 2**18
_LOOPBACK = ("localhost", "127.", "::1")
_AUTHORITIES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class Session:
    """As much of a `requests.Session` as the library uses. One request, once, no redirect."""

    verify = cert = None
    """Both are decided when the connection is made; the library hands them back to `request`."""

    def __init__(self, url: str, where: str, access: Access = PLAIN) -> None:
        self._where = where
        self._access = access
        self._http = _client(url, where, access)
        self.deadline = 0.0
        self.warnings: tuple[str, ...] = ()

    def mount(self, prefix: str, adapter: object) -> None:
        """The library's own connections, which would retry: not used."""

    def request(
        self, method: str, url: str, *, params: Any, timeout: float, **_others: Any
    ) -> SimpleNamespace:
        """The parameters go into the body: queries are longer than some proxies' URLs may be."""
        headers = {**dict(self._access.headers), **self._access.authorization()}
        try:
            with self._http.stream(
                method, url, data=params, timeout=timeout, headers=headers
            ) as response:
                answer = self._answer(response)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _failure(error, self._where) from error
        self.warnings = answer.warnings
        document = {"data": {"result": answer.result}}
        return SimpleNamespace(status_code=200, json=lambda: document)

    def close(self) -> None:
        self._http.close()

    def _answer(self, response: httpx.Response) -> QueryResult:
        if 300 <= response.status_code < 400:
            raise _elsewhere(self._where, response.headers.get("Location", ""))
        if response.status_code != 200:
            raise refused(self._where, response.status_code, self._body(response, LARGEST_ERROR))
        body = self._body(response, LARGEST_ANSWER)
        if len(body) > LARGEST_ANSWER:
            raise Unreachable(f"{self._where} answers with more than {LARGEST_ANSWER >> 20} MiB")
        if "html" in response.headers.get("Content-Type", ""):
            raise not_prometheus(self._where, b"<html>")
        return parse(body, self._where)

    def _body(self, response: httpx.Response, most: int) -> bytes:
        """A little more than `most` bytes at the most; httpx only limits each wait."""
        chunks, size = [], 0
        for chunk in response.iter_bytes(_CHUNK):
            chunks.append(chunk)
            size += len(chunk)
            if size > most:
                break
            if time.monotonic() > self.deadline:
                raise Unreachable(f"{self._where}: its answer takes too long")
        return b"".join(chunks)


def _client(url: str, where: str, access: Access) -> httpx.Client:
    """No retries and no redirects, which are httpx's defaults; proxies as the environment has them.

    User and password may stand in the URL or in ~/.netrc, unless `access` logs in.
    """
    try:
        parts = urlsplit(url)
        # What HTTP_PROXY names cannot reach this machine's own ports.
        trust_env = not (parts.hostname or "").startswith(_LOOPBACK)
        auth = _netrc() if trust_env and parts.username is None and not access.secret else None
        verify = _authorities() if parts.scheme == "https" else _nobody()
        return httpx.Client(auth=auth, trust_env=trust_env, verify=verify)
    except (ImportError, ValueError, OSError, httpx.InvalidURL) as error:
        raise Unreachable(f"{where}: proxy or CA of the environment: {_text(error)}") from error


def _netrc() -> httpx.Auth | None:
    try:
        return httpx.NetRCAuth()
    except (OSError, ValueError, SyntaxError):
        return None


def _authorities() -> ssl.SSLContext | bool:
    """The authorities of the file that the environment names, else certifi's."""
    files = (os.environ.get(name, "") for name in _AUTHORITIES)
    file = next((file for file in files if os.path.isfile(file)), "")  # noqa: PTH113 - may be empty
    return ssl.create_default_context(cafile=file) if file else True


def _nobody() -> ssl.SSLContext:
    """For plain HTTP: reading the authorities takes longer than a query. Nothing is trusted."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _elsewhere(where: str, location: str) -> MeshtuiError:
    target = clean(shown(location), 120) if location else "somewhere else"
    return Unreachable(
        f"{where} sends us to {target}", "a login page? give the address of Prometheus itself"
    )


def _failure(error: Exception, where: str) -> MeshtuiError:
    if any(isinstance(cause, ssl.SSLError) for cause in _causes(error)):
        hint = "SSL_CERT_FILE names the file of an authority to trust"
        return Unreachable(f"{where}: TLS failed ({_text(error)})", hint)
    if isinstance(error, httpx.ProxyError):
        return Unreachable(f"{where}: the proxy of the environment fails ({_text(error)})")
    if isinstance(error, httpx.TimeoutException):
        return Unreachable(f"{where}: no answer in time")
    if isinstance(error, httpx.TransportError):
        return Unreachable(f"{where} does not answer ({_text(error)})")
    return Unreachable(f"{where}: {_text(error)}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _text(error: Exception) -> str:
    return clean(str(error) or type(error).__name__, 120)
