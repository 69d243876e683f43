"""What the control plane knows of the cluster: one immutable snapshot of its objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ISTIO = "networking.istio.io"

MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError)
"""What reading an object of the wrong shape raises."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that may stand behind a service."""

    namespace: str
    name: str
    ip: str
    labels: Mapping[str, str]
    workload: str
    ready: bool


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a service; `target` is a number or the name of a container port."""

    number: int
    name: str
    target: int
    http: bool


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address behind a service, with the labels that subsets select by."""

    ip: str
    port: int
    labels: Mapping[str, str]
    workload: str = "unknown"
    namespace: str = "unknown"


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
    dns: bool = False
    in_cluster: bool = True

    def port(self, number: int) -> Port | None:
        return next((port for port in self.ports if port.number == number), None)


@dataclass(frozen=True, slots=True)
class Config:
    """An Istio object: its spec as it is, and the identity that ties a route back to it."""

    namespace: str
    name: str
    spec: Mapping[str, Any]
    created: str = ""

    def path(self, kind: str) -> str:
        """The value istiod puts in `metadata.filter_metadata.istio.config`."""
        return f"/apis/{ISTIO}/v1/namespaces/{self.namespace}/{kind}/{self.name}"


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


@dataclass(frozen=True, slots=True)
class World:
    """Everything a translation may look at."""

    services: tuple[Service, ...] = ()
    pods: tuple[Pod, ...] = ()
    virtual_services: tuple[Config, ...] = ()
    destination_rules: tuple[Config, ...] = ()
    gateways: tuple[Config, ...] = ()
    envoy_filters: tuple[Config, ...] = ()

    def service(self, host: str) -> Service | None:
        return next((service for service in self.services if service.host == host), None)

    def endpoints(self, service: Service, port: Port) -> list[Endpoint]:
        """The ready endpoints of one port, as the EDS of istiod holds them."""
        if service.fixed:
            return [e if e.port else _at(e, port.number) for e in service.fixed]
        if not service.selector:
            return []
        return [
            Endpoint(pod.ip, port.target, pod.labels, pod.workload, pod.namespace)
            for pod in self.pods
            if pod.ready
            and pod.namespace == service.namespace
            and selects(service.selector, pod.labels)
        ]


def _at(endpoint: Endpoint, port: int) -> Endpoint:
    return Endpoint(endpoint.ip, port, endpoint.labels, endpoint.workload, endpoint.namespace)


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether every label the selector asks for is there."""
    return all(labels.get(key) == value for key, value in selector.items())


def visible(config: Config, namespace: str) -> bool:
    """Whether `exportTo` lets a namespace see the object."""
    exports = config.spec.get("exportTo") or ["*"]
    return any(
        e in ("*", namespace) or (e == "." and config.namespace == namespace) for e in exports
    )
