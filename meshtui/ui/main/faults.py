"""Which fault the key takes off: the shown rule's own, or one that some requests alone meet."""

from __future__ import annotations

from meshtui.changes.change import Target
from meshtui.changes.fault_ops import fault_is_of
from meshtui.mesh.carrying import Route
from meshtui.mesh.view import ServiceView
from meshtui.ui.main.draft import target_of
from meshtui.ui.main.rule_selection import name_of, place_of


def fault_to_clear(view: ServiceView) -> Target | None:
    """The rule that has a fault, or is ruled by one that was made for it; None where there is none.

    The shown rule comes first. A rule that exists only to inject a fault goes with the one that it
    was copied from.
    """
    if view.route is None:
        return None
    if view.route.rule.fault is not None:
        return target_of(view)
    found = [base_of(view, route) for route in view.routes if has_fault(route)]
    if any(place_of(route) == place_of(view.route) for route in found):
        return target_of(view)
    for route in found:
        owner = route.service
        return Target(view.key, name_of(view, route), owner.ref.uid, owner.resource_version)
    return None


def has_fault(route: Route) -> bool:
    """Whether some request meets a fault of this rule."""
    return bool(route.rule.fault and route.rule.fault.active and not route.unused)


def base_of(view: ServiceView, route: Route) -> Route:
    """The rule from which `route` was copied to inject a fault, else `route` itself."""
    index = fault_is_of(route.service, route.rule.index) if route.rule.place == "http" else None
    alike = (
        r for r in view.routes if r.service.ref == route.service.ref and r.rule.place == "http"
    )
    return next((r for r in alike if r.rule.index == index), route)
