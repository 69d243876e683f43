"""The facts of a mesh: services, pods, rules, subsets. Frozen; a tick makes a new `Mesh`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from meshtui.dataclass import dataclass
from meshtui.mesh.access_logging import Telemetry as Telemetry
from meshtui.mesh.authorization import AuthorizationPolicy as AuthorizationPolicy
from meshtui.mesh.authorization import RequestAuthentication as RequestAuthentication
from meshtui.mesh.gateway_api import ApiGateway as ApiGateway
from meshtui.mesh.gateway_api import BackendTlsPolicy as BackendTlsPolicy
from meshtui.mesh.gateway_api import HttpRoute as HttpRoute
from meshtui.mesh.gateway_api import ListenerSet as ListenerSet
from meshtui.mesh.gateway_api import ReferenceGrant as ReferenceGrant
from meshtui.mesh.istio import EnvoyFilter as EnvoyFilter
from meshtui.mesh.istio import Gateway as Gateway
from meshtui.mesh.istio import Json as Json
from meshtui.mesh.istio import Ref as Ref
from meshtui.mesh.istio import Server as Server
from meshtui.mesh.istio import Sidecar as Sidecar
from meshtui.mesh.namespaces import Namespace as Namespace
from meshtui.mesh.pod import Pod as Pod
from meshtui.mesh.pod_status import ContainerStatus as ContainerStatus
from meshtui.mesh.registered import EntryEndpoint as EntryEndpoint
from meshtui.mesh.registered import EntryPort as EntryPort
from meshtui.mesh.registered import ServiceEntry as ServiceEntry
from meshtui.mesh.registered import WorkloadEntry as WorkloadEntry
from meshtui.mesh.rules import Destination as Destination
from meshtui.mesh.rules import Fault as Fault
from meshtui.mesh.rules import Match as Match
from meshtui.mesh.rules import Mirror as Mirror
from meshtui.mesh.rules import Retries as Retries
from meshtui.mesh.rules import Rule as Rule
from meshtui.mesh.rules import StringMatch as StringMatch
from meshtui.mesh.security import PeerAuthentication as PeerAuthentication
from meshtui.mesh.settings import MeshSettings as MeshSettings
from meshtui.mesh.workloads import Workload as Workload


class ServiceKey(NamedTuple):
    """A service by namespace and name. A tuple, as it is the key of every tally."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """Of what is outside of the cluster its host, which has dots and is of no namespace."""
        return self.name if "." in self.name else f"{self.name}.{self.namespace}"


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a service. `target` is a number, a container port's name, or empty.

    `transport` is TCP, UDP or SCTP; `app_protocol` the service's word for what is spoken on it.
    """

    name: str
    number: int
    target: str = ""
    transport: str = "TCP"
    app_protocol: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """A Kubernetes service."""

    key: ServiceKey
    host: str
    ports: tuple[Port, ...] = ()
    selector: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    cluster_ip: str = ""
    type: str = ""
    """ClusterIP, NodePort, LoadBalancer or ExternalName; empty where it is not known."""

    created: str = ""
    export_to: tuple[str, ...] = ()
    """The namespaces that may see it, by annotation; empty where the mesh's default holds."""

    external_name: str = ""
    addresses: tuple[str, ...] = ()
    """All of its cluster addresses; empty for a headless service."""

    not_ready_too: bool = False
    """`publishNotReadyAddresses`: its endpoints are those that are not ready, too."""

    @property
    def headless(self) -> bool:
        return self.cluster_ip == "None"


@dataclass(frozen=True)
class VirtualService:
    """A VirtualService; `hosts` are full names where they name a service of the cluster."""

    ref: Ref
    resource_version: str
    hosts: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ("mesh",)
    rules: tuple[Rule, ...] = ()
    export_to: tuple[str, ...] = ("*",)
    raw: Json = field(default_factory=dict, compare=False, repr=False)
    created: str = ""

    @property
    def in_mesh(self) -> bool:
        return "mesh" in self.gateways


RuleOwner = VirtualService | HttpRoute
"""What holds a rule."""


@dataclass(frozen=True, slots=True)
class Subset:
    """A named part of a host's pods. `policy` is its `trafficPolicy`, as written."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    policy: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DestinationRule:
    """A DestinationRule; `host` is the full name."""

    ref: Ref
    resource_version: str
    host: str
    subsets: tuple[Subset, ...] = ()
    policy: Json = field(default_factory=dict)
    raw: Json = field(default_factory=dict, compare=False, repr=False)
    export_to: tuple[str, ...] = ("*",)
    workload_selector: Mapping[str, str] = field(default_factory=dict)
    """The clients it is for; empty for all that see it."""

    created: str = ""


@dataclass(frozen=True)
class Mesh:
    """Everything read from the cluster at one moment. Tuples are ordered by namespace and name."""

    services: tuple[Service, ...] = ()
    pods: tuple[Pod, ...] = ()
    virtual_services: tuple[VirtualService, ...] = ()
    destination_rules: tuple[DestinationRule, ...] = ()
    gateways: tuple[Gateway, ...] = ()
    service_entry_hosts: frozenset[str] = frozenset()
    istio: bool = True
    """False where the cluster does not serve Istio's resources."""

    problems: tuple[str, ...] = ()
    """Objects that could not be understood, one line each."""

    envoy_filters: tuple[EnvoyFilter, ...] = ()
    partial: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By plural name: the kinds that were not read everywhere, and where they were read."""

    service_entries: tuple[ServiceEntry, ...] = ()
    workload_entries: tuple[WorkloadEntry, ...] = ()
    sidecars: tuple[Sidecar, ...] = ()
    http_routes: tuple[HttpRoute, ...] = ()
    """HTTPRoutes, then GRPCRoutes."""

    stream_routes: tuple[HttpRoute, ...] = ()
    """TLSRoutes and TCPRoutes, whose rules are those of connections."""

    api_gateways: tuple[ApiGateway, ...] = ()
    """Gateways of the Gateway API; `gateways` are Istio's own."""

    listener_sets: tuple[ListenerSet, ...] = ()
    reference_grants: tuple[ReferenceGrant, ...] = ()
    backend_tls_policies: tuple[BackendTlsPolicy, ...] = ()
    namespaces: tuple[Namespace, ...] = ()
    peer_authentications: tuple[PeerAuthentication, ...] = ()
    authorization_policies: tuple[AuthorizationPolicy, ...] = ()
    telemetries: tuple[Telemetry, ...] = ()
    request_authentications: tuple[RequestAuthentication, ...] = ()
    workloads: tuple[Workload, ...] = ()
    settings: MeshSettings = field(default_factory=MeshSettings)
    """What the mesh as a whole is set to: its domain, its root namespace, its defaults."""

    def knows(self, plural: str, namespace: str | None = None) -> bool:
        """True where all objects of a kind were read, in `namespace` or, with None, everywhere.

        Only then does it mean something that an object is not there.
        """
        read_in = self.partial.get(plural)
        return read_in is None or (namespace is not None and namespace in read_in)

    @cached_property
    def by_key(self) -> Mapping[ServiceKey, Service]:
        return {service.key: service for service in self.services}

    @cached_property
    def by_host(self) -> Mapping[str, Service]:
        return {service.host: service for service in self.services}

    @cached_property
    def services_by_selector(self) -> Mapping[tuple[str, str, str], tuple[Service, ...]]:
        """Services by namespace and the first label and value of what they select."""
        found: dict[tuple[str, str, str], list[Service]] = {}
        for one in self.services:
            for label in islice(one.selector.items(), 1):
                found.setdefault((one.key.namespace, *label), []).append(one)
        return {place: tuple(services) for place, services in found.items()}

    @cached_property
    def workloads_by_place(self) -> Mapping[tuple[str, str], Workload]:
        """Deployments by namespace and name."""
        return {(one.namespace, one.name): one for one in self.workloads}

    @cached_property
    def pods_by_namespace(self) -> Mapping[str, tuple[Pod, ...]]:
        found: dict[str, list[Pod]] = {}
        for pod in self.pods:
            found.setdefault(pod.namespace, []).append(pod)
        return {namespace: tuple(pods) for namespace, pods in found.items()}

    @cached_property
    def pods_by_label(self) -> Mapping[tuple[str, str, str], tuple[Pod, ...]]:
        """Pods by namespace, label and value."""
        return _by_label(self.pods)

    @cached_property
    def machines_by_label(self) -> Mapping[tuple[str, str, str], tuple[Pod, ...]]:
        """The workloads that are no pods, likewise."""
        return _by_label(entry.machine for entry in self.workload_entries)

    @cached_property
    def virtual_services_by_host(self) -> Mapping[str, tuple[VirtualService, ...]]:
        """VirtualServices by each of their hosts as written; wildcards under the wildcard."""
        found: dict[str, list[VirtualService]] = {}
        for service in self.virtual_services:
            for host in dict.fromkeys(service.hosts):
                found.setdefault(host, []).append(service)
        return {host: tuple(services) for host, services in found.items()}

    @cached_property
    def wildcard_virtual_services(self) -> tuple[tuple[str, tuple[VirtualService, ...]], ...]:
        """The wildcards among their hosts, each with the VirtualServices that have it."""
        found = self.virtual_services_by_host.items()
        return tuple((host, services) for host, services in found if host.startswith("*"))

    @cached_property
    def rules_by_destination(self) -> Mapping[str, tuple[tuple[RuleOwner, Rule], ...]]:
        """The rules that send traffic to a host, with the object that holds them."""
        found: dict[str, list[tuple[RuleOwner, Rule]]] = {}
        owners: tuple[RuleOwner, ...] = (
            *self.virtual_services,
            *self.http_routes,
            *self.stream_routes,
        )
        for service in owners:
            for rule in service.rules:
                for host in dict.fromkeys(d.host for d in rule.destinations):
                    found.setdefault(host, []).append((service, rule))
        return {host: tuple(rules) for host, rules in found.items()}

    @cached_property
    def stream_routes_by_host(self) -> Mapping[str, tuple[HttpRoute, ...]]:
        """TLSRoutes and TCPRoutes by the hosts of the Services they are for."""
        found: dict[str, list[HttpRoute]] = {}
        for route in self.stream_routes:
            for host in route.hosts:
                found.setdefault(host, []).append(route)
        return {host: tuple(routes) for host, routes in found.items()}

    @cached_property
    def gateways_by_place(self) -> Mapping[tuple[str, str], Gateway]:
        """Gateways by namespace and name."""
        return {(gateway.ref.namespace, gateway.ref.name): gateway for gateway in self.gateways}

    @cached_property
    def api_gateways_by_place(self) -> Mapping[tuple[str, str], ApiGateway]:
        """Gateways of the Gateway API by namespace and name."""
        return {(one.ref.namespace, one.ref.name): one for one in self.api_gateways}

    @cached_property
    def namespace_labels(self) -> Mapping[str, Mapping[str, str]]:
        """The labels of namespaces by their names."""
        return {one.name: one.labels for one in self.namespaces}

    @cached_property
    def wildcard_destination_rules(self) -> tuple[DestinationRule, ...]:
        return tuple(rule for rule in self.destination_rules if rule.host.startswith("*"))

    @cached_property
    def rules_by_host(self) -> Mapping[str, tuple[DestinationRule, ...]]:
        found: dict[str, list[DestinationRule]] = {}
        for rule in self.destination_rules:
            found.setdefault(rule.host, []).append(rule)
        return {host: tuple(rules) for host, rules in found.items()}


def _by_label(pods: Iterable[Pod]) -> Mapping[tuple[str, str, str], tuple[Pod, ...]]:
    found: dict[tuple[str, str, str], list[Pod]] = {}
    for pod in pods:
        for key, value in pod.labels.items():
            found.setdefault((pod.namespace, key, value), []).append(pod)
    return {place: tuple(several) for place, several in found.items()}
