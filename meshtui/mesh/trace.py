"""Which rule takes a request, by the objects: what a caller's proxy does once istiod has sent it.

What the proxy has is the resolution's answer; the request is tried against it as Envoy does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.decision import Decision, Tried, split
from meshtui.mesh.effects import Effects, Odds, route_effects
from meshtui.mesh.gateway_api import GATEWAY_NAME
from meshtui.mesh.gateway_status import (
    GatewayTrouble,
    proxy_troubles,
    waypoint_troubles,
    worth_saying,
)
from meshtui.mesh.model import Mesh, Retries, Rule
from meshtui.mesh.parse_rules import parse_rule
from meshtui.mesh.request import Request, best_domain, port_of
from meshtui.mesh.resolution import Client, Cluster, Route, RouteTarget, View, VirtualHost, world
from meshtui.mesh.resolution.backend_policies import lacks_ca
from meshtui.mesh.resolution.requests import answering
from meshtui.mesh.resolution.unread import unread
from meshtui.mesh.trace_connections import connection
from meshtui.mesh.trace_entries import entries
from meshtui.mesh.trace_gateways import entrance

NORMALISED = "the proxy may normalise this path before it is matched (meshConfig.pathNormalization)"
NO_RULE = "no rule takes it: the proxy answers 404 (NR)"
NO_HOST = "no VirtualService has this host at the gateway: 404 (NR)"
TO_HTTPS = Effects(answer="redirects with 301 to scheme https")
PASSED_ON, REFUSED = "allow_any", "block_all"
"""The virtual hosts of a sidecar for hosts that it does not know, by `outboundTrafficPolicy`."""

RAW = "connections are passed on as they are, and HTTP rules have no effect"
_UNKNOWN = "no service and no VirtualService that the caller sees has this host"
_PASSTHROUGH, _BLACK_HOLE = "PassthroughCluster", "BlackHoleCluster"
_HTTP_PORT = 80
_ELSEWHERE = frozenset({"configmaps", "destinationrules"})
"""Kinds that decide where an answer's clusters are, and never which rule takes a request."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The proxy that a request goes out through, and where its connection goes.

    `port` is the port of the service that is called, at a gateway the Gateway's; 0 where the
    request's own host and scheme say it. `host` is the full name of the service whose address is
    called; empty for the one that the request names. `separately`: see `conditions.on_header`.
    """

    client: Client
    port: int = 0
    host: str = ""
    separately: bool | None = None


def trace(mesh: Mesh, request: Request, caller: Caller) -> Decision:
    """The decision of a caller's proxy, once it has what istiod makes of the objects."""
    view = world(mesh).view(caller.client)
    found = _decider(caller.client)(view, request, caller)
    missing = [why for why in unread(mesh, caller.client, None) if why.plural not in _ELSEWHERE]
    guessed = found.host in (PASSED_ON, REFUSED) and not mesh.settings.known
    policy = ["meshConfig was not read: its outboundTrafficPolicy is not known"] if guessed else []
    unknown = tuple(dict.fromkeys((*policy, *map(str, missing))))
    notes = (NORMALISED,) if request.normalisable else ()
    if any(name.lower() == _OWN_TIMEOUT for name, _ in request.headers):
        notes = (*notes, f"Istio's proxies ignore a caller's {_OWN_TIMEOUT}")
    notes = (*notes, *map(str, worth_saying(_troubles(view, found))))
    return replace(found, notes=(*found.notes, *unknown, *notes), unknown=unknown)


def _troubles(view: View, found: Decision) -> tuple[GatewayTrouble, ...]:
    """What the status of the Gateway or the waypoint on the way says does not work."""
    client, mesh = view.client, view.mesh
    name = client.waypoint or (client.labels.get(GATEWAY_NAME, "") if client.gateway else "")
    if name:
        return proxy_troubles(mesh, (client.namespace, name))
    service = mesh.by_host.get(found.host)
    return waypoint_troubles(mesh, service) if service is not None and not client.gateway else ()


_OWN_TIMEOUT = "x-envoy-upstream-rq-timeout-ms"
"""Envoy obeys it only of requests that it calls internal: sidecars and gateways call none so."""


def _decider(client: Client) -> Callable[[View, Request, Caller], Decision]:
    if client.waypoint:
        return _at_waypoint
    return _at_gateway if client.gateway else _in_mesh


def _at_waypoint(view: View, request: Request, caller: Caller) -> Decision:
    """A waypoint has one virtual host for each port of a service: what was sent to its address.

    Or one chain, where connections are passed on as they are.
    """
    port = caller.port or port_of(request.authority) or _HTTP_PORT
    called = caller.host or named(view, request.hostname)
    answer = view.resolve(called, port)
    if answer.virtual_host is None and answer.chains:
        addresses = answer.host.addresses if answer.host else ()
        found, chain = connection(answer.chains, called, addresses, port, request)
        return _to(view, found, chain.targets if chain else (), f"port {port}: {RAW}")
    if answer.virtual_host is None:
        why = f"the waypoint does not stand before {called or request.hostname} on port {port}"
        return Decision(notes=(why,))
    return _among(view, answer.virtual_host, called, request, caller)


def _in_mesh(view: View, request: Request, caller: Caller) -> Decision:
    port = caller.port or port_of(request.authority) or _HTTP_PORT
    table = view.table(port)
    called = caller.host or named(view, request.hostname)
    host = table.host(called) if table else None
    if host is not None and not host.ports[0].takes_http_rules:
        chains = view.chains(host.name, port)
        found, chain = connection(chains, host.name, host.addresses, port, request)
        spoken = host.ports[0].protocol
        if chain is None and host.ports[0].tls:
            return _to_no_name(view, found, f"port {port} is {spoken}: {RAW}")
        return _to(view, found, chain.targets if chain else (), f"port {port} is {spoken}: {RAW}")
    vhost = table.sniffed(called) if table else None
    if table and vhost is None:
        vhost = answering(table.virtual_hosts(), request)
    if vhost is not None:
        return _among(view, vhost, vhost.host.name if vhost.host else "", request, caller)
    return _to_nobody(view, called or request.hostname, port)


def _to_no_name(view: View, found: Decision, note: str) -> Decision:
    """Behind the server names of the rules a listener has outboundTrafficPolicy's own chain."""
    cluster = _PASSTHROUGH if view.outbound == "ALLOW_ANY" else _BLACK_HOLE
    decided = f"no rule has the server name: outboundTrafficPolicy {view.outbound} decides"
    effects = Effects(destinations=(Odds("", cluster=cluster),), connection=True)
    taken = Tried(None, "every other server name")
    return replace(found, taken=taken, effects=effects, notes=(decided, note))


def named(view: View, hostname: str) -> str:
    """The full name of the host that a client means by a name or an address; "" for none."""
    domain, namespace = view.mesh.settings.domain, view.client.namespace
    registry, name = view.shared.registry, hostname.removesuffix(".")
    if addressed := registry.by_address.get(name.strip("[]"), ()):
        return addressed[0].name
    ends = ("", f".{namespace}.svc.{domain}", f".svc.{domain}", f".{domain}")
    found = (f"{name}{end}" for end in ends if name and f"{name}{end}" in registry.by_name)
    return next(found, None) or best_domain(registry.wild, name) or ""


def _to_nobody(view: View, name: str, port: int) -> Decision:
    """A host that the caller does not have on the port: outboundTrafficPolicy decides."""
    allowed = view.outbound == "ALLOW_ANY"
    listening = view.speaks_http(port)
    known = view.shared.registry.by_name.get(name, ())
    why = view.reach(f"outbound|{port}||{name}").missing if known else _UNKNOWN
    decided = f"{why}: outboundTrafficPolicy {view.outbound} decides"
    vhost = PASSED_ON if allowed else REFUSED
    if not allowed and listening:
        answer = Effects(answer="answers 502")
        return Decision(vhost, (), Tried(None, vhost), answer, None, (decided,), table=str(port))
    cluster = _PASSTHROUGH if allowed else _BLACK_HOLE
    effects = Effects(
        destinations=(Odds("", cluster=cluster),),
        retries=Retries(attempts=0),
        connection=not listening,
    )
    table = str(port) if listening else ""
    return Decision(
        vhost, (), Tried(None, vhost), effects, None, (decided,), table=table, port=port
    )


def _at_gateway(view: View, request: Request, caller: Caller) -> Decision:
    """All VirtualServices of one host stand in one list, those that take everything at its end."""
    way_in = entrance(view, request, caller.port)
    if way_in.door is None:
        return Decision(notes=(way_in.why,))
    if not way_in.door.table:
        chains, port = view.door_chains(way_in.door), way_in.door.port
        found, chain = connection(chains, request.hostname, (), port, request)
        return _to(view, found, chain.targets if chain else (), f"{way_in.door.name} {RAW}")
    if way_in.vhost is None:
        return Decision(notes=(NO_HOST,), table=way_in.door.table)
    host = best_domain(way_in.vhost.domains, request.hostname) or ""
    if way_in.vhost.requires_tls and request.scheme == "http":
        taken = Tried(None, "the Gateway's httpsRedirect")
        return Decision(host, taken=taken, effects=TO_HTTPS, table=way_in.door.table)
    return _among(view, way_in.vhost, host, request, caller)


def _among(view: View, vhost: VirtualHost, host: str, request: Request, caller: Caller) -> Decision:
    found = list(entries(vhost, request, caller.separately))
    above, place = split([entry.tried for entry in found])
    host = host or vhost.name.rpartition(":")[0]
    route = found[place].route if place is not None else None
    if place is None or route is None:
        return Decision(host, above, notes=(NO_RULE,), table=vhost.table)
    rule = _joined_rule(route)
    effects = route_effects(route, rule)
    taken = found[place].tried
    made = Decision(host, above, taken, effects, rule, table=vhost.table, route=route)
    return _to(view, made, (*route.targets, *route.mirrors))


def _joined_rule(route: Route) -> Rule | None:
    """The rule as the proxies get it: with what a delegate takes over from its root."""
    if route.rule is None:
        return None
    holder = route.rule.holder
    namespace = holder.service.ref.namespace
    return parse_rule(route.rule.raw, holder.index, "http", namespace)


def _to(view: View, found: Decision, targets: Iterable[RouteTarget], *notes: str) -> Decision:
    """With what is said of the clusters that the requests go to."""
    return replace(found, notes=(*found.notes, *notes, *_of_clusters(view, targets)))


def _of_clusters(view: View, targets: Iterable[RouteTarget]) -> Iterator[str]:
    known = {target.cluster: target for target in targets}
    passing = [one for name in known if (one := view.reach(name).cluster) and one.by_address]
    for target in known.values():
        reach = view.reach(target.cluster)
        label = target.subset or target.host or target.cluster
        if reach.cluster is None and (why := _unseen(view, target)):
            yield f"whether {label} has a cluster in the proxy is not known: {why}"
        elif reach.cluster is None:
            yield f"{label} has no cluster in the proxy (NC): {reach.missing}"
        elif reach.cluster.by_address:
            nothing = ": weights do nothing" if len(passing) == len(known) else ""
            yield f"{label} is called at the address that the caller chose{nothing}"
        elif not reach.endpoints.found and not reach.endpoints.unknown:
            yield f"{label} has no endpoint (UH)"
        if reach.cluster is not None and (said := _backend_tls(reach.cluster)):
            yield f"{label} {said}"


def _unseen(view: View, target: RouteTarget) -> str:
    """What was not read and may have the subset or the host that seems to be missing."""
    kinds = ("destinationrules",) if target.subset else ("services", "serviceentries")
    host = next(iter(view.shared.registry.by_name.get(target.host, ())), None)
    found = unread(view.shared.mesh, view.client, host)
    return next((str(one) for one in found if one.plural in kinds), "")


def _backend_tls(cluster: Cluster) -> str:
    """What a BackendTLSPolicy has to do with how the cluster's pods are called."""
    if cluster.rule is None or not cluster.rule.backend:
        return ""
    by, tls = ", ".join(map(str, cluster.rule.backend)), read.obj(cluster.policy, "tls")
    name = read.text(tls, "sni")
    if lacks_ca(cluster.policy):
        what = "can't be called (UF)" if name else "is called in plain text, without mutual TLS"
        return f"{what}: {by} names a CA that is not there"
    return f"is called with TLS as {name}, by {by}" if name else ""
