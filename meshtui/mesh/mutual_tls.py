"""What a caller's proxy sends to a cluster's pods against what they accept."""

from __future__ import annotations

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.model import Mesh, Pod
from meshtui.mesh.resolution import Cluster, Endpoint, View
from meshtui.mesh.security import DISABLE, STRICT, Accepted, accepted

MUTUAL = ("ISTIO_MUTUAL", "MUTUAL")
PLAIN = ("DISABLE", "SIMPLE")


@dataclass(frozen=True, slots=True)
class TlsConflict:
    """`mode` is the DestinationRule's; `says` what the pods accept, None where the pod has no proxy
    that could. `endpoint` is the first of those that refuse.
    """

    cluster: Cluster
    mode: str
    endpoint: Endpoint
    says: Accepted | None = None

    @property
    def flag(self) -> str:
        """What callers see: plain text is cut off, TLS that does not fit never connects."""
        strict = self.says is not None and self.says.mode == STRICT
        return "UC" if strict and self.mode == DISABLE else "UF"

    @property
    def sent(self) -> str:
        if self.mode == DISABLE:
            return "plain text"
        return "mutual TLS" if self.mode in MUTUAL else f"TLS of mode {self.mode}"

    @property
    def taken(self) -> str:
        """Who accepts what, as the end of a sentence."""
        pod = self.endpoint.pod.name if self.endpoint.pod else str(self.endpoint)
        if self.says is None:
            return f"pod {pod} has no proxy that could accept it"
        policy = self.says.policy.ref if self.says.policy else "the mesh"
        only = "mutual TLS" if self.says.mode == STRICT else "plain text"
        return f"{policy} accepts {only} only (first pod {pod})"


def meets_no_proxy(mesh: Mesh, pod: Pod, port: int) -> bool:
    """Whether callers that choose for themselves send mutual TLS to a port that the pod keeps from
    its own proxy: istiod has them do so to every pod with a proxy, by whatever port.
    """
    if port not in pod.unproxied:
        return False
    root = mesh.settings.root_namespace
    says = accepted(mesh.peer_authentications, root, pod.namespace, pod.labels, port)
    return says.mode != DISABLE


def tls_conflict(mesh: Mesh, view: View, cluster: Cluster) -> TlsConflict | None:
    """Where one of the cluster's pods does not accept what the client sends.

    Without a mode in the DestinationRule the client's proxy chooses what each pod accepts.
    """
    mode = read.text(read.obj(cluster.policy, "tls"), "mode")
    if not mode or not cluster.host.kubernetes:
        return None
    root = mesh.settings.root_namespace
    known = all(mesh.knows("peerauthentications", n) for n in (cluster.host.namespace, root))
    for endpoint in view.endpoints(cluster).found:
        pod = endpoint.pod
        if pod is None:
            continue
        if not pod.sidecar:
            if mode == "ISTIO_MUTUAL" and not pod.ambient:
                return TlsConflict(cluster, mode, endpoint)
            continue
        says = accepted(mesh.peer_authentications, root, pod.namespace, pod.labels, endpoint.port)
        strict = says.mode == STRICT and mode in PLAIN
        if known and (strict or (says.mode == DISABLE and mode in MUTUAL)):
            return TlsConflict(cluster, mode, endpoint, says)
    return None
