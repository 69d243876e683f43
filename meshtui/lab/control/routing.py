"""RouteConfigurations: the virtual hosts a proxy knows on a port, and whose rules stand there."""

from __future__ import annotations

from collections.abc import Iterable

from meshtui.lab.contract import Obj
from meshtui.lab.control.hosts import best_match, covers, domains, qualify
from meshtui.lab.control.match import MESH
from meshtui.lab.control.rules import Client, default_route, routes
from meshtui.lab.control.world import Config, Proxy, Service, World, selects, visible

_TYPE = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
PASSTHROUGH = "PassthroughCluster"
FOREIGN_HOSTS_PORT = 80
"""Where a sidecar routes hosts of a VirtualService that no service has, as in istiod."""


def sidecar_ports(world: World) -> list[int]:
    """Every port on which some service speaks HTTP, each with routes of its own."""
    return sorted({port.number for s in world.services for port in s.ports if port.http})


def gateway_ports(world: World, proxy: Proxy) -> dict[int, list[Obj]]:
    """The HTTP servers of the Gateways that select this proxy, by the pod's port."""
    found: dict[int, list[Obj]] = {}
    for gateway in _gateways(world, proxy):
        for server in gateway.spec.get("servers") or ():
            if str(server["port"].get("protocol", "")).upper() in ("HTTP", "HTTP2", "GRPC"):
                target = _target(int(server["port"]["number"]), world, proxy)
                entry = {"gateway": f"{gateway.namespace}/{gateway.name}", "server": server}
                found.setdefault(target, []).append(entry)
    return found


def _gateways(world: World, proxy: Proxy) -> list[Config]:
    return [
        g
        for g in world.gateways
        if g.spec.get("selector") and selects(g.spec["selector"], proxy.labels)
    ]


def _target(number: int, world: World, proxy: Proxy) -> int:
    """A Gateway names the port of the gateway's Service; the pod listens on the target port."""
    for service in world.services:
        if service.namespace == proxy.namespace and selects(service.selector, proxy.labels):
            port = service.port(number) if service.selector else None
            if port:
                return port.target
    return number


def sidecar_routes(world: World, proxy: Proxy, port: int) -> Obj:
    """RouteConfiguration `"<port>"` of a sidecar."""
    client = Client(world, proxy, port, frozenset({MESH}))
    rules = [v for v in world.virtual_services if _for_mesh(v) and visible(v, proxy.namespace)]
    hosts = [
        _service_host(service, rules, client)
        for service in world.services
        if any(p.number == port and p.http for p in service.ports)
    ]
    if port == FOREIGN_HOSTS_PORT:
        hosts += _foreign_hosts(rules, client)
    return _configuration(str(port), [*hosts, _allow_any()])


def _for_mesh(config: Config) -> bool:
    return MESH in (config.spec.get("gateways") or [MESH])


def _hosts(config: Config) -> list[str]:
    listed = config.spec.get("hosts") or []
    return [qualify(host, config.namespace) for host in listed if isinstance(host, str)]


def _service_host(service: Service, rules: list[Config], client: Client) -> Obj:
    """A VirtualService with no rule for this client is as good as none, as in istiod."""
    config = _ruling(service.host, rules)
    made = routes(config, client) if config else []
    return {
        "name": f"{service.host}:{client.port}",
        "domains": _domains(service, client.proxy.namespace),
        "routes": made or [default_route(service.host, client.port)],
        "include_request_attempt_count": True,
    }


def _domains(service: Service, client_namespace: str) -> list[str]:
    if not service.in_cluster:
        return [service.host, *service.addresses]
    return [*domains(service.name, service.namespace, client_namespace), *service.addresses]


def _ruling(host: str, rules: list[Config]) -> Config | None:
    """The VirtualService with the most specific host for a service; the oldest of equals."""
    owner = {pattern: config for config in reversed(rules) for pattern in _hosts(config)}
    pattern = best_match(list(owner), host)
    return owner[pattern] if pattern else None


def _foreign_hosts(rules: list[Config], client: Client) -> list[Obj]:
    services = [service.host for service in client.world.services]
    return [
        _virtual_host(host, client.port, routes(config, client))
        for config in rules
        for host in _hosts(config)
        if not any(covers(host, service) for service in services)
    ]


def _virtual_host(host: str, port: int, made: list[Obj]) -> Obj:
    return {
        "name": f"{host}:{port}",
        "domains": [host],
        "routes": made,
        "include_request_attempt_count": True,
    }


def _allow_any() -> Obj:
    """`outboundTrafficPolicy: ALLOW_ANY`: what no service claims goes its own way."""
    route = {
        "name": "allow_any",
        "match": {"prefix": "/"},
        "route": {"cluster": PASSTHROUGH, "timeout": "0s"},
    }
    return {
        "name": "allow_any",
        "domains": ["*"],
        "routes": [route],
        "include_request_attempt_count": True,
    }


def gateway_routes(world: World, proxy: Proxy, port: int, servers: list[Obj]) -> Obj:
    """RouteConfiguration `http.<port>` of a gateway; without any rule it answers 404.

    Rules and the names of virtual hosts mean the Gateway's port, not the pod's. As in istiod, a
    route that takes everything stands behind those of the other VirtualServices for its host.
    """
    made: dict[str, list[Obj]] = {}
    for entry in servers:
        number = server_port(entry)
        client = Client(world, proxy, number, _names(entry["gateway"]))
        for config in world.virtual_services:
            if _bound(config, entry["gateway"]):
                for host in _served(_hosts(config), entry["server"]):
                    made.setdefault(host, []).extend(routes(config, _named(client, config)))
    number = server_port(servers[0])
    hosts = [_virtual_host(host, number, sorted(r, key=_takes_all)) for host, r in made.items()]
    return _configuration(f"http.{port}", hosts or [_blackhole(number)])


def server_port(entry: Obj) -> int:
    """The port of a Gateway's server."""
    return int(entry["server"]["port"]["number"])


def _takes_all(route: Obj) -> bool:
    match = route["match"]
    path = match.get("prefix") == "/" or match.get("safe_regex") == {"regex": ".*"}
    return path and not match.get("headers") and not match.get("query_parameters")


def _names(gateway: str) -> frozenset[str]:
    return frozenset({gateway})


def _named(client: Client, config: Config) -> Client:
    """Inside a VirtualService a gateway of its own namespace may go by its short name."""
    names = {name.removeprefix(f"{config.namespace}/") for name in client.gateways}
    return Client(client.world, client.proxy, client.port, client.gateways | names)


def _bound(config: Config, gateway: str) -> bool:
    listed = config.spec.get("gateways") or ()
    return gateway in {g if "/" in g else f"{config.namespace}/{g}" for g in listed}


def _served(hosts: Iterable[str], server: Obj) -> list[str]:
    """The hosts of a VirtualService that a server lets through; it may say `namespace/host`."""
    allowed = [str(host).split("/")[-1] for host in server.get("hosts") or ()]
    return [
        host if covers(pattern, host) or pattern == host else pattern
        for host in hosts
        for pattern in allowed
        if pattern == host or covers(pattern, host) or covers(host, pattern)
    ]


def _blackhole(port: int) -> Obj:
    route = {"match": {"prefix": "/"}, "direct_response": {"status": 404}}
    return {"name": f"blackhole:{port}", "domains": ["*"], "routes": [route]}


def _configuration(name: str, hosts: list[Obj]) -> Obj:
    return {
        "@type": _TYPE,
        "name": name,
        "virtual_hosts": _without_duplicates(hosts),
        "validate_clusters": False,
        "ignore_port_in_host_matching": True,
        "max_direct_response_body_size_bytes": 1_048_576,
    }


def _is_domain(name: str) -> bool:
    """A wildcard stands alone or in front."""
    return bool(name) and "*" not in name[1:] and not any(c in name for c in "\0\r\n ")


def _without_duplicates(hosts: list[Obj]) -> list[Obj]:
    """Envoy refuses a domain in two virtual hosts (the first keeps it), and what is none."""
    seen: set[str] = set()
    kept = []
    for host in hosts:
        names = dict.fromkeys(domain.lower() for domain in host["domains"])
        own = [d for d in names if d not in seen and _is_domain(d)]
        seen.update(own)
        if own:
            kept.append({**host, "domains": own})
    return kept
