"""Recorded meshes as analysis sees them: with the proxies that the recording's callers had."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from meshtui.diagnosis.analysis import Finding, analyze
from meshtui.mesh.model import Mesh, MeshSettings
from tests.recorded.cases import Case, Obj, identity, load, mesh_of

_NOT_INJECTED = "sidecar.istio.io/inject"


def _gateway_pod() -> Obj:
    """The ingress gateway's pod; the recordings list only what a case adds."""
    labels = {"istio": "ingressgateway", "app": "ingressgateway"}
    meta = {
        "name": "istio-ingressgateway",
        "namespace": "istio-system",
        "labels": labels,
        "annotations": {"rig/ip": "10.77.200.250"},
    }
    return {"kind": "Pod", "metadata": meta, "spec": {"containers": [{"name": "istio-proxy"}]}}


def _gate_pod(gate: Obj) -> Obj:
    """The pod that istiod starts for a Gateway of the Gateway API."""
    labels = {"gateway.networking.k8s.io/gateway-name": gate["metadata"]["name"]}
    meta = {"name": "gate-istio", "namespace": gate["metadata"]["namespace"], "labels": labels}
    meta["annotations"] = {"rig/ip": "10.77.200.252"}
    return {"kind": "Pod", "metadata": meta, "spec": {"containers": [{"name": "istio-proxy"}]}}


def _productpage() -> Obj:
    """What the ground's route leads to."""
    labels = {"app": "productpage", "version": "v1", _NOT_INJECTED: "false"}
    meta = {"name": "productpage", "labels": labels, "annotations": {"rig/ip": "10.77.200.251"}}
    return {"kind": "Pod", "metadata": meta, "spec": {"containers": [{"name": "app"}]}}


def injected(obj: Obj) -> Obj:
    """A caller's pod with the proxy that the injector gave it."""
    labels: Mapping[str, str] = obj["metadata"].get("labels", {})
    if obj["kind"] != "Pod" or labels.get(_NOT_INJECTED) == "false":
        return obj
    proxy = {"name": "istio-proxy"}
    meta = {**obj["metadata"]}
    annotations = meta.get("annotations", {})
    meta["annotations"] = {"rig/ip": "10.77.200.200", **annotations}
    containers = [*obj["spec"]["containers"], proxy]
    return {**obj, "metadata": meta, "spec": {**obj["spec"], "containers": containers}}


def _is_ambient(obj: Obj) -> bool:
    labels = obj["metadata"].get("labels", {})
    return obj["kind"] == "Namespace" and labels.get("istio.io/dataplane-mode") == "ambient"


def _has_no_proxy(obj: Obj, ambient: set[str]) -> bool:
    """In the ambient mesh a waypoint's pod alone has one."""
    meta = obj["metadata"]
    gateway = "gateway.networking.k8s.io/gateway-name" in meta.get("labels", {})
    return meta.get("namespace", "default") in ambient and not gateway


@cache
def findings(name: str, folder: str = "istio") -> tuple[Finding, ...]:
    """What is found in a case, its ground included."""
    return analyze(whole_mesh(load(name, folder)))


def whole_mesh(case: Case) -> Mesh:
    """The case's mesh with the proxies of its callers and of its gateways."""
    settings = MeshSettings(domain=case.domain)
    return mesh_of(objects_of(case), case.recorded.get("created") or {}, settings)


def objects_of(case: Case) -> list[Obj]:
    refused = case.recorded.get("refused")
    without = refused if isinstance(refused, dict) else {}
    stored = [obj for obj in case.objects if identity(obj) not in without]
    whole = (*case.base, *stored)
    ambient = {obj["metadata"]["name"] for obj in whole if _is_ambient(obj)}
    own = [obj if _has_no_proxy(obj, ambient) else injected(obj) for obj in whole]
    gates = [obj for obj in case.base if obj["metadata"]["name"] == "gate"]
    return [*own, _gateway_pod(), _productpage(), *map(_gate_pod, gates)]
