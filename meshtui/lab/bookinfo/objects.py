"""The objects of the cluster at the start: namespaces, Services, Deployments and Istio's."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import yaml

from meshtui.lab.contract import Obj, ObjectStore

GATEWAY = "istio-ingressgateway"
GATEWAY_NAMESPACE = "istio-system"
SIDECAR_IMAGE = "docker.io/istio/proxyv2:1.29.0"
_PILOT_IMAGE = "docker.io/istio/pilot:1.29.0"
_PORT = 9080
Ports = tuple[tuple[str, int, int], ...]
"""Name, port and target port of each port of a Service."""
_RESOURCES = {
    "Gateway": "gateways",
    "VirtualService": "virtualservices",
    "DestinationRule": "destinationrules",
}


def seed(store: ObjectStore, gateway_port: int = 8080) -> None:
    """Fill a new cluster; `gateway_port` is where the ingress gateway's pod listens."""
    gateway_ports = (
        ("status-port", 15021, 15021), ("http2", 80, gateway_port), ("https", 443, 8443),
    )  # fmt: skip
    for name, labels in (
        ("default", {"istio-injection": "enabled"}),
        ("istio-system", {}),
        ("kube-system", {}),
    ):
        store.put("", "namespaces", _namespace(name, labels))
    workloads = _documents("workloads.yaml")[0]
    apps = dict.fromkeys(entry["app"] for entry in workloads)
    for number, app in enumerate(apps, 1):
        service = _service(
            app, "default", {"app": app}, f"10.96.0.{20 + number}", (("http", _PORT, _PORT),)
        )
        store.put("", "services", service)
    store.put("", "services", _gateway_service(gateway_ports))
    for entry in workloads:
        store.put("apps", "deployments", deployment(entry["app"], entry["version"], entry["image"]))
    store.put("apps", "deployments", _gateway_deployment(gateway_ports))
    for obj in _documents("istio.yaml"):
        store.put(
            "networking.istio.io",
            _RESOURCES[obj["kind"]],
            _applied(obj),
            "kubectl-client-side-apply",
        )


def istiod() -> Obj:
    """The pod that the control plane is to whoever asks for it."""
    digest = "6f5d7c9b48"
    labels = {
        "app": "istiod",
        "istio": "pilot",
        "istio.io/rev": "default",
        "istio.io/dataplane-mode": "none",
        "operator.istio.io/component": "Pilot",
        "pod-template-hash": digest,
        "sidecar.istio.io/inject": "false",
    }
    ports = [
        {"containerPort": number, "name": name, "protocol": "TCP"}
        for name, number in (("grpc-xds", 15010), ("tls-xds", 15012), ("http-monitoring", 15014))
    ]
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": f"istiod-{digest}",
        "uid": "b0f6b8f4-6d0e-4b7a-9c1e-1f5d7c9b4800",
        "controller": True,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"istiod-{digest}-q7x2m",
            "namespace": GATEWAY_NAMESPACE,
            "labels": labels,
            "annotations": {"prometheus.io/port": "15014", "prometheus.io/scrape": "true"},
            "ownerReferences": [owner],
        },
        "spec": {
            "nodeName": "meshtui-lab",
            "containers": [{"name": "discovery", "image": _PILOT_IMAGE, "ports": ports}],
        },
        "status": {"phase": "Running", "podIP": "127.0.0.1", "hostIP": "127.0.0.1"},
    }


def _applied(obj: Obj) -> Obj:
    """The object with the note `kubectl apply` leaves on it, so that the next one finds it."""
    note = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(obj) + "\n"}
    return obj | {"metadata": obj["metadata"] | {"annotations": note}}


def _documents(name: str) -> list[Any]:
    text = files("meshtui.lab.bookinfo").joinpath(name).read_text()
    return list(yaml.safe_load_all(text))


def _namespace(name: str, labels: dict[str, str]) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name, **labels}},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def _service(
    name: str,
    namespace: str,
    selector: dict[str, str],
    address: str,
    ports: Ports,
) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app": name, "service": name},
        },
        "spec": {
            "clusterIP": address,
            "clusterIPs": [address],
            "type": "ClusterIP",
            "sessionAffinity": "None",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "internalTrafficPolicy": "Cluster",
            "selector": selector,
            "ports": [
                {"name": label, "port": port, "targetPort": target, "protocol": "TCP"}
                for label, port, target in ports
            ],
        },
        "status": {"loadBalancer": {}},
    }


def _gateway_service(ports: Ports) -> Obj:
    labels = {"app": GATEWAY, "istio": "ingressgateway"}
    service = _service(GATEWAY, GATEWAY_NAMESPACE, labels, "10.96.0.10", ports)
    service["metadata"]["labels"] = labels
    return service


def deployment(app: str, version: str, image: str) -> Obj:
    """A Deployment of one version of an application, with its sidecar."""
    labels = {"app": app, "version": version}
    containers = [
        {"name": app, "image": image, "ports": [{"containerPort": _PORT, "protocol": "TCP"}]},
    ]
    return _deployment(f"{app}-{version}", "default", labels, containers, f"bookinfo-{app}")


def _gateway_deployment(service_ports: Ports) -> Obj:
    labels = {"app": GATEWAY, "istio": "ingressgateway"}
    ports = [
        {"containerPort": target, "name": name, "protocol": "TCP"}
        for name, _, target in service_ports
    ]
    containers = [{"name": "istio-proxy", "image": SIDECAR_IMAGE, "ports": ports}]
    return _deployment(GATEWAY, GATEWAY_NAMESPACE, labels, containers, GATEWAY)


def _deployment(
    name: str, namespace: str, labels: dict[str, str], containers: list[Obj], account: str
) -> Obj:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": labels,
            "annotations": {"deployment.kubernetes.io/revision": "1"},
        },
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
            },
            "template": {
                "metadata": {"labels": labels},
                "spec": {"serviceAccountName": account, "containers": containers},
            },
        },
    }
