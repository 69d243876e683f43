"""Envoy's admin interface, which listens on its pod's own loopback only: through a port-forward."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import h11

from meshtui.errors import Refused, Unreachable
from meshtui.mesh.text import clean

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster
    from meshtui.kube.portforward import PortForward

ADMIN_PORT = 15000
LIMIT = 64 * 1024 * 1024

_CHUNK = 65_536
_GOODBYE_S = 0.5


async def admin_get(
    cluster: Cluster,
    namespace: str,
    pod: str,
    path: str,
    *,
    timeout: float = 5.0,  # noqa: ASYNC109
    limit: int = LIMIT,
) -> bytes:
    """The body of `GET path` from the pod's Envoy; `timeout` seconds are for all of it.

    Raises NotFound where the pod is gone, NotAllowed without a right on `pods/portforward`,
    Refused where Envoy answers something else than 200 or more than `limit` bytes, and
    Unreachable where it does not answer, or not in HTTP.
    """
    who = f"the proxy of {namespace}/{pod}"
    try:
        async with asyncio.timeout(timeout):
            stream = await cluster.port_forward(namespace, pod, ADMIN_PORT, timeout=timeout)
            try:
                return await _exchange(stream, who, path, limit)
            finally:
                await _hang_up(stream)
    except TimeoutError:
        raise Unreachable(f"{who} does not answer {path} within {timeout:g} s") from None
    except (OSError, h11.ProtocolError) as error:
        raise Unreachable(f"{who} answers {path} wrongly: {clean(str(error), 200)}") from error


async def _exchange(stream: PortForward, who: str, path: str, limit: int) -> bytes:
    connection = h11.Connection(h11.CLIENT)
    headers = [("Host", "localhost"), ("Connection", "close"), ("Accept", "*/*")]
    request = connection.send(h11.Request(method="GET", target=path, headers=headers))
    await stream.write((request or b"") + (connection.send(h11.EndOfMessage()) or b""))
    status, body = await _response(connection, stream, limit)
    if status != 200:
        said = clean(body[:200].decode("utf-8", "replace").strip())
        raise Refused(f"{who} answers {path} with {status}: {said}")
    if len(body) > limit:
        raise Refused(f"{who} answers {path} with more than {limit >> 20} MiB")
    return body


async def _response(
    connection: h11.Connection, stream: PortForward, limit: int
) -> tuple[int, bytes]:
    """Status and body, of which no more is read than shows that it is over `limit`."""
    status, chunks, size = 0, [], 0
    while size <= limit:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await _read(stream, started=bool(status)))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            chunks.append(event.data)
            size += len(event.data)
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            break
    return status, b"".join(chunks)


async def _hang_up(stream: PortForward) -> None:
    """Say goodbye, but do not wait for a peer that has gone silent."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_GOODBYE_S):
            await stream.aclose()


async def _read(stream: PortForward, *, started: bool) -> bytes:
    data = await stream.read(_CHUNK)
    if not data and not started:
        raise Unreachable("the proxy hung up without an answer", "is Envoy running in that pod?")
    return data
