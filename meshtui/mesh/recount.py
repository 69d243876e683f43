"""Services whose callers are more or fewer than before, and nothing else: their rules stay.

A pod that comes or goes changes how many callers every rule of the mesh has. To ask for all rules
of a thousand services again takes a second; to count the callers of the rules that are known does
not, and a rollout brings such events by the dozen.
"""

from __future__ import annotations

from collections.abc import Mapping

from meshtui.mesh.carrying import Route, Unruled, is_unruled, ordinary, place_of, rivals
from meshtui.mesh.changed import changed
from meshtui.mesh.resolution import Crowd
from meshtui.mesh.view import ServiceView

Counts = Mapping[int, tuple[Crowd, Crowd]]
"""What crowds of callers were and are, by the id of the workloads that they were."""


def recount(view: ServiceView, counts: Counts) -> ServiceView | None:
    """The service with the new numbers of its callers; its pods must be the same.

    None where that does not say what holds now: callers of several crowds were joined, or their
    numbers make another rule the ordinary one.
    """
    routes: list[Route] = []
    for known in view.routes:
        route = _recounted(known, counts)
        if route is None:
            return None
        routes.append(route)
    unruled = _unruled(view.unruled, counts)
    if unruled is None:
        return None
    no_rule = is_unruled(routes, None, unruled)
    usual = None if no_rule else ordinary(routes)
    if _place(usual) != _place(view.route):
        return None
    divided = len(rivals(routes)) > 1 or bool(unruled.callers)
    return changed(
        view, routes=tuple(routes), route=usual, unruled=unruled, no_rule=no_rule, divided=divided
    )


def _place(route: Route | None) -> object:
    return place_of(route) if route else None


def _recounted(route: Route, counts: Counts) -> Route | None:
    if not route.callers:
        return route if not route.rest_of and not route.pods else None
    old, new = counts.get(id(route.callers), (None, None))
    rest = counts.get(id(route.rest_of), (None, None))[1] if route.rest_of else None
    if old is None or new is None or (rest is None) != (not route.rest_of):
        return None
    if route.pods != old.pods or route.clients != old.clients:
        return None
    rest_of = rest.workloads if rest else route.rest_of
    return changed(
        route, callers=new.workloads, rest_of=rest_of, clients=new.clients, pods=new.pods
    )


def _unruled(unruled: Unruled, counts: Counts) -> Unruled | None:
    if not unruled.callers:
        return unruled if not unruled.pods else None
    old, new = counts.get(id(unruled.callers), (None, None))
    if old is None or new is None or unruled.pods != old.pods:
        return None
    return Unruled(new.workloads, new.pods)
