"""A proxy's RouteConfigurations with their virtual hosts, those without routes too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meshtui.envoy.dump import ROUTE_CONFIGS, parse_route, resources
from meshtui.envoy.routes import ProxyRoute
from meshtui.mesh import read


@dataclass(frozen=True, slots=True)
class TableHost:
    """A virtual host. `tls_only`: plain requests are only sent on to HTTPS."""

    name: str
    domains: tuple[str, ...] = ()
    routes: tuple[ProxyRoute, ...] = ()
    tls_only: bool = False


@dataclass(frozen=True, slots=True)
class RouteTable:
    """A RouteConfiguration: a sidecar's `9080` or `host:9080`, a gateway's `http.8080`.

    `ignore_port`: a host's port is cut off before a virtual host is looked for.
    """

    name: str
    hosts: tuple[TableHost, ...] = ()
    ignore_port: bool = False


def parse_tables(dump: Any) -> tuple[RouteTable, ...]:
    """Every RouteConfiguration of a config dump, in its order."""
    return tuple(
        RouteTable(
            name=read.text(config, "name"),
            hosts=tuple(
                TableHost(
                    name=read.text(host, "name"),
                    domains=read.texts(host, "domains"),
                    routes=tuple(
                        parse_route(config, host, r) for r in read.objects(host, "routes")
                    ),
                    tls_only=read.text(host, "require_tls") == "ALL",
                )
                for host in read.objects(config, "virtual_hosts")
            ),
            ignore_port=config.get("ignore_port_in_host_matching") is True,
        )
        for entry in resources(dump, ROUTE_CONFIGS)
        for config in [read.obj(entry, "route_config")]
    )
