"""What a proxy routes, in words, beside what the rule asks for. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from meshtui.envoy.compare import in_sync
from meshtui.envoy.expected import ProxyFacts
from meshtui.envoy.routes import ProxyRoute
from meshtui.mesh.hosts import short_host
from meshtui.mesh.model import Pod
from meshtui.mesh.view import ServiceView
from meshtui.ui.paint import BLANK, Line, Span, span, wrapped
from meshtui.ui.panes.ruletext import weight_line


def routes_for(view: ServiceView, routes: Iterable[ProxyRoute]) -> tuple[ProxyRoute, ...]:
    """The routes that come from the service's VirtualServices or end at its host."""
    owners = {(r.service.ref.namespace, r.service.ref.name) for r in view.routes}
    host = view.service.host
    return tuple(
        route
        for route in routes
        if (route.virtual_service is not None and tuple(route.virtual_service) in owners)
        or any(destination.host == host for destination in route.destinations)
    )


def percents(route: ProxyRoute) -> dict[tuple[str, str], float]:
    """What part of the route's requests goes to each (host, subset), 0 to 100."""
    total = route.total_weight
    found: dict[tuple[str, str], float] = {}
    for destination in route.destinations:
        part = 100.0 * destination.weight / total if total else 0.0
        place = destination.host, destination.subset
        found[place] = found.get(place, 0.0) + part
    return {place: part for place, part in found.items() if part}


def verdict_lines(
    view: ServiceView, routes: tuple[ProxyRoute, ...], pod: Pod, width: int
) -> list[Line]:
    """Intent beside what is served: in step, or what differs."""
    if view.route is None:
        return [(Span("no rule to compare with", "muted"),)]
    facts = ProxyFacts(pod.namespace, pod.labels, pod.gateway)
    verdict = in_sync(routes, view.route.service, view.route.rule, facts)
    if verdict.in_sync:
        return [(Span("● ", "ok"), Span("in sync with the ordinary rule", "text"))]
    if not verdict.differences:
        return [(Span("▲ ", "warning"), Span("has no route of this VirtualService", "warning"))]
    lines: list[Line] = [(Span("▲ ", "warning"), Span("differs from the rule", "warning"))]
    for difference in verdict.differences:
        lines += wrapped(difference, width, "text", "   ")
    return lines


def route_lines(
    view: ServiceView, routes: tuple[ProxyRoute, ...], pod: Pod, width: int
) -> list[Line]:
    """Verdict first, then each route in the proxy's order."""
    lines: list[Line] = [*verdict_lines(view, routes, pod, width), BLANK]
    for route in routes:
        lines += _route_lines(route, view.key.namespace, width)
    return lines


def _route_lines(route: ProxyRoute, namespace: str, width: int) -> list[Line]:
    title = f"{route.name}  " if route.name and route.name != "default" else ""
    head: Line = (span(title, "key"), span(f"{route.config} · {route.vhost}", "muted"))
    lines = [head, *wrapped(route.match.text, width - 3, "text", "   ")]
    parts = percents(route)
    for destination in route.destinations:
        name = destination.subset or short_host(destination.host, namespace) or destination.cluster
        part = parts.get((destination.host, destination.subset), 0.0)
        lines.append(weight_line(name, part))
    lines += [(Span("   "), piece) for piece in _extras(route, namespace)]
    return [*lines, BLANK]


def _extras(route: ProxyRoute, namespace: str) -> Iterable[Span]:
    for mirror in route.mirrors:
        where = mirror.subset or short_host(mirror.host, namespace) or mirror.cluster
        yield span(f"mirror → {where} {mirror.percent:g}%", "mark")
    if route.fault is not None and route.fault.active:
        yield span(f"fault {route.fault}", "warning")
    if route.timeout_s:
        yield span(f"timeout {route.timeout_s:g}s", "mark")
    if route.retries:
        yield span(f"retries {route.retries}", "muted")
    if route.rewrite:
        yield span(f"rewrite {route.rewrite}", "muted")
    if route.terminal:
        yield span(f"answers by itself: {route.terminal}", "mark")
