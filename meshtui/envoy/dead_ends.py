"""Whether routes lead anywhere: the clusters that they name, and the endpoints behind these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from meshtui.envoy.clusternames import parse_cluster_name
from meshtui.envoy.compare import Pair
from meshtui.mesh import read
from meshtui.mesh.model import HttpRoute
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
    found = (parse_cluster_name(name).host for name, _, _ in _named(pairs))
    return tuple(sorted({host for host in found if host}))


def unreachable(pairs: Iterable[Pair], view: View, counts: Counts) -> tuple[str, ...]:
    """The clusters that routes name and the proxy has not, as differences.

    A backend of the Gateway API that is none has no cluster: that is what was asked for.
    """
    named = [one for one in _named(pairs) if not _is_no_backend(one[2], view, one[0])]
    return tuple(
        dict.fromkeys(
            f"{what} {parse_cluster_name(name).label}, and the proxy has no cluster {name}"
            + (f": {why}" if (why := view.reach(name).missing) else "")
            for name, what, _ in named
            if name not in counts
        )
    )


def unanswered(pairs: Iterable[Pair], view: View, counts: Counts) -> tuple[str, ...]:
    """The clusters that routes name and that have no endpoint: known, but worth a word."""
    found = list(_named(pairs))
    none = (
        f"{what} {parse_cluster_name(name).label}, which is no backend, and are answered 500: "
        f"{view.reach(name).missing}"
        for name, what, pair in found
        if name not in counts and _is_no_backend(pair, view, name)
    )
    empty = (
        f"{parse_cluster_name(name).label} has no endpoint in the proxy: what is sent there "
        "is answered 503"
        for name, _, _ in found
        if counts.get(name) == 0 and not _by_address(view, name)
    )
    return tuple(dict.fromkeys((*none, *empty)))


def _is_no_backend(pair: Pair, view: View, name: str) -> bool:
    """Whether a route of the Gateway API names something that is not there, by the objects."""
    holder = pair.asked.holder if pair.asked else None
    of_api = holder is not None and isinstance(holder.service, HttpRoute)
    return of_api and bool(view.reach(name).missing)


def _by_address(view: View, name: str) -> bool:
    """Where callers choose the address themselves there are endpoints only while they are used."""
    cluster = view.reach(name).cluster
    return cluster is not None and cluster.by_address


def _named(pairs: Iterable[Pair]) -> Iterator[tuple[str, str, Pair]]:
    """Each cluster with what goes there, by the routes that should be."""
    for pair in pairs:
        if pair.asked is not None:
            for target in pair.asked.targets:
                yield target.cluster, f"{target.share * 100:.4g} % of the requests go to", pair
            for mirror in pair.asked.mirrors:
                yield mirror.cluster, "copies go to", pair
