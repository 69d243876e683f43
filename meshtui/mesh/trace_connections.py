"""Where a connection goes on a port that is no HTTP: by its TLS name and its address."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from meshtui.mesh.conditions import ConditionResult
from meshtui.mesh.decision import Decision, Tried
from meshtui.mesh.effects import Effects, odds
from meshtui.mesh.request import Request, best_domain, rank
from meshtui.mesh.resolution import Chain
from meshtui.mesh.trace_entries import DEFAULT, place_title

NO_CHAIN = "no rule takes the connection: the proxy closes it (NR)"
Fit = tuple[tuple[int, int], int]
"""How exactly a chain fits: its name's rank, then the length of its subnet."""


def connection(
    chains: Sequence[Chain], host: str, addresses: Iterable[str], port: int, request: Request
) -> tuple[Decision, Chain | None]:
    """Which chain takes the connection that a request comes in, and what is said of it."""
    name = request.hostname if request.scheme == "https" else ""
    fits = [_fit(chain, name, tuple(addresses)) for chain in chains]
    best = max((fit for fit in fits if not isinstance(fit, ConditionResult)), default=None)
    place = fits.index(best) if best is not None else None
    above = tuple(
        Tried(_owner(chain), _title(chain), fit.holds, fit.why, _match(chain))
        for chain, fit in zip(chains[:place], fits, strict=False)
        if isinstance(fit, ConditionResult)
    )
    if place is None:
        return Decision(host, above, notes=(NO_CHAIN,), port=port), None
    chain = chains[place]
    taken = Tried(_owner(chain), _title(chain), match=_match(chain))
    effects = Effects(destinations=tuple(map(odds, chain.targets)), connection=True)
    return Decision(host, above, taken, effects, port=port), chain


def _fit(chain: Chain, name: str, addresses: Sequence[str]) -> Fit | ConditionResult:
    """How exactly a connection fits; where it does not, or nobody knows, why."""
    named = best_domain([known.lower() for known in chain.server_names], name) if name else None
    if chain.server_names and named is None:
        asked = " or ".join(chain.server_names)
        return ConditionResult(False, f"the TLS name is {name or 'absent'}, asks {asked}")
    lengths = [subnet_length(subnet, address) for subnet in chain.subnets for address in addresses]
    longest = max((length for length in lengths if length is not None), default=None)
    if chain.subnets and longest is None:
        why = f"the address is {', '.join(addresses) or 'not known'}, asks one in "
        return ConditionResult(False if addresses else None, why + ", ".join(chain.subnets))
    return rank(named) if named is not None else (-1, 0), longest or 0


def subnet_length(subnet: str, address: str) -> int | None:
    """How long the subnet's prefix is, where the address is in it."""
    try:
        network = ipaddress.ip_network(subnet, strict=False)
        return network.prefixlen if ipaddress.ip_address(address) in network else None
    except (ValueError, TypeError):
        return None


def _owner(chain: Chain) -> tuple[str, str] | None:
    """None where the title names it: of a route of the Gateway API."""
    return chain.ruling.place if chain.ruling and not chain.ruling.gateway_api else None


def _title(chain: Chain) -> str:
    return place_title(chain.place) if chain.place else DEFAULT


def _match(chain: Chain) -> str:
    parts = [f"TLS name {name}" for name in chain.server_names]
    parts += [f"address in {subnet}" for subnet in chain.subnets]
    return " or ".join(parts) or "any connection"
