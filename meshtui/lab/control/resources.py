"""Everything each proxy is to be told: World → resources."""

from __future__ import annotations

from dataclasses import dataclass

from meshtui.lab.contract import Obj
from meshtui.lab.control import listeners
from meshtui.lab.control.clusters import cluster, counted, own_clusters, upstreams
from meshtui.lab.control.counting import told
from meshtui.lab.control.discovery import CLUSTERS, LISTENERS, ROUTES, Key, Resources
from meshtui.lab.control.filters import (
    GATEWAY,
    INBOUND,
    OUTBOUND,
    Patch,
    patched_listener,
    patched_routes,
    patches_for,
)
from meshtui.lab.control.gateways import Server, gateway_routes, http_servers, servers_of
from meshtui.lab.control.reading import complain
from meshtui.lab.control.routing import sidecar_ports, sidecar_routes, sniffed_routes
from meshtui.lab.control.scope import Scope, Sight
from meshtui.lab.control.world import MALFORMED, Proxy, World


@dataclass(frozen=True, slots=True)
class Configuration:
    """All resources of the mesh, in the three kinds whose order of delivery matters."""

    clusters: Resources
    routes: Resources
    listeners: Resources


@dataclass(frozen=True, slots=True)
class Outbound:
    """What a proxy sends by: route tables with the port each is for, and listeners likewise."""

    tables: list[tuple[Obj, int]]
    listeners: list[tuple[Obj, int]]


def configure(world: World, proxies: list[Proxy]) -> Configuration:
    """The whole mesh's configuration."""
    clusters: dict[Key, list[Obj]] = {}
    routes: dict[Key, list[Obj]] = {}
    lds: dict[Key, list[Obj]] = {}
    sight = Sight(world)
    known: dict[tuple[tuple[str, int], ...], list[Obj]] = {}
    for each in proxies:
        proxy = told(world, each)
        scope = sight.of(proxy)
        made = _clusters(scope, world, known)
        clusters[Key(proxy.pod, CLUSTERS)] = [*made, *map(counted, own_clusters(proxy, world))]
        outbound = _gateway(sight, scope) if proxy.gateway else _sidecar(scope)
        patches = patches_for(world, proxy)
        context = GATEWAY if proxy.gateway else OUTBOUND
        for table, port in outbound.tables:
            patched = patched_routes(table, context, port, patches)
            routes[Key(proxy.pod, ROUTES, str(table["name"]))] = [patched]
        lds[Key(proxy.pod, LISTENERS)] = [
            *(
                patched_listener(found, context, port, patches)
                for found, port in outbound.listeners
            ),
            *_inbound(world, proxy, patches),
        ]
    return Configuration(clusters, routes, lds)


def _clusters(
    scope: Scope, world: World, known: dict[tuple[tuple[str, int], ...], list[Obj]]
) -> list[Obj]:
    """The outbound clusters, made once for all proxies that see the same."""
    found = upstreams(scope)
    key = tuple((upstream.name, id(upstream.rule)) for upstream in found)
    if key not in known:
        known[key] = [counted(cluster(upstream, world)) for upstream in found]
    return known[key]


def _inbound(world: World, proxy: Proxy, patches: list[Patch]) -> list[Obj]:
    return [
        patched_listener(listeners.inbound(proxy, world, port), INBOUND, port, patches)
        for port in proxy.ports
    ]


def _sidecar(scope: Scope) -> Outbound:
    ports = sidecar_ports(scope)
    tables = [(sidecar_routes(scope, port), port) for port in ports]
    for service in scope.listed:
        sniffed = [port.number for port in service.ports if port.sniffed and service.addresses]
        tables += [(sniffed_routes(scope, service, number), number) for number in sniffed]
    made = [(listeners.outbound(scope.proxy, port), port) for port in ports]
    others = listeners.connections(scope, set(ports))
    return Outbound(tables, [*made, *((found, 0) for found in others)])


def _gateway(sight: Sight, scope: Scope) -> Outbound:
    servers = _readable_servers(sight, scope)
    tables = [
        (gateway_routes(sight, scope, name, found), found[0].number)
        for name, found in http_servers(servers).items()
    ]
    by_port: dict[int, list[Server]] = {}
    for server in servers:
        by_port.setdefault(server.target, []).append(server)
    made = [
        (found, servers_of_port[0].number)
        for port, servers_of_port in by_port.items()
        if (found := listeners.gateway(sight, scope, port, servers_of_port))
    ]
    return Outbound(tables, made)


def _readable_servers(sight: Sight, scope: Scope) -> list[Server]:
    try:
        return servers_of(sight.gateways, scope)
    except MALFORMED as error:
        complain(f"the Gateways of {scope.proxy.pod} skipped: {error!r}")
        return []
