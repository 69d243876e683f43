"""Questions to one proxy, each by the narrowest query that answers it.

A whole config dump of a large mesh is 20 MB and takes the proxy more than a second.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

from meshtui.dataclass import dataclass
from meshtui.envoy.admin import admin_get
from meshtui.envoy.cluster_facts import parse_raw_clusters
from meshtui.envoy.clusters import MASK
from meshtui.envoy.dead_ends import parse_counts
from meshtui.envoy.listeners import ProxyListener, parse_listeners
from meshtui.envoy.stats import stats_filter
from meshtui.envoy.virtual_hosts import ProxyHost, RouteTable, parse_hosts, parse_tables
from meshtui.errors import Unreachable
from meshtui.mesh import read
from meshtui.mesh.json_text import decode
from meshtui.mesh.model import Json, Pod

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

Facts = TypeVar("Facts")

_LARGE = 256 * 1024
"""Bytes of JSON that are worth a thread, so that the screen goes on meanwhile."""

_TIMEOUT_S = 5.0
_DUMP_TIMEOUT_S = 60.0
_DUMP_LIMIT = 256 * 1024 * 1024


def sidecar_route_names(ports: Iterable[int]) -> str:
    """A `name_regex` for the RouteConfigurations a sidecar has for services on these ports.

    istiod calls them after the port, or after a host and the port. A gateway's have the port of
    the gateway in their name: do not narrow there.
    """
    return f"(.*:)?({_numbers(ports)})"


def sidecar_listener_names(ports: Iterable[int]) -> str:
    """The same for listeners: they are called after an address and the port."""
    return f".*_({_numbers(ports)})"


WAYPOINT_LISTENER = "main_internal"
"""The listener of a waypoint that has the chains of all services."""


def _numbers(ports: Iterable[int]) -> str:
    return "|".join(str(port) for port in sorted(set(ports)))


def _named(path: str, name_regex: str) -> str:
    return f"{path}&name_regex={quote(name_regex, safe='')}" if name_regex else path


_CLUSTER = r"(outbound|inbound-vip)\|\d+\|[^|]*\|"
"""What the clusters of a service begin with; a waypoint has its own name for them."""


def _of_host(host: str) -> str:
    return rf"{_CLUSTER}{re.escape(host)}" if host else ""


def _of_hosts(hosts: Iterable[str]) -> str:
    names = "|".join(re.escape(host) for host in sorted(set(hosts)))
    return rf"{_CLUSTER}({names})"


@dataclass(frozen=True, slots=True)
class AdminResponse(Generic[Facts]):
    """What was asked, what it means, and the JSON as it came."""

    path: str
    facts: Facts
    body: bytes


def routes_path(name_regex: str = "") -> str:
    return _named("/config_dump?resource=dynamic_route_configs", name_regex)


INLINE_ROUTES_PATH = "/config_dump?resource=static_route_configs"
"""RouteConfigurations that stand inside of listeners: inbound ones, and a waypoint's.

`name_regex` picks none of them.
"""


def listeners_path(name_regex: str = "") -> str:
    return _named("/config_dump?resource=dynamic_listeners", name_regex)


def clusters_path(host: str = "") -> str:
    """The clusters of one host, of all without one."""
    return _named(f"/config_dump?resource=dynamic_active_clusters&mask={MASK}", _of_host(host))


def endpoints_path(host: str = "") -> str:
    """Older Envoys do not know `filter` and answer with all of them."""
    narrowed = f"&filter={quote(f'^{_of_host(host)}$', safe='')}" if host else ""
    return f"/clusters?format=json{narrowed}"


def stats_path(names: Iterable[str] = ()) -> str:
    """The gauges and overflows of these clusters; of all that were ever used, without names."""
    chosen = tuple(names)
    used = "" if chosen else "usedonly&"
    return f"/stats?{used}format=json&filter={quote(stats_filter(chosen), safe='')}"


async def read_tables(
    cluster: Cluster,
    pod: Pod,
    *,
    name_regex: str = "",
    inline: bool = False,
    timeout: float = _TIMEOUT_S,  # noqa: ASYNC109
) -> tuple[RouteTable, ...]:
    """The proxy's RouteConfigurations, virtual hosts without routes too. Errors as `admin_get`.

    With `inline` those that stand inside of listeners.
    """
    path = INLINE_ROUTES_PATH if inline else routes_path(name_regex)
    return (await ask(cluster, pod, path, parse_tables, timeout)).facts


async def read_listeners(
    cluster: Cluster,
    pod: Pod,
    *,
    name_regex: str = "",
    timeout: float = _TIMEOUT_S,  # noqa: ASYNC109
) -> tuple[ProxyListener, ...]:
    """The listeners in force. Errors as `admin_get`."""
    return (await ask(cluster, pod, listeners_path(name_regex), parse_listeners, timeout)).facts


async def read_hosts(
    cluster: Cluster,
    pod: Pod,
    *,
    name_regex: str = "",
    inline: bool = False,
    timeout: float = _TIMEOUT_S,  # noqa: ASYNC109
) -> tuple[ProxyHost, ...]:
    """The proxy's virtual hosts, with their routes as the config dump has them.

    With `inline` those that stand inside of listeners, all of them.
    """
    path = INLINE_ROUTES_PATH if inline else routes_path(name_regex)
    return (await ask(cluster, pod, path, parse_hosts, timeout)).facts


async def read_clusters(
    cluster: Cluster,
    pod: Pod,
    hosts: Iterable[str],
    *,
    timeout: float = _TIMEOUT_S,  # noqa: ASYNC109
) -> dict[str, Json]:
    """The outbound clusters of some hosts by name, as the config dump has them."""
    path = _named("/config_dump?resource=dynamic_active_clusters", _of_hosts(hosts))
    return (await ask(cluster, pod, path, parse_raw_clusters, timeout)).facts


async def read_counts(
    cluster: Cluster,
    pod: Pod,
    hosts: Iterable[str],
    *,
    timeout: float = _TIMEOUT_S,  # noqa: ASYNC109
) -> dict[str, int]:
    """How many endpoints each cluster of some hosts has, by the cluster's name."""
    narrowed = quote(f"^{_of_hosts(hosts)}$", safe="")
    path = f"/clusters?format=json&filter={narrowed}"
    return (await ask(cluster, pod, path, parse_counts, timeout)).facts


async def read_version(
    cluster: Cluster,
    pod: Pod,
    *,
    timeout: float = _TIMEOUT_S,  # noqa: ASYNC109
) -> tuple[int, int] | None:
    """The Envoy's version, as (1, 40); None where it does not say it. Errors as `admin_get`."""
    return (await ask(cluster, pod, "/server_info", parse_version, timeout)).facts


def parse_version(info: Any) -> tuple[int, int] | None:
    """Of `9e55…/1.40.0/Clean/RELEASE/BoringSSL`."""
    found = re.fullmatch(r"[^/]*/([0-9]{1,4})\.([0-9]{1,4})[.-].*", read.text(info, "version"))
    return (int(found[1]), int(found[2])) if found else None


async def read_dump(
    cluster: Cluster,
    pod: Pod,
    *,
    timeout: float = _DUMP_TIMEOUT_S,  # noqa: ASYNC109
) -> bytes:
    """Everything the proxy is configured with, endpoints too, as it came; certificates' keys are
    redacted by Envoy.
    """
    path = "/config_dump?include_eds"
    body = await admin_get(
        cluster, pod.namespace, pod.name, path, timeout=timeout, limit=_DUMP_LIMIT
    )
    await _parsed(pod, path, body, lambda _: None)
    return body


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


async def ask(
    cluster: Cluster,
    pod: Pod,
    path: str,
    parse: Callable[[Any], Facts],
    timeout_s: float = _TIMEOUT_S,
) -> AdminResponse[Facts]:
    """One question. Errors as `admin_get`; a large answer is read beside the loop."""
    body = await admin_get(cluster, pod.namespace, pod.name, path, timeout=timeout_s)
    return AdminResponse(path, await _parsed(pod, path, body, parse), body)


async def _parsed(pod: Pod, path: str, body: bytes, parse: Callable[[Any], Facts]) -> Facts:
    try:
        if len(body) < _LARGE:
            return parse(decode(body))
        return await asyncio.to_thread(lambda: parse(decode(body)))
    except (ValueError, RecursionError) as error:
        who = f"the proxy of {pod.namespace}/{pod.name}"
        raise Unreachable(f"{who} answers {path} with something that is not JSON") from error
