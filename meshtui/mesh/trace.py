"""Which rule takes a request, by the objects: what istiod should make of them for one caller.

From istiod: pilot/pkg/networking/core/route (BuildSidecarVirtualHostWrapper, sourceMatchHTTP,
SortVHostRoutes) and core/gateway.go; from Envoy: the order of virtual hosts and of routes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from meshtui.mesh import read
from meshtui.mesh.admission import MESH, Doors, gateway_places
from meshtui.mesh.conditions import Answer, all_of, on_header, on_path, on_query
from meshtui.mesh.decision import Decision, Tried, split
from meshtui.mesh.effects import Effects, Odds, rule_effects
from meshtui.mesh.model import Match, Mesh, Service, StringMatch, VirtualService
from meshtui.mesh.request import Request, best_domain, port_of
from meshtui.mesh.rule_entries import Entry, rule_entries, visible

CLAIMS = "@"
"""Istio's names for JWT claims begin so; they are no headers in Envoy."""

NORMALISED = "the proxy may normalise this path before it is matched (meshConfig.pathNormalization)"
NO_RULE = "no rule takes it: the proxy answers 404 (NR)"


@dataclass(frozen=True, slots=True)
class Caller:
    """The proxy that a request goes out through.

    `gateways` are the Gateways ("namespace/name") that a gateway proxy serves. `port` is the port
    of the service that is called, at a gateway the Gateway's; 0 where it is not known.
    """

    namespace: str = "default"
    labels: Mapping[str, str] = field(default_factory=dict)
    gateway: bool = False
    gateways: frozenset[str] = frozenset()
    port: int = 0


def trace(mesh: Mesh, request: Request, caller: Caller) -> Decision:
    """The decision of a caller's proxy, once it has what istiod makes of the objects."""
    found = (_at_gateway if caller.gateway else _in_mesh)(mesh, request, caller)
    notes = (*found.notes, NORMALISED) if request.normalisable else found.notes
    return Decision(found.host, found.above, found.taken, found.effects, found.rule, notes)


def _in_mesh(mesh: Mesh, request: Request, caller: Caller) -> Decision:
    """A VirtualService without an entry for this caller is as good as none."""
    service = _service(mesh, request.hostname, caller.namespace)
    host = service.host if service else request.hostname
    port = caller.port or port_of(request.authority)
    for ruling in _ruling(mesh, host, caller.namespace):
        tried = list(_tried(mesh, ruling, request, caller, port))
        if any(meant.holds is not False for _, _, meant in tried):
            return _decision(host, tried)
    if service is None and host not in mesh.service_entry_hosts:
        note = "no service and no VirtualService has this host: outboundTrafficPolicy decides"
        return Decision(notes=(note,))
    effects = Effects(destinations=(Odds(host, port=port),))
    return Decision(host, taken=Tried(None, "no VirtualService: Istio's default"), effects=effects)


def _service(mesh: Mesh, hostname: str, namespace: str) -> Service | None:
    """The service that a caller in `namespace` means by a name or an address."""
    for service in mesh.services:
        name = f"{service.key.name}.{service.key.namespace}"
        names = {service.host, name, f"{name}.svc", service.cluster_ip}
        short = service.key.name if service.key.namespace == namespace else ""
        if hostname and hostname in {*names, short}:
            return service
    return None


def _ruling(mesh: Mesh, host: str, namespace: str) -> list[VirtualService]:
    """The VirtualServices for a host, the one that rules first: most specific, then oldest."""
    found = [
        (best, service)
        for service in mesh.virtual_services
        if service.in_mesh and visible(service, namespace)
        for best in [best_domain(service.hosts, host)]
        if best is not None
    ]
    found.sort(key=lambda pair: (pair[0] != host, -len(pair[0]), _age(pair[1])))
    return [service for _, service in found]


def _age(service: VirtualService) -> tuple[str, str, str]:
    created = read.text(read.obj(service.raw, "metadata"), "creationTimestamp")
    return created, service.ref.name, service.ref.namespace


Candidate = tuple[Tried, Entry, Answer]
"""An entry as it was tried, and whether it is meant for the caller at all."""


def _tried(
    mesh: Mesh, service: VirtualService, request: Request, caller: Caller, port: int
) -> Iterator[Candidate]:
    """The entries of one VirtualService; what follows a catch-all is in no proxy."""
    owner = (service.ref.namespace, service.ref.name)
    for entry in rule_entries(mesh, service):
        meant = Answer(False, entry.note) if entry.note else _meant(entry, caller, port)
        conditions = (_asked(match, request) for match in entry.conditions)
        answer = all_of((meant, *conditions)) if meant.holds is not False else meant
        text = " and ".join(str(match) for match in entry.conditions) or "any request"
        yield Tried(owner, entry.title, answer.holds, answer.why, text), entry, meant
        if meant.holds and entry.catch_all:
            return


def _meant(entry: Entry, caller: Caller, port: int) -> Answer:
    return all_of(_for_caller(match, entry, caller, port) for match in entry.conditions)


def _for_caller(match: Match, entry: Entry, caller: Caller, port: int) -> Answer:
    """A match that names gateways is not asked for its sources: so istiod has it."""
    if match.port and not port:
        return Answer(None, f"it is for port {match.port}, and the port is not known here")
    if match.port and match.port != port:
        return Answer(False, f"port is {port}, asks {match.port}")
    if match.gateways:
        listed = {place for name in match.gateways for place in _places(name, entry.service)}
        if caller.gateway and not caller.gateways:
            return Answer(None, f"it is for {', '.join(match.gateways)}: not known of this proxy")
        through = caller.gateways if caller.gateway else {MESH}
        named = ", ".join(match.gateways)
        return Answer(bool(listed & through), f"it is for requests through {named}")
    if match.source_namespace and match.source_namespace != caller.namespace:
        return Answer(
            False, f"source namespace is {caller.namespace}, asks {match.source_namespace}"
        )
    for key, value in match.source_labels:
        if caller.labels.get(key) != value:
            found = caller.labels.get(key, "absent")
            return Answer(False, f"source label {key} is {found}, asks {value}")
    return Answer(True)


def _places(gateway: str, service: VirtualService) -> tuple[str, ...]:
    if gateway == MESH:
        return (MESH,)
    return tuple("/".join(place) for place in gateway_places(gateway, service.ref.namespace))


def _asked(match: Match, request: Request) -> Answer:
    """The conditions on the request itself."""
    return all_of(_conditions(match, request))


def _conditions(match: Match, request: Request) -> Iterator[Answer]:
    if match.uri is not None and match.uri.kind != "present":
        yield on_path(match.uri, match.ignore_uri_case, request)
    own = ((":scheme", match.scheme), (":method", match.method), (":authority", match.authority))
    for name, value in own:
        if value is not None:
            yield on_header(name, _any(value), request)
    for name, value in match.headers:
        yield _claim(name) or on_header(name, _any(value), request)
    for name, value in match.without_headers:
        yield _claim(name) or _without(name, _any(value), request)
    for name, value in match.query_params:
        yield on_query(name, _any(value), request)


def _without(name: str, match: StringMatch, request: Request) -> Answer:
    """A header that is not there is without the value, as if it were empty."""
    missing = match.kind != "present"
    return on_header(name, match, request, invert=True, missing_is_empty=missing)


def _claim(name: str) -> Answer | None:
    if not name.startswith(CLAIMS):
        return None
    return Answer(None, f"{name} is of the caller's token, which is not known here")


def _any(value: StringMatch) -> StringMatch:
    """`regex: "*"`, no expression at all, is istiod's word for presence."""
    return StringMatch("present") if (value.kind, value.value) == ("regex", "*") else value


def _decision(host: str, candidates: Sequence[Candidate]) -> Decision:
    above, place = split([tried for tried, _, _ in candidates])
    if place is None:
        return Decision(host, above, notes=(NO_RULE,))
    tried, entry, _ = candidates[place]
    return Decision(host, above, tried, rule_effects(entry.rule, entry.raw), entry.rule)


def _at_gateway(mesh: Mesh, request: Request, caller: Caller) -> Decision:
    """All VirtualServices of one host stand in one list, those that take everything at its end."""
    doors = Doors(mesh, caller.gateways, request.scheme, caller.port)
    bound = sorted((s for s in mesh.virtual_services if visible(s, caller.namespace)), key=_age)
    domains = {service.ref: doors.domains(service) for service in bound}
    host = best_domain([name for names in domains.values() for name in names], request.hostname)
    if host is None:
        return Decision(notes=("no VirtualService has this host at the gateway: 404 (NR)",))
    if doors.redirects(host):
        answer = Effects(answer="redirects with 301 to scheme https")
        return Decision(host, taken=Tried(None, "the Gateway's httpsRedirect"), effects=answer)
    here = [service for service in bound if host in domains[service.ref]]
    candidates = [c for service in here for c in _tried(mesh, service, request, caller, doors.port)]
    last = [_is_last(entry, meant) for _, entry, meant in candidates]
    ordered = [*_where(candidates, last, False), *_where(candidates, last, True)]
    return _decision(host, ordered)


def _is_last(entry: Entry, meant: Answer) -> bool:
    return entry.catch_all and meant.holds is not False


def _where(candidates: Iterable[Candidate], last: list[bool], wanted: bool) -> list[Candidate]:
    return [c for c, is_last in zip(candidates, last, strict=True) if is_last is wanted]
