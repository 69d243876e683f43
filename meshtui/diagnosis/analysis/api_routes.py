"""Routes of the Gateway API: who has them, and what their status does not tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshtui.diagnosis.analysis.finding import ERROR, WARNING, Finding
from meshtui.diagnosis.analysis.resolved_hosts import at, resolved_hosts
from meshtui.mesh import read
from meshtui.mesh.ambient import unheard_in_ambient
from meshtui.mesh.gateway_api import API_GATEWAYS, STREAM_KINDS, HttpRoute
from meshtui.mesh.istio import Json
from meshtui.mesh.model import Mesh, RuleOwner
from meshtui.mesh.resolution import RulePlace
from meshtui.mesh.resolution.backends import Backends
from meshtui.mesh.resolution.idle_routes import dropped, parents_missing, unattached
from meshtui.mesh.route_status import is_accepted


def _routes(mesh: Mesh) -> tuple[HttpRoute, ...]:
    return (*mesh.http_routes, *mesh.stream_routes)


def unserved_route(mesh: Mesh) -> Iterator[Finding]:
    """A route that a parent of it does not have: no listener admits it, or the Service is gone."""
    for route in _routes(mesh):
        if route.at_gateways and mesh.knows(API_GATEWAYS) and (why := unattached(mesh, route)):
            yield Finding(
                "unserved-route",
                ERROR,
                route.ref,
                "spec.parentRefs",
                f"No Gateway serves it: {why}.",
                "Correct the parent, its section and port, the hostnames, or what the listener "
                "allows.",
            )
        for index, name in parents_missing(mesh, route):
            yield Finding(
                "unserved-route",
                ERROR,
                route.ref,
                f"spec.parentRefs[{index}]",
                f"There is no {name}: nobody asks these rules for it.",
                "Correct the name and the namespace of the parent.",
            )


def dropped_route(mesh: Mesh) -> Iterator[Finding]:
    """A route of which istiod takes no rule, as one of them has what it does not know.

    The others go with it, and its status says Accepted all the same.
    """
    for route in _routes(mesh):
        why = dropped(mesh, route)
        if not why or not (route.hosts or route.at_gateways):
            continue
        status = ", and its status says Accepted" if is_accepted(route) else ""
        yield Finding(
            "dropped-route",
            ERROR,
            route.ref,
            "spec.rules",
            f"istiod takes none of its rules: {why}{status}. {_what(route).capitalize()}s go on "
            "as if it were not there.",
            "Remove what Istio does not know, or put it into a route of its own.",
        )


def cut_rule(mesh: Mesh) -> Iterator[Finding]:
    """A rule that is sorted behind one that takes everything: expressions are, wherever they stand.

    Also the rule of a younger route that asks for the same as an older one.
    """
    whole = resolved_hosts(mesh)
    seen: set[tuple[str, str, str, int]] = set()
    for answer in whole.answers:
        before = answer.routes[-1].rule if answer.routes else None
        for unused in answer.unused:
            place = at(unused.rule.root)
            if not unused.behind or before is None or place in seen or place in whole.used_rules:
                continue
            if isinstance(unused.rule.root.service, HttpRoute):
                seen.add(place)
                yield _cut(unused.rule.root, before.root, answer.host)


def _cut(place: RulePlace, before: RulePlace, host: str) -> Finding:
    title = place.rule.title if place.rule else place.pointer
    other = before.rule.title if before.rule else before.pointer
    return Finding(
        "unreachable-rule",
        WARNING,
        place.service.ref,
        f"spec.{place.protocol}[{place.index}]",
        f"No request comes to rule {title}: {before.service.ref} rule {other} takes everything for "
        f"{host} and is sorted before it.",
        "Ask for a path or a prefix instead of an expression, or put both into one rule.",
        ("IST0130",),
    )


def bad_backend(mesh: Mesh) -> Iterator[Finding]:
    """A backend that may not be named from the route's namespace, or can't be one.

    A Service or a port that is missing is another check's.
    """
    for route in _routes(mesh):
        if dropped(mesh, route):
            continue
        ask = Backends(mesh, route, at_gateway=bool(route.at_gateways))
        for index, rule in enumerate(read.items(read.obj(route.raw, "spec"), "rules")):
            backends = read.objects(rule, "backendRefs")
            total = sum(_weight(backend) for backend in backends)
            for place, backend in enumerate(backends):
                target, why = ask.destination(backend)
                if why and not target:
                    yield _bad(route, index, place, why, _part(backend, total))


def all_zero(mesh: Mesh) -> Iterator[Finding]:
    """A rule whose backends are all at weight 0: its status is silent, and nobody is sent there."""
    for route in _routes(mesh):
        for index, rule in enumerate(read.items(read.obj(route.raw, "spec"), "rules")):
            backends = read.objects(rule, "backendRefs")
            filters = {read.text(one, "type") for one in read.objects(rule, "filters")}
            if not backends or any(map(_weight, backends)) or "RequestRedirect" in filters:
                continue
            becomes = "is closed" if route.ref.kind in STREAM_KINDS else "is answered 500"
            yield Finding(
                "no-weight",
                ERROR,
                route.ref,
                f"spec.rules[{index}].backendRefs",
                f"All weights are 0: every {_what(route)} of rule rules[{index}] {becomes}.",
                "Give at least one backend a weight above 0.",
            )


def ignored_session(mesh: Mesh) -> Iterator[Finding]:
    """Session persistence, which istiod takes without a word and makes nothing of."""
    for route in mesh.http_routes:
        for index, rule in enumerate(read.items(read.obj(route.raw, "spec"), "rules")):
            if isinstance(rule, Mapping) and rule.get("sessionPersistence"):
                yield Finding(
                    "ignored-session",
                    WARNING,
                    route.ref,
                    f"spec.rules[{index}].sessionPersistence",
                    "Istio makes nothing of it: requests of one session go to any pod, and the "
                    "status says Accepted all the same.",
                    "Hash by a cookie or a header in a DestinationRule of the backend "
                    "(loadBalancer.consistentHash).",
                )


def _weight(backend: Json) -> int:
    return max(0, read.integer(backend, "weight", 1))


def _part(backend: Json, total: int) -> str:
    percent = 100 * _weight(backend) / total if total else 0.0
    return "" if percent >= 100 else f"{percent:.3g} %"


def _what(route: HttpRoute) -> str:
    return "connection" if route.ref.kind in STREAM_KINDS else "request"


def _bad(route: HttpRoute, index: int, place: int, why: str, part: str) -> Finding:
    grant = "ReferenceGrant" in why
    of = f"{part or f'every {_what(route)}'} of rule rules[{index}]"
    becomes = "is closed" if route.ref.kind in STREAM_KINDS else "is answered 500"
    where = " at Gateways" if grant and route.hosts else ""
    return Finding(
        "missing-grant" if grant else "bad-backend",
        ERROR,
        route.ref,
        f"spec.rules[{index}].backendRefs[{place}]",
        f"{why[0].upper()}{why[1:]}: {of} {becomes}{where}.",
        "Make a ReferenceGrant in the backend's namespace."
        if grant
        else "Name a Service, or a host of a ServiceEntry (group networking.istio.io, kind "
        "Hostname).",
    )


def ambient_rules(mesh: Mesh) -> Iterator[Finding]:
    """Rules for a service that callers in the ambient mesh do not ask: they have no waypoint."""
    if not mesh.knows("namespaces"):
        return
    for service in mesh.services:
        if not (why := unheard_in_ambient(mesh, service)):
            continue
        owners: list[RuleOwner] = [*mesh.virtual_services_by_host.get(service.host, ())]
        routes = (*mesh.http_routes, *mesh.stream_routes)
        owners += (route for route in routes if service.host in route.hosts)
        for owner in owners:
            if owner.in_mesh and owner.rules:
                yield Finding(
                    "no-waypoint",
                    WARNING,
                    owner.ref,
                    "spec.parentRefs" if isinstance(owner, HttpRoute) else "spec.hosts",
                    f"{why}: callers with a sidecar alone have these rules.",
                    "Start a waypoint (`istioctl waypoint apply`) and label the namespace or the "
                    "Service with istio.io/use-waypoint.",
                )
