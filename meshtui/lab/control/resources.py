"""Everything each proxy is to be told: World → resources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from meshtui.lab.contract import Obj
from meshtui.lab.control import listeners
from meshtui.lab.control.clusters import cluster, hashing, own_clusters, upstreams
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
from meshtui.lab.control.routing import (
    gateway_ports,
    gateway_routes,
    server_port,
    sidecar_ports,
    sidecar_routes,
)
from meshtui.lab.control.world import Proxy, World


@dataclass(frozen=True, slots=True)
class Configuration:
    """All resources of the mesh, in the three kinds whose order of delivery matters."""

    clusters: Resources
    routes: Resources
    listeners: Resources


def configure(world: World, proxies: list[Proxy]) -> Configuration:
    """The whole mesh's configuration."""
    clusters: dict[Key, list[Obj]] = {}
    routes: dict[Key, list[Obj]] = {}
    lds: dict[Key, list[Obj]] = {}
    for proxy in proxies:
        found = upstreams(world, proxy.namespace)
        outbound = [cluster(upstream, world) for upstream in found]
        clusters[Key(proxy.pod, CLUSTERS)] = [*outbound, *own_clusters(proxy, world)]
        made = _gateway(world, proxy) if proxy.gateway else _sidecar(world, proxy)
        hashes = hashing(found)
        patches = patches_for(world, proxy)
        context = GATEWAY if proxy.gateway else OUTBOUND
        for name, (configuration, _, number) in made.items():
            _add_hashes(configuration, hashes)
            patched = patched_routes(configuration, context, number, patches)
            routes[Key(proxy.pod, ROUTES, name)] = [patched]
        lds[Key(proxy.pod, LISTENERS)] = _listeners(
            world, proxy, [port for _, port, _ in made.values()], patches
        )
    return Configuration(clusters, routes, lds)


def _listeners(world: World, proxy: Proxy, ports: list[int], patches: list[Patch]) -> list[Obj]:
    make, context = (
        (listeners.gateway, GATEWAY) if proxy.gateway else (listeners.outbound, OUTBOUND)
    )
    return [
        *(patched_listener(make(proxy, port), context, port, patches) for port in ports),
        *(
            patched_listener(listeners.inbound(proxy, world, port), INBOUND, port, patches)
            for port in proxy.ports
        ),
    ]


Routes = tuple[Obj, int, int]
"""A route configuration, the pod's port it is for, and the port of the service or the Gateway."""


def _sidecar(world: World, proxy: Proxy) -> dict[str, Routes]:
    return {
        str(port): (sidecar_routes(world, proxy, port), port, port) for port in sidecar_ports(world)
    }


def _gateway(world: World, proxy: Proxy) -> dict[str, Routes]:
    return {
        f"http.{port}": (
            gateway_routes(world, proxy, port, servers),
            port,
            server_port(servers[0]),
        )
        for port, servers in gateway_ports(world, proxy).items()
    }


def _add_hashes(configuration: Obj, hashes: Mapping[str, list[Obj]]) -> None:
    """A route to a cluster with consistent hashing says what to hash."""
    for host in configuration["virtual_hosts"]:
        for route in host["routes"]:
            action = route.get("route") or {}
            weighted = (action.get("weighted_clusters") or {}).get("clusters") or ()
            names = [action["cluster"]] if "cluster" in action else [c["name"] for c in weighted]
            policy = next((hashes[name] for name in names if name in hashes), None)
            if policy:
                action["hash_policy"] = policy
