"""A proxy's RouteConfigurations and virtual hosts, with routes as the config dump has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from meshtui.dataclass import dataclass
from meshtui.envoy.dump import ROUTE_CONFIGS, refusal, resources, routes_of
from meshtui.envoy.routes import ProxyRoute
from meshtui.mesh import read
from meshtui.mesh.model import Json
from meshtui.mesh.pod_status import stamp


@dataclass(frozen=True, slots=True)
class ProxyHost:
    """A virtual host. `table` is the RouteConfiguration that it stands in.

    `routes` are Envoy's own JSON, in order; there may be none. `refused` are the words with which
    the proxy refused a newer version of the table, empty where it refused none or does not say.
    `updated` is when the table came, in seconds since the epoch; None where that is not known.
    """

    table: str
    name: str
    domains: tuple[str, ...] = ()
    routes: tuple[Json, ...] = ()
    requires_tls: bool = False
    refused: str = ""
    updated: float | None = None


@dataclass(frozen=True, slots=True)
class RouteTable:
    """A RouteConfiguration: a sidecar's `9080` or `host:9080`, a gateway's `http.8080`.

    `ignore_port`: a host's port is cut off before a virtual host is looked for. `refused`: see
    `ProxyHost`.
    """

    name: str
    hosts: tuple[ProxyHost, ...] = ()
    ignore_port: bool = False
    refused: str = ""


def parse_tables(dump: Any) -> tuple[RouteTable, ...]:
    """Every RouteConfiguration of a config dump that is in force, in its order."""
    return tuple(
        RouteTable(
            name=read.text(config, "name"),
            hosts=tuple(
                _host(config, host, entry) for host in read.objects(config, "virtual_hosts")
            ),
            ignore_port=config.get("ignore_port_in_host_matching") is True,
            refused=refusal(entry),
        )
        for entry in _in_force(list(resources(dump, ROUTE_CONFIGS)))
        for config in [read.obj(entry, "route_config")]
    )


def _in_force(entries: list[Json]) -> Iterator[Json]:
    """Without the earlier editions of a table that stands inside of a listener.

    As long as its old connections drain (45 s by Istio's default), Envoy lists those too.
    """
    newest: dict[str, Json] = {}
    for entry in entries:
        name = read.text(read.obj(entry, "route_config"), "name")
        known = newest.get(name)
        if known is None or _updated(entry) > _updated(known):
            newest[name] = entry
    for entry in entries:
        config = read.obj(entry, "route_config")
        last = newest[read.text(config, "name")]
        named = bool(read.text(config, "name"))
        same = config == read.obj(last, "route_config")
        if not named or same or _updated(entry) >= _updated(last):
            yield entry


def _updated(entry: Json) -> float:
    return stamp(read.text(entry, "last_updated")) or 0.0


def parse_hosts(dump: Any) -> tuple[ProxyHost, ...]:
    """Every virtual host of a config dump, those that stand inside of listeners too."""
    return tuple(host for table in parse_tables(dump) for host in table.hosts)


def _host(config: Json, host: Json, entry: Json) -> ProxyHost:
    return ProxyHost(
        table=read.text(config, "name"),
        name=read.text(host, "name"),
        domains=read.texts(host, "domains"),
        routes=tuple(read.objects(host, "routes")),
        requires_tls=read.text(host, "require_tls") not in ("", "NONE"),
        refused=refusal(entry),
        updated=stamp(read.text(entry, "last_updated")),
    )


def routes_in(host: ProxyHost, routes: Iterable[Json]) -> tuple[ProxyRoute, ...]:
    """Some of its routes in the mesh's own words."""
    return tuple(routes_of(host.table, host.name, host.domains, routes))
