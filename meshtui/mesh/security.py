"""What workloads accept: PeerAuthentications, and which of them holds for a port of a pod.

From istiod (pilot/pkg/security/authn, ComposePeerAuthentication): a policy with a selector before
that of the namespace, that before that of the root namespace; of several the oldest. A port's own
mode before the policy's, and UNSET is what the wider policy says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.istio import Json, Ref
from meshtui.mesh.selector import selects

STRICT, PERMISSIVE, DISABLE = "STRICT", "PERMISSIVE", "DISABLE"
_UNSET = ("", "UNSET")


@dataclass(frozen=True, slots=True)
class PeerAuthentication:
    """Which connections workloads accept; `selector` is None for all of the namespace.

    `mode` is empty where it says nothing; `ports` are modes by the pod's port.
    """

    ref: Ref
    created: str = ""
    selector: Mapping[str, str] | None = None
    mode: str = ""
    ports: Mapping[int, str] = field(default_factory=dict)


def parse_peer_authentication(raw: Json) -> PeerAuthentication:
    meta, spec = read.obj(raw, "metadata"), read.obj(raw, "spec")
    name, namespace = read.text(meta, "name"), read.text(meta, "namespace")
    ref = Ref("PeerAuthentication", namespace, name, read.text(meta, "uid"))
    labels = read.labels(read.obj(spec, "selector"), "matchLabels")
    ports = {
        int(number): read.text(read.obj(found), "mode")
        for number, found in read.obj(spec, "portLevelMtls").items()
        if str(number).isdigit()
    }
    mode = read.text(read.obj(spec, "mtls"), "mode")
    return PeerAuthentication(
        ref,
        created=read.created(raw),
        selector=labels or None,
        mode="" if mode in _UNSET else mode,
        ports={number: found for number, found in ports.items() if found not in _UNSET},
    )


@dataclass(frozen=True, slots=True)
class Accepted:
    """The mode of a port, and the policy that says so; None for Istio's own default."""

    mode: str
    policy: PeerAuthentication | None = None


def accepted(
    policies: Iterable[PeerAuthentication],
    root: str,
    namespace: str,
    labels: Mapping[str, str],
    port: int,
) -> Accepted:
    """What a workload accepts on a port of its own."""
    ordered = sorted(policies, key=lambda p: (p.created, p.ref.name))
    own = [p for p in ordered if p.ref.namespace == namespace]
    levels = (
        [p for p in own if p.selector is not None and _covers(p.selector, labels)],
        [p for p in own if p.selector is None],
        [p for p in ordered if p.ref.namespace == root and p.selector is None],
    )
    for policy in (found[0] for found in levels if found):
        mode = policy.ports.get(port, "") if policy.selector is not None else ""
        if mode or policy.mode:
            return Accepted(mode or policy.mode, policy)
    return Accepted(PERMISSIVE)


def _covers(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """A selector that names no label selects all."""
    return not selector or selects(selector, labels)
