"""Does a proxy's listener send connections where the objects ask for? Filter chains, held whole.

What is asked for are the chains that istiod makes of the objects for this client; each is found
again in the listener by what it takes (server names and networks), and held against it with its
clusters and weights. Chains have no name of their rule.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from meshtui.dataclass import dataclass
from meshtui.envoy.clusternames import parse_cluster_name
from meshtui.envoy.compare import ABSENT, IN_SYNC, OLD, Verdict
from meshtui.envoy.listeners import ProxyListener
from meshtui.mesh.resolution import Chain, View
from meshtui.mesh.touched_ports import PortChains, TouchedPort

ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104
_NOBODY = frozenset({"PassthroughCluster", "BlackHoleCluster"})
"""Where a listener sends what no chain of a service takes."""

Takes = tuple[tuple[str, ...], tuple[str, ...]]
"""What a chain takes: server names and networks, each sorted, each empty for any."""

Shares = Mapping[str, float]
"""The part of the connections that each cluster gets, 0 to 1."""


@dataclass(frozen=True, slots=True)
class _Served:
    shares: Shares
    conditions: tuple[str, ...] = ()
    """What the chain asks for beside names and networks."""


def listeners_for(port: PortChains, listeners: Iterable[ProxyListener]) -> list[ProxyListener]:
    """The listeners that take connections to the port: on its addresses, else on all.

    Of a waypoint's listener for everything only the port's own chain.
    """
    if port.chain:
        mine = ((one, [c for c in one.chains if c.name == port.chain]) for one in listeners)
        return [replace(one, chains=tuple(chains)) for one, chains in mine if chains]
    able = [one for one in listeners if one.port == port.port and one.direction != "inbound"]
    wanted = set(port.addresses)
    names = {f"{address}_{port.port}" for address in wanted}
    own = [one for one in able if wanted & set(one.addresses) or one.name in names]
    return own or [one for one in able if ANY_ADDRESS & set(one.addresses)]


def compare_port(touched: TouchedPort, listeners: Collection[ProxyListener]) -> Verdict:
    """Whether the proxy does with connections to a port what it should."""
    known = touched.after or touched.before
    if known is None:
        return Verdict(IN_SYNC)
    found = listeners_for(known, listeners)
    if touched.after is None:
        return _gone(known, found)
    if not any(one.chains for one in found):
        return Verdict(ABSENT, (f"the proxy has no listener for {_title(known)}",))
    differences = [text for one in found for text in _differences(touched, one)]
    return Verdict(OLD if differences else IN_SYNC, tuple(dict.fromkeys(differences)))


def refused_listeners(
    touched: Iterable[TouchedPort], listeners: Collection[ProxyListener]
) -> tuple[str, ...]:
    """With which words the proxy refused newer listeners, where it has them."""
    ports = [side for one in touched for side in one.both]
    words = (one.refused for port in ports for one in listeners_for(port, listeners))
    return tuple(dict.fromkeys(f"the proxy refused a newer listener: {w}" for w in words if w))


def _gone(port: PortChains, found: Iterable[ProxyListener]) -> Verdict:
    asked = _asked(port)
    still = [
        _words(takes)
        for one in found
        for takes, served in _served(one).items()
        if takes in asked and _same(asked[takes], served.shares)
    ]
    differences = [f"connections{words} still go as before" for words in dict.fromkeys(still)]
    return Verdict(OLD if differences else IN_SYNC, tuple(differences))


def _differences(touched: TouchedPort, listener: ProxyListener) -> Iterator[str]:
    known = touched.after
    if known is None:
        return
    asked, served = _asked(known), _served(listener)
    own = not ANY_ADDRESS & set(listener.addresses)
    for takes, shares in asked.items():
        there = served.get(takes)
        if there is None:
            yield f"{_title(known)}: the listener has no chain for connections{_words(takes)}"
            continue
        if not _same(shares, there.shares):
            yield (
                f"{_title(known)}: connections{_words(takes)} go to {_shown(there.shares)}, "
                f"asked {_shown(shares)}"
            )
        for condition in there.conditions:
            yield f"{_title(known)}: the chain{_words(takes)} asks for {condition}, too"
    before = _asked(touched.before) if touched.before else {}
    for takes in served:
        if takes not in asked and (own or takes in before):
            yield (
                f"{_title(known)}: the listener has one more chain, for connections{_words(takes)}"
            )


def _asked(port: PortChains) -> dict[Takes, Shares]:
    """Of two chains for the same connections the first counts."""
    found: dict[Takes, Shares] = {}
    for chain in port.chains:
        networks = chain.subnets or port.networks
        found.setdefault(_takes(chain.server_names, networks), _shares_of(chain))
    return found


def _shares_of(chain: Chain) -> dict[str, float]:
    found: dict[str, float] = {}
    for target in chain.targets:
        found[target.cluster] = found.get(target.cluster, 0.0) + target.share
    return found


def _served(listener: ProxyListener) -> dict[Takes, _Served]:
    found: dict[Takes, _Served] = {}
    for chain in listener.chains:
        total = sum(weight for _, weight in chain.clusters)
        if not chain.clusters or chain.http_only or {n for n, _ in chain.clusters} <= _NOBODY:
            continue
        shares: dict[str, float] = {}
        for name, weight in chain.clusters:
            shares[name] = shares.get(name, 0.0) + (weight / total if total else 0.0)
        takes = _takes(chain.server_names, chain.subnets)
        found.setdefault(takes, _Served(shares, chain.others))
    return found


def _takes(names: Iterable[str], networks: Iterable[str]) -> Takes:
    return tuple(sorted({name.lower() for name in names})), tuple(sorted(map(_network, networks)))


def _network(written: str) -> str:
    try:
        return str(ipaddress.ip_network(written, strict=False))
    except ValueError:
        return written


def _same(one: Shares, other: Shares) -> bool:
    names = one.keys() | other.keys()
    return all(abs(one.get(name, 0.0) - other.get(name, 0.0)) < 1e-6 for name in names)


def _title(port: PortChains) -> str:
    short = port.addresses or port.chain
    return f"{port.title.partition('.')[0]}:{port.port}" if short else port.title


def _words(takes: Takes) -> str:
    names, networks = takes
    parts = [f" for {', '.join(names)}"] if names else []
    parts += [f" to {', '.join(networks)}"] if networks else []
    return "".join(parts)


def _shown(shares: Shares) -> str:
    return ", ".join(
        f"{parse_cluster_name(name).label or name} {100 * share:.4g} %"
        for name, share in shares.items()
    )


def clusters_of(ports: Iterable[PortChains]) -> dict[str, float]:
    """The clusters that the chains name, each with the most that one of them sends there."""
    return {name: share for name, (share, _) in _ends(ports).items()}


def _ends(ports: Iterable[PortChains]) -> dict[str, tuple[float, bool]]:
    """Beside the most that one chain sends there, whether only routes of the Gateway API do."""
    found: dict[str, tuple[float, bool]] = {}
    for port in ports:
        for chain in port.chains:
            of_api = chain.ruling is not None and chain.ruling.gateway_api
            for name, share in _shares_of(chain).items():
                most, others = found.get(name, (0.0, True))
                found[name] = max(share, most), of_api and others
    return found


def _no_backends(ports: Iterable[PortChains], view: View) -> set[str]:
    """What routes of the Gateway API name and is not there, by the objects."""
    ends = _ends(ports).items()
    return {name for name, (_, of_api) in ends if of_api and view.reach(name).missing}


def unreachable_ends(
    ports: Collection[PortChains], view: View, counts: Mapping[str, int]
) -> tuple[str, ...]:
    """The clusters that the chains name and the proxy has not, as differences.

    A backend of the Gateway API that is none has no cluster: that is what was asked for.
    """
    none = _no_backends(ports, view)
    return tuple(
        f"{share * 100:.4g} % of the connections go to {parse_cluster_name(name).label}, and the "
        f"proxy has no cluster {name}" + (f": {why}" if (why := view.reach(name).missing) else "")
        for name, share in clusters_of(ports).items()
        if name not in counts and name not in none
    )


def unanswered_ends(
    ports: Collection[PortChains], view: View, counts: Mapping[str, int]
) -> tuple[str, ...]:
    """What is closed behind the chains: known, but worth a word."""
    ends, none = clusters_of(ports), _no_backends(ports, view)
    closed = (
        f"{ends[name] * 100:.4g} % of the connections go to {parse_cluster_name(name).label}, "
        f"which is no backend, and are closed: {view.reach(name).missing}"
        for name in ends
        if name in none and name not in counts
    )
    empty = (
        f"{parse_cluster_name(name).label} has no endpoint in the proxy: what is sent there is "
        "closed"
        for name in ends
        if counts.get(name) == 0 and not _by_address(view, name)
    )
    return (*closed, *empty)


def _by_address(view: View, name: str) -> bool:
    cluster = view.reach(name).cluster
    return cluster is not None and cluster.by_address
