"""HTTP to a port of a pod's own loopback through a port-forward: Envoy's admin interface, say."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from meshtui.errors import Refused, Unreachable
from meshtui.mesh.text import clean

if TYPE_CHECKING:
    import httpx

    from meshtui.kube.cluster import Cluster
    from meshtui.kube.portforward import PortForward

ADMIN_PORT = 15000

_HEADERS = {"Connection": "close", "Accept-Encoding": "identity"}


async def forwarded_get(
    cluster: Cluster,
    namespace: str,
    pod: str,
    path: str,
    *,
    port: int = ADMIN_PORT,
    who: str = "",
    timeout: float,  # noqa: ASYNC109
    limit: int,
) -> bytes:
    """The body of `GET path`; `timeout` is for making the connection. Errors as `admin_get`.

    `who` is what the errors call the one that answers.
    """
    if "httpx" not in sys.modules:
        # It takes a tenth of a second to import: not on the event loop.
        await asyncio.to_thread(__import__, "meshtui.kube.lean_httpx")
    who = who or f"the proxy of {namespace}/{pod}"
    stream = await cluster.port_forward(namespace, pod, port, timeout=timeout)
    try:
        return await _exchange(stream, who, path, limit)
    finally:
        await stream.aclose()


async def _exchange(stream: PortForward, who: str, path: str, limit: int) -> bytes:
    """One request: no redirect is followed, no proxy of the environment asked. The stream knows no
    time limit of httpx's: the caller has one for everything."""
    from meshtui.envoy.transport import ForwardTransport
    from meshtui.kube.lean_httpx import httpx

    url = httpx.URL("http://localhost").copy_with(raw_path=path.encode())
    try:
        async with (
            httpx.AsyncClient(
                transport=ForwardTransport(stream), headers=_HEADERS, trust_env=False
            ) as client,
            client.stream("GET", url) as response,
        ):
            return await _body(response, who, path, limit)
    except (OSError, httpx.HTTPError) as error:
        reason = clean(str(error), 200)
        raise Unreachable(f"{who} answers {path} wrongly: {reason}", _hint(who)) from error


def _hint(who: str) -> str:
    return "is Envoy running in that pod?" if who.startswith("the proxy") else "try again"


async def _body(response: httpx.Response, who: str, path: str, limit: int) -> bytes:
    """The body of a 200, of which no more is read than shows that it is over `limit`."""
    chunks, size = [], 0
    async for chunk in response.aiter_bytes():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            break
    body = b"".join(chunks)
    if response.status_code != 200:
        body_text = clean(body[:200].decode("utf-8", "replace").strip())
        raise Refused(f"{who} answers {path} with {response.status_code}: {body_text}")
    if size > limit:
        raise Refused(f"{who} answers {path} with more than {limit >> 20} MiB")
    return body
