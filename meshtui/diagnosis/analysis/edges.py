"""Gateways against each other, against their Services, and against the rules of the mesh."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from meshtui.diagnosis.analysis.finding import ERROR, INFO, WARNING, Finding
from meshtui.diagnosis.analysis.resolved_hosts import ResolvedHosts, at, resolved_hosts
from meshtui.diagnosis.analysis.sendings import ResolvedHost, Sending
from meshtui.mesh.hosts import short_host
from meshtui.mesh.model import Gateway, Mesh, Server, VirtualService
from meshtui.mesh.resolution import Door, Route, RulePlace
from meshtui.mesh.resolution.forwarding import cluster_name
from meshtui.mesh.resolution.names import labels_in


def edge_without_weights(mesh: Mesh) -> Iterator[Finding]:
    """A gateway's route to a whole service whose weights another VirtualService has for the mesh.

    A gateway routes by the rules that are bound to it: it does not ask those of the mesh for the
    service that it sends to. (istioctl's IST0140 compares within one namespace only.)
    """
    whole = resolved_hosts(mesh)
    for group in whole.sendings.values():
        one = next((found for found in group if _is_whole(found)), None)
        split = _split(whole, one.target.host) if one else None
        if one is None or split is None:
            continue
        host = short_host(one.target.host, one.place.service.ref.namespace)
        targets = split.routes[-1].targets
        parts = ", ".join(dict.fromkeys(t.subset or short_host(t.host, "") for t in targets))
        yield Finding(
            "edge-without-weights",
            WARNING,
            one.place.service.ref,
            one.path,
            f"{split.rulings[0].service.ref} divides {host} in the mesh ({parts}), and what comes "
            f"in here goes to all endpoints of {host} alike: its weights do not hold for requests "
            "from outside.",
            "Name the subsets and weights here, too, or let both delegate to one VirtualService.",
            ("IST0140",),
        )


def _is_whole(sending: Sending) -> bool:
    edge = sending.answer.edge and not sending.mirror and not sending.idle
    return edge and not sending.target.subset and sending.target.share >= 1


def _split(whole: ResolvedHosts, host: str) -> ResolvedHost | None:
    """What gives some of a service's endpoints more than others, for callers in the mesh."""
    for answer in whole.answers_for(host):
        named = answer.rulings and isinstance(answer.rulings[0].service, VirtualService)
        if named and answer.routes and _divides(answer, answer.routes[-1], host):
            return answer
    return None


def _divides(answer: ResolvedHost, route: Route, host: str) -> bool:
    """By several destinations, or by one subset that does not have all endpoints."""
    targets = (*route.targets, *route.unused)
    own = [target for target in targets if target.host == host and target.subset]
    if not own or len(targets) > 1:
        return bool(own)
    view = answer.view
    subset, everything = (
        view.reach(cluster).endpoints
        for cluster in (own[0].cluster, cluster_name(host, own[0].port))
    )
    known = not subset.unknown and not everything.unknown
    return known and len(subset.found) < len(everything.found)


def left_out_server(mesh: Mesh) -> Iterator[Finding]:
    """A server of a Gateway that istiod leaves out beside another on the same port.

    Two TLS servers for one host, plain TCP beside HTTP, two servers with one port name: the older
    Gateway's stays (istiod, MergeGateways), and nothing says that the other is gone.
    """
    seen: set[tuple[str, int]] = set()
    for view in resolved_hosts(mesh).askers.gateways:
        for skipped in view.doors.skipped:
            index = skipped.gateway.servers.index(skipped.server)
            place = (str(skipped.gateway.ref), index)
            if place in seen:
                continue
            seen.add(place)
            yield Finding(
                "gateway-conflict",
                ERROR,
                skipped.gateway.owner,
                _path(skipped.gateway, index),
                f"This server is left out: {skipped.why}. Its requests are served by the other "
                "server, or not at all.",
                "Put both into one Gateway, or give this one other hosts or another port.",
                ("IST0145",),
            )


def gateway_conflict(mesh: Mesh) -> Iterator[Finding]:
    """Two Gateways with servers for the very same host on one port of the same proxies.

    Plain HTTP servers are merged: the VirtualServices of both count, the older ones first. Where
    one of them redirects to HTTPS, it does so for both.
    """
    reported: set[tuple[str, str]] = set()
    for view in resolved_hosts(mesh).askers.gateways:
        doors = [door for door in view.doors.doors if door.table]
        for one, other in combinations(doors, 2):
            pair = (str(one.gateway.owner), str(other.gateway.owner))
            both = _common(one, other)
            if pair in reported or pair[0] == pair[1] or one.table != other.table or not both:
                continue
            reported.add(pair)
            redirects = one.server.redirect is not other.server.redirect
            what = (
                "one of them redirects to HTTPS, and so all plain requests are redirected"
                if redirects
                else "istiod merges them, and VirtualServices bound to either count for both"
            )
            yield Finding(
                "gateway-conflict",
                WARNING if redirects else INFO,
                other.gateway.owner,
                _path(other.gateway, other.gateway.servers.index(other.server)),
                f"{one.gateway.owner} serves {both} on port {one.server.port} of the same proxies: "
                f"{what}.",
                "Let one Gateway have the host on this port.",
                ("IST0145",),
            )


def behind_another(mesh: Mesh) -> Iterator[Finding]:
    """A rule at a gateway behind one of another object that takes everything for its host.

    istiod joins what is bound to one host there, HTTPRoutes and older objects first.
    """
    whole = resolved_hosts(mesh)
    seen: set[tuple[str, str, str, int]] = set()
    for answer in whole.answers:
        first = answer.routes[-1].rule if answer.edge and answer.routes else None
        for route in answer.behind if first else ():
            rule = route.rule
            if rule is None or first is None or rule.root.service is first.root.service:
                continue
            place = at(rule.root)
            if place in whole.used_rules or place in seen:
                continue
            seen.add(place)
            yield _behind(rule.root, first.root, answer.host)


def _behind(place: RulePlace, before: RulePlace, host: str) -> Finding:
    title = place.rule.title if place.rule else place.pointer
    return Finding(
        "unreachable-rule",
        WARNING,
        place.service.ref,
        f"spec.{place.protocol}[{place.index}]",
        f"No request comes to rule {title} at the gateway: {before.service.ref} takes all for "
        f"{host} before it.",
        "Put both into one object, or let the first ask for less.",
        ("IST0130",),
    )


def _path(gateway: Gateway, index: int) -> str:
    """Where a server is written; of the Gateway API it is a listener, which has a name."""
    return f"spec.listeners[{gateway.listener}]" if gateway.origin else f"spec.servers[{index}]"


def _common(one: Door, other: Door) -> str:
    """A host that both name; those of a namespace of its own only together with that."""
    for first in one.hosts:
        for second in other.hosts:
            home, _, name = first.rpartition("/")
            place, _, host = second.rpartition("/")
            if name == host and (not home or not place or home == place):
                return name
    return ""


def unexposed_port(mesh: Mesh) -> Iterator[Finding]:
    """A port of a Gateway that no Service of its pods has, as a port or as a target port.

    The proxy listens on it, and nobody who calls a Service gets there.
    """
    if not (mesh.knows("services") and mesh.knows("pods")):
        return
    for gateway in mesh.gateways:
        pods = [pod for pod in mesh.pods if pod.gateway and labels_in(gateway.selector, pod.labels)]
        fronts = [
            service
            for service in mesh.services
            if service.selector
            and any(
                pod.namespace == service.key.namespace and labels_in(service.selector, pod.labels)
                for pod in pods
            )
        ]
        known = {port.number for service in fronts for port in service.ports}
        known |= {
            number
            for group in resolved_hosts(mesh).askers.gateways
            for number in group.client.ports.values()
            if labels_in(gateway.selector, group.client.labels)
        }
        for index, server in enumerate(gateway.servers):
            if fronts and server.port and server.port not in known:
                yield _unexposed(gateway, index, server, ", ".join(str(s.key) for s in fronts))


def _unexposed(gateway: Gateway, index: int, server: Server, fronts: str) -> Finding:
    return Finding(
        "unexposed-port",
        WARNING,
        gateway.ref,
        f"spec.servers[{index}].port.number",
        f"The gateway listens on port {server.port}, and the Service before it ({fronts}) has no "
        "such port: nobody outside gets there.",
        "Add the port to the Service, or use one that it has.",
        ("IST0162",),
    )
