"""Listeners: for each port a sidecar sends to, for what comes in, for each port of a gateway."""

from __future__ import annotations

from meshtui.lab.contract import Obj
from meshtui.lab.control.bootstrap import config_source
from meshtui.lab.control.clusters import behind
from meshtui.lab.control.fault import CORS, FAULT
from meshtui.lab.control.telemetry import access_logs, hear_peer, tell_peer
from meshtui.lab.control.world import Proxy, World

_HTTP = "type.googleapis.com/envoy.extensions.filters.http"
_PRIVILEGED = 1024
_SHIFT = 30_000


def bound_port(port: int) -> int:
    """The port a listener for a service port really has: low ports are not ours to bind."""
    return port if port >= _PRIVILEGED else port + _SHIFT


def outbound(proxy: Proxy, port: int) -> Obj:
    """The listener through which a sidecar's application reaches every service on a port."""
    rds = _rds(str(port))
    manager = _manager(f"outbound_0.0.0.0_{port}", rds, [tell_peer(proxy), *_outbound_filters()])
    manager |= {"access_log": access_logs(proxy, None, inbound=False)}
    return _listener(f"0.0.0.0_{port}", proxy.outbound_ip, bound_port(port), manager, "OUTBOUND")


def gateway(proxy: Proxy, port: int) -> Obj:
    """The listener of an ingress gateway: the edge, where request ids begin."""
    rds = _rds(f"http.{port}")
    manager = _manager(f"outbound_0.0.0.0_{port}", rds, [tell_peer(proxy), *_outbound_filters()])
    manager |= {
        "access_log": access_logs(proxy, None, inbound=False),
        "use_remote_address": True,
        "skip_xff_append": True,
        "normalize_path": True,
    }
    return _listener(f"0.0.0.0_{port}", proxy.ip, bound_port(port), manager, "OUTBOUND")


def inbound(proxy: Proxy, world: World, port: int) -> Obj:
    """The listener on the pod's own address, in front of its application."""
    name = f"inbound|{port}||"
    route = {
        "name": "default",
        "match": {"prefix": "/"},
        "route": {"cluster": name, "timeout": "0s"},
    }
    host = {"name": f"inbound|http|{port}", "domains": ["*"], "routes": [route]}
    routes = {"route_config": {"name": name, "virtual_hosts": [host], "validate_clusters": False}}
    manager = _manager(
        f"inbound_{proxy.ip}_{port}",
        routes,
        [hear_peer(), _filter(FAULT, "fault", "HTTPFault"), _router()],
    )
    manager |= {
        "access_log": access_logs(proxy, behind(proxy, world), inbound=True),
        "server_header_transformation": "PASS_THROUGH",
    }
    return _listener("virtualInbound", proxy.ip, port, manager, "INBOUND")


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


def _listener(name: str, ip: str, port: int, manager: Obj, direction: str) -> Obj:
    return {
        "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
        "name": name,
        "address": {"socket_address": {"address": ip, "port_value": port}},
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": manager,
                    }
                ]
            }
        ],
        "traffic_direction": direction,
        "enable_reuse_port": False,
    }
