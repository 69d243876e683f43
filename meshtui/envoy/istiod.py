"""istiod's debug interface, which answers its pod's own loopback without a token.

By the same ways as a proxy's admin interface: a port-forward, else exec of istiod's own program.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from meshtui.envoy.admin import first_allowed
from meshtui.envoy.agent import agent_get
from meshtui.envoy.forwarded import forwarded_get
from meshtui.errors import Unreachable

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

PORT = 15014
CONTAINER, PROGRAM = "discovery", "pilot-discovery"
_LIMIT = 128 * 1024 * 1024
"""Two kilobytes for each proxy; more where one refuses."""


async def istiod_get(
    cluster: Cluster,
    namespace: str,
    pod: str,
    path: str,
    *,
    timeout: float = 10.0,  # noqa: ASYNC109
) -> bytes:
    """The body of `GET path` from an istiod; `timeout` seconds are for all of it.

    Errors as `admin_get`; Refused where the debug interface is switched off.
    """
    who = f"istiod {namespace}/{pod}"

    async def forward() -> bytes:
        return await forwarded_get(
            cluster, namespace, pod, path, port=PORT, who=who, timeout=timeout, limit=_LIMIT
        )

    async def execute() -> bytes:
        return await agent_get(
            cluster, namespace, pod, path,
            container=CONTAINER, agent=PROGRAM, who=who, timeout=timeout, limit=_LIMIT,
        )  # fmt: skip

    try:
        async with asyncio.timeout(timeout):
            return await first_allowed(cluster, namespace, pod, forward, execute)
    except TimeoutError:
        asked = path.partition("?")[0]
        raise Unreachable(f"{who} does not answer {asked} within {timeout:g} s") from None
