"""What the control plane knows of the cluster: one immutable snapshot of its objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from meshtui.lab.control import protocols

ISTIO = "networking.istio.io"
GATEWAY_API = "gateway.networking.k8s.io"
ROOT = "istio-system"
NOBODY = "~"
"""In `exportTo`: no namespace at all."""
"""The root namespace: what stands there is for proxies of all namespaces."""

MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError)
"""What reading an object of the wrong shape raises."""

EDS, DNS, DNS_ROUND_ROBIN, NONE = "EDS", "DNS", "DNS_ROUND_ROBIN", "NONE"
"""How the endpoints of a service are found."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod, or a WorkloadEntry, that may stand behind a service."""

    namespace: str
    name: str
    ip: str
    labels: Mapping[str, str]
    workload: str
    ready: bool
    ports: Mapping[str, int] = field(default_factory=dict)
    """Container ports by name; those of a WorkloadEntry stand for the service's ports."""
    entry: bool = False


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a service; `target` is a number or the name of a container port."""

    number: int
    name: str
    target: int | str
    protocol: str = protocols.HTTP

    @property
    def http(self) -> bool:
        """Whether HTTP routes are made for it: it speaks HTTP, or it is sniffed."""
        return protocols.is_http(self.protocol) or self.sniffed

    @property
    def sniffed(self) -> bool:
        return self.protocol == protocols.AUTO

    @property
    def tls(self) -> bool:
        return protocols.is_tls(self.protocol)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address behind a service, with the labels that subsets select by."""

    ip: str
    port: int
    labels: Mapping[str, str]
    workload: str = "unknown"
    namespace: str = "unknown"
    ports: Mapping[str, int] = field(default_factory=dict)
    """Its own port for a port's name, where it is not the service's."""
    weight: int = 1
    labelled: bool = True
    """Whether it has labels of its own, beside those that say where it is."""


@dataclass(frozen=True, slots=True)
class Service:
    """A host of the mesh: a Kubernetes Service or a host of a ServiceEntry."""

    namespace: str
    name: str
    host: str
    ports: tuple[Port, ...]
    selector: Mapping[str, str] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()
    fixed: tuple[Endpoint, ...] = ()
    resolution: str = EDS
    headless: bool = False
    in_cluster: bool = True
    exports: tuple[str, ...] = ()
    created: str = ""
    alias_of: str = ""
    """An ExternalName: the host that it is another name of. It has no cluster of its own."""
    entry: str = ""
    """The ServiceEntry that the host is of."""

    def port(self, number: int) -> Port | None:
        return next((port for port in self.ports if port.number == number), None)


@dataclass(frozen=True, slots=True)
class Config:
    """An Istio object: its spec as it is, and the identity that ties a route back to it.

    `routed`: made of routes of the Gateway API; nobody wrote it and nobody can read it.
    """

    namespace: str
    name: str
    spec: Mapping[str, Any]
    created: str = ""
    routed: bool = False

    def path(self, kind: str) -> str:
        """The value istiod puts in `metadata.filter_metadata.istio.config`."""
        return f"/apis/{ISTIO}/v1/namespaces/{self.namespace}/{kind}/{self.name}"

    @property
    def exports(self) -> tuple[str, ...]:
        return tuple(str(name) for name in self.spec.get("exportTo") or ())


@dataclass(frozen=True, slots=True)
class ApiObject:
    """A Gateway, a route or a ReferenceGrant of the Gateway API."""

    kind: str
    namespace: str
    name: str
    spec: Mapping[str, Any]
    created: str = ""
    generation: int = 0


@dataclass(frozen=True, slots=True)
class ApiObjects:
    """What the Gateway API's part of a cluster holds; `namespaces` are the labels of each."""

    gateways: tuple[ApiObject, ...] = ()
    routes: tuple[ApiObject, ...] = ()
    grants: tuple[ApiObject, ...] = ()
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proxy:
    """An Envoy and the pod it serves; outbound traffic enters it on an address of its own."""

    namespace: str
    pod: str
    workload: str
    labels: Mapping[str, str]
    ip: str
    outbound_ip: str
    app_ip: str
    ports: tuple[int, ...] = ()
    gateway: bool = False
    silent: frozenset[str] = frozenset()
    """On which sides (`CLIENT`, `SERVER`) it counts no requests."""


@dataclass(frozen=True, slots=True)
class World:
    """Everything a translation may look at; objects of a kind stand oldest first."""

    services: tuple[Service, ...] = ()
    pods: tuple[Pod, ...] = ()
    virtual_services: tuple[Config, ...] = ()
    destination_rules: tuple[Config, ...] = ()
    gateways: tuple[Config, ...] = ()
    sidecars: tuple[Config, ...] = ()
    envoy_filters: tuple[Config, ...] = ()
    telemetries: tuple[Config, ...] = ()
    api: ApiObjects = field(default_factory=ApiObjects)

    def service(self, host: str) -> Service | None:
        return next((service for service in self.services if service.host == host), None)

    def endpoints(self, service: Service, port: Port) -> list[Endpoint]:
        """The ready endpoints of one port, as the EDS of istiod holds them."""
        listed = [_at(endpoint, port) for endpoint in service.fixed]
        if not service.selector:
            return listed
        found = (_behind(pod, service, port) for pod in self.pods)
        return [*listed, *(endpoint for endpoint in found if endpoint)]


def _at(endpoint: Endpoint, port: Port) -> Endpoint:
    target = port.target if isinstance(port.target, int) else port.number
    number = endpoint.ports.get(port.name) or endpoint.port or target
    return replace(endpoint, port=number)


def _behind(pod: Pod, service: Service, port: Port) -> Endpoint | None:
    """The endpoint that a pod is for a port; None where it is none."""
    own = pod.ready and pod.namespace == service.namespace and pod.ip
    if not own or not selects(service.selector, pod.labels):
        return None
    number = pod.ports.get(port.name) if pod.entry else None
    if number is None:
        number = port.target if isinstance(port.target, int) else pod.ports.get(port.target)
    if number is None:
        return None
    return Endpoint(pod.ip, number, pod.labels, pod.workload, pod.namespace)


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether every label the selector asks for is there."""
    return all(labels.get(key) == value for key, value in selector.items())


def exported(exports: Iterable[str], owner: str, namespace: str) -> bool:
    """Whether `exportTo` of an object of one namespace lets another see it."""
    wanted = set(exports) or {"*"}
    if wanted == {NOBODY}:
        return False
    return "*" in wanted or namespace in wanted or ("." in wanted and owner == namespace)
