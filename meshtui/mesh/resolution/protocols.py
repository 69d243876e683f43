"""What is spoken on a port, as istiod tells it (pkg/config/kube, ConvertProtocol)."""

from __future__ import annotations

from meshtui.mesh.model import Port

UNKNOWN = ""
"""The proxy finds out by itself whether it is HTTP (sniffing)."""

_PARSED = {
    "tcp": "TCP",
    "udp": "UDP",
    "grpc": "GRPC",
    "grpc-web": "GRPC-Web",
    "http": "HTTP",
    "http_proxy": "HTTP_PROXY",
    "http2": "HTTP2",
    "https": "HTTPS",
    "tls": "TLS",
    "mongo": "Mongo",
    "redis": "Redis",
    "mysql": "MySQL",
}
_KUBERNETES = {
    "kubernetes.io/h2c": "HTTP2",
    "kubernetes.io/ws": "HTTP",
    "kubernetes.io/wss": "HTTPS",
}
_SERVER_FIRST = frozenset({25, 53, 3306, 27017})
_HTTP = frozenset({"HTTP", "HTTP2", "HTTP_PROXY", "GRPC", "GRPC-Web"})
_TLS = frozenset({"HTTPS", "TLS"})


def parse_protocol(name: str) -> str:
    """A protocol by its name in any case; UNKNOWN for any other word."""
    return _PARSED.get(name.lower(), UNKNOWN)


def service_protocol(port: Port) -> str:
    """By `appProtocol`, else by the name's part before the dash."""
    if port.transport == "UDP":
        return "UDP"
    name = port.app_protocol or port.name
    if port.app_protocol in _KUBERNETES:
        return _KUBERNETES[port.app_protocol]
    if name[:8].lower() == "grpc-web":
        return "GRPC-Web"
    found = parse_protocol(name.partition("-")[0])
    return "TCP" if found == UNKNOWN and port.number in _SERVER_FIRST else found


def is_http(protocol: str) -> bool:
    """HTTP by its name; a sniffed port is not."""
    return protocol in _HTTP


def takes_http_rules(protocol: str) -> bool:
    """Whether HTTP rules count on the port: it is HTTP, or the proxy finds out."""
    return protocol in _HTTP or protocol == UNKNOWN


def is_tls(protocol: str) -> bool:
    return protocol in _TLS
