"""Objects by identity, and Istio's objects that are not routes: Gateways and EnvoyFilters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from meshtui.dataclass import dataclass

Json = Mapping[str, Any]
"""An object as the API server gave it. Read only: it is shared between snapshots."""


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """Which object: a change and a dialog hold on to this, never to a row's number."""

    kind: str
    namespace: str
    name: str
    uid: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Server:
    """One door of a Gateway: `hosts` as written, each perhaps with a namespace (`prod/*.shop`).

    `tls` is the mode (SIMPLE, MUTUAL, PASSTHROUGH …), empty for plain text; `redirect` is true
    where plain requests are only sent on to HTTPS.
    """

    port: int
    protocol: str = ""
    hosts: tuple[str, ...] = ()
    tls: str = ""
    redirect: bool = False
    name: str = ""
    port_name: str = ""
    bind: str = ""


@dataclass(frozen=True, slots=True)
class Gateway:
    """An Istio Gateway: which pods it configures and the hosts it lets in.

    `origin` and `listener` are set where istiod makes it of a listener of the Gateway API: then
    pods of `home` alone serve it, on the ports of their Service.
    """

    ref: Ref
    selector: Mapping[str, str] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    servers: tuple[Server, ...] = ()
    raw: Json = field(default_factory=dict, compare=False, repr=False)
    created: str = ""
    origin: Ref | None = None
    listener: str = ""
    home: str = ""

    @property
    def owner(self) -> Ref:
        """The object that somebody has written."""
        return self.origin or self.ref


@dataclass(frozen=True, slots=True)
class EgressListener:
    """What a Sidecar lets its workloads see: `hosts` are `namespace/name`, as written.

    `port` is 0 for all ports; `protocol` is set where there is a port.
    """

    hosts: tuple[str, ...] = ()
    port: int = 0
    protocol: str = ""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """An Istio Sidecar: `selector` is None for all workloads of the namespace."""

    ref: Ref
    created: str = ""
    selector: Mapping[str, str] | None = None
    egress: tuple[EgressListener, ...] = ()
    outbound: str = ""
    """REGISTRY_ONLY or ALLOW_ANY where it says so."""


@dataclass(frozen=True, slots=True)
class EnvoyFilter:
    """A patch of the proxies' own configuration. An empty `selector` is all of the namespace.

    `attached` is true where `targetRefs` choose the proxies: those are waypoints and gateways
    that labels do not tell.
    """

    ref: Ref
    selector: Mapping[str, str] = field(default_factory=dict)
    attached: bool = False
    raw: Json = field(default_factory=dict, compare=False, repr=False)
