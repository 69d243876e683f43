"""Which route takes a request, by a proxy's own route table, as Envoy tries it.

From Envoy: source/common/router/config_impl.cc (findVirtualHost, getRouteFromEntries).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshtui.dataclass import dataclass
from meshtui.envoy.routes import ProxyRoute, RouteMatch
from meshtui.envoy.virtual_hosts import ProxyHost, RouteTable, routes_in
from meshtui.mesh.conditions import ConditionResult, all_of, on_header, on_path, on_query
from meshtui.mesh.decision import Decision, Tried, split
from meshtui.mesh.effects import Effects, Odds
from meshtui.mesh.model import Retries
from meshtui.mesh.request import Request, best_domain, rank
from meshtui.mesh.trace import NORMALISED, TO_HTTPS

NO_HOST = "the proxy has no virtual host for it: it answers 404 (NR)"
NO_ROUTE = "no route takes it: the proxy answers 404 (NR)"


@dataclass(frozen=True, slots=True)
class Followed:
    """A proxy's decision, and the route behind it; None where it has none for the request."""

    decision: Decision
    route: ProxyRoute | None = None


def trace(
    tables: Sequence[RouteTable],
    request: Request,
    *,
    port: int = 0,
    gateway: bool = False,
    table: str = "",
    separately: bool | None = None,
) -> Followed:
    """The route of a proxy that takes a request to a service's `port`.

    A sidecar has a table for each port, and for some services one of their own. `table` is the
    RouteConfiguration that is asked, where that is known; else which of a gateway's is asked is
    decided by the scheme and the host. `separately`: see `conditions.on_header`.
    """
    asked = [one for one in tables if _may_be_asked(one.name, request, port, gateway, table)]
    found = [(domain, one) for one in asked for domain in [_domain(one, request)] if domain]
    if not found:
        return Followed(Decision(notes=(NO_HOST,)))
    domain, chosen = max(found, key=lambda pair: rank(pair[0]))
    host = next(host for host in chosen.hosts if domain in host.domains)
    if host.requires_tls and request.scheme == "http":
        taken = Tried(None, "the virtual host takes only TLS")
        return Followed(Decision(host.name, taken=taken, effects=TO_HTTPS, table=chosen.name))
    if gateway and not host.routes:
        return Followed(Decision(notes=(NO_HOST,)))
    return _among(chosen, host, request, separately)


def _may_be_asked(name: str, request: Request, port: int, gateway: bool, table: str) -> bool:
    """istiod calls a sidecar's `9080` or `host:9080`, a gateway's `http.8080` or `https.…`."""
    if table:
        return name == table
    if gateway:
        return name.startswith(f"{request.scheme}.")
    return not port or name == str(port) or name.endswith(f":{port}")


def _domain(table: RouteTable, request: Request) -> str | None:
    """The domain of the virtual host that the request belongs to."""
    domains = list(dict.fromkeys(domain for host in table.hosts for domain in host.domains))
    host = request.hostname if table.ignore_port else request.authority.lower()
    return best_domain(domains, host)


def _among(
    table: RouteTable, host: ProxyHost, request: Request, separately: bool | None
) -> Followed:
    notes = (NORMALISED,) if request.normalisable else ()
    routes = routes_in(host, host.routes)
    tried = [_tried(place, route, request, separately) for place, route in enumerate(routes)]
    above, place = split(tried)
    if place is None:
        return Followed(Decision(host.name, above, notes=(*notes, NO_ROUTE), table=table.name))
    route = routes[place]
    effects = effects_of(route)
    found = Decision(host.name, above, tried[place], effects, notes=notes, table=table.name)
    return Followed(found, route)


def _tried(place: int, route: ProxyRoute, request: Request, separately: bool | None) -> Tried:
    answer = all_of(_conditions(route.match, request, separately))
    title = route.name or f"route[{place}]"
    return Tried(route.virtual_service, title, answer.holds, answer.why, route.match.text)


def _conditions(
    match: RouteMatch, request: Request, separately: bool | None
) -> Iterator[ConditionResult]:
    yield on_path(match.path, match.ignore_case, request)
    for header in match.headers:
        yield on_header(
            header.name,
            header.value,
            request,
            invert=header.invert,
            missing_is_empty=header.missing_is_empty,
            separately=separately,
        )
    for name, value in match.query:
        yield on_query(name, value, request)
    for what in match.other:
        yield ConditionResult(None, f"it asks for {what}, which is not decided here")


def effects_of(route: ProxyRoute) -> Effects:
    """What the proxy does with a request that the route takes."""
    total = route.total_weight
    by_header = f"as header {route.cluster_header} says"
    destinations = tuple(
        Odds(d.host, d.subset, d.port, 100.0 * d.weight / total if total else 0.0, d.cluster)
        for d in route.destinations
    )
    return Effects(
        destinations=(Odds("", cluster=by_header),) if route.cluster_header else destinations,
        answer=route.answer,
        rewrites=route.rewrites,
        headers=route.headers,
        mirrors=tuple(Odds(m.host, m.subset, m.port, m.percent, m.cluster) for m in route.mirrors),
        fault=route.fault,
        timeout_s=route.timeout_s,
        retries=route.retries or (None if route.terminal else Retries(attempts=0)),
    )
