"""The port at which a sidecar can be connected to as its application does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from meshtui.envoy import proxy
from meshtui.envoy.listeners import ProxyListener
from meshtui.mesh.model import Pod

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

_HTTP_PROXY = "http_proxy"
"""The routes of the port that a mesh's `proxyHttpPort` opens: those of all services."""

_LOCAL = frozenset({"127.0.0.1", "0.0.0.0", "::1", "::"})  # noqa: S104 - compared with
"""Where a port-forward arrives."""


async def read_bound_port(cluster: Cluster, pod: Pod, port: int) -> int:
    """0 where there is none. Errors as `admin_get`."""
    return bound_port(await proxy.read_listeners(cluster, pod), port)


def bound_port(listeners: Iterable[ProxyListener], port: int) -> int:
    """Of an outbound HTTP listener that takes what is for a service's port; 0 where none does.

    Most outbound listeners are not bound to their port: the one of 15001 hands them what iptables
    leads there, and what comes to 15001 itself goes nowhere. A Sidecar's egress listener with
    `captureMode: NONE` is bound, and so is the mesh's `proxyHttpPort`.
    """
    outbound = [one for one in listeners if one.direction == "outbound" and any(one.routes)]
    bound = [one for one in outbound if one.bound and _LOCAL.intersection(one.addresses)]
    own = any(one.port == port for one in bound)
    proxies = (one.port for one in bound if _HTTP_PROXY in one.routes)
    return port if own else next(proxies, 0)
