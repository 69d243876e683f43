"""Which route takes a request, by a proxy's own route table, as Envoy tries it.

From Envoy: source/common/router/config_impl.cc (findVirtualHost, getRouteFromEntries).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from meshtui.envoy.routes import ProxyRoute, RouteMatch
from meshtui.mesh.conditions import Answer, all_of, on_header, on_path, on_query
from meshtui.mesh.decision import Decision, Tried, split
from meshtui.mesh.effects import Effects, Odds
from meshtui.mesh.model import Retries
from meshtui.mesh.request import Request, best_domain, rank
from meshtui.mesh.trace import NORMALISED

NO_HOST = "the proxy has no virtual host for it: it answers 404 (NR)"
NO_ROUTE = "no route takes it: the proxy answers 404 (NR)"


@dataclass(frozen=True, slots=True)
class Followed:
    """A proxy's decision, and the route behind it; None where it has none for the request."""

    decision: Decision
    route: ProxyRoute | None = None


def trace(
    routes: Sequence[ProxyRoute], request: Request, *, port: int = 0, gateway: bool = False
) -> Followed:
    """The route of a proxy that takes a request to a service's `port`.

    A sidecar has a table for each port. Which of a gateway's tables is asked is told by the
    scheme and the host.
    """
    tables = _tables(routes, request, port, gateway)
    found = [(domain, table) for table in tables for domain in [_domain(table, request)] if domain]
    if not found:
        return Followed(Decision(notes=(NO_HOST,)))
    domain, table = max(found, key=lambda pair: rank(pair[0]))
    own = [route for route in table if domain in route.domains]
    return _among(own, request)


def _tables(
    routes: Sequence[ProxyRoute], request: Request, port: int, gateway: bool
) -> list[list[ProxyRoute]]:
    """The RouteConfigurations that may be asked, each with its routes in order."""
    tables: dict[str, list[ProxyRoute]] = {}
    for route in routes:
        if _may_be_asked(route.config, request, port, gateway):
            tables.setdefault(route.config, []).append(route)
    return list(tables.values())


def _may_be_asked(config: str, request: Request, port: int, gateway: bool) -> bool:
    """istiod calls a sidecar's `9080` or `host:9080`, a gateway's `http.8080` or `https.…`."""
    if gateway:
        return config.startswith(f"{request.scheme}.")
    return not port or config == str(port) or config.endswith(f":{port}")


def _domain(table: Sequence[ProxyRoute], request: Request) -> str | None:
    """The domain of the virtual host that the request belongs to."""
    domains = list(dict.fromkeys(domain for route in table for domain in route.domains))
    host = request.hostname if table[0].ignore_port else request.authority.lower()
    return best_domain(domains, host)


def _among(routes: Sequence[ProxyRoute], request: Request) -> Followed:
    host = routes[0].vhost
    notes = (NORMALISED,) if request.normalisable else ()
    if routes[0].tls_only and request.scheme == "http":
        answer = Effects(answer="redirects with 301 to scheme https")
        taken = Tried(None, "the virtual host takes only TLS")
        return Followed(Decision(host, taken=taken, effects=answer, notes=notes))
    tried = [_tried(place, route, request) for place, route in enumerate(routes)]
    above, place = split(tried)
    if place is None:
        return Followed(Decision(host, above, notes=(*notes, NO_ROUTE)))
    route = routes[place]
    found = Decision(host, above, tried[place], effects_of(route), notes=notes)
    return Followed(found, route)


def _tried(place: int, route: ProxyRoute, request: Request) -> Tried:
    answer = all_of(_conditions(route.match, request))
    title = route.name or f"route[{place}]"
    return Tried(route.virtual_service, title, answer.holds, answer.why, route.match.text)


def _conditions(match: RouteMatch, request: Request) -> Iterator[Answer]:
    yield on_path(match.path, match.ignore_case, request)
    for header in match.headers:
        yield on_header(
            header.name,
            header.value,
            request,
            invert=header.invert,
            missing_is_empty=header.missing_is_empty,
        )
    for name, value in match.query:
        yield on_query(name, value, request)
    for what in match.other:
        yield Answer(None, f"it asks for {what}, which is not decided here")


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
