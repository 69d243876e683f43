"""What a gateway's proxy lets in: the servers of its Gateways, and the hosts they admit."""

from __future__ import annotations

from dataclasses import dataclass

from meshtui.mesh.model import Gateway, Mesh, Server, VirtualService
from meshtui.mesh.request import covers

_ANY = Server(0, hosts=("*",))
"""What is known of a Gateway that is not there, or that shows no servers."""


@dataclass(frozen=True, slots=True)
class Doors:
    """The servers behind which a request with this scheme and port is.

    `gateways` empty: it is not known which the proxy serves, and then any may be meant.
    """

    mesh: Mesh
    gateways: frozenset[str]
    scheme: str = "http"
    wanted_port: int = 0

    @property
    def port(self) -> int:
        """The Gateway's port, 0 where it is not known or there are several."""
        ports = {server.port for gateway in self._known() for server in self._servers(gateway)}
        return self.wanted_port or (ports.pop() if len(ports) == 1 else 0)

    def domains(self, service: VirtualService) -> tuple[str, ...]:
        """The hosts of a VirtualService that come in here; of two that overlap the narrower."""
        found = [
            host if covers(pattern, host) else pattern
            for name in service.gateways
            if name != "mesh"
            for pattern in self._admitted(_qualified(name, service), service.ref.namespace)
            for host in service.hosts
            if covers(pattern, host) or covers(host, pattern)
        ]
        return tuple(dict.fromkeys(found))

    def redirects(self, host: str) -> bool:
        """True where plain requests for a host are only sent on to HTTPS."""
        servers = [s for gateway in self._known() for s in self._servers(gateway)]
        doors = [s for s in servers if any(covers(h.split("/")[-1], host) for h in s.hosts)]
        return self.scheme == "http" and bool(doors) and all(s.redirect for s in doors)

    def _known(self) -> list[Gateway]:
        return [
            gateway
            for gateway in self.mesh.gateways
            if not self.gateways or f"{gateway.ref.namespace}/{gateway.ref.name}" in self.gateways
        ]

    def _admitted(self, name: str, namespace: str) -> list[str]:
        """The host patterns that a Gateway admits for VirtualServices of a namespace."""
        if self.gateways and name not in self.gateways:
            return []
        for gateway in self._known():
            if f"{gateway.ref.namespace}/{gateway.ref.name}" == name:
                return [
                    host
                    for server in self._servers(gateway)
                    for host in _for_namespace(server, namespace, gateway.ref.namespace)
                ]
        return ["*"]

    def _servers(self, gateway: Gateway) -> list[Server]:
        secure = self.scheme == "https"
        found = [
            server
            for server in gateway.servers
            if (bool(server.tls) and not server.redirect) is secure
            and self.wanted_port in (0, server.port)
            and server.protocol not in ("TCP", "TLS", "MONGO", "MYSQL", "REDIS")
        ]
        return found if gateway.servers else [_ANY]


def _for_namespace(server: Server, namespace: str, own: str) -> list[str]:
    """A host may say for whose VirtualServices it is: `prod/*.shop`, `./*.shop`."""
    found = []
    for host in server.hosts:
        whose, slash, name = host.rpartition("/")
        if not slash or whose in ("*", namespace) or (whose == "." and namespace == own):
            found.append(name.lower())
    return found


def _qualified(name: str, service: VirtualService) -> str:
    return name if "/" in name else f"{service.ref.namespace}/{name}"
