"""A Gateway and its servers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshtui.lab.control import protocols
from meshtui.lab.webhook import words
from meshtui.lab.webhook.findings import Findings

Server = Mapping[str, Any]

_ISTIO_MUTUAL = (
    ("serverCertificate", "server certificate"),
    ("privateKey", "private key"),
    ("caCertificates", "CA bundle"),
    ("credentialName", "credentialName"),
)


def gateway(namespace: str, spec: Server) -> Findings:
    del namespace
    found = Findings()
    servers = spec.get("servers") or []
    if not servers:
        found.error("gateway must have at least one server")
    found.add(*(_server(server) for server in servers))
    names: set[str] = set()
    for server in servers:
        port = server.get("port") or {}
        name = str(port.get("name") or "")
        if name in names:
            found.error(f"port names in servers must be unique: duplicate name {name}")
        names.add(name)
        plain = protocols.is_http(str(port.get("protocol") or "").upper())
        if (server.get("tls") or {}).get("httpsRedirect") and not plain:
            found.warn("tls.httpsRedirect should only be used with http servers")
    return found


def _server(server: Server) -> Findings:
    found = Findings()
    if not server.get("hosts"):
        found.error("server config must contain at least one host")
    for host in server.get("hosts") or ():
        found.all_of(_host(str(host)))
    port = _port(server.get("port"))
    found.all_of(port)
    tls = server.get("tls")
    if tls is not None:
        found.all_of(_tls(tls))
    if not port:
        found.all_of([_fitting(server)])
    return found


def _host(text: str) -> Iterator[str | None]:
    namespace, slash, host = text.rpartition("/")
    if slash and (not namespace or not host):
        yield "config namespace and dnsName in host entry cannot be empty"
    if slash and namespace not in ("*", ".") and not words.is_label(namespace):
        yield f"invalid namespace value {words.quoted(namespace)} in gateway"
    if host != "*" and "." not in host:
        yield "short names (non FQDN) are not allowed"
    if not words.is_address(host):
        yield words.wildcard_domain(host)
    if "*" in host and host != "*" and not host.startswith("*."):
        yield f"partial wildcard {words.quoted(host)} not allowed"


def _port(port: Server | None) -> list[str]:
    if port is None:
        return ["port is required"]
    found = []
    protocol = str(port.get("protocol") or "")
    if protocols.of_name(protocol) == protocols.UNSUPPORTED:
        found.append(
            f"invalid protocol {words.quoted(protocol)}, supported protocols are HTTP, HTTP2, "
            "GRPC, GRPC-WEB, MONGO, REDIS, MYSQL, TCP"
        )
    wrong = words.port(port.get("number"))
    if wrong:
        found.append(wrong)
    if int(port.get("targetPort") or 0) > 0:
        found.append("targetPort has no impact on Gateways")
    if not port.get("name"):
        shown = f'number:{port.get("number") or 0} protocol:"{protocol}"'
        found.append(f"port name must be set: {shown}")
    return found


def _tls(tls: Server) -> Iterator[str]:
    mode = str(tls.get("mode") or "PASSTHROUGH")
    if mode == "ISTIO_MUTUAL":
        for field, text in _ISTIO_MUTUAL:
            if tls.get(field):
                yield f"ISTIO_MUTUAL TLS cannot have associated {text}"
        return
    if mode not in ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL") or tls.get("credentialName"):
        return
    if tls.get("credentialNames") or tls.get("tlsCertificates"):
        return
    prefix = "SIMPLE TLS" if mode == "SIMPLE" else "MUTUAL TLS"
    if prefix == "MUTUAL TLS" and not tls.get("caCertificates"):
        yield f"{prefix} requires a client CA bundle"
    if not tls.get("serverCertificate"):
        yield f"{prefix} requires a server certificate"
    if not tls.get("privateKey"):
        yield f"{prefix} requires a private key"


def _fitting(server: Server) -> str | None:
    """TLS settings and the protocol of the port have to fit."""
    protocol = str(server["port"].get("protocol") or "").upper()
    tls = server.get("tls")
    if protocols.is_tls(protocol):
        missing = "server must have TLS settings for HTTPS/TLS protocols"
        return missing if tls is None else None
    if tls is None:
        return None
    if not protocols.is_http(protocol):
        return "server cannot have TLS settings for non HTTPS/TLS ports"
    passes = tls.get("mode") in (None, "PASSTHROUGH", "AUTO_PASSTHROUGH")
    certificates = any(tls.get(k) for k in ("caCertificates", "privateKey", "serverCertificate"))
    if passes and not certificates:
        return None
    return "server cannot have TLS settings for plain text HTTP ports"
