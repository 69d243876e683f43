"""The kinds meshtui reads, and the versions of them that a cluster serves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

from meshtui.errors import NotAllowed, NotFound
from meshtui.kube.cluster import Cluster
from meshtui.kube.failures import Unauthenticated
from meshtui.mesh import read
from meshtui.mesh.parse_settings import REVISION

ISTIO_GROUP = "networking.istio.io"
ISTIO_VERSIONS = ("v1", "v1beta1", "v1alpha3")
"""Newest first: the first that a cluster serves is used."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object; `group` is empty for the core API.

    `selector` is a label selector: objects without these labels are never listed. What is
    `optional` may be out of reach without anybody having to be told: it is unknown then.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    selector: str = ""
    optional: bool = False

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

NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
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
PEER_AUTHENTICATIONS = Resource(
    "security.istio.io", "v1beta1", "peerauthentications", "PeerAuthentication", optional=True
)
"""In the version that all Istios serve."""

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
    CONFIG_MAPS,
)
"""All that a mesh is made of, and all that is listed and watched."""

_DISCOVERED = ISTIO_GROUP


async def served(cluster: Cluster, resource: Resource) -> Resource:
    """`resource` in the newest version that the cluster serves of it.

    An Istio kind the cluster does not serve is given back as it is: reading it answers 404,
    which is how a cluster without Istio looks. Raises Unreachable.
    """
    if resource.group != ISTIO_GROUP:
        return resource
    versions = await istio_kinds(cluster)
    return replace(resource, version=versions.get(resource.plural, resource.version))


async def istio_kinds(cluster: Cluster) -> Mapping[str, str]:
    """The version to use for each of Istio's networking kinds; empty in a cluster without Istio.

    Asked once for a connection as long as there is none; `forget_kinds` makes it ask again.
    """
    known: Mapping[str, str] | None = cluster.discovered.get(_DISCOVERED)
    if known is None:
        found = await asyncio.gather(*(_kinds(cluster, version) for version in ISTIO_VERSIONS))
        known = {
            plural: version
            for version, plurals in reversed(list(zip(ISTIO_VERSIONS, found, strict=True)))
            for plural in plurals
        }
        cluster.discovered[_DISCOVERED] = known
    return known


def forget_kinds(cluster: Cluster) -> None:
    """Istio may be installed, upgraded or removed while meshtui runs."""
    cluster.discovered.pop(_DISCOVERED, None)


async def _kinds(cluster: Cluster, version: str) -> tuple[str, ...]:
    try:
        found = await cluster.get(f"/apis/{ISTIO_GROUP}/{version}")
    except Unauthenticated:
        raise
    except (NotFound, NotAllowed):
        return ()
    return tuple(read.text(entry, "name") for entry in read.objects(found, "resources"))
