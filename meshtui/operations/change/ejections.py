"""Versions that proxies have thrown out: more traffic to them reaches nobody, or panics."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from meshtui.changes.change import Caution, Change
from meshtui.changes.harm import gains
from meshtui.envoy.endpoints import ProxyEndpoint, parse_endpoints
from meshtui.errors import MeshtuiError
from meshtui.mesh.json_text import decode
from meshtui.mesh.model import DestinationRule, Mesh, Pod
from meshtui.mesh.quantity import number_of
from meshtui.mesh.signals import Sample
from meshtui.operations.change.verify import client_proxies
from meshtui.operations.change.written_objects import object_of

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

ASKED = 3
"""So many clients are asked: each ejects by what it saw itself, and a plan waits for them."""

WAIT_S = 1.5
GRAVE = 0.5
"""From this part of the endpoints on, to send more there is dangerous."""

HostAndSubset = tuple[str, str]


async def ejected(
    cluster: Cluster, mesh: Mesh, change: Change, sample: Sample | None
) -> tuple[Caution, ...]:
    """What clients' proxies have ejected of the versions that gain traffic.

    Nobody is asked where no outlier detection is configured; who does not answer says nothing.
    """
    places = [place for place in gains(mesh, change) if may_eject(mesh, place[0])]
    if not places:
        return ()
    item = object_of(mesh, change.target)
    owner = None if isinstance(item, DestinationRule) else item
    pods = client_proxies(mesh, change.service, owner, sample).pods[:ASKED]
    seen = await asyncio.gather(*(_endpoints(cluster, pod) for pod in pods))
    return tuple(_findings(places, zip(pods, seen, strict=True)))


def may_eject(mesh: Mesh, host: str) -> bool:
    """Whether any outlier detection is configured for the host."""
    rules = (r for r in mesh.destination_rules if r.host == host or r.host.startswith("*"))
    return any("outlierDetection" in json.dumps(rule.raw.get("spec")) for rule in rules)


async def _endpoints(cluster: Cluster, pod: Pod) -> tuple[ProxyEndpoint, ...]:
    from meshtui.envoy.admin import admin_get

    path = "/clusters?format=json"
    with suppress(MeshtuiError, ValueError):
        body = await admin_get(
            cluster, pod.namespace, pod.name, path, container=pod.proxy_container, timeout=WAIT_S
        )
        return parse_endpoints(decode(body))
    return ()


def _findings(
    places: Iterable[HostAndSubset], seen: Iterable[tuple[Pod, tuple[ProxyEndpoint, ...]]]
) -> Iterator[Caution]:
    known = list(seen)
    for host, subset in places:
        worst = max(
            (_ejected(endpoints, (host, subset), pod) for pod, endpoints in known),
            default=(0.0, ""),
        )
        if worst[0] > 0:
            yield Caution("danger" if worst[0] >= GRAVE else "warning", worst[1])


def _ejected(
    endpoints: Iterable[ProxyEndpoint], place: HostAndSubset, pod: Pod
) -> tuple[float, str]:
    """The part of a version's endpoints that one proxy has ejected, with the words for it."""
    mine = [
        e
        for e in endpoints
        if e.cluster.direction == "outbound" and (e.cluster.host, e.cluster.subset) == place
    ]
    out = sum(endpoint.ejected for endpoint in mine)
    if not out:
        return 0.0, ""
    name = place[1] or place[0].partition(".")[0]
    who = f"{pod.namespace}/{pod.name}"
    which = f"{out} of {number_of(len(mine), 'endpoint')}"
    return out / len(mine), f"{who} has ejected {which} of {name}"
