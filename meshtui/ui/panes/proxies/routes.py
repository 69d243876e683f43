"""What a proxy routes for a service, a block of lines for each route. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from meshtui.envoy.routes import ProxyRoute
from meshtui.mesh.hosts import short_host
from meshtui.mesh.text import some_of
from meshtui.ui.panes.ruletext import weight_line
from meshtui.ui.widgets.paint import BLANK, Line, Span, span, width_of, wrapped

_DOMAINS = 4


def percents(route: ProxyRoute) -> dict[tuple[str, str], float]:
    """What part of the route's requests goes to each (host, subset), 0 to 100."""
    total = route.total_weight
    found: dict[tuple[str, str], float] = {}
    for destination in route.destinations:
        part = 100.0 * destination.weight / total if total else 0.0
        place = destination.host, destination.subset
        found[place] = found.get(place, 0.0) + part
    return {place: part for place, part in found.items() if part}


def route_blocks(
    routes: Iterable[ProxyRoute], namespace: str, width: int, search: str = ""
) -> list[list[Line]]:
    """The lines of each route in the proxy's order; with a search of those that hold the text."""
    blocks = [_block(route, namespace, width) for route in routes]
    wanted = search.lower()
    return [block for block in blocks if not wanted or wanted in _text(block)]


def route_lines(blocks: Iterable[Iterable[Line]], of: int) -> list[Line]:
    """The lines of all, or why there are none; `of` so many routes."""
    lines = [line for block in blocks for line in block]
    if lines:
        return lines
    notice = "no route holds that" if of else "this proxy has no route for the service"
    return [(Span(notice, "muted"),)]


def _text(block: Iterable[Line]) -> str:
    return "\n".join("".join(piece.text for piece in line) for line in block).lower()


def _block(route: ProxyRoute, namespace: str, width: int) -> list[Line]:
    title = f"{route.name}  " if route.name and route.name != "default" else ""
    named = span(title, "key")
    where = f"{route.config} · {route.vhost}"
    lines: list[Line] = [(named, span(where, "muted"))]
    if width_of(lines[0]) > width:
        lines = [(named,)] if title else []
        lines += wrapped(where, width, "muted")
    lines += wrapped(route.match.text, width - 3, "text", "   ")
    parts = percents(route)
    for destination in route.destinations:
        name = destination.subset or short_host(destination.host, namespace) or destination.cluster
        part = parts.get((destination.host, destination.subset), 0.0)
        lines.append(weight_line(name, part))
    for piece in _extras(route, namespace):
        lines += wrapped(piece.text, width, piece.role, "   ")
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
        yield span(f"retries {str(route.retries).replace(',', ', ')}", "muted")
    if route.rewrite:
        yield span(f"rewrite {route.rewrite}", "muted")
    if route.terminal:
        yield span(f"answers by itself: {route.answer or route.terminal}", "mark")
    if route.virtual_service is not None:
        owner_namespace, name = route.virtual_service
        yield span(f"VirtualService {name}.{owner_namespace}", "muted")
    yield span(_domains(route.domains), "muted")


def _domains(domains: tuple[str, ...]) -> str:
    return f"domains {some_of(domains, _DOMAINS)}"
