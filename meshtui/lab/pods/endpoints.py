"""Endpoints and EndpointSlices: which pods stand behind a Service, ready or not."""

from __future__ import annotations

from meshtui.lab.contract import Obj, ObjectStore, StoreEvent
from meshtui.lab.control.reading import pod_of
from meshtui.lab.control.world import MALFORMED, Pod, selects
from meshtui.lab.pods.objects import NODE


class EndpointsController:
    """Keeps both kinds as the Services' selectors and the pods' readiness say."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        store.subscribe(self._on_write)

    def _on_write(self, event: StoreEvent) -> None:
        if event.kind.group or event.kind.plural not in ("services", "pods"):
            return
        namespace = event.obj["metadata"]["namespace"]
        if event.kind.plural == "pods":
            for service in self._store.objects("", "services", namespace):
                self._update(service)
        elif event.type == "DELETED":
            name = event.obj["metadata"]["name"]
            self._store.remove("", "endpoints", namespace, name)
            self._store.remove("discovery.k8s.io", "endpointslices", namespace, slice_name(name))
        else:
            self._update(event.obj)

    def _update(self, service: Obj) -> None:
        selector = service["spec"].get("selector")
        if not selector:
            return
        namespace = service["metadata"]["namespace"]
        pods = [p for p in self._pods(namespace) if p.ip and selects(selector, p.labels)]
        self._store.put("", "endpoints", endpoints(service, pods))
        self._store.put("discovery.k8s.io", "endpointslices", endpoint_slice(service, pods))

    def _pods(self, namespace: str) -> list[Pod]:
        found = []
        for obj in self._store.objects("", "pods", namespace):
            try:
                found.append(pod_of(obj))
            except MALFORMED:
                continue
        return found


def slice_name(service: str) -> str:
    return f"{service}-lab"


def endpoints(service: Obj, pods: list[Pod]) -> Obj:
    sides = {"addresses": True, "notReadyAddresses": False}
    subset = {
        key: [_address(pod) for pod in pods if pod.ready is ready] for key, ready in sides.items()
    }
    filled: Obj = {key: addresses for key, addresses in subset.items() if addresses}
    meta = service["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": meta["name"], "namespace": meta["namespace"], "labels": _labels(meta)},
        "subsets": [{**filled, "ports": _ports(service)}] if filled else [],
    }


def endpoint_slice(service: Obj, pods: list[Pod]) -> Obj:
    meta = service["metadata"]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": slice_name(meta["name"]),
            "namespace": meta["namespace"],
            "labels": {
                "kubernetes.io/service-name": meta["name"],
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
            },
        },
        "addressType": "IPv4",
        "endpoints": [_endpoint(pod) for pod in pods],
        "ports": _ports(service),
    }


def _endpoint(pod: Pod) -> Obj:
    return {
        "addresses": [pod.ip],
        "conditions": {"ready": pod.ready, "serving": pod.ready, "terminating": False},
        "targetRef": {"kind": "Pod", "name": pod.name, "namespace": pod.namespace},
        "nodeName": NODE,
    }


def _address(pod: Pod) -> Obj:
    target = {"kind": "Pod", "name": pod.name, "namespace": pod.namespace}
    return {"ip": pod.ip, "nodeName": NODE, "targetRef": target}


def _labels(meta: Obj) -> dict[str, str]:
    return dict(meta.get("labels") or {})


def _ports(service: Obj) -> list[Obj]:
    return [
        {
            "name": port.get("name", ""),
            "port": port.get("targetPort", port["port"]),
            "protocol": port.get("protocol", "TCP"),
        }
        for port in service["spec"].get("ports", ())
    ]
