"""The key of a service in one of several clusters, for what shows them beside each other."""

from __future__ import annotations

from typing import Any

from meshtui.mesh.model import ServiceKey


class PlacedKey(ServiceKey):
    """Tells services of two clusters apart, and finds its own among the plain keys of its cluster.

    Two of them are equal only in the same cluster; beside a plain key the cluster does not count,
    as within a cluster nobody names it. So the keys of what spans clusters are all placed: plain
    and placed ones in one map would find each other.
    """

    cluster: str

    def __new__(cls, key: ServiceKey, cluster: str) -> PlacedKey:
        made = super().__new__(cls, key.namespace, key.name)
        made.cluster = cluster
        return made

    def __eq__(self, other: object) -> bool:
        return tuple.__eq__(self, other) is True and cluster_of(other, self.cluster) == self.cluster

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = ServiceKey.__hash__

    def __str__(self) -> str:
        return f"{self.name}.{self.namespace} in {self.cluster}"

    def __reduce__(self) -> Any:
        return PlacedKey, (plain(self), self.cluster)


def cluster_of(key: object, otherwise: str = "") -> str:
    """The cluster of a placed key; of any other `otherwise`."""
    return key.cluster if isinstance(key, PlacedKey) else otherwise


def plain(key: ServiceKey) -> ServiceKey:
    """The key as its own cluster knows it."""
    return ServiceKey(key.namespace, key.name) if isinstance(key, PlacedKey) else key


def placed(key: ServiceKey, cluster: str) -> ServiceKey:
    """The key in a cluster; where there is only one (`cluster` empty) as it is."""
    return PlacedKey(key, cluster) if cluster else key
