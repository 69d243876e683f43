"""Questions to one proxy, each by the narrowest query that answers it.

A whole config dump of a large mesh is 20 MB and takes the proxy more than a second.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from meshtui.envoy.admin import admin_get
from meshtui.envoy.dump import Listener, parse_cluster_names, parse_listeners, parse_routes
from meshtui.envoy.endpoints import Endpoint, parse_endpoints
from meshtui.envoy.policies import ProxyCluster, parse_clusters
from meshtui.envoy.routes import ProxyRoute
from meshtui.errors import Unreachable
from meshtui.mesh.model import Pod

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

Facts = TypeVar("Facts")

_LARGE = 256 * 1024
"""Bytes of JSON that are worth a thread, so that the screen goes on meanwhile."""

_TIMEOUT_S = 5.0


def sidecar_route_names(ports: Iterable[int]) -> str:
    """A `name_regex` for the RouteConfigurations a sidecar has for services on these ports.

    istiod calls them after the port, or after a host and the port. A gateway's have the port of
    the gateway in their name: do not narrow there.
    """
    return f"(.*:)?({'|'.join(str(port) for port in sorted(set(ports)))})"


async def read_routes(
    cluster: Cluster,
    pod: Pod,
    *,
    name_regex: str = "",
    timeout: float = _TIMEOUT_S,  # noqa: ASYNC109
) -> tuple[ProxyRoute, ...]:
    """The proxy's dynamic route table. Errors as `admin_get`."""
    narrowed = f"&name_regex={quote(name_regex, safe='')}" if name_regex else ""
    path = f"/config_dump?resource=dynamic_route_configs{narrowed}"
    return await _ask(cluster, pod, path, parse_routes, timeout)


async def read_cluster_names(
    cluster: Cluster,
    pod: Pod,
    *,
    timeout: float = _TIMEOUT_S,  # noqa: ASYNC109
) -> frozenset[str]:
    """The names of the clusters the proxy can send to now."""
    path = "/config_dump?resource=dynamic_active_clusters&mask=cluster.name"
    return await _ask(cluster, pod, path, parse_cluster_names, timeout)


async def read_clusters(
    cluster: Cluster,
    pod: Pod,
    host: str,
    *,
    timeout: float = _TIMEOUT_S,  # noqa: ASYNC109
) -> tuple[ProxyCluster, ...]:
    """The outbound clusters of one host, with their limits."""
    names = quote(rf"outbound\|\d+\|[^|]*\|{re.escape(host)}", safe="")
    path = f"/config_dump?resource=dynamic_active_clusters&name_regex={names}"
    return await _ask(cluster, pod, path, parse_clusters, timeout)


async def read_listeners(
    cluster: Cluster,
    pod: Pod,
    *,
    timeout: float = _TIMEOUT_S,  # noqa: ASYNC109
) -> tuple[Listener, ...]:
    path = "/config_dump?resource=dynamic_listeners"
    return await _ask(cluster, pod, path, parse_listeners, timeout)


async def read_endpoints(
    cluster: Cluster,
    pod: Pod,
    *,
    timeout: float = _TIMEOUT_S,  # noqa: ASYNC109
) -> tuple[Endpoint, ...]:
    """The endpoints of all clusters, with what the proxy thinks of their health."""
    return await _ask(cluster, pod, "/clusters?format=json", parse_endpoints, timeout)


async def rejected_updates(
    cluster: Cluster,
    pod: Pod,
    *,
    timeout: float = _TIMEOUT_S,  # noqa: ASYNC109
) -> int:
    """How many configurations the proxy has refused since it began, of any kind.

    A proxy that refuses one goes on with the last good one, and its config dump does not say so:
    compare the number before and after a change. Istio's proxies keep those of listeners and
    clusters by default, those of routes only with a wider `proxyStatsMatcher`.
    """
    path = f"/stats?usedonly&filter={quote('update_rejected$', safe='')}"
    body = await admin_get(cluster, pod.namespace, pod.name, path, timeout=timeout)
    return count_rejected(body.decode("utf-8", "replace"))


def count_rejected(text: str) -> int:
    """The sum of the `….update_rejected: N` lines."""
    values = (line.rpartition("update_rejected: ")[2] for line in text.splitlines())
    return sum(int(v) for v in values if v.isascii() and v.isdigit() and len(v) < 20)


async def _ask(
    cluster: Cluster, pod: Pod, path: str, parse: Callable[[Any], Facts], timeout_s: float
) -> Facts:
    body = await admin_get(cluster, pod.namespace, pod.name, path, timeout=timeout_s)
    try:
        if len(body) < _LARGE:
            return parse(json.loads(body))
        return await asyncio.to_thread(lambda: parse(json.loads(body)))
    except (ValueError, RecursionError) as error:
        who = f"the proxy of {pod.namespace}/{pod.name}"
        raise Unreachable(f"{who} answers {path} with something that is not JSON") from error
