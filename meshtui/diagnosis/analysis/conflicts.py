"""Two objects with rules for one host in the mesh: istiod takes one and drops the other.

Who wins is the resolution's answer, for each group of callers: private to their namespace first,
then exported to it by name, then public; among these the older, then the name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshtui.diagnosis.analysis.finding import ERROR, WARNING, Finding
from meshtui.diagnosis.analysis.resolved_hosts import ResolvedHosts, at, resolved_hosts, whose
from meshtui.diagnosis.analysis.sendings import ResolvedHost
from meshtui.mesh import read
from meshtui.mesh.gateway_api import RULES, TLS_ROUTE
from meshtui.mesh.hosts import short_host
from meshtui.mesh.model import Mesh, VirtualService
from meshtui.mesh.resolution import Client, RulePlace, Ruling
from meshtui.mesh.resolution.names import overlap
from meshtui.mesh.resolution.registry import PUBLIC
from meshtui.mesh.resolution.streams import meant_for

_Pair = tuple[tuple[str, str], tuple[str, str], str]


def host_conflict(mesh: Mesh) -> Iterator[Finding]:
    """Both have rules for the same callers of a host on the same port.

    A proxy has one list of routes for a host and port: it comes from one of them (istiod merges
    at gateways and waypoints only). A namespace that has its own on purpose is a warning, not an
    error.
    """
    found: dict[_Pair, list[tuple[ResolvedHost, Ruling, Ruling]]] = {}
    for answer in resolved_hosts(mesh).answers:
        if answer.edge or answer.client.waypoint or len(answer.rulings) < 2:
            continue
        winner = answer.rulings[0]
        for loser in answer.rulings[1:]:
            place = (winner.place, loser.place, answer.host)
            found.setdefault(place, []).append((answer, winner, loser))
    for several in found.values():
        yield _conflict(several, resolved_hosts(mesh))


def behind_at_waypoint(mesh: Mesh) -> Iterator[Finding]:
    """Rules of a waypoint behind those of another object, which take everything.

    A waypoint has the routes of all: HTTPRoutes first, then VirtualServices.
    """
    found: dict[_Pair, Finding] = {}
    for answer in resolved_hosts(mesh).answers:
        if not answer.client.waypoint or len(answer.rulings) < 2:
            continue
        reached = {route.rule.root.service.ref for route in answer.routes if route.rule}
        first = next((one for one in answer.rulings if one.service.ref in reached), None)
        for ruling in answer.rulings:
            if first is not None and ruling.service.ref not in reached:
                place = (first.place, ruling.place, answer.host)
                found.setdefault(place, _behind(answer, first, ruling))
    yield from found.values()


def _behind(answer: ResolvedHost, first: Ruling, ruling: Ruling) -> Finding:
    ref = ruling.service.ref
    name = short_host(answer.host, ref.namespace)
    return Finding(
        "unreachable-rule",
        WARNING,
        ref,
        _field(ruling, answer.host),
        f"{first.service.ref} comes first in {answer.client} and takes every request for "
        f"{name}: no rule of this object is reached there.",
        "Put the rules into one object.",
        ("IST0130",),
    )


def _conflict(
    several: Sequence[tuple[ResolvedHost, Ruling, Ruling]], whole: ResolvedHosts
) -> Finding:
    answer, winner, loser = several[0]
    ref = loser.service.ref
    name = short_host(answer.host, ref.namespace)
    asking = [one for one in whole.answers if one.host == answer.host and not one.edge]
    names = whose([one for one, _, _ in several], asking)
    chosen, why = _why(winner, loser, answer.client.namespace)
    return Finding(
        "host-conflict",
        WARNING if chosen else ERROR,
        ref,
        _field(loser, answer.host),
        f"{winner.service.ref} has routes for {name} in the mesh too: only one of the two is used "
        f"there{f' by {names}' if names else ''}, {why}."
        f"{'' if names else _as_they_work(winner, loser)}",
        "Put the rules into one object."
        if winner.gateway_api or loser.gateway_api
        else "Put the rules into one VirtualService, or let one delegate to the other.",
        ("IST0109", "KIA1106"),
    )


def _as_they_work(winner: Ruling, loser: Ruling) -> str:
    """Who has which of an HTTPRoute and a VirtualService that everybody sees."""
    routes = [one for one in (winner, loser) if one.gateway_api]
    rules = [one for one in (winner, loser) if not one.gateway_api]
    if len(routes) != 1 or PUBLIC not in rules[0].exports:
        return ""
    (route,) = routes
    return f" Callers of {route.namespace} have the {route.service.ref.kind}, others the older one."


def _why(winner: Ruling, loser: Ruling, caller: str) -> tuple[bool, str]:
    """Whether a namespace has its own on purpose, and why that one wins."""
    own = winner.namespace == caller != loser.namespace
    both = loser.gateway_api and loser.namespace == caller
    if winner.gateway_api and winner.namespace == caller and not both and PUBLIC in loser.exports:
        return own, "the HTTPRoute of the callers' own namespace"
    if PUBLIC not in winner.exports and PUBLIC in loser.exports:
        return True, "the one for their namespace alone"
    if PUBLIC not in winner.exports:
        return False, "the one that is exported to fewer"
    if winner.service.created != loser.service.created:
        return False, "the older one"
    return False, "the first by name, as both are of the same age"


def _field(ruling: Ruling, host: str) -> str:
    if not isinstance(ruling.service, VirtualService):
        return "spec.parentRefs"
    for index, name in enumerate(ruling.hosts):
        if overlap(name.lower(), host):
            return f"spec.hosts[{index}]"
    return "spec.hosts"


def stream_conflict(mesh: Mesh) -> Iterator[Finding]:
    """A TCP or TLS rule behind one that takes its connections.

    A TCP rule without subnets takes all connections of a port, and for one set of names (SNI) the
    first rule counts, of whichever VirtualService it is (istiod, buildOutboundNetworkFilters).
    """
    whole = resolved_hosts(mesh)
    lost: dict[tuple[str, str, str, int], tuple[ResolvedHost, RulePlace]] = {}
    for answer in whole.answers:
        for ruling in _streaming(answer):
            for place in _meant(ruling, answer):
                lost.setdefault(at(place), (answer, place))
    for key, (answer, place) in lost.items():
        if key not in whole.used_rules and (before := _before(answer, place)) is not None:
            yield _claimed(answer, place, before)


def _streaming(answer: ResolvedHost) -> Iterator[Ruling]:
    """The VirtualServices whose TCP or TLS rules are asked for a host and port."""
    listener = answer.view.scope.listener(answer.port)
    if answer.edge or not answer.chains or listener is None:
        return
    for ruling in listener.rulings:
        if ruling.gateway_api:
            continue
        if any(overlap(name, answer.host) for name in ruling.hosts):
            yield ruling


def _meant(ruling: Ruling, answer: ResolvedHost) -> Iterator[RulePlace]:
    host = answer.view.host(answer.host)
    port = host.port(answer.port) if host else None
    protocol = "tls" if port is not None and port.tls else "tcp"
    for index, rule in enumerate(ruling.streams(protocol)):
        if meant_for(rule, protocol, answer.port, answer.client):
            yield RulePlace(ruling.service, index, protocol)


def _before(answer: ResolvedHost, place: RulePlace) -> RulePlace | None:
    """A rule that takes all that the other would, whoever calls."""
    wanted = _names(place)
    for chain in answer.chains:
        if chain.place is None or chain.ruling is None:
            continue
        names = (chain.server_names, chain.subnets)
        same = names in wanted and len(wanted) == 1 if wanted else not any(names)
        kind = _kind(chain.place)
        rule = chain.ruling.streams(kind)[chain.place.index]
        if same and meant_for(rule, kind, answer.port, Client("")):
            return chain.place
    return None


def _kind(place: RulePlace) -> str:
    """Of a route of the Gateway API its kind says it."""
    of_route = "tls" if place.service.ref.kind == TLS_ROUTE else "tcp"
    return of_route if place.protocol == RULES else place.protocol


def _names(place: RulePlace) -> set[tuple[tuple[str, ...], tuple[str, ...]]]:
    """The names and subnets that a TLS rule asks for; none of a TCP rule."""
    if place.protocol != "tls":
        return set()
    matches = read.objects(place.raw, "match")
    return {(read.texts(m, "sniHosts"), read.texts(m, "destinationSubnets")) for m in matches}


def _claimed(answer: ResolvedHost, place: RulePlace, before: RulePlace) -> Finding:
    own, other = place.service.ref, before.service.ref
    title = f"{place.protocol}[{place.index}]"
    above = f"{before.protocol}[{before.index}]"
    name = short_host(answer.host, own.namespace)
    if own == other:
        return Finding(
            "unreachable-rule",
            WARNING,
            own,
            f"spec.{title}",
            f"Rule {title} is never reached: rule {above} above it takes its connections.",
            f"Move it above rule {above}, or remove it.",
            ("IST0130",),
        )
    return Finding(
        "host-conflict",
        ERROR,
        own,
        f"spec.{title}",
        f"{other} takes the connections to {name} on port {answer.port} that rule {title} is for: "
        "it comes first.",
        "Put the rules into one VirtualService.",
        ("IST0109", "KIA1106"),
    )
