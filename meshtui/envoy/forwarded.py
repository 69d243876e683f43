"""HTTP to Envoy's admin interface through a port-forward."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h11

from meshtui.errors import Refused, Unreachable
from meshtui.mesh.text import clean

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster
    from meshtui.kube.portforward import PortForward

ADMIN_PORT = 15000

_CHUNK = 65_536


async def forwarded_get(
    cluster: Cluster,
    namespace: str,
    pod: str,
    path: str,
    *,
    timeout: float,  # noqa: ASYNC109
    limit: int,
) -> bytes:
    """The body of `GET path`; `timeout` is for making the connection. Errors as `admin_get`."""
    who = f"the proxy of {namespace}/{pod}"
    stream = await cluster.port_forward(namespace, pod, ADMIN_PORT, timeout=timeout)
    try:
        return await _exchange(stream, who, path, limit)
    except (OSError, h11.ProtocolError) as error:
        raise Unreachable(f"{who} answers {path} wrongly: {clean(str(error), 200)}") from error
    finally:
        await stream.aclose()


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


async def _read(stream: PortForward, *, started: bool) -> bytes:
    data = await stream.read(_CHUNK)
    if not data and not started:
        raise Unreachable("the proxy hung up without an answer", "is Envoy running in that pod?")
    return data
