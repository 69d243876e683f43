"""Which protocol a port speaks, by its name and `appProtocol`, as Istio reads them."""

from __future__ import annotations

AUTO, HTTP, TCP, UDP, UNSUPPORTED = "AUTO", "HTTP", "TCP", "UDP", "UnsupportedProtocol"
_HTTP = frozenset({"HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY"})
_TLS = frozenset({"HTTPS", "TLS"})
_TCP = frozenset({"TCP", "MONGO", "MYSQL", "REDIS"})
_KNOWN = _HTTP | _TLS | _TCP | {UDP}
_APP_PROTOCOLS = {
    "kubernetes.io/h2c": "HTTP2",
    "kubernetes.io/ws": "HTTP",
    "kubernetes.io/wss": "HTTPS",
}
_WELL_KNOWN_TCP = frozenset({25, 3306, 27017})
"""Ports on which the server speaks first: what is unnamed there is not sniffed."""


def of_name(text: str) -> str:
    """The protocol a word means; UNSUPPORTED where it means none."""
    found = text.upper()
    return found if found in _KNOWN else UNSUPPORTED


def of_port(number: int, name: str, transport: str = "TCP", app_protocol: str = "") -> str:
    """`appProtocol` first, then the name up to its first dash; what neither says is sniffed."""
    if transport.upper() == UDP:
        return UDP
    if app_protocol:
        return _APP_PROTOCOLS.get(app_protocol.lower(), _or_sniffed(of_name(app_protocol), number))
    lowered = name.lower()
    prefix = "grpc-web" if lowered.startswith("grpc-web") else lowered.split("-", 1)[0]
    return _or_sniffed(of_name(prefix), number)


def _or_sniffed(protocol: str, number: int) -> str:
    if protocol != UNSUPPORTED:
        return protocol
    return TCP if number in _WELL_KNOWN_TCP else AUTO


def is_http(protocol: str) -> bool:
    return protocol in _HTTP


def is_tls(protocol: str) -> bool:
    return protocol in _TLS
