"""Whether routes lead anywhere: the clusters that they name, and the endpoints behind these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from meshtui.envoy.clusternames import parse_cluster_name
from meshtui.envoy.compare import Pair
from meshtui.mesh import read
from meshtui.mesh.resolution import View

Counts = Mapping[str, int]
"""How many endpoints each of a proxy's clusters has, by the cluster's name."""


def parse_counts(status: Any) -> dict[str, int]:
    """From `/clusters?format=json`: clusters in use, those without endpoints too."""
    return {
        read.text(cluster, "name"): len(read.objects(cluster, "host_statuses"))
        for cluster in read.objects(status, "cluster_statuses")
    }


def hosts_behind(pairs: Iterable[Pair]) -> tuple[str, ...]:
    """The hosts whose clusters some routes name."""
    found = (parse_cluster_name(name).host for name, _ in _named(pairs))
    return tuple(sorted({host for host in found if host}))


def unreachable(pairs: Iterable[Pair], view: View, counts: Counts) -> tuple[str, ...]:
    """The clusters that routes name and the proxy has not, as differences."""
    return tuple(
        dict.fromkeys(
            f"{what} {parse_cluster_name(name).label}, and the proxy has no cluster {name}"
            + (f": {why}" if (why := view.reach(name).missing) else "")
            for name, what in _named(pairs)
            if name not in counts
        )
    )


def unanswered(pairs: Iterable[Pair], view: View, counts: Counts) -> tuple[str, ...]:
    """The clusters that routes name and that have no endpoint: known, but worth a word."""
    return tuple(
        dict.fromkeys(
            f"{parse_cluster_name(name).label} has no endpoint in the proxy: what is sent there "
            "is answered 503"
            for name, _ in _named(pairs)
            if counts.get(name) == 0 and not _by_address(view, name)
        )
    )


def _by_address(view: View, name: str) -> bool:
    """Where callers choose the address themselves there are endpoints only while they are used."""
    cluster = view.reach(name).cluster
    return cluster is not None and cluster.by_address


def _named(pairs: Iterable[Pair]) -> Iterator[tuple[str, str]]:
    """Each cluster with what goes there, by the routes that should be."""
    for pair in pairs:
        if pair.asked is not None:
            for target in pair.asked.targets:
                yield target.cluster, f"{target.share * 100:.4g} % of the requests go to"
            for mirror in pair.asked.mirrors:
                yield mirror.cluster, "copies go to"
