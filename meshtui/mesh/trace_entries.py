"""The entries of a virtual host in the order in which they are tried, and whether each fits.

Beside Envoy's routes these are the matches that no route is made of for the caller, each where it
stands in its VirtualService, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.decision import Tried
from meshtui.mesh.gateway_api import HttpRoute
from meshtui.mesh.parse_rules import parse_match
from meshtui.mesh.request import Request
from meshtui.mesh.resolution import MergedRule, Route, RulePlace, Ruling, Unused, VirtualHost
from meshtui.mesh.resolution.requests import takes
from meshtui.mesh.resolution.routes import reached

DEFAULT = "no VirtualService: Istio's default"


@dataclass(frozen=True, slots=True)
class TriedRoute:
    """An entry as it was tried; `route` is None where the proxy has none for it."""

    tried: Tried
    route: Route | None = None


def entries(vhost: VirtualHost, request: Request, separately: bool | None) -> Iterator[TriedRoute]:
    """Those that a request can come to; nothing behind what takes everything is told."""
    waiting = [unused for unused in vhost.unused if not unused.behind]
    for route in reached(vhost.routes):
        for unused in _before(route, waiting):
            waiting.remove(unused)
            yield TriedRoute(_not_made(vhost, unused))
        yield TriedRoute(_tried(vhost, route, request, separately), route)
    if not (vhost.routes and reached(vhost.routes)[-1].takes_everything):
        yield from (TriedRoute(_not_made(vhost, unused)) for unused in waiting)


def _before(route: Route, unused: Iterable[Unused]) -> list[Unused]:
    """Those of the same VirtualService that stand above the route."""
    rule = route.rule
    if rule is None:
        return []
    return [
        other
        for other in unused
        if other.rule.root.service is rule.root.service
        and _position(other.rule, other.match_index) < _position(rule, route.match_index)
    ]


def _position(rule: MergedRule, match_index: int | None) -> tuple[int, int, int]:
    return rule.root.index, rule.holder.index, match_index or 0


def _tried(vhost: VirtualHost, route: Route, request: Request, separately: bool | None) -> Tried:
    if route.rule is None:
        return Tried(None, DEFAULT)
    answer = takes(route, request, separately)
    title, match = _title(route.rule, route.match_index), _match_text(route.rule, route.match_index)
    return Tried(_owner(vhost, route.rule), title, answer.holds, answer.why, match)


def _not_made(vhost: VirtualHost, unused: Unused) -> Tried:
    rule, index = unused.rule, unused.match_index
    title = _title(rule, index)
    return Tried(_owner(vhost, rule), title, False, unused.why, _match_text(rule, index))


def _owner(vhost: VirtualHost, rule: MergedRule) -> tuple[str, str]:
    """The VirtualService that the proxy names as the owner: the one that delegates."""
    ref = rule.root.service.ref
    places = (r.place for r in vhost.rulings if _is_of(rule.root, r))
    return next(places, (ref.namespace, ref.name))


def _is_of(place: RulePlace, ruling: Ruling) -> bool:
    return place.service is ruling.service or place.service in ruling.routes


def _title(rule: MergedRule, match_index: int | None) -> str:
    title = place_title(rule.root)
    if rule.holder != rule.root:
        title = f"{title} → {rule.holder.service.ref.name} {place_title(rule.holder)}"
    if match_index is None or len(rule.matches) < 2:
        return title
    return f"{title} match {read.text(rule.matches[match_index], 'name') or match_index}"


def place_title(place: RulePlace) -> str:
    """A rule as people call it: by its name, else `http[2]`."""
    title = read.text(place.raw, "name") or f"{place.protocol}[{place.index}]"
    return f"{place.service.ref} {title}" if isinstance(place.service, HttpRoute) else title


def asked_of(route: Route) -> tuple[str, str]:
    """A route's entry as people call it, and what it asks for; a default route asks nothing."""
    if route.rule is None:
        return DEFAULT, "any request"
    index = route.match_index
    return _title(route.rule, index), _match_text(route.rule, index)


def _match_text(rule: MergedRule, match_index: int | None) -> str:
    return "any request" if match_index is None else str(parse_match(rule.matches[match_index]))
