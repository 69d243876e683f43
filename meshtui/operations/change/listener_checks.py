"""Asking a proxy's listeners whether its connections go where they should."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from meshtui.envoy.clusternames import parse_cluster_name
from meshtui.envoy.compare import ABSENT, IN_SYNC, OLD, Verdict
from meshtui.envoy.compare_chains import (
    clusters_of,
    compare_port,
    refused_listeners,
    unanswered_ends,
    unreachable_ends,
)
from meshtui.mesh.model import Pod
from meshtui.mesh.resolution import View
from meshtui.mesh.touched_ports import PortChains, TouchedPort

if TYPE_CHECKING:
    from meshtui.envoy.listeners import ProxyListener
    from meshtui.kube.cluster import Cluster

_TIMEOUT_S = 3.0


async def check_ports(
    cluster: Cluster, pod: Pod, view: View, touched: Collection[TouchedPort]
) -> tuple[Verdict, tuple[str, ...]]:
    """What the proxy's listeners have against what they should have, and what is worth a word.

    Whether the chains lead anywhere is asked for only once they are as they should be.
    """
    listeners = await read_ports(cluster, pod, (side for one in touched for side in one.both))
    verdict = worst_of(compare_port(one, listeners) for one in touched)
    if not verdict.in_sync:
        return verdict, refused_listeners(touched, listeners)
    ports = [one.after for one in touched if one.after]
    counts = await read_ends(cluster, pod, ports)
    if missing := unreachable_ends(ports, view, counts):
        return Verdict(OLD, missing), ()
    return verdict, unanswered_ends(ports, view, counts)


async def read_ports(
    cluster: Cluster, pod: Pod, ports: Iterable[PortChains]
) -> tuple[ProxyListener, ...]:
    """The listeners on these ports, on whatever address."""
    from meshtui.envoy.proxy import WAYPOINT_LISTENER, read_listeners, sidecar_listener_names

    known = tuple(ports)
    names = sidecar_listener_names({port.port for port in known})
    if any(port.chain for port in known):
        names = f"{names}|{WAYPOINT_LISTENER}"
    return await read_listeners(cluster, pod, name_regex=names, timeout=_TIMEOUT_S)


async def read_ends(cluster: Cluster, pod: Pod, ports: Iterable[PortChains]) -> dict[str, int]:
    """How many endpoints the proxy has in each cluster of the hosts that the chains name."""
    from meshtui.envoy.proxy import read_counts

    hosts = {parse_cluster_name(name).host for name in clusters_of(ports)} - {""}
    return await read_counts(cluster, pod, hosts, timeout=_TIMEOUT_S) if hosts else {}


def worst_of(verdicts: Iterable[Verdict]) -> Verdict:
    """All differences; absent only where nothing of it is there at all."""
    known = tuple(verdicts)
    differences = tuple(dict.fromkeys(text for one in known for text in one.differences))
    states = {one.state for one in known}
    if states == {ABSENT}:
        return Verdict(ABSENT, differences)
    return Verdict(OLD if states - {IN_SYNC} else IN_SYNC, differences)
