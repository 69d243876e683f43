"""Names of Envoy clusters, as istiod makes them of a port, a subset and a host."""

from __future__ import annotations

from meshtui.dataclass import dataclass
from meshtui.mesh.rules import first_name

VIP = "inbound-vip"
"""The direction of the clusters that a waypoint has of the services that it stands before."""


@dataclass(frozen=True, slots=True, order=True)
class ClusterName:
    """`outbound|9080|v1|reviews.default.svc.cluster.local`, taken apart.

    A name of another make ("BlackHoleCluster") has no `direction`; `raw` is always the whole name.
    A waypoint has the protocol before the subset, `http/v1`: that is no part of it.
    """

    raw: str
    direction: str = ""
    port: int = 0
    subset: str = ""
    host: str = ""

    @property
    def label(self) -> str:
        """What a person calls it: the subset, or the service's name."""
        return self.subset or first_name(self.host) or self.raw


def parse_cluster_name(name: str) -> ClusterName:
    """Either form: `outbound|9080|v1|host`, or `outbound_.9080_.v1_.host` of SNI routing."""
    for separator in ("|", "_."):
        parts = name.split(separator, 3)
        if len(parts) == 4 and parts[1].isascii() and parts[1].isdigit() and len(parts[1]) < 6:
            direction, port, subset, host = parts
            if direction == VIP:
                subset = subset.partition("/")[2]
            return ClusterName(name, direction, int(port), subset, host)
    return ClusterName(name)
