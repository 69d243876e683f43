"""Where a connection goes, by a proxy's own listeners, as Envoy chooses a filter chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from meshtui.envoy.clusternames import parse_cluster_name
from meshtui.envoy.listeners import EVERYTHING, FilterChain, ProxyListener
from meshtui.envoy.trace import Followed
from meshtui.mesh.decision import Decision, Tried
from meshtui.mesh.effects import Effects, Odds
from meshtui.mesh.request import Request, best_domain, rank
from meshtui.mesh.trace_connections import NO_CHAIN, subnet_length

_ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104
REST = "virtualOutbound"
"""The listener for what no other is for; its last chain is as outboundTrafficPolicy says."""

NO_LISTENER = "the proxy has no listener for the port"


def trace_connection(
    listeners: Sequence[ProxyListener],
    request: Request,
    port: int,
    addresses: Sequence[str],
    named: str = "",
) -> Followed:
    """The chain that takes a connection to a port of one of some addresses.

    A waypoint has one for each port of a service, called by its name, `named`.
    """
    found = _with_chain(listeners, named) if named else _listener(listeners, port, addresses)
    rest = found is not None and found.name == REST
    if found is None:
        return Followed(Decision(notes=(NO_LISTENER,), port=port))
    name = request.hostname if request.scheme == "https" else ""
    ranked = [
        (fit, chain)
        for chain in found.chains
        if chain.clusters and not chain.http_only and (chain.match == EVERYTHING or not rest)
        for fit in [_fit(chain, name, addresses)]
        if fit is not None
    ]
    if not ranked:
        return Followed(Decision(found.name, notes=(NO_CHAIN,), port=port))
    chain = max(ranked, key=lambda pair: pair[0])[1]
    total = sum(weight for _, weight in chain.clusters)
    effects = Effects(
        destinations=tuple(
            _odds(cluster, 100.0 * weight / total if total else 0.0)
            for cluster, weight in chain.clusters
        ),
        connection=True,
    )
    return Followed(
        Decision(found.name, taken=Tried(None, chain.match), effects=effects, port=port)
    )


def _listener(
    listeners: Sequence[ProxyListener], port: int, addresses: Sequence[str]
) -> ProxyListener | None:
    """That of the address itself before that of all addresses."""
    outbound = [one for one in listeners if one.direction != "inbound" and one.chains]
    own = [one for one in outbound if one.port == port]
    exact = [one for one in own if set(one.addresses) & set(addresses)]
    every = [one for one in own if set(one.addresses) & _ANY_ADDRESS]
    rest = [one for one in listeners if one.name == REST]
    return next(iter([*exact, *every, *rest]), None)


def _with_chain(listeners: Sequence[ProxyListener], name: str) -> ProxyListener | None:
    for one in listeners:
        for chain in one.chains:
            if chain.name == name:
                return replace(one, chains=(chain,))
    return None


def _fit(
    chain: FilterChain, name: str, addresses: Sequence[str]
) -> tuple[tuple[int, int], int] | None:
    """How exactly a chain fits; None where it does not."""
    named = best_domain([known.lower() for known in chain.server_names], name) if name else None
    if chain.server_names and named is None:
        return None
    lengths = [subnet_length(subnet, address) for subnet in chain.subnets for address in addresses]
    longest = max((length for length in lengths if length is not None), default=None)
    if chain.subnets and longest is None:
        return None
    return rank(named) if named is not None else (-1, 0), longest or 0


def _odds(cluster: str, percent: float) -> Odds:
    name = parse_cluster_name(cluster)
    return Odds(name.host, name.subset, name.port, percent, cluster)
