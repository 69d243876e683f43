"""The virtual hosts of a proxy with their routes as the config dump has them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from meshtui.envoy.dump import ROUTE_CONFIGS, parse_routes, resources
from meshtui.envoy.routes import ProxyRoute
from meshtui.mesh import read
from meshtui.mesh.model import Json


@dataclass(frozen=True, slots=True)
class ProxyHost:
    """A virtual host. `table` is the RouteConfiguration that it stands in.

    `routes` are Envoy's own JSON, in order; there may be none. `refused` are the words with which
    the proxy refused a newer version of the table, empty where it refused none or does not say.
    """

    table: str
    name: str
    domains: tuple[str, ...] = ()
    routes: tuple[Json, ...] = ()
    requires_tls: bool = False
    refused: str = ""


def parse_hosts(dump: Any) -> tuple[ProxyHost, ...]:
    """Every virtual host of a config dump, those that stand inside of listeners too."""
    return tuple(
        ProxyHost(
            table=read.text(config, "name"),
            name=read.text(host, "name"),
            domains=read.texts(host, "domains"),
            routes=tuple(read.objects(host, "routes")),
            requires_tls=read.text(host, "require_tls") not in ("", "NONE"),
            refused=refusal(entry),
        )
        for entry in resources(dump, ROUTE_CONFIGS)
        for config in [read.obj(entry, "route_config")]
        for host in read.objects(config, "virtual_hosts")
    )


def refusal(entry: Json) -> str:
    """Why Envoy refused the newest version of a resource, in its own words."""
    state = read.obj(entry, "error_state")
    return read.text(state, "details") or ("it says no more" if state else "")


def routes_in(host: ProxyHost, routes: Iterable[Json]) -> tuple[ProxyRoute, ...]:
    """Some of its routes in the mesh's own words."""
    found = {
        "name": host.name,
        "domains": list(host.domains),
        "routes": list(routes),
        "require_tls": "ALL" if host.requires_tls else "NONE",
    }
    config = {"name": host.table, "virtual_hosts": [found]}
    return parse_routes({"configs": [{"route_config": config}]})
