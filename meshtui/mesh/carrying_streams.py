"""The TCP and TLS rules of a host's port, and the rules whose kind does nothing on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshtui.dataclass import dataclass
from meshtui.mesh.gateway_api import STREAM_KINDS, HttpRoute
from meshtui.mesh.model import Mesh, Rule, RuleOwner, VirtualService
from meshtui.mesh.resolution import Chain, HostPort, Resolution, RulePlace, View
from meshtui.mesh.resolution.idle_routes import taken_by_nobody
from meshtui.mesh.resolution.names import MESH
from meshtui.mesh.resolution.streams import meant_for

KINDS = {"http": "HTTP", "tcp": "TCP", "tls": "TLS"}
"""What the lists of a VirtualService's rules are called."""


@dataclass(frozen=True, slots=True)
class StreamRule:
    """A rule of a port that passes connections on. `rest`: it takes what no other rule takes.

    `unused` says why it carries no connection of the client, empty where it does.
    """

    service: RuleOwner
    rule: Rule
    rest: bool = False
    unused: str = ""


def asked_kinds(port: HostPort) -> tuple[str, ...]:
    """The lists of rules that count on a port; on a sniffed one HTTP rules and TCP rules do."""
    stream = () if not port.streams else ("tls",) if port.tls else ("tcp",)
    return (*(("http",) if port.takes_http_rules else ()), *stream)


def wrong_kind(rule: Rule, port: HostPort) -> str:
    """Why a rule does nothing on a port, by what is spoken there; empty where its kind counts."""
    if rule.protocol in asked_kinds(port):
        return ""
    spoken = "sniffed" if port.sniffed else port.protocol
    return f"port {port.number} is {spoken}: {KINDS[rule.protocol]} rules do nothing there"


def takes_no_rule(answers: Iterable[Resolution]) -> bool:
    """Whether ordinary traffic takes none: requests, else connections where no port is HTTP."""
    known = tuple(answers)
    rests = [answer.rest for answer in known if answer.rest]
    if rests or any(has_http(answer) for answer in known):
        return bool(rests) and not any(rest.rule for rest in rests)
    chains = [answer.rest_chain for answer in known if answer.chains]
    return bool(chains) and all(chain is not None and not chain.place for chain in chains)


def has_http(answer: Resolution) -> bool:
    """Whether requests come to the host on any of its ports."""
    ports = answer.host.ports if answer.host else ()
    return any(port.takes_http_rules for port in ports)


def stream_rules(mesh: Mesh, answer: Resolution) -> Iterator[StreamRule]:
    """What carries the client's connections to the port, and what stands beside it in vain."""
    port = answer.host.port(answer.port) if answer.host else None
    if port is None:
        return
    rests: dict[object, bool] = {}
    for chain in answer.chains:
        if key := _place(chain):
            rests[key] = rests.get(key, False) or chain.takes_everything
    for service in _asked(mesh, answer):
        for rule in service.rules:
            key = (service.ref, rule.place, rule.index)
            if key in rests:
                yield StreamRule(service, rule, rests[key])
            elif rule.protocol != "http" or wrong_kind(rule, port):
                yield StreamRule(service, rule, unused=_why(mesh, service, rule, port, answer))


def _asked(mesh: Mesh, answer: Resolution) -> Iterator[RuleOwner]:
    """What holds the port's rules, and what of the mesh names the host."""
    rulings = [chain.ruling for chain in answer.chains if chain.ruling]
    found = [ruling.service for ruling in rulings]
    found += [r.service for r in (answer.virtual_host.rulings if answer.virtual_host else ())]
    named = mesh.virtual_services_by_host.get(answer.name.lower(), ())
    found += [service for service in named if MESH in service.gateways]
    found += mesh.stream_routes_by_host.get(answer.name, ())
    for service in dict.fromkeys(found):
        if isinstance(service, VirtualService) or service.ref.kind in STREAM_KINDS:
            yield service


def _place(chain: Chain) -> object:
    place = chain.place
    return (place.service.ref, place.protocol, place.index) if place else None


def _why(mesh: Mesh, service: RuleOwner, rule: Rule, port: HostPort, answer: Resolution) -> str:
    if wrong := wrong_kind(rule, port):
        return wrong
    if isinstance(service, HttpRoute) and (why := taken_by_nobody(mesh, service)):
        return why
    raw = RulePlace(service, rule.index, rule.place).raw
    of_route = not isinstance(service, VirtualService)
    if of_route or meant_for(raw, rule.protocol, port.number, answer.client):
        return f"an earlier rule takes its connections on port {port.number}"
    return f"it is for other connections than those to port {port.number}"


def edge_streams(view: View, host: str) -> Iterator[StreamRule]:
    """The rules by which a gateway passes connections on to a host."""
    for door in view.doors.doors:
        for chain in view.door_chains(door) if not door.table else ():
            place = chain.place
            if place is None or place.rule is None:
                continue
            if any(target.host == host for target in chain.targets):
                yield StreamRule(place.service, place.rule, chain.takes_everything)
