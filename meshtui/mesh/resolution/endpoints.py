"""The endpoints behind a host and behind each of its subsets.

From istiod (pilot/pkg/serviceregistry): a Service's are the ready pods it selects, and the
WorkloadEntries of its namespace that it selects; a ServiceEntry's are those it lists, or the pods
and WorkloadEntries that its selector finds. To their labels istiod adds where they run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field

from meshtui.dataclass import dataclass
from meshtui.mesh.model import Mesh, Pod, ServiceEntry
from meshtui.mesh.registered import EntryEndpoint
from meshtui.mesh.resolution.names import labels_in
from meshtui.mesh.resolution.registry import DNS, DNS_ROUND_ROBIN, Host, HostPort

REGION, ZONE = "topology.kubernetes.io/region", "topology.kubernetes.io/zone"
SUBZONE, NETWORK = "topology.istio.io/subzone", "topology.istio.io/network"
CLUSTER, HOSTNAME = "topology.istio.io/cluster", "kubernetes.io/hostname"
LOCALITY = "istio-locality"
ADDED = frozenset({REGION, ZONE, SUBZONE, NETWORK, CLUSTER, HOSTNAME})
"""Labels that endpoints get from their node, their namespace and the control plane."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address behind a host. `pod` is None for a workload that is no pod.

    `labels` are its own and those of ADDED that are known here.
    """

    address: str
    port: int
    labels: Mapping[str, str] = field(default_factory=dict)
    pod: Pod | None = None

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Endpoints, or why it is not known which there are (`unknown`; then `found` may lack some)."""

    found: tuple[Endpoint, ...] = ()
    unknown: str = ""


class KnownEndpoints:
    """The endpoints of a snapshot's hosts, which are the same for all clients; each made once."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self._known: dict[tuple[str, str, int], Endpoints] = {}

    def of(self, host: Host, port: HostPort) -> Endpoints:
        """All endpoints of a host on a port."""
        key = (host.namespace, host.name, port.number)
        if key not in self._known:
            self._known[key] = host_endpoints(self.mesh, host, port)
        return self._known[key]


def host_endpoints(mesh: Mesh, host: Host, port: HostPort) -> Endpoints:
    """All endpoints of a host on a port."""
    origin = host.origin
    if isinstance(origin, ServiceEntry):
        return _of_entry(mesh, host, origin, port)
    if not origin.selector:
        why = f"Service {origin.key} has no selector: its endpoints are not read"
        return Endpoints(unknown=why)
    ready = _pods(mesh, host.namespace, origin.selector, not_ready=origin.not_ready_too)
    found = [*_of_pods(ready, _service_target(port)), *_selected(mesh, host, origin.selector, port)]
    return Endpoints(tuple(found), _unread(mesh, host.namespace, ("pods", "workloadentries")))


def subset_endpoints(endpoints: Endpoints, labels: Mapping[str, str]) -> Endpoints:
    """Those with all labels of a subset; unknown where that rests on where a pod runs."""
    found = tuple(e for e in endpoints.found if labels_in(labels, e.labels))
    open_labels = sorted(
        {
            label
            for endpoint in endpoints.found
            for label in labels
            if label in ADDED and label not in endpoint.labels
        }
    )
    if open_labels and not endpoints.unknown:
        why = f"{', '.join(open_labels)} is a label that istiod gives to endpoints: it is not read"
        return Endpoints(found, why)
    return Endpoints(found, endpoints.unknown)


def _unread(mesh: Mesh, namespace: str, plurals: Iterable[str]) -> str:
    unread = [plural for plural in plurals if not mesh.knows(plural, namespace)]
    return f"the {' and '.join(unread)} of {namespace} can't be read" if unread else ""


def _pods(
    mesh: Mesh, namespace: str, selector: Mapping[str, str], *, not_ready: bool = False
) -> Iterator[Pod]:
    """The pods of a namespace that a selector finds; an empty one finds all."""
    if selector:
        key, value = next(iter(selector.items()))
        pods = mesh.pods_by_label.get((namespace, key, value), ())
    else:
        pods = mesh.pods_by_namespace.get(namespace, ())
    for pod in pods:
        ends = pod.phase in ("Succeeded", "Failed")
        if pod.ip and not ends and (not_ready or pod.serving) and labels_in(selector, pod.labels):
            yield pod


def _service_target(port: HostPort) -> tuple[str, int]:
    """A container port's name, or a number."""
    if port.target.isdigit():
        return "", int(port.target) or port.number
    return port.target, port.number


def _of_pods(pods: Iterable[Pod], target: tuple[str, int]) -> Iterator[Endpoint]:
    """A pod without a container port of that name is no endpoint."""
    name, number = target
    for pod in pods:
        port = pod.ports.get(name, 0) if name else number
        if port:
            yield Endpoint(pod.ip, port, _pod_labels(pod), pod)


def _pod_labels(pod: Pod) -> Mapping[str, str]:
    labels = {**pod.labels, **_locality(pod.labels.get(LOCALITY, "").replace(".", "/"))}
    return {**labels, HOSTNAME: pod.node} if pod.node else labels


def _locality(text: str) -> Mapping[str, str]:
    """Region, zone and subzone of `a/b/c`."""
    parts = text.split("/") if text else []
    return {key: part for key, part in zip((REGION, ZONE, SUBZONE), parts, strict=False) if part}


def _selected(
    mesh: Mesh, host: Host, selector: Mapping[str, str], port: HostPort
) -> Iterator[Endpoint]:
    """The WorkloadEntries of the host's namespace; their ports go by the name of the host's."""
    for entry in mesh.workload_entries:
        mine = entry.ref.namespace == host.namespace and entry.machine.ready
        if mine and labels_in(selector, entry.endpoint.labels):
            yield _of_address(entry.endpoint, port)


def _of_address(endpoint: EntryEndpoint, port: HostPort) -> Endpoint:
    target = int(port.target) if port.target.isdigit() and int(port.target) else port.number
    number = endpoint.ports.get(port.name, target)
    labels = {**endpoint.labels, **_locality(endpoint.locality)}
    return Endpoint(endpoint.address, number, labels)


def _of_entry(mesh: Mesh, host: Host, entry: ServiceEntry, port: HostPort) -> Endpoints:
    if entry.selector is not None:
        pods = _pods(mesh, host.namespace, entry.selector)
        target = int(port.target) if port.target.isdigit() else port.number
        found = [*_of_pods(pods, ("", target)), *_selected(mesh, host, entry.selector, port)]
        unread = _unread(mesh, host.namespace, ("pods", "workloadentries"))
        return Endpoints(tuple(found), unread)
    listed = tuple(_of_address(endpoint, port) for endpoint in entry.endpoints)
    if not listed and entry.resolution in (DNS, DNS_ROUND_ROBIN):
        listed = (_of_address(EntryEndpoint(host.name), port),)
    return Endpoints(listed)
