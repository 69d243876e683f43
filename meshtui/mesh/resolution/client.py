"""Who asks: the proxy that a request goes out through, and which of them get the same answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.ambient import waypoint_name
from meshtui.mesh.istio import Json
from meshtui.mesh.model import Mesh, Pod, Service
from meshtui.mesh.resolution.listeners import with_listeners
from meshtui.mesh.resolution.names import labels_in

_PLAIN_PORTS = "experimental.istio.io/disable-gateway-port-translation"


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
    waypoint: str = ""
    """The waypoint that it is, in its namespace: no gateway then, but what others call through."""

    @property
    def key(self) -> tuple[str, str, bool, frozenset[tuple[str, str]], frozenset[tuple[int, int]]]:
        return (
            self.namespace,
            self.waypoint,
            self.gateway,
            frozenset(self.labels.items()),
            frozenset(self.ports.items()),
        )

    def __str__(self) -> str:
        if self.waypoint:
            return f"waypoint {self.waypoint} in {self.namespace}"
        label_text = ", ".join(f"{key}={value}" for key, value in sorted(self.labels.items()))
        what = "gateway" if self.gateway else "callers"
        return f"{what} in {self.namespace}{f' with {label_text}' if label_text else ''}"


@dataclass(frozen=True, slots=True)
class Callers:
    """Pods that get the same answers; the client has only the labels that something asks for."""

    client: Client
    pods: tuple[Pod, ...]


@dataclass(frozen=True, slots=True)
class Crowd:
    """Several groups of callers as one: their clients, their workloads by namespace and name, and
    how many pods they are.
    """

    clients: tuple[Client, ...]
    workloads: frozenset[tuple[str, str]]
    pods: int


def crowd_of(groups: Iterable[Callers]) -> Crowd:
    groups = tuple(groups)
    workloads = frozenset((pod.namespace, pod.workload) for group in groups for pod in group.pods)
    return Crowd(tuple(g.client for g in groups), workloads, sum(len(g.pods) for g in groups))


def client_of(mesh: Mesh, pod: Pod) -> Client:
    """The client that a pod's proxy is."""
    if waypoint := waypoint_name(mesh, pod):
        return Client(pod.namespace, gateway=True, waypoint=waypoint)
    ports = gateway_ports(mesh, pod) if pod.gateway else {}
    return Client(pod.namespace, pod.labels, pod.gateway, ports)


def gateway_ports(mesh: Mesh, pod: Pod) -> Mapping[int, int]:
    """Which port a gateway listens on for each port of its Services; the first Service counts."""
    found: dict[int, int] = {}
    for service in mesh.services:
        if _translates(service, pod):
            for number, target in _targets(service, pod):
                found.setdefault(number, target)
    return found


def _translates(service: Service, pod: Pod) -> bool:
    """Whether the Service selects the pod, and has not opted out of giving it its ports."""
    selects = bool(service.selector) and labels_in(service.selector, pod.labels)
    own = service.key.namespace == pod.namespace
    return own and selects and _PLAIN_PORTS not in service.labels


def _targets(service: Service, pod: Pod) -> Iterator[tuple[int, int]]:
    for port in service.ports:
        named = pod.ports.get(port.target, 0)
        target = int(port.target) if port.target.isdigit() else named or port.number
        yield port.number, target


def callers(mesh: Mesh, asked: frozenset[str], at_gateways: frozenset[str]) -> tuple[Callers, ...]:
    """All pods with a proxy, together where istiod can't tell them apart.

    `asked` are the labels of clients that something asks for, `at_gateways` those beside them
    that Gateways ask for.
    """
    found: dict[object, tuple[Client, list[Pod]]] = {}
    for pod in mesh.pods:
        client = caller_of(mesh, pod, asked, at_gateways)
        if client is not None:
            found.setdefault(client.key, (client, []))[1].append(pod)
    return tuple(Callers(client, tuple(pods)) for client, pods in found.values())


def caller_of(
    mesh: Mesh, pod: Pod, asked: frozenset[str], at_gateways: frozenset[str]
) -> Client | None:
    """The client that a pod's proxy is among the `callers`; None where it is none of them."""
    if not pod.sidecar or pod.phase in ("Succeeded", "Failed"):
        return None
    whole = client_of(mesh, pod)
    wanted = asked | at_gateways if whole.gateway else asked
    labels = {key: value for key, value in whole.labels.items() if key in wanted}
    return Client(whole.namespace, labels, whole.gateway, whole.ports, whole.waypoint)


def asked_labels(mesh: Mesh) -> Iterator[str]:
    """The labels of clients that rules, DestinationRules and Sidecars ask for."""
    for service in mesh.virtual_services:
        for protocol in ("http", "tcp", "tls"):
            for rule in read.objects(read.obj(service.raw, "spec"), protocol):
                yield from _source_labels(rule)
    for destination in mesh.destination_rules:
        yield from destination.workload_selector
    for sidecar in mesh.sidecars:
        yield from sidecar.selector or ()


def _source_labels(rule: Json) -> Iterator[str]:
    for match in read.objects(rule, "match"):
        yield from read.labels(match, "sourceLabels")


def gateway_labels(mesh: Mesh) -> Iterator[str]:
    """The labels that Gateways choose their proxies by."""
    for gateway in with_listeners(mesh):
        yield from gateway.selector
