"""Which route entries istiod makes of a VirtualService for one proxy, and what each takes.

Rules from istiod (pilot/pkg/networking/core/route: BuildHTTPRoutesForVirtualService,
TranslateRouteMatch, IsCatchAllRoute): an entry per match; matches meant for other gateways, sources
or ports are left out; nothing is made after an entry that takes everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from meshtui.envoy.routes import ANY_PATH, HeaderMatch, RouteMatch, in_order
from meshtui.mesh.admission import gateway_names
from meshtui.mesh.model import Match, Rule, StringMatch, VirtualService

_PRESENT = StringMatch("present")
_CLAIMS = "@"
"""Istio's names for JWT claims begin so; they are no headers in Envoy."""


@dataclass(frozen=True, slots=True)
class ProxyFacts:
    """What decides which rules a proxy gets.

    `gateways` names the Gateways ("namespace/name") that a gateway proxy serves; empty means that
    it is not known, and then any may be meant.
    """

    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)
    gateway: bool = False
    gateways: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Entry:
    """A route that a proxy should have; `match` is None where Envoy's form of it is not known."""

    rule: Rule
    name: str
    match: RouteMatch | None


def entries(service: VirtualService, proxy: ProxyFacts, port: int) -> Iterator[Entry]:
    """The entries of a virtual host on `port` (0: not known), in order."""
    if not _reaches(service.gateways, service, proxy):
        return
    for rule in service.rules:
        if rule.protocol != "http":
            continue
        for match in rule.matches or (Match(),):
            if not _meant_for(match, service, proxy, port):
                continue
            entry = Entry(rule, _name(rule, match), route_match(match))
            yield entry
            if entry.match is not None and entry.match.catch_all:
                return


def route_match(match: Match) -> RouteMatch | None:
    """How Envoy has a match; None where it needs more than headers, path and query."""
    if any(name.startswith(_CLAIMS) for name, _ in match.headers + match.without_headers):
        return None
    own = ((":method", match.method), (":authority", match.authority), (":scheme", match.scheme))
    headers = [HeaderMatch(name, _value(value)) for name, value in own if value is not None]
    headers += [HeaderMatch(name.lower(), _value(value)) for name, value in match.headers]
    headers += [
        HeaderMatch(name.lower(), _value(value), invert=True)
        for name, value in match.without_headers
    ]
    query = [(name, _value(value)) for name, value in match.query_params]
    return in_order(_path(match), match.ignore_uri_case, headers, query)


def _path(match: Match) -> StringMatch:
    return ANY_PATH if match.uri is None or match.uri.kind == "present" else match.uri


def _value(value: StringMatch) -> StringMatch:
    return _PRESENT if value.kind == "regex" and value.value == "*" else value


def _name(rule: Rule, match: Match) -> str:
    return f"{rule.name}.{match.name}" if match.name else rule.name


def _meant_for(match: Match, service: VirtualService, proxy: ProxyFacts, port: int) -> bool:
    """A match that names gateways is not asked for its sources: so istiod has it."""
    if match.port and port and match.port != port:
        return False
    if match.gateways:
        return _reaches(match.gateways, service, proxy)
    if match.source_namespace and match.source_namespace != proxy.namespace:
        return False
    return all(proxy.labels.get(key) == value for key, value in match.source_labels)


def _reaches(gateways: tuple[str, ...], service: VirtualService, proxy: ProxyFacts) -> bool:
    if not proxy.gateway:
        return "mesh" in gateways
    named = gateway_names(gateways, service.ref.namespace)
    return bool(named & proxy.gateways if proxy.gateways else named)
