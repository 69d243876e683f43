"""What a gateway serves: its servers by port, and the RouteConfigurations behind them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from meshtui.lab.contract import Obj
from meshtui.lab.control import protocols
from meshtui.lab.control.action import Where
from meshtui.lab.control.hosts import covers, intersection, order
from meshtui.lab.control.match import catches_all
from meshtui.lab.control.reading import complain
from meshtui.lab.control.routing import configuration, virtual_host
from meshtui.lab.control.rules import Client, routes
from meshtui.lab.control.scope import Scope, Sight
from meshtui.lab.control.world import MALFORMED, Config, selects


@dataclass(frozen=True, slots=True)
class Server:
    """One server of one Gateway; `target` is the port of the pod that it ends at."""

    gateway: Config
    spec: Mapping[str, Any]
    number: int
    target: int

    @property
    def gateway_name(self) -> str:
        return f"{self.gateway.namespace}/{self.gateway.name}"

    @property
    def hosts(self) -> list[str]:
        """With the namespace whose VirtualServices they are for, where one is named."""
        return [str(host) for host in self.spec.get("hosts") or ()]

    @property
    def redirected(self) -> list[str]:
        """As istiod names their virtual hosts: a namespace stays before the name."""
        found = []
        for text in self.hosts:
            home, slash, host = text.rpartition("/")
            home = self.gateway.namespace if home == "." else home
            found.append(text if not slash else host if home == "*" else f"{home}/{host}")
        return found

    def hosts_for(self, namespace: str) -> list[str]:
        found = []
        for text in self.hosts:
            home, _, host = text.rpartition("/")
            home = self.gateway.namespace if home == "." else home
            if home in ("", "*", namespace):
                found.append(host)
        return found

    @property
    def closer(self) -> list[str]:
        """Hosts of other listeners of its port that are narrower than its own."""
        return [str(host) for host in self.spec.get("closer") or ()]

    @property
    def tls(self) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = self.spec.get("tls")
        return found

    @property
    def redirects(self) -> bool:
        return bool((self.tls or {}).get("httpsRedirect"))

    @property
    def protocol(self) -> str:
        return str(self.spec["port"].get("protocol", "")).upper()

    @property
    def passes_through(self) -> bool:
        mode = (self.tls or {}).get("mode")
        return protocols.is_tls(self.protocol) and mode in ("PASSTHROUGH", "AUTO_PASSTHROUGH")

    @property
    def http(self) -> bool:
        """Plain HTTP, or HTTPS that ends here."""
        return protocols.is_http(self.protocol) or (
            self.protocol == "HTTPS" and not self.passes_through
        )

    @property
    def route_name(self) -> str:
        """Plain servers of a port share one table; each TLS server has its own."""
        if protocols.is_http(self.protocol):
            return f"http.{self.target}"
        port = self.spec["port"]
        home, name = self.gateway.namespace, self.gateway.name
        return f"https.{self.number}.{port.get('name', '')}.{name}.{home}"


@dataclass(slots=True)
class _Domain:
    """A virtual host while its routes are put together."""

    port: int
    routes: list[Obj] = field(default_factory=list)
    requires_tls: bool = False


def servers_of(gateways: Iterable[Config], scope: Scope) -> list[Server]:
    """The servers of all Gateways that choose this proxy, older Gateways first."""
    found = []
    for gateway in gateways:
        selector = gateway.spec.get("selector") or {}
        here = not gateway.routed or gateway.spec["of"] == scope.proxy.namespace
        if here and selects(selector, scope.proxy.labels):
            for spec in gateway.spec.get("servers") or ():
                number = int(spec["port"]["number"])
                found.append(Server(gateway, spec, number, _target(number, scope)))
    return found


def _target(number: int, scope: Scope) -> int:
    """A Gateway names the port of the gateway's Service; the pod listens on the target port."""
    proxy = scope.proxy
    for service in scope.services:
        own = service.namespace == proxy.namespace and service.selector
        port = service.port(number) if own and selects(service.selector, proxy.labels) else None
        if port and isinstance(port.target, int):
            return port.target
    return number


def http_servers(servers: list[Server]) -> dict[str, list[Server]]:
    """The servers with HTTP routes, by the name of their RouteConfiguration."""
    found: dict[str, list[Server]] = {}
    for server in servers:
        if server.http:
            found.setdefault(server.route_name, []).append(server)
    return found


def gateway_routes(sight: Sight, scope: Scope, name: str, servers: list[Server]) -> Obj:
    """One RouteConfiguration; with no host at all it answers 404.

    Rules and the names of virtual hosts mean the Gateway's port, not the pod's. VirtualServices
    for one host are merged, in istiod's order, and what takes everything stands last.
    """
    made: dict[str, _Domain] = {}
    known: dict[tuple[str, str, str], list[Obj]] = {}
    for server in servers:
        try:
            _serve(server, sight, scope, made, known)
        except MALFORMED as error:
            complain(f"a server of Gateway {server.gateway_name} skipped: {error!r}")
    if not made:
        number = servers[0].number
        return configuration(name, [virtual_host(f"blackhole:{number}", ["*"], [])])
    return configuration(name, _collapsed(made))


def _serve(
    server: Server,
    sight: Sight,
    scope: Scope,
    made: dict[str, _Domain],
    known: dict[tuple[str, str, str], list[Obj]],
) -> None:
    for config in sight.for_gateway(scope.proxy, server.gateway_name):
        hosts = intersection(server.hosts_for(config.namespace), config.spec["hosts"])
        hosts = [host for host in hosts if not any(covers(own, host) for own in server.closer)]
        if not hosts:
            continue
        key = (server.gateway_name, config.namespace, config.name)
        if key not in known:
            known[key] = routes(config, _client(server, scope))
        if known[key]:
            for host in hosts:
                domain = made.setdefault(host.lower(), _Domain(server.number))
                domain.routes += known[key]
                domain.requires_tls |= server.redirects
    if server.redirects:
        for host in server.redirected:
            made.setdefault(host.lower(), _Domain(server.number)).requires_tls = True


def _client(server: Server, scope: Scope) -> Client:
    where = Where(scope.service, scope.rule_of, server.number)
    return Client(scope.proxy, server.gateway_name, where, tls=server.tls is not None)


def _collapsed(made: Mapping[str, _Domain]) -> list[Obj]:
    """Hosts with the very same routes are one virtual host, by the name of the first."""
    found: dict[tuple[bool, tuple[int, ...]], Obj] = {}
    for host in sorted(made, key=order):
        domain = made[host]
        key = (domain.requires_tls, tuple(id(route) for route in domain.routes))
        if key in found:
            found[key]["domains"].append(host)
            continue
        last = sorted(domain.routes, key=lambda route: catches_all(route["match"]))
        found[key] = virtual_host(f"{host}:{domain.port}", [host], last)
        if domain.requires_tls:
            found[key]["require_tls"] = "ALL"
    return list(found.values())
