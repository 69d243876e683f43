"""What one client gets of the world: its hosts, clusters, virtual hosts and connections."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import replace
from functools import cached_property

from meshtui.mesh import read
from meshtui.mesh.istio import Json
from meshtui.mesh.model import Mesh
from meshtui.mesh.resolution.answer import EdgeRoute, Overruled, Resolution, overruled
from meshtui.mesh.resolution.client import Client
from meshtui.mesh.resolution.clusters import Cluster, Reach, host_clusters, missing, split_cluster
from meshtui.mesh.resolution.endpoints import Endpoints, KnownEndpoints, subset_endpoints
from meshtui.mesh.resolution.forwarding import NO_BACKEND, Surroundings, cluster_name
from meshtui.mesh.resolution.gateways import Door, Doors, GatewayTable, doors
from meshtui.mesh.resolution.names import MESH
from meshtui.mesh.resolution.policies import Joined, for_port
from meshtui.mesh.resolution.registry import Host
from meshtui.mesh.resolution.routes import Route, default_route, reached
from meshtui.mesh.resolution.rulings import Ruling
from meshtui.mesh.resolution.shared import Shared
from meshtui.mesh.resolution.streams import Chain, gateway_chains, sidecar_chains
from meshtui.mesh.resolution.tables import SidecarTable, VirtualHost
from meshtui.mesh.resolution.unread import unread
from meshtui.mesh.resolution.waypoints import Waypoint


class View:
    """What one client gets of the world."""

    def __init__(self, shared: Shared, client: Client, endpoints: KnownEndpoints) -> None:
        self.shared = shared
        self.client = client
        self._endpoints = endpoints
        self.scope = shared.scope(client)
        self._tables: dict[int, SidecarTable | None] = {}
        self._rules: dict[str, Joined | None] = {}
        self._clusters: dict[str, Mapping[str, Cluster]] = {}

    @property
    def mesh(self) -> Mesh:
        return self._endpoints.mesh

    def with_pods_of(self, endpoints: KnownEndpoints) -> View:
        """The same in a snapshot in which only pods differ: nothing else here is made of them."""
        found = copy(self)
        found._endpoints = endpoints
        return found

    # Hosts, DestinationRules, clusters, endpoints

    def host(self, name: str) -> Host | None:
        """The host that the client means by a full name; None where it sees none."""
        return self.scope.host(name)

    def rule(self, name: str) -> Joined | None:
        """The DestinationRules that count for the client when it calls a host, joined."""
        if name not in self._rules:
            host = self.host(name)
            self._rules[name] = self.shared.policies.chosen(host, self.client) if host else None
        return self._rules[name]

    def clusters(self, name: str) -> Mapping[str, Cluster]:
        """The client's clusters for a host, by their names."""
        if name not in self._clusters:
            host = self.host(name)
            found: Iterable[Cluster] = ()
            if host is not None:
                found = host_clusters(
                    host, self.rule(name), self.mesh.settings, self.client.gateway
                )
            self._clusters[name] = {cluster.name: cluster for cluster in found}
        return self._clusters[name]

    def reach(self, name: str) -> Reach:
        """A cluster that a route names: what is behind it, or why it is not there."""
        if name == NO_BACKEND:
            return Reach(name, missing="what may not be named or can't be one has no cluster")
        parts = split_cluster(name)
        if parts is None:
            return Reach(name, missing=f"{name} is no cluster of a service")
        port, subset, host_name = parts
        cluster = self.clusters(host_name).get(cluster_name(host_name, port, subset))
        if cluster is None:
            host = self.host(host_name)
            why = missing(host, self._hidden(host_name), self.rule(host_name), port, subset)
            return Reach(name, missing=why)
        return Reach(name, cluster, endpoints=self.endpoints(cluster))

    def endpoints(self, cluster: Cluster) -> Endpoints:
        """The endpoints of a cluster, by its host, its port and its subset's labels."""
        everything = self._endpoints.of(cluster.host, cluster.port)
        return subset_endpoints(everything, cluster.labels) if cluster.subset else everything

    def _hidden(self, name: str) -> str:
        """Why the client sees no host of that name."""
        known = self.shared.registry.by_name.get(name, ())
        if not known:
            return f"no Service and no ServiceEntry has the host {name}"
        if any(host.visible_in(self.client.namespace) for host in known):
            sidecar = self.scope.sidecar
            return f"{sidecar.ref if sidecar else 'the Sidecar'} hides {name}"
        homes = ", ".join(sorted({host.namespace for host in known}))
        return f"{name} of {homes} is not exported to {self.client.namespace}"

    # Virtual hosts of a sidecar

    def table(self, port: int) -> SidecarTable | None:
        """The client's virtual hosts on a port; None where its Sidecar has no such listener."""
        if port not in self._tables:
            self._tables[port] = self._table(port)
        return self._tables[port]

    def speaks_http(self, port: int) -> bool:
        """Whether the client listens on the port for HTTP to whatever host a request names."""
        table = self.table(port)
        return table is not None and table.speaks_http

    def _table(self, port: int) -> SidecarTable | None:
        listener = self.scope.listener(port)
        if listener is None or self.client.gateway:
            return None

        def find(name: str) -> Host | None:
            return table.host(name)

        table = SidecarTable(
            listener=listener,
            port=port,
            around=self._around(port, frozenset({MESH}), find),
            default=self._default_route,
            domain=self.mesh.settings.domain,
            aliases=lambda name: self.shared.aliases.get(name, ()),
        )
        return table

    def _around(
        self,
        port: int,
        gateways: frozenset[str],
        find: Callable[[str], Host | None],
        tls: bool = False,
    ) -> Surroundings:
        return Surroundings(
            namespace=self.client.namespace,
            labels=self.client.labels,
            port=port,
            gateways=gateways,
            find=find,
            hashing=self.hashing,
            retries=self.mesh.settings.retries,
            tls=tls,
        )

    def _default_route(self, host: Host, port: int, cluster: str = "") -> Route:
        rule = self.rule(host.name)
        consistent = _consistent(rule.policy) if rule else None
        own, is_own = for_port(rule.policy if rule else None, port)
        if is_own:
            consistent = _consistent(own) or consistent
        return default_route(host, port, consistent, self.mesh.settings.retries, cluster)

    def hashing(self, destination: Json) -> Json | None:
        """What requests to a destination are hashed by: port, subset, host, the nearest first."""
        rule = self.rule(read.text(destination, "host"))
        if rule is None:
            return None
        subset = rule.subset(read.text(destination, "subset"))
        port = read.integer(read.obj(destination, "port"), "number")
        policies = [subset.policy if subset else None, rule.policy]
        own_port, own = _consistent_on(policies[0], port), _consistent(policies[0])
        host_port, host = _consistent_on(policies[1], port), _consistent(policies[1])
        return next((f for f in (own_port, own, host_port, host) if f is not None), None)

    # Gateways

    @cached_property
    def doors(self) -> Doors:
        """The servers that the client serves as a gateway."""
        edge = self.client.gateway and not self.client.waypoint
        return doors(self.mesh, self.client) if edge else Doors()

    @cached_property
    def waypoint(self) -> Waypoint:
        """What the client has as a waypoint."""
        listener = self.scope.listener(0)
        return Waypoint(
            self.mesh,
            self.client,
            self.shared.registry,
            listener.rulings if listener else (),
            self._at_waypoint,
            self._default_route,
        )

    def _at_waypoint(self, port: int, name: Callable[[str, int, str], str]) -> Surroundings:
        around = self._around(port, frozenset({MESH}), self.host)
        return replace(around, labels={}, name_cluster=name)

    @cached_property
    def gateway_tables(self) -> Mapping[str, tuple[VirtualHost, ...]]:
        """The virtual hosts of a gateway's tables: `http.8080`, `https.443.name.gateway.space`.

        Of a waypoint they are `inbound-vip|9080|http|host`.
        """
        if self.client.waypoint:
            return {vhost.table: (vhost,) for vhost in self.waypoint.virtual_hosts()}
        return {
            name: GatewayTable(
                name, self.doors.table(name), self.shared.rulings, self.client, self._at_door
            ).virtual_hosts()
            for name in self.doors.tables
        }

    @cached_property
    def _edge(self) -> Mapping[str, tuple[EdgeRoute, ...]]:
        found: dict[str, list[EdgeRoute]] = {}
        for vhosts in self.gateway_tables.values():
            for vhost in vhosts:
                for route in reached(vhost.routes):
                    for host in dict.fromkeys(_hosts_of(route)):
                        found.setdefault(host, []).append(EdgeRoute(vhost, route))
        return {host: tuple(routes) for host, routes in found.items()}

    def edge_routes(self, name: str) -> tuple[EdgeRoute, ...]:
        """The routes of a gateway that name a host, with weight 0 too, and that can be reached."""
        return self._edge.get(name, ())

    @property
    def outbound(self) -> str:
        """What becomes of requests to no known host: ALLOW_ANY or REGISTRY_ONLY."""
        sidecar = self.scope.sidecar
        return (sidecar.outbound if sidecar else "") or self.mesh.settings.outbound

    def _at_door(self, ruling: Ruling, door: Door) -> Surroundings:
        def find(name: str) -> Host | None:
            """The VirtualService's own namespace before any other."""
            own = self.shared.registry.owned(name).get(ruling.namespace)
            seen = own is not None and own.visible_in(self.client.namespace)
            return own if seen else self.host(name)

        tls = bool(door.server.tls) or door.server.redirect
        return self._around(door.server.port, frozenset({door.name}), find, tls)

    def door_chains(self, door: Door) -> tuple[Chain, ...]:
        """What the gateway does with connections at a server that is no HTTP."""
        seen = self.shared.rulings.seen(self.client.namespace, door.name)
        return gateway_chains(door, seen.rulings, self.host)

    # Answers

    def chains(self, name: str, port: int) -> tuple[Chain, ...]:
        """What a sidecar or a waypoint does with connections to a TCP or TLS port of a host."""
        host, listener = self.host(name), self.scope.listener(port)
        found = host.port(port) if host else None
        if self.client.waypoint:
            return self.waypoint.chains(host, found, self.host) if host and found else ()
        if host is None or found is None or listener is None or not found.streams:
            return ()
        return sidecar_chains(host, found, listener.rulings, self.client, self.host)

    def resolve(self, name: str, port: int) -> Resolution:
        """What the client gets when it calls a host (by its full name) on a port.

        Of a waypoint: what it does with what was sent to that host.
        """
        table = self.table(port)
        vhost = table.virtual_host(name) if table else None
        if self.client.waypoint:
            vhost = self._before(name, port)
        host = self.host(name)
        reaches = {}
        for route in vhost.routes if vhost else ():
            for target in (*route.targets, *route.mirrors):
                reaches[target.cluster] = self.reach(target.cluster)
        chains = self.chains(name, port)
        for chain in chains:
            for target in chain.targets:
                reaches[target.cluster] = self.reach(target.cluster)
        return Resolution(
            client=self.client,
            name=name,
            port=port,
            host=host,
            virtual_host=vhost,
            chains=chains,
            reaches=reaches,
            overruled=self._overruled(name, table),
            unread=unread(self.mesh, self.client, host),
        )

    def _before(self, name: str, port: int) -> VirtualHost | None:
        """A waypoint's virtual host for a service on a port."""
        found = self.waypoint.virtual_hosts(name)
        return next((one for one in found if one.name.endswith(f"|{port}")), None)

    def _overruled(self, name: str, table: SidecarTable | None) -> tuple[Overruled, ...]:
        return overruled(self.mesh, self.client, name, table, self.scope)


def _hosts_of(route: Route) -> Iterator[str]:
    """Where a route sends, and the destinations of its rule that get nothing now."""
    yield from (target.host for target in route.targets)
    rule = route.holder.rule if route.holder else None
    yield from (destination.host for destination in (rule.destinations if rule else ()))


def _consistent(policy: Json | None) -> Json | None:
    found = read.obj(policy, "loadBalancer").get("consistentHash")
    return found if isinstance(found, Mapping) else None


def _consistent_on(policy: Json | None, port: int) -> Json | None:
    """Only where the destination names the port."""
    own, is_own = for_port(policy, port) if port else (None, False)
    return _consistent(own) if is_own else None
