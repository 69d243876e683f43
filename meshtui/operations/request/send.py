"""Sends a request from within a pod: by a program in its application's container, or by a
port-forward to a port on which its proxy listens, as a gateway does, and few sidecars.

A sidecar's own container is no place to send from: what its user sends passes the sidecar by.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from meshtui.dataclass import dataclass
from meshtui.errors import NotAllowed, NotFound, Refused, Unreachable
from meshtui.kube.exec import Ended, run_in_pod
from meshtui.mesh.model import Pod
from meshtui.mesh.text import clean
from meshtui.operations.request.bound import read_bound_port
from meshtui.operations.request.tools import MOST_HEADERS, TOOLS, Answer, Outgoing

if TYPE_CHECKING:
    import httpx

    from meshtui.kube.cluster import Cluster

_OUTPUT = 2**20
_STARTING_S = 5.0
"""What starting a program in a container may take, beside the request's own time."""

_NO_SUCH_COMMAND = (126, 127)
_BODY = 2**24
PORT_FORWARD = "port-forward"


@dataclass(frozen=True, slots=True)
class Sent:
    """An answer, and what sent the request: a container and its program, or a port-forward."""

    answer: Answer
    container: str
    by: str


async def send(cluster: Cluster, pod: Pod, outgoing: Outgoing) -> Sent:
    """Raises Refused where nothing in the pod can send it, NotAllowed, NotFound, Unreachable."""
    if pod.gateway:
        return await _forward(cluster, pod, outgoing)
    for container in applications(pod):
        sent = await _from_container(cluster, pod, container, outgoing)
        if sent is not None:
            return sent
    port = await read_bound_port(cluster, pod, outgoing.port)
    if port:
        return await _forward(cluster, pod, replace(outgoing, port=port))
    names = ", ".join(tool.name for tool in TOOLS if tool.can(outgoing.method))
    raise Refused(
        f"no container of {pod.namespace}/{pod.name} can send a {outgoing.method}: "
        f"it would need one of {names}, or a sidecar that listens on that port",
        "name another caller with --from",
    )


def applications(pod: Pod) -> tuple[str, ...]:
    """The containers beside the proxy's."""
    return tuple(name for name in pod.containers if name != pod.proxy_container)


async def _from_container(
    cluster: Cluster, pod: Pod, container: str, outgoing: Outgoing
) -> Sent | None:
    for tool in TOOLS:
        if tool.can(outgoing.method):
            ended = await run_if_there(
                cluster,
                pod,
                container,
                tool.command(outgoing),
                limit=_OUTPUT,
                timeout=outgoing.timeout_s + _STARTING_S,
            )
            if ended is not None:
                out, words = (
                    part.decode("utf-8", "replace") for part in (ended.stdout, ended.stderr)
                )
                return Sent(tool.read(ended.code, out, words), container, tool.name)
    return None


async def run_if_there(
    cluster: Cluster,
    pod: Pod,
    container: str,
    command: Sequence[str],
    *,
    limit: int,
    timeout: float = _STARTING_S,  # noqa: ASYNC109
) -> Ended | None:
    """None where the container has no such program. Raises NotAllowed, NotFound, Unreachable."""
    try:
        ended = await run_in_pod(
            cluster, pod.namespace, pod.name, container, command, limit=limit, timeout=timeout
        )
    except NotAllowed as error:
        raise NotAllowed(error.what, "ask for create on pods/exec") from error
    except NotFound:
        raise
    except Refused:
        return None
    return None if ended.code in _NO_SUCH_COMMAND and not ended.stdout else ended


async def _forward(cluster: Cluster, pod: Pod, outgoing: Outgoing) -> Sent:
    stream = await cluster.port_forward(
        pod.namespace, pod.name, outgoing.port, timeout=outgoing.timeout_s
    )
    begun = time.monotonic()
    try:
        async with asyncio.timeout(outgoing.timeout_s):
            return Sent(await _ask(stream, outgoing, begun), "", PORT_FORWARD)
    except TimeoutError:
        trouble = f"no answer within {outgoing.timeout_s:g} s"
        return Sent(Answer(trouble=trouble), "", PORT_FORWARD)
    finally:
        await stream.aclose()


def http_request(outgoing: Outgoing) -> httpx.Request:
    """As it goes over a connection that is there."""
    from meshtui.kube.lean_httpx import httpx

    url = httpx.URL("http://localhost").copy_with(raw_path=outgoing.target.encode())
    headers = [(name.encode(), value.encode()) for name, value in outgoing.sent]
    return httpx.Request(outgoing.method, url, headers=headers)


async def _ask(stream: object, outgoing: Outgoing, begun: float) -> Answer:
    from meshtui.envoy.transport import ForwardTransport
    from meshtui.kube.lean_httpx import httpx

    request = http_request(outgoing)
    transport = ForwardTransport(stream)  # type: ignore[arg-type]
    try:
        response = await transport.handle_async_request(request)
        size, notes = await _size(response)
    except (OSError, httpx.HTTPError, Unreachable) as error:
        return Answer(trouble=clean(str(error), 300) or "the connection was closed")
    headers = tuple(response.headers.multi_items())[:MOST_HEADERS]
    return Answer(response.status_code, headers, time.monotonic() - begun, size, notes=notes)


async def _size(response: httpx.Response) -> tuple[int, tuple[str, ...]]:
    from meshtui.kube.lean_httpx import httpx

    size = 0
    try:
        async for part in response.aiter_raw():
            size += len(part)
            if size > _BODY:
                return size, (f"no more than {_BODY >> 20} MiB of the answer were read",)
    except (OSError, httpx.HTTPError, Unreachable) as error:
        return size, (f"the answer broke off ({clean(str(error), 200)})",)
    return size, ()
