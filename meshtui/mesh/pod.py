"""Pods, and what their labels say of them. Workloads that are no pods stand beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field

from meshtui.dataclass import dataclass
from meshtui.mesh.pod_status import ContainerStatus

VERSION_LABELS = ("version", "app.kubernetes.io/version", "service.istio.io/canonical-revision")
NO_REVISION = "latest"
"""The canonical revision of pods that have none."""

NO_POD = "WorkloadEntry"
"""Where the node of a pod stands: what runs elsewhere, a virtual machine as a rule."""

APP_LABELS = ("app", "app.kubernetes.io/name", "service.istio.io/canonical-name")


@dataclass(frozen=True, slots=True)
class KeptPorts:
    """Ports of a pod that are kept from its proxy: `ports`, or all `others`. What comes there comes
    to the program itself. `by` is the annotation that says so.
    """

    by: str = ""
    ports: tuple[int, ...] = ()
    others: bool = False

    def __contains__(self, port: int) -> bool:
        return (port in self.ports) != self.others

    def __bool__(self) -> bool:
        return self.others or bool(self.ports)


NONE_KEPT = KeptPorts()


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod as far as routing is concerned.

    `sidecar` is true where the pod runs an Envoy of the mesh (gateways too); `proxy_container`
    is the container whose log is the access log. A `machine` is none of Kubernetes' pods: a
    WorkloadEntry, which Services select as they do pods. It has neither containers nor a log.
    """

    namespace: str
    name: str
    ip: str = ""
    phase: str = ""
    ready: bool = False
    ready_since: str = ""
    """When it last became ready, as the API server stamps it; empty where it is not, or unknown."""

    deleting: bool = False
    version: str = ""
    app: str = ""
    workload: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    containers: tuple[str, ...] = ()
    proxy_container: str = ""
    gateway: bool = False
    restarts: int = 0
    proxy_restarts: int = 0
    ambient: bool = False
    """Its traffic goes through the node's ztunnel: it needs no sidecar."""

    uninjected: bool = False
    """It asked for no sidecar, or runs on its node's own network, where there is never one."""

    node: str = ""
    ports: Mapping[str, int] = field(default_factory=dict)
    """The numbers of its containers' named ports."""

    created: str = ""
    statuses: tuple[ContainerStatus, ...] = ()
    """Of its containers and native sidecars, as its kubelet reports them."""

    waits_for: str = ""
    """Why it has no node yet; empty where it has one."""

    proxy_version: str = ""
    """The tag of its proxy's image."""

    images: tuple[str, ...] = ()
    """One for each of its containers."""

    revision: str = ""
    """Of the control plane that injected its proxy; empty where it does not say."""

    service_account: str = ""
    """Whose identity its proxy has; empty where it is not known."""

    unproxied: KeptPorts = NONE_KEPT

    machine: bool = False

    @property
    def place(self) -> tuple[str, str]:
        """What tells it from all others of a snapshot: namespace and name."""
        return self.namespace, self.name

    @property
    def ailing(self) -> bool:
        """Whether there is anything to look at: most pods never restarted."""
        return bool(self.waits_for) or any(one.restarts or one.stuck for one in self.statuses)

    @property
    def sidecar(self) -> bool:
        return bool(self.proxy_container)

    @property
    def bare(self) -> bool:
        """Known to have no proxy of the mesh; whether a machine has one nobody can read."""
        return not (self.sidecar or self.ambient or self.machine)

    @property
    def serving(self) -> bool:
        """Ready and not on its way out."""
        return self.ready and not self.deleting


NOT_READ = "the counters and logs of its WorkloadEntries"
"""They are on the machines, where nobody can ask for them through the API server."""


def all_machines(pods: Iterable[Pod]) -> bool:
    several = tuple(pods)
    return bool(several) and all(pod.machine for pod in several)


def version_by(labels: Mapping[str, str]) -> str:
    """The injector writes its own label to each pod: where it found no version, `latest`."""
    *own, injected = VERSION_LABELS
    found = labels.get(injected, "")
    return first_of(labels, own) or ("" if found == NO_REVISION else found)


def app_by(labels: Mapping[str, str]) -> str:
    return first_of(labels, APP_LABELS)


def first_of(labels: Mapping[str, str], names: Iterable[str]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")
