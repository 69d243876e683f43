"""How the proxies of some pods stand with the control plane, as they say themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meshtui.diagnosis.refused_config import RefusedConfigs, kinds_words
from meshtui.mesh.model import Pod
from meshtui.operations.look.proxy_counters import counters_of

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

MOST_PODS = 50

CONNECTED = ".upstream_rq_active"
"""Of the cluster `xds-grpc`: the stream that a proxy of Istio has its configuration from. What
Envoy itself has for it (`control_plane.connected_state`), Istio's proxies do not keep."""

REJECTED = ".update_rejected"
_FILTER = (
    r"^(cluster\.xds-grpc;?\.upstream_rq_active|"
    r"(cluster_manager\.cds|listener_manager\.lds|.*rds\..*)\.update_rejected)$"
)


@dataclass(frozen=True, slots=True)
class ProxyStatus:
    """One proxy: whether it is connected to istiod (None: it does not say), and how many updates
    it has refused since it started. `refuses` is what it refuses now, by istiod's count: of routes
    the proxy itself does not tell. `trouble` says why it could not be asked."""

    pod: Pod
    connected: bool | None = None
    rejected: int = 0
    trouble: str = ""
    known: bool = True
    refuses: str = ""

    @property
    def words(self) -> str:
        if self.refuses:
            return f"refuses {self.refuses}"
        if self.trouble:
            return "not read"
        if not self.known:
            return "does not say"
        if self.connected is False:
            return "NOT connected"
        if self.rejected:
            return f"refused {self.rejected}×"
        return "in sync" if self.connected else "none refused"

    @property
    def well(self) -> bool:
        return self.words in ("in sync", "none refused")


async def read_statuses(cluster: Cluster, pods: Iterable[Pod]) -> tuple[ProxyStatus, ...]:
    """Of at most `MOST_PODS` proxies. Raises no `MeshtuiError`: each has its own."""
    asked = [pod for pod in pods if pod.sidecar][:MOST_PODS]
    found = await counters_of(cluster, asked, _FILTER)
    return tuple(
        ProxyStatus(one.pod, trouble=one.trouble) if one.trouble else status_of(one.pod, one.counts)
        for one in found
    )


def with_refused(
    statuses: Iterable[ProxyStatus], refused: RefusedConfigs
) -> tuple[ProxyStatus, ...]:
    """With what istiod counts, where a proxy still refuses it."""
    found = []
    for status in statuses:
        one = refused.of(status.pod.namespace, status.pod.name)
        kinds = kinds_words(one.kinds) if one is not None and one.still else ""
        found.append(replace(status, refuses=kinds) if kinds else status)
    return tuple(found)


def status_of(pod: Pod, counters: Mapping[str, int]) -> ProxyStatus:
    streams = [count for name, count in counters.items() if name.endswith(CONNECTED)]
    refusals = [count for name, count in counters.items() if name.endswith(REJECTED)]
    connected = any(streams) if streams else None
    return ProxyStatus(pod, connected, sum(refusals), known=bool(streams or refusals))
