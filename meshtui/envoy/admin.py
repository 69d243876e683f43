"""Envoy's admin interface, which listens on its pod's own loopback only: by whichever way is open.

A port-forward where it is allowed, else exec of Istio's agent in the proxy's container.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from meshtui.envoy.admin_transports import EXEC, PORT_FORWARD, AdminTransports
from meshtui.envoy.agent import agent_get
from meshtui.envoy.forwarded import forwarded_get
from meshtui.errors import NotAllowed, Unreachable
from meshtui.kube.failures import Unauthenticated

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

LIMIT = 64 * 1024 * 1024

_transports: WeakKeyDictionary[Cluster, AdminTransports] = WeakKeyDictionary()


async def admin_get(
    cluster: Cluster,
    namespace: str,
    pod: str,
    path: str,
    *,
    container: str = "istio-proxy",
    timeout: float = 5.0,  # noqa: ASYNC109
    limit: int = LIMIT,
) -> bytes:
    """The body of `GET path` from the pod's Envoy; `timeout` seconds are for all of it.

    Raises NotFound where the pod is gone, NotAllowed without a right on `pods/portforward` and
    `pods/exec`, Refused where Envoy answers something else than 200 or more than `limit` bytes,
    and Unreachable where it does not answer, or not in HTTP. `container` is the proxy's, for exec.
    """
    try:
        async with asyncio.timeout(timeout):
            return await _ask(
                cluster, namespace, pod, path, container=container, timeout_s=timeout, limit=limit
            )
    except TimeoutError:
        who = f"the proxy of {namespace}/{pod}"
        asked = path.partition("?")[0]
        raise Unreachable(f"{who} does not answer {asked} within {timeout:g} s") from None


async def _ask(
    cluster: Cluster,
    namespace: str,
    pod: str,
    path: str,
    *,
    container: str,
    timeout_s: float,
    limit: int,
) -> bytes:
    """From Envoy, by the first way that is allowed."""

    async def forward() -> bytes:
        return await forwarded_get(cluster, namespace, pod, path, timeout=timeout_s, limit=limit)

    async def execute() -> bytes:
        return await agent_get(
            cluster, namespace, pod, path, container=container, timeout=timeout_s, limit=limit
        )

    return await first_allowed(cluster, namespace, pod, forward, execute)


async def first_allowed(
    cluster: Cluster,
    namespace: str,
    pod: str,
    forward: Callable[[], Awaitable[bytes]],
    execute: Callable[[], Awaitable[bytes]],
) -> bytes:
    """By port-forward or by exec; which of them is not allowed is remembered for a while."""
    transports = transports_of(cluster)
    for transport in transports.open(namespace):
        try:
            return await (forward() if transport == PORT_FORWARD else execute())
        except Unauthenticated:
            raise
        except NotAllowed:
            transports.refuse(transport, namespace)
    raise NotAllowed(
        f"you may neither port-forward to nor exec in {namespace}/{pod}",
        "ask for get and create on pods/portforward, or on pods/exec",
    )


def transports_of(cluster: Cluster) -> AdminTransports:
    """What is known of the ways to this cluster's proxies."""
    return _transports.setdefault(cluster, AdminTransports())


def transport_to(cluster: Cluster, namespace: str) -> str:
    """By which way the proxies of a namespace that answered just now were asked."""
    return PORT_FORWARD if PORT_FORWARD in transports_of(cluster).open(namespace) else EXEC
