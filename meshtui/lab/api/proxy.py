"""HTTP through the API server to a pod or a service."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from meshtui.lab.api import backends, status
from meshtui.lab.api.call import Call
from meshtui.lab.contract import Address

_HOP_BY_HOP = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_REFUSED_BY_ENVOY = (
    "upstream connect error or disconnect/reset before headers. retried and the latest reset "
    "reason: remote connection failure"
)
_CHUNK = 64 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=10, sock_read=60)


async def answer_proxy(call: Call) -> web.StreamResponse:
    if call.request.method in ("GET", "HEAD") and call.request.path.endswith("/proxy"):
        return _with_slash(call)
    try:
        address, host = _backend(call)
    except backends.BehindSidecar:
        return web.Response(status=503, text=_REFUSED_BY_ENVOY)
    try:
        async with aiohttp.ClientSession(
            connector=_connector(address), auto_decompress=False, timeout=_TIMEOUT
        ) as session:
            return await _forward(call, session, address, host)
    except aiohttp.ClientError as error:
        raise status.unavailable(f"error trying to reach service: {error}") from None
    except TimeoutError:
        raise status.unavailable("error trying to reach service: i/o timeout") from None


def _with_slash(call: Call) -> web.Response:
    """Links in the answer are to be below `/proxy/`."""
    url = call.request.rel_url
    query = f"?{url.raw_query_string}" if url.raw_query_string else ""
    return web.Response(status=301, headers={"Location": f"{url.raw_path}/{query}"})


def _backend(call: Call) -> tuple[Address, str]:
    """The address to call and the host name to call it by."""
    target, store, runtime = call.target, call.store, call.server.runtime
    scheme, name, port = backends.split_name(target.name)
    if scheme == "https":
        raise status.unavailable("error trying to reach service: the lab's pods speak no TLS")
    found = store.find(target.stored, target.namespace, name)
    if found is None:
        raise status.not_found(target.resource, name)
    if target.kind.plural == "pods":
        address = backends.pod_address(store, runtime, target.namespace, found, port)
        ip = found.get("status", {}).get("podIP") or "127.0.0.1"
        return address, f"{ip}:{port}" if port else ip
    address = backends.service_address(store, runtime, target.namespace, found, port)
    return address, f"{name}.{target.namespace}.svc"


def _connector(address: Address) -> aiohttp.BaseConnector:
    if address.path:
        return aiohttp.UnixConnector(path=address.path)
    return aiohttp.TCPConnector(force_close=True)


async def _forward(
    call: Call, session: aiohttp.ClientSession, address: Address, host: str
) -> web.StreamResponse:
    request = call.request
    headers = _passed_on(request.headers)
    headers["Host"] = host
    async with session.request(
        request.method,
        _url(call, address),
        headers=headers,
        data=request.content.iter_chunked(_CHUNK) if request.can_read_body else None,
        allow_redirects=False,
        skip_auto_headers=("User-Agent", "Content-Type", "Accept", "Accept-Encoding"),
    ) as answer:
        response = web.StreamResponse(status=answer.status, headers=_passed_on(answer.headers))
        await response.prepare(request)
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
        return response


def _url(call: Call, address: Address) -> URL:
    """The path after `/proxy` as the client wrote it, at the backend's address."""
    request = call.request
    path = request.rel_url.raw_path.split("/proxy", 1)[1] or "/"
    query = f"?{request.rel_url.raw_query_string}" if request.rel_url.raw_query_string else ""
    host, port = (address.host, address.port) if not address.path else ("localhost", 80)
    return URL(f"http://{host}:{port}{path}{query}", encoded=True)


def _passed_on(headers: Mapping[str, str]) -> CIMultiDict[str]:
    retained: CIMultiDict[str] = CIMultiDict()
    for name, value in headers.items():
        if name.lower() not in _HOP_BY_HOP:
            retained.add(name, value)
    return retained
