"""Who asks: the proxy that a request goes out through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from meshtui.mesh.model import Pod


@dataclass(frozen=True, slots=True)
class Client:
    """A proxy by what istiod looks at: its namespace, its labels, whether it is a gateway.

    `ports` of a gateway are the numbers that it listens on for those that Gateways name (the
    target ports of its own Service); what is not named is taken as it is.
    """

    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)
    gateway: bool = False
    ports: Mapping[int, int] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, bool, frozenset[tuple[str, str]], frozenset[tuple[int, int]]]:
        return (
            self.namespace,
            self.gateway,
            frozenset(self.labels.items()),
            frozenset(self.ports.items()),
        )


def pod_client(pod: Pod, ports: Mapping[int, int] | None = None) -> Client:
    """The client that a pod's proxy is."""
    return Client(pod.namespace, pod.labels, pod.gateway, ports or {})
