"""The recorded cases: small meshes, and what a real istiod made of each for a client."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from meshtui.mesh.gateway_api import API_GATEWAYS
from meshtui.mesh.model import Mesh, MeshSettings
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.resolution import Client

DATA = Path(__file__).parent / "data"
Obj = dict[str, Any]

PLURALS = {
    "Service": "services",
    "Pod": "pods",
    "VirtualService": "virtualservices",
    "DestinationRule": "destinationrules",
    "Gateway": "gateways",
    "ServiceEntry": "serviceentries",
    "WorkloadEntry": "workloadentries",
    "Sidecar": "sidecars",
    "EnvoyFilter": "envoyfilters",
    "HTTPRoute": "httproutes",
    "GRPCRoute": "grpcroutes",
    "TCPRoute": "tcproutes",
    "TLSRoute": "tlsroutes",
    "ReferenceGrant": "referencegrants",
    "ListenerSet": "listenersets",
    "BackendTLSPolicy": "backendtlspolicies",
    "Namespace": "namespaces",
    "PeerAuthentication": "peerauthentications",
    "AuthorizationPolicy": "authorizationpolicies",
    "RequestAuthentication": "requestauthentications",
}
COMPOSED = "mix-"
GATEWAY_API = "gateway.networking.k8s.io/"
CLIENT_LABELS = {"app": "client", "version": "v1"}
GATEWAY = Client("istio-system", {"istio": "ingressgateway", "app": "ingressgateway"}, gateway=True)


@dataclass(frozen=True)
class Case:
    """One recorded case; `recorded` is in the recording's own words.

    `base` is what stood in the cluster beside the case's own objects.
    """

    name: str
    objects: tuple[Obj, ...]
    recorded: Obj
    base: tuple[Obj, ...] = ()

    @cached_property
    def mesh(self) -> Mesh:
        """The mesh as the API server had it, without the objects that it refused."""
        created = self.recorded.get("created") or {}
        return mesh_of((*self.base, *self.stored), created, MeshSettings(domain=self.domain))

    @property
    def domain(self) -> str:
        """The cluster's domain, with which istiod and the proxies were started."""
        return str(self.recorded.get("domain") or "cluster.local")

    def host(self, name: str) -> str:
        """The full name of `SERVICE.NAMESPACE`."""
        return f"{name}.svc.{self.domain}"

    @property
    def stored(self) -> tuple[Obj, ...]:
        """The case's own objects, without those that the API server refused."""
        refused = self.recorded.get("refused")
        without = refused if isinstance(refused, dict) else {}
        return tuple(obj for obj in self.objects if identity(obj) not in without)

    @property
    def refused(self) -> bool:
        """The API server did not store the case: nothing was recorded."""
        return isinstance(self.recorded.get("refused"), str)

    @property
    def client(self) -> Client:
        namespace = self.recorded["client"].partition(".")[2]
        return Client(namespace, CLIENT_LABELS)


@cache
def load(name: str, folder: str = "istio") -> Case:
    if name.startswith(COMPOSED):
        folder = "composed"
    found = _read(DATA / folder / f"{name}.json")
    ground = "istio" if folder == "composed" else folder
    base = (*_read(DATA / "ground.json")["objects"], *_read(DATA / ground / "base.json")["objects"])
    return Case(name, tuple(found["objects"]), found["recorded"], base)


def _read(path: Path) -> Obj:
    found: Obj = json.loads(path.read_text())
    return found


def names(folder: str = "istio") -> list[str]:
    return sorted(path.stem for path in (DATA / folder).glob("*.json") if path.stem != "base")


def all_names() -> list[str]:
    """Cases of one feature, and those composed of several at once, which stand on one ground."""
    return names() + names("composed")


def mesh_of(
    objects: Iterable[Obj], created: Mapping[str, int], settings: MeshSettings | None = None
) -> Mesh:
    """The mesh of some objects; `created` has the seconds of those whose age matters."""
    found: dict[str, list[Obj]] = {plural: [] for plural in PLURALS.values()}
    found[API_GATEWAYS] = []
    for obj in objects:
        if obj["kind"] == "Gateway" and obj["apiVersion"].startswith(GATEWAY_API):
            found[API_GATEWAYS].append(_stored(obj, created))
            found["services"] += made_services(obj)
            continue  # not the Gateways that VirtualServices name
        if plural := PLURALS.get(obj["kind"]):
            found[plural].append(_stored(obj, created))
    return parse_mesh(found, settings=settings)


def made_services(gateway: Obj) -> list[Obj]:
    """The Service that istiod makes for a Gateway of the Gateway API; no recording lists it."""
    meta, spec = gateway["metadata"], gateway["spec"]
    if spec["gatewayClassName"] != "istio":
        return []
    numbers = dict.fromkeys(listener["port"] for listener in spec["listeners"])
    ports = [{"name": f"http-{number}", "port": number} for number in (15021, *numbers)]
    selector = {"gateway.networking.k8s.io/gateway-name": meta["name"]}
    named = {"name": f"{meta['name']}-istio", "namespace": meta["namespace"]}
    service = {"kind": "Service", "metadata": named, "spec": {"ports": ports, "selector": selector}}
    return [_stored(service, {})]


def identity(obj: Obj) -> str:
    """The object as recordings name it."""
    meta = obj["metadata"]
    return f"{obj['kind']} {meta.get('namespace', 'default')}/{meta['name']}"


def _stored(obj: Obj, created: Mapping[str, int]) -> Obj:
    """With the stamp and the status that the cluster gave it."""
    meta = {"namespace": "default", **obj["metadata"]}
    second = created.get(identity(obj), 0)
    meta["creationTimestamp"] = f"2026-08-30T10:00:{second:02d}Z"
    stored = {**obj, "metadata": meta}
    if obj["kind"] == "Pod" and (ip := meta.get("annotations", {}).get("rig/ip")):
        ready = [{"type": "Ready", "status": "True"}]
        stored["status"] = {"phase": "Running", "podIP": ip, "conditions": ready}
    return stored
