"""All that configures the pods of a version, put together: what `istioctl x describe` tells.

What could not be read is named in `unread`; nothing is said to be absent because of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import TypeVar

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.authorization import (
    AuthorizationPolicy,
    RequestAuthentication,
    in_force,
    tokens_in_force,
)
from meshtui.mesh.caller_groups import callers_of
from meshtui.mesh.istio import Ref
from meshtui.mesh.model import Mesh, Pod, Service
from meshtui.mesh.mutual_tls import tls_conflict
from meshtui.mesh.pod_health import rollouts
from meshtui.mesh.resolution import Cluster, View, client_of, world
from meshtui.mesh.resolution.scope import sidecar_of
from meshtui.mesh.security import accepted
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView

_T = TypeVar("_T")

KINDS = ("peerauthentications", "authorizationpolicies", "requestauthentications", "sidecars")
"""What is looked at beside pods and rules, by plural names."""

MOST_CALLERS = 20
"""Groups of callers whose TLS is compared with what the pods accept."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What the pods accept on a port: STRICT, PERMISSIVE or DISABLE, and which object says so."""

    port: int
    mode: str
    by: Ref | None = None


@dataclass(frozen=True, slots=True)
class Sending:
    """How callers send to the version: the DestinationRule's TLS mode, empty where each caller's
    proxy chooses what the pod accepts; `conflict` says why that fails, `flag` what callers see.
    `name` is the server name that TLS asks for, `by` the BackendTLSPolicy that has a say.
    """

    whose: str
    mode: str = ""
    conflict: str = ""
    flag: str = ""
    name: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Description:
    """What holds for the pods of one version. Tuples have one entry where all pods are alike.

    `images` are container and image, `revisions` the control plane's that injected the proxies,
    `proxies` the proxies' own versions; `bare` counts pods without a proxy.
    """

    row: VersionView
    images: tuple[tuple[str, str], ...] = ()
    revisions: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    bare: int = 0
    rollouts: tuple[str, ...] = ()
    accepts: tuple[Acceptance, ...] = ()
    sends: tuple[Sending, ...] = ()
    policies: tuple[AuthorizationPolicy, ...] = ()
    tokens: tuple[RequestAuthentication, ...] = ()
    sidecars: tuple[Ref, ...] = ()
    unread: tuple[str, ...] = ()


def described(mesh: Mesh, view: ServiceView, row: VersionView) -> Description:
    """Everything that is known of a version's pods without asking anybody."""
    pods, root = row.members, mesh.settings.root_namespace
    guarded = tuple(pod for pod in pods if pod.sidecar)

    def of_each(find: Callable[[str, str, Mapping[str, str]], Iterable[_T]]) -> tuple[_T, ...]:
        found = (one for pod in guarded for one in find(root, pod.namespace, pod.labels))
        return tuple({id(one): one for one in found}.values())

    sidecars = (sidecar_of(mesh, client_of(mesh, pod)) for pod in guarded)
    homes = {root, *(pod.namespace for pod in pods)}
    return Description(
        row,
        images=_distinct(pair for pod in pods for pair in _images(pod)),
        revisions=_distinct(pod.revision for pod in guarded if pod.revision),
        proxies=_distinct(pod.proxy_version for pod in guarded if pod.proxy_version),
        bare=sum(pod.bare for pod in pods),
        rollouts=tuple(rollouts(pods, mesh)),
        accepts=tuple(_accepts(mesh, view.service, guarded)),
        sends=tuple(_sends(mesh, view.service, row)),
        policies=of_each(lambda *place: in_force(mesh.authorization_policies, *place)),
        tokens=of_each(lambda *place: tokens_in_force(mesh.request_authentications, *place)),
        sidecars=_distinct(sidecar.ref for sidecar in sidecars if sidecar),
        unread=tuple(kind for kind in KINDS if not all(mesh.knows(kind, n) for n in homes)),
    )


def _images(pod: Pod) -> Iterable[tuple[str, str]]:
    return zip(pod.containers, pod.images, strict=False)


def _distinct(found: Iterable[_T]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(found))


def _accepts(mesh: Mesh, service: Service, pods: Iterable[Pod]) -> Iterator[Acceptance]:
    root, seen = mesh.settings.root_namespace, set[tuple[int, str]]()
    for pod in pods:
        for port in dict.fromkeys(_target_ports(service, pod)):
            says = accepted(mesh.peer_authentications, root, pod.namespace, pod.labels, port)
            if (port, says.mode) not in seen:
                seen.add((port, says.mode))
                yield Acceptance(port, says.mode, says.policy.ref if says.policy else None)


def _target_ports(service: Service, pod: Pod) -> Iterator[int]:
    """The numbers on which the pod is asked; a name that no container has is none."""
    for port in service.ports:
        number = int(port.target) if port.target.isdigit() else pod.ports.get(port.target, 0)
        if not port.target:
            number = port.number
        if number:
            yield number


def _sends(mesh: Mesh, service: Service, row: VersionView) -> Iterator[Sending]:
    """Alike for most callers: those that are told apart by nothing are one."""
    whole, host = world(mesh), row.host or service.host
    seen = set[Sending]()
    for client, _ in islice(callers_of(whole, host), MOST_CALLERS):
        caller = whole.view(client)
        for cluster in caller.clusters(host).values():
            if (cluster.subset.name if cluster.subset else "") == row.subset:
                sending = _sending(mesh, caller, cluster, str(client))
                if sending not in seen:
                    seen.add(sending)
                    yield sending


def _sending(mesh: Mesh, caller: View, cluster: Cluster, whose: str) -> Sending:
    tls = read.obj(cluster.policy, "tls")
    by = cluster.rule.backend if cluster.rule else ()
    found = Sending(
        whose, read.text(tls, "mode"), name=read.text(tls, "sni"), by=", ".join(map(str, by))
    )
    conflict = tls_conflict(mesh, caller, cluster)
    if conflict is None:
        return found
    words = f"{conflict.sent} is sent, but {conflict.taken}"
    return replace(found, conflict=words, flag=conflict.flag)
