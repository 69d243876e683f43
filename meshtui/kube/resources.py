"""The kinds meshtui reads, and the versions of them that a cluster serves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

from meshtui.dataclass import dataclass
from meshtui.errors import NotAllowed, NotFound
from meshtui.kube.cluster import Cluster
from meshtui.kube.failures import Unauthenticated
from meshtui.mesh import read
from meshtui.mesh.parse_settings import REVISION
from meshtui.mesh.text import clean

ISTIO_GROUP = "networking.istio.io"
ISTIO_VERSIONS = ("v1", "v1beta1", "v1alpha3")
"""Newest first: the first that a cluster serves is used."""

GATEWAY_API_GROUP = "gateway.networking.k8s.io"
_VERSIONS = {
    ISTIO_GROUP: ISTIO_VERSIONS,
    GATEWAY_API_GROUP: ("v1", "v1beta1", "v1alpha3", "v1alpha2"),
}
"""The groups of which clusters serve different versions, the newest first."""

_OTHERS = "other versions"


class OtherVersions(NotAllowed):
    """The cluster serves a group in versions alone that are not read here: its kinds are unknown,
    never absent."""


DENIED = "?"
"""Among the kinds of a group: not all versions of it may be asked for."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object; `group` is empty for the core API.

    `selector` is a label selector: objects without these labels are never listed. What is
    `optional` may be out of reach without anybody having to be told: it is unknown then. `alias`
    tells it from a kind of another group that has the same plural name.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    selector: str = ""
    optional: bool = False
    alias: str = ""

    @property
    def key(self) -> str:
        """How snapshots call it: no two kinds have one key."""
        return self.alias or self.plural

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """The path of one object, of a namespace's objects, or of all objects of this kind."""
        parts = ["/apis" if self.group else "/api", self.api_version]
        if namespace and self.namespaced:
            parts += ["namespaces", quote(namespace, safe="")]
        parts.append(self.plural)
        if name:
            parts.append(quote(name, safe=""))
        return "/".join(parts)


_PILOT = "operator.istio.io/component=Pilot"

NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False, optional=True)
SERVICES = Resource("", "v1", "services", "Service")
PODS = Resource("", "v1", "pods", "Pod")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
VIRTUAL_SERVICES = Resource(ISTIO_GROUP, "v1", "virtualservices", "VirtualService")
DESTINATION_RULES = Resource(ISTIO_GROUP, "v1", "destinationrules", "DestinationRule")
GATEWAYS = Resource(ISTIO_GROUP, "v1", "gateways", "Gateway")
ENVOY_FILTERS = Resource(ISTIO_GROUP, "v1alpha3", "envoyfilters", "EnvoyFilter")
SERVICE_ENTRIES = Resource(ISTIO_GROUP, "v1", "serviceentries", "ServiceEntry")
WORKLOAD_ENTRIES = Resource(ISTIO_GROUP, "v1", "workloadentries", "WorkloadEntry", optional=True)
SIDECARS = Resource(ISTIO_GROUP, "v1", "sidecars", "Sidecar", optional=True)
SECURITY_GROUP = "security.istio.io"
PEER_AUTHENTICATIONS = Resource(
    SECURITY_GROUP, "v1beta1", "peerauthentications", "PeerAuthentication", optional=True
)
"""In the version that all Istios serve."""

AUTHORIZATION_POLICIES = Resource(
    SECURITY_GROUP, "v1beta1", "authorizationpolicies", "AuthorizationPolicy", optional=True
)
REQUEST_AUTHENTICATIONS = Resource(
    SECURITY_GROUP, "v1beta1", "requestauthentications", "RequestAuthentication", optional=True
)

TELEMETRIES = Resource("telemetry.istio.io", "v1alpha1", "telemetries", "Telemetry", optional=True)

HTTP_ROUTES, GRPC_ROUTES, TLS_ROUTES, TCP_ROUTES = (
    Resource(GATEWAY_API_GROUP, "v1", f"{kind.lower()}s", kind, optional=True)
    for kind in ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute")
)
"""Few clusters serve all of them."""

API_GATEWAYS = Resource(
    GATEWAY_API_GROUP,
    "v1",
    "gateways",
    "Gateway",
    optional=True,
    alias=f"gateways.{GATEWAY_API_GROUP}",
)
LISTENER_SETS = Resource(GATEWAY_API_GROUP, "v1", "listenersets", "ListenerSet", optional=True)
REFERENCE_GRANTS = Resource(
    GATEWAY_API_GROUP, "v1beta1", "referencegrants", "ReferenceGrant", optional=True
)
"""In the version that all releases of the Gateway API serve."""

BACKEND_TLS_POLICIES = Resource(
    GATEWAY_API_GROUP, "v1", "backendtlspolicies", "BackendTLSPolicy", optional=True
)

CONFIG_MAPS = Resource(
    "", "v1", "configmaps", "ConfigMap", selector=f"{REVISION},{_PILOT}", optional=True
)
"""Those of the control plane: its meshConfig and what it injects."""


MESH_RESOURCES = (
    SERVICES,
    PODS,
    DEPLOYMENTS,
    VIRTUAL_SERVICES,
    DESTINATION_RULES,
    GATEWAYS,
    ENVOY_FILTERS,
    SERVICE_ENTRIES,
    WORKLOAD_ENTRIES,
    SIDECARS,
    PEER_AUTHENTICATIONS,
    AUTHORIZATION_POLICIES,
    REQUEST_AUTHENTICATIONS,
    TELEMETRIES,
    HTTP_ROUTES,
    GRPC_ROUTES,
    TLS_ROUTES,
    TCP_ROUTES,
    API_GATEWAYS,
    LISTENER_SETS,
    REFERENCE_GRANTS,
    BACKEND_TLS_POLICIES,
    NAMESPACES,
    CONFIG_MAPS,
)
"""All that a mesh is made of, and all that is listed and watched."""


async def served(cluster: Cluster, resource: Resource) -> Resource:
    """`resource` in the newest version that the cluster serves of it.

    An Istio kind the cluster does not serve is given back as it is: reading it answers 404, which
    is how a cluster without Istio looks. Raises Unreachable, and NotFound for a kind of the Gateway
    API that is not served: reading it is answered 403 to those who have no right to it, and it
    would count as there and unread.
    """
    if resource.group not in _VERSIONS or resource in _listed(cluster):
        return resource
    versions = await kinds_of(cluster, resource.group)
    known = resource.plural in versions or None in versions.values()
    if resource.group == GATEWAY_API_GROUP and not known:
        if words := other_versions(cluster):
            raise OtherVersions(words)
        raise NotFound(f"the cluster serves no {resource.plural}")
    return replace(resource, version=versions.get(resource.plural) or resource.version)


async def kinds_of(cluster: Cluster, group: str) -> Mapping[str, str | None]:
    """The version to use for each kind of a group; empty in a cluster that does not serve it.

    Has None for a version that may not be asked for. Asked once for a connection as long as there
    is one; `forget_kinds` makes it ask again.
    """
    lock: asyncio.Lock = cluster.discovered.setdefault(f"{group} lock", asyncio.Lock())
    async with lock:
        known: Mapping[str, str | None] | None = cluster.discovered.get(group)
        if known is None:
            versions = _VERSIONS[group]
            found = await asyncio.gather(*(_kinds(cluster, group, one) for one in versions))
            known = {
                plural: version
                for version, plurals in reversed(list(zip(versions, found, strict=True)))
                for plural in plurals or ()
            }
            if None in found:
                known[DENIED] = None
            elif not known and group == GATEWAY_API_GROUP:
                cluster.discovered[_OTHERS] = await _other_versions(cluster, group)
            cluster.discovered[group] = known
        return known


def other_versions(cluster: Cluster) -> str:
    """One line for a Gateway API that is served in no version that is read here, else empty."""
    found: tuple[str, ...] = cluster.discovered.get(_OTHERS, ())
    if not found:
        return ""
    served_as = f"{GATEWAY_API_GROUP} is served as {', '.join(found)}"
    return clean(f"{served_as}, which is not read: its routes are unknown", 200)


async def _other_versions(cluster: Cluster, group: str) -> tuple[str, ...]:
    try:
        found = await cluster.get(f"/apis/{group}")
    except Unauthenticated:
        raise
    except (NotFound, NotAllowed):
        return ()
    return tuple(read.text(entry, "version") for entry in read.objects(found, "versions"))


def in_several_versions(resource: Resource) -> bool:
    """Whether clusters serve different versions of it."""
    return resource.group in _VERSIONS


def note_served(cluster: Cluster, resource: Resource) -> None:
    """The server has listed it in this version: it need not be asked which it serves."""
    _listed(cluster).add(resource)


def _listed(cluster: Cluster) -> set[Resource]:
    known: set[Resource] = cluster.discovered.setdefault("listed", set())
    return known


def forget_kinds(cluster: Cluster, group: str) -> None:
    """Istio may be installed, upgraded or removed while meshtui runs."""
    cluster.discovered.pop(group, None)
    cluster.discovered.pop("listed", None)
    cluster.discovered.pop(_OTHERS, None)


async def _kinds(cluster: Cluster, group: str, version: str) -> tuple[str, ...] | None:
    """None where the server does not say."""
    try:
        found = await cluster.get(f"/apis/{group}/{version}")
    except Unauthenticated:
        raise
    except NotFound:
        return ()
    except NotAllowed:
        return None
    return tuple(read.text(entry, "name") for entry in read.objects(found, "resources"))
