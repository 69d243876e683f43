"""Everything one proxy is to be told, and everything all proxies share: World → files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from meshtui.lab.contract import Obj
from meshtui.lab.control import listeners
from meshtui.lab.control.clusters import cluster, hashing, own_clusters, upstreams
from meshtui.lab.control.routing import (
    gateway_ports,
    gateway_routes,
    sidecar_ports,
    sidecar_routes,
)
from meshtui.lab.control.world import Proxy, World

Files = Mapping[Path, list[Obj]]
"""The resources of each file, by the file's path below the configuration's root."""

_LONGEST_NAME = 180


@dataclass(frozen=True, slots=True)
class Configuration:
    """All files of the mesh, in the three kinds whose order of delivery matters."""

    clusters: Files
    routes: Files
    listeners: Files


def file_name(resource: str) -> str:
    """A resource's name as a file's; hosts come from objects anybody may write."""
    plain = quote(resource, safe="|*")
    digest = hashlib.sha256(resource.encode()).hexdigest()[:16]
    return (plain if len(plain) <= _LONGEST_NAME else plain[:_LONGEST_NAME] + digest) + ".json"


def clusters_file(proxy: Proxy) -> Path:
    return Path(proxy.pod) / "cds.json"


def listeners_file(proxy: Proxy) -> Path:
    return Path(proxy.pod) / "lds.json"


def routes_file(proxy: Proxy, name: str) -> Path:
    return Path(proxy.pod) / "rds" / file_name(name)


def configure(world: World, proxies: list[Proxy], root: Path) -> Configuration:
    """The whole mesh's configuration; `root` is where the files will be."""
    clusters: dict[Path, list[Obj]] = {}
    routes: dict[Path, list[Obj]] = {}
    lds: dict[Path, list[Obj]] = {}
    for proxy in proxies:
        found = upstreams(world, proxy.namespace)
        outbound = [cluster(upstream, world) for upstream in found]
        clusters[clusters_file(proxy)] = [*outbound, *own_clusters(proxy, world)]
        made = _gateway(world, proxy) if proxy.gateway else _sidecar(world, proxy)
        hashes = hashing(found)
        for name, (configuration, _) in made.items():
            _add_hashes(configuration, hashes)
            routes[routes_file(proxy, name)] = [configuration]
        lds[listeners_file(proxy)] = [
            *(
                _listener(proxy, port, root / routes_file(proxy, n))
                for n, (_, port) in made.items()
            ),
            *(listeners.inbound(proxy, world, port) for port in proxy.ports),
        ]
    return Configuration(clusters, routes, lds)


def _sidecar(world: World, proxy: Proxy) -> dict[str, tuple[Obj, int]]:
    return {str(port): (sidecar_routes(world, proxy, port), port) for port in sidecar_ports(world)}


def _gateway(world: World, proxy: Proxy) -> dict[str, tuple[Obj, int]]:
    return {
        f"http.{port}": (gateway_routes(world, proxy, port, servers), port)
        for port, servers in gateway_ports(world, proxy).items()
    }


def _listener(proxy: Proxy, port: int, routes_path: Path) -> Obj:
    make = listeners.gateway if proxy.gateway else listeners.outbound
    return make(proxy, port, str(routes_path))


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
