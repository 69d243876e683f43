"""How the proxies of some pods stand with the control plane, as they say themselves."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from meshtui.diagnosis.proxy_sync import ProxyAnswer
from meshtui.errors import MeshtuiError, NotAllowed
from meshtui.mesh.model import Pod
from meshtui.metrics.exposition import is_exposition, points, read_labels
from meshtui.metrics.scrape import AGENT_PORT, ENVOY_PORT
from meshtui.operations.look.proxy_counters import Counters, counters_of

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

NO_WAY = (
    "no way to ask it is allowed: get on pods/proxy is enough; get and create on "
    "pods/portforward, or on pods/exec, tell more"
)
"""Of every proxy in the same words, so that they are said once."""

_CONCURRENCY = 8
_TIMEOUT_S = 5.0

CONNECTED = ".upstream_rq_active"
"""Of the cluster `xds-grpc`: the stream that a proxy of Istio has its configuration from. What
Envoy itself has for it (`control_plane.connected_state`), Istio's proxies do not keep."""

REJECTED = ".update_rejected"
_FILTER = (
    r"^(cluster\.xds-grpc;?\.upstream_rq_active|"
    r"(cluster_manager\.cds|listener_manager\.lds|.*rds\..*)\.update_rejected)$"
)


async def read_answers(
    cluster: Cluster, pods: Sequence[Pod], most: int
) -> dict[tuple[str, str], ProxyAnswer]:
    """What each proxy says of itself, by its place; at most `most` are asked.

    Where neither port-forward nor exec is allowed, by its statistics through the API server's pod
    proxy. Raises no `MeshtuiError`: each has its own.
    """
    found = await counters_of(cluster, pods[:most], _FILTER)
    gate = asyncio.Semaphore(_CONCURRENCY)

    async def answered(one: Counters) -> ProxyAnswer:
        if not one.denied:
            return answer_of(one)
        async with gate:
            return await _scraped(cluster, one)

    answers = await asyncio.gather(*map(answered, found))
    places = [(pod.namespace, pod.name) for pod in pods]
    unasked = ProxyAnswer(trouble=f"not asked, as one of more than {most}: -n narrows it")
    return dict.fromkeys(places, unasked) | dict(zip(places, answers, strict=False))


def answer_of(one: Counters) -> ProxyAnswer:
    """`listener_manager.lds.update_rejected`: the type is the part before the last."""
    rejected: Counter[str] = Counter()
    for name, count in one.counts.items():
        if name.endswith(REJECTED):
            rejected[_type_of(name)] += count
    streams = [count for name, count in one.counts.items() if name.endswith(CONNECTED)]
    refused = {kind: count for kind, count in rejected.items() if count}
    connected = any(streams) if streams else None
    return ProxyAnswer(connected, refused, one.trouble, counts=bool(rejected))


def _type_of(name: str) -> str:
    return next((kind for kind in ("CDS", "LDS") if f".{kind.lower()}." in name), "RDS")


_STREAM = "envoy_cluster_upstream_rq_active"
_REFUSED = {
    "envoy_cluster_manager_cds_update_rejected": "CDS",
    "envoy_listener_manager_lds_update_rejected": "LDS",
}
_QUERY = {"filter": r"xds-grpc.*upstream_rq_active|[cl]ds\.update_rejected"}


async def _scraped(cluster: Cluster, one: Counters) -> ProxyAnswer:
    """The agent's port, then Envoy's own; why not, where neither answers."""
    pod, allowed = one.pod, False
    for port in (AGENT_PORT, ENVOY_PORT):
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}:{port}/proxy/stats/prometheus"
        try:
            text = await cluster.get_text(path, _QUERY, timeout=_TIMEOUT_S)
        except NotAllowed:
            continue
        except MeshtuiError:
            allowed = True
            continue
        allowed = True
        if is_exposition(text):
            return parse_scraped(text)
    return ProxyAnswer(trouble=one.trouble if allowed else NO_WAY)


def parse_scraped(text: str) -> ProxyAnswer:
    """The same of a proxy's statistics in Prometheus' format."""
    streams = [
        point.value
        for point in points(text, [_STREAM])
        if read_labels(point.labels).get("cluster_name", "").startswith("xds-grpc")
    ]
    found = [point for point in points(text, _REFUSED) if 0 <= point.value < float("inf")]
    rejected: Counter[str] = Counter()
    for point in found:
        rejected[_REFUSED[point.name]] += int(point.value)
    refused = {kind: count for kind, count in rejected.items() if count}
    connected = any(value > 0 for value in streams) if streams else None
    return ProxyAnswer(connected, refused, counts=bool(found))
