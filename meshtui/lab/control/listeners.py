"""Listeners: for each port a sidecar sends to, for what comes in, for each port of a gateway."""

from __future__ import annotations

from meshtui.lab.contract import Obj
from meshtui.lab.control.bootstrap import config_source
from meshtui.lab.control.clusters import behind
from meshtui.lab.control.fault import CORS, FAULT
from meshtui.lab.control.gateways import Server
from meshtui.lab.control.routing import BLACK_HOLE, PASSTHROUGH
from meshtui.lab.control.scope import Scope, Sight
from meshtui.lab.control.tcp import (
    gateway_chains,
    passthrough_chain,
    service_chains,
    with_logs,
)
from meshtui.lab.control.telemetry import (
    access_logs,
    announce_peer,
    answer_headers,
    read_peer,
)
from meshtui.lab.control.world import Port, Proxy, Service, World

_HTTP = "type.googleapis.com/envoy.extensions.filters.http"
MANAGER = "envoy.filters.network.http_connection_manager"
_PRIVILEGED = 1024
_SHIFT = 30_000


def bound_port(port: int) -> int:
    """The port a listener for a service port really has: low ports are not ours to bind."""
    return port if port >= _PRIVILEGED else port + _SHIFT


def outbound(proxy: Proxy, port: int) -> Obj:
    """The listener through which a sidecar's application reaches every service on a port."""
    manager = _outbound_manager(proxy, str(port), port)
    chain = {"filters": [_http_filter(manager)]}
    return _listener(f"0.0.0.0_{port}", proxy.outbound_ip, bound_port(port), [chain], "OUTBOUND")


def _outbound_manager(proxy: Proxy, routes: str, port: int) -> Obj:
    filters = [*announce_peer(proxy), *_outbound_filters()]
    manager = _manager(f"outbound_0.0.0.0_{port}", _rds(routes), filters)
    return manager | {"access_log": access_logs(proxy, None, inbound=False)}


def connections(scope: Scope, taken: set[int]) -> list[Obj]:
    """The listeners of ports that are not plain HTTP; `taken` ports have an HTTP listener.

    A service with an address has a listener there; those without share one for the port. Nothing
    leads an application's connections to an address: the first listener of a port that nobody
    else has is where they arrive, the others are there to be read.
    """
    found: dict[str, Obj] = {}
    shared: dict[int, list[Obj]] = {}
    bound = set(taken)
    for service, port in _unrouted(scope):
        if service.addresses:
            listener = _at_address(scope, service, port)
            if port.number not in bound:
                bound.add(port.number)
                here = (scope.proxy.outbound_ip, bound_port(port.number))
                listener |= {"address": _address(*here), "bind_to_port": True}
            found.setdefault(str(listener["name"]), listener)
        elif port.number not in taken and not port.sniffed:
            chains = shared.setdefault(port.number, [])
            chains += [c for c in service_chains(scope, service, port, True) if c not in chains]
    fallback = BLACK_HOLE if scope.registry_only else PASSTHROUGH
    made = [*found.values(), *(_shared(scope.proxy, n, c, fallback) for n, c in shared.items())]
    return [with_logs(listener, scope.proxy) for listener in made]


def _unrouted(scope: Scope) -> list[tuple[Service, Port]]:
    ports = [(service, port) for service in scope.listed for port in service.ports]
    return [(s, p) for s, p in ports if (p.sniffed or not p.http) and p.protocol != "UDP"]


def _at_address(scope: Scope, service: Service, port: Port) -> Obj:
    """HTTP is looked for on a sniffed port; everything else on it goes the way of TCP."""
    address = service.addresses[0]
    name = f"{address}_{port.number}"
    chains = service_chains(scope, service, port, False)
    if any("server_names" in chain.get("filter_chain_match", {}) for chain in chains):
        made = _listener(name, address, port.number, chains, "OUTBOUND")
        fallback = BLACK_HOLE if scope.registry_only else PASSTHROUGH
        made["default_filter_chain"] = passthrough_chain(fallback)
        made["listener_filters"] = [_inspector("tls")]
    elif not port.sniffed:
        made = _listener(name, address, port.number, chains, "OUTBOUND")
    else:
        manager = _outbound_manager(scope.proxy, f"{service.host}:{port.number}", port.number)
        looked_for = {
            "transport_protocol": "raw_buffer",
            "application_protocols": ["http/1.1", "h2c"],
        }
        http = {"filter_chain_match": looked_for, "filters": [_http_filter(manager)]}
        made = _listener(name, address, port.number, [http], "OUTBOUND")
        made["default_filter_chain"] = chains[-1]
        made["listener_filters"] = [_inspector("tls"), _inspector("http")]
    return made | {"bind_to_port": False}


def _shared(proxy: Proxy, port: int, chains: list[Obj], fallback: str) -> Obj:
    """Told apart by the server name that a client asks for; the rest goes on."""
    named = [chain for chain in chains if "filter_chain_match" in chain]
    made = _listener(f"0.0.0.0_{port}", proxy.outbound_ip, bound_port(port), named, "OUTBOUND")
    plain = [chain for chain in chains if chain not in named]
    made["default_filter_chain"] = plain[0] if plain else passthrough_chain(fallback)
    return made | ({"listener_filters": [_inspector("tls")]} if named else {})


def gateway(sight: Sight, scope: Scope, port: int, servers: list[Server]) -> Obj | None:
    """The listener for all servers of a gateway's port; None where none has anything to do."""
    chains: list[Obj] = []
    for server in servers:
        if not server.http:
            chains += [c for c in gateway_chains(server, sight, scope) if c not in chains]
            continue
        chain = _http_chain(scope.proxy, server)
        chains += [chain] if chain not in chains else []
    if not chains:
        return None
    made = _listener(f"0.0.0.0_{port}", scope.proxy.ip, bound_port(port), chains, "OUTBOUND")
    named = any("filter_chain_match" in chain for chain in chains)
    made = with_logs(made, scope.proxy)
    return made | ({"listener_filters": [_inspector("tls")]} if named else {})


def _http_chain(proxy: Proxy, server: Server) -> Obj:
    """The edge, where request ids begin. TLS servers are told apart by the name asked for."""
    manager = _outbound_manager(proxy, server.route_name, server.target) | {
        "use_remote_address": True,
        "skip_xff_append": True,
        "normalize_path": True,
    }
    names = [host.rpartition("/")[2] for host in server.hosts]
    matched = server.route_name.startswith("https.") and "*" not in names
    return {
        **({"filter_chain_match": {"server_names": names}} if matched else {}),
        "filters": [_http_filter(manager)],
    }


def inbound(proxy: Proxy, world: World, port: int) -> Obj:
    """The listener on the pod's own address, in front of its application."""
    name = f"inbound|{port}||"
    route = {
        "name": "default",
        "match": {"prefix": "/"},
        "route": {"cluster": name, "timeout": "0s"},
        "response_headers_to_add": answer_headers(),
    }
    host = {"name": f"inbound|http|{port}", "domains": ["*"], "routes": [route]}
    routes = {"route_config": {"name": name, "virtual_hosts": [host], "validate_clusters": False}}
    manager = _manager(
        f"inbound_{proxy.ip}_{port}",
        routes,
        [read_peer(proxy), _filter(FAULT, "fault", "HTTPFault"), _router()],
    )
    manager |= {
        "access_log": access_logs(proxy, behind(proxy, world), inbound=True),
        "server_header_transformation": "PASS_THROUGH",
    }
    chain = {"filters": [_http_filter(manager)]}
    return _listener("virtualInbound", proxy.ip, port, [chain], "INBOUND")


def _rds(name: str) -> Obj:
    return {"rds": {"config_source": config_source(), "route_config_name": name}}


def _filter(name: str, package: str, message: str) -> Obj:
    return {"name": name, "typed_config": {"@type": f"{_HTTP}.{package}.v3.{message}"}}


def _router() -> Obj:
    return _filter("envoy.filters.http.router", "router", "Router")


def _outbound_filters() -> list[Obj]:
    return [
        _filter("envoy.filters.http.grpc_stats", "grpc_stats", "FilterConfig"),
        _filter(FAULT, "fault", "HTTPFault"),
        _filter(CORS, "cors", "Cors"),
        _router(),
    ]


def _manager(stat_prefix: str, routes: Obj, filters: list[Obj]) -> Obj:
    return {
        "@type": "type.googleapis.com/envoy.extensions.filters.network."
        "http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": stat_prefix,
        **routes,
        "http_filters": filters,
        "server_name": "istio-envoy",
        "stream_idle_timeout": "0s",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
    }


def _http_filter(manager: Obj) -> Obj:
    return {"name": MANAGER, "typed_config": manager}


def _inspector(kind: str) -> Obj:
    package = f"envoy.extensions.filters.listener.{kind}_inspector.v3"
    return {
        "name": f"envoy.filters.listener.{kind}_inspector",
        "typed_config": {"@type": f"type.googleapis.com/{package}.{kind.capitalize()}Inspector"},
    }


def _listener(name: str, ip: str, port: int, chains: list[Obj], direction: str) -> Obj:
    return {
        "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
        "name": name,
        "address": _address(ip, port),
        "filter_chains": chains,
        "traffic_direction": direction,
        "enable_reuse_port": False,
    }


def _address(ip: str, port: int) -> Obj:
    return {"socket_address": {"address": ip, "port_value": port}}
