"""Kubernetes and Istio objects as JSON, read into the facts of `world`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TypeVar

from meshtui.lab.contract import Obj, ObjectStore
from meshtui.lab.control import protocols
from meshtui.lab.control.counting import TELEMETRY
from meshtui.lab.control.hosts import fqdn, qualify
from meshtui.lab.control.world import (
    DNS,
    DNS_ROUND_ROBIN,
    EDS,
    GATEWAY_API,
    ISTIO,
    MALFORMED,
    NONE,
    ApiObject,
    ApiObjects,
    Config,
    Endpoint,
    Pod,
    Port,
    Service,
    World,
)

ROUTES = ("httproutes", "grpcroutes", "tcproutes", "tlsroutes")

WATCHED = frozenset(
    {
        ("", "services"),
        ("", "pods"),
        ("", "nodes"),
        (ISTIO, "virtualservices"),
        (ISTIO, "destinationrules"),
        (ISTIO, "gateways"),
        (ISTIO, "serviceentries"),
        (ISTIO, "workloadentries"),
        (ISTIO, "sidecars"),
        (ISTIO, "envoyfilters"),
        (TELEMETRY, "telemetries"),
        ("", "namespaces"),
        (GATEWAY_API, "gateways"),
        (GATEWAY_API, "referencegrants"),
        *((GATEWAY_API, plural) for plural in ROUTES),
    }
)
"""The resources whose writes change what the proxies do."""

_Fact = TypeVar("_Fact")


@lru_cache(maxsize=1000)
def complain(message: str) -> None:
    """Say it once: the same object is translated for every proxy, again and again."""
    report(message)


def report(message: str) -> None:
    """One line for whoever runs the lab."""
    sys.stderr.write(f"lab: {message}\n")


_LOCALITY = (
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "topology.istio.io/subzone",
)
_CLUSTER = "Kubernetes"


def pod_of(obj: Obj, nodes: Mapping[str, Mapping[str, str]] | None = None) -> Pod:
    """A pod with the labels that istiod gives its endpoint: where its Node stands, as well."""
    meta, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    conditions = status.get("conditions") or []
    ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)
    going = bool(meta.get("deletionTimestamp"))
    node = str(spec.get("nodeName") or "")
    labels = _placed(meta.get("labels") or {}, node, (nodes or {}).get(node, {}))
    return Pod(
        meta["namespace"],
        meta["name"],
        status.get("podIP", ""),
        labels,
        workload_of(meta),
        ready and not going,
        _named_ports(spec),
    )


def _placed(labels: Mapping[str, str], node: str, node_labels: Mapping[str, str]) -> dict[str, str]:
    """The labels of an endpoint: its own, and where it is."""
    place = {name: node_labels[name] for name in _LOCALITY if node_labels.get(name)}
    here = {"topology.istio.io/cluster": _CLUSTER}
    return {**labels, **place, **here, **({"kubernetes.io/hostname": node} if node else {})}


def _named_ports(spec: Obj) -> dict[str, int]:
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    listed = [port for container in containers for port in container.get("ports") or ()]
    return {p["name"]: int(p["containerPort"]) for p in listed if p.get("name")}


def node_labels(obj: Obj) -> tuple[str, Mapping[str, str]]:
    return obj["metadata"]["name"], obj["metadata"].get("labels") or {}


def workload_entry_of(obj: Obj) -> Pod:
    """A machine outside the cluster that stands behind services as a pod does."""
    meta, spec = obj["metadata"], obj["spec"]
    labels = {**(meta.get("labels") or {}), **(spec.get("labels") or {})}
    place = str(spec.get("locality") or "").split("/")
    labels |= {name: part for name, part in zip(_LOCALITY, place, strict=False) if part}
    ports = {str(name): int(number) for name, number in (spec.get("ports") or {}).items()}
    return Pod(
        meta["namespace"],
        meta["name"],
        str(spec["address"]),
        labels | {"topology.istio.io/cluster": _CLUSTER},
        str(labels.get("app") or meta["name"]),
        _is_healthy(obj),
        ports,
        entry=True,
    )


def _is_healthy(machine: Obj) -> bool:
    """A WorkloadEntry with health checks is no endpoint before one has said so."""
    annotations = machine["metadata"].get("annotations") or {}
    if annotations.get("proxy.istio.io/health-checks-enabled") != "true":
        return True
    conditions = (machine.get("status") or {}).get("conditions") or []
    return any(c.get("type") == "Healthy" and c.get("status") == "True" for c in conditions)


def workload_of(meta: Obj) -> str:
    """The Deployment a pod belongs to: its ReplicaSet's name without the template hash.

    A label of the pod's goes before it.
    """
    labels = meta.get("labels") or {}
    if labels.get("service.istio.io/workload-name"):
        return str(labels["service.istio.io/workload-name"])
    owners = meta.get("ownerReferences") or [{}]
    owner = owners[0].get("name", "")
    template = labels.get("pod-template-hash", "")
    return str(owner.removesuffix(f"-{template}") if template else owner or meta["name"])


_EXPORT_TO = "networking.istio.io/exportTo"
EXTERNAL = "ExternalName"


def service_of(obj: Obj) -> Service:
    meta, spec = obj["metadata"], obj["spec"]
    ports = tuple(_service_port(p) for p in spec.get("ports") or ())
    ip = spec.get("clusterIP", "")
    exports = str((meta.get("annotations") or {}).get(_EXPORT_TO) or "")
    return Service(
        meta["namespace"],
        meta["name"],
        fqdn(meta["name"], meta["namespace"]),
        ports,
        spec.get("selector") or {},
        () if ip in ("", "None") else (ip,),
        headless=ip == "None",
        exports=tuple(name.strip() for name in exports.split(",") if name.strip()),
        created=meta.get("creationTimestamp") or "",
        alias_of=str(spec.get("externalName") or "") if spec.get("type") == EXTERNAL else "",
    )


def _service_port(port: Obj) -> Port:
    number, name = int(port["port"]), str(port.get("name") or "")
    target = port.get("targetPort") or number
    spoken = protocols.of_port(
        number, name, str(port.get("protocol") or "TCP"), str(port.get("appProtocol") or "")
    )
    return Port(number, name, target if isinstance(target, (int, str)) else number, spoken)


_RESOLUTIONS = {
    "STATIC": EDS,
    "DNS": DNS,
    "DNS_ROUND_ROBIN": DNS_ROUND_ROBIN,
    "NONE": NONE,
}


def service_entries(obj: Obj) -> list[Service]:
    """The hosts of a ServiceEntry, each a service of its own."""
    meta, spec = obj["metadata"], obj["spec"]
    ports = tuple(_entry_port(p) for p in spec.get("ports") or ())
    resolution = _RESOLUTIONS[str(spec.get("resolution") or "NONE")]
    listed = tuple(_entry_endpoint(e, n, meta) for n, e in enumerate(spec.get("endpoints") or ()))
    selector = (spec.get("workloadSelector") or {}).get("labels") or {}
    dns = resolution in (DNS, DNS_ROUND_ROBIN)
    return [
        Service(
            meta["namespace"],
            str(host),
            qualify(str(host), meta["namespace"]),
            ports,
            selector=selector,
            addresses=tuple(spec.get("addresses") or ()),
            fixed=listed or ((Endpoint(str(host), 0, {}),) if dns and not selector else ()),
            resolution=resolution,
            in_cluster=False,
            exports=tuple(str(name) for name in spec.get("exportTo") or ()),
            created=meta.get("creationTimestamp") or "",
            entry=meta["name"],
        )
        for host in spec["hosts"]
    ]


def _entry_port(port: Obj) -> Port:
    number, name = int(port["number"]), str(port.get("name") or "")
    spoken = protocols.of_name(str(port.get("protocol") or ""))
    if spoken == protocols.UNSUPPORTED:
        spoken = protocols.of_port(number, name)
    return Port(number, name, int(port.get("targetPort") or number), spoken)


def _entry_endpoint(entry: Obj, number: int, meta: Obj) -> Endpoint:
    """istiod names the endpoints of a ServiceEntry by their number."""
    ports = {str(name): int(port) for name, port in (entry.get("ports") or {}).items()}
    workload = f"{meta['name']}-{number}"
    return Endpoint(
        str(entry["address"]),
        0,
        _placed(entry.get("labels") or {}, "", {}),
        workload,
        meta["namespace"],
        ports,
        int(entry.get("weight") or 1),
        labelled=bool(entry.get("labels")),
    )


def virtual_service_of(obj: Obj) -> Config:
    return _config(obj, hosts=list, gateways=list, exportTo=list)


def destination_rule_of(obj: Obj) -> Config:
    return _config(obj, host=str, subsets=list, trafficPolicy=dict, exportTo=list)


def gateway_of(obj: Obj) -> Config:
    found = _config(obj, selector=dict, servers=list)
    for server in found.spec.get("servers") or ():
        if not isinstance(server["port"]["number"], int) or not isinstance(server["hosts"], list):
            raise TypeError("a server has a port number and hosts")
    return found


def sidecar_of(obj: Obj) -> Config:
    return _config(obj, workloadSelector=dict, egress=list, outboundTrafficPolicy=dict)


def envoy_filter_of(obj: Obj) -> Config:
    found = _config(obj, workloadSelector=dict, configPatches=list)
    labels = (found.spec.get("workloadSelector") or {}).get("labels")
    if not isinstance(labels or {}, dict):
        raise TypeError("labels is no dict")
    return found


def telemetry_of(obj: Obj) -> Config:
    return _config(obj, selector=dict, metrics=list)


def _config(obj: Obj, **shapes: type) -> Config:
    """An Istio object whose outer fields have the shapes the translation walks through."""
    meta, spec = obj["metadata"], obj.get("spec")
    if not isinstance(spec, dict):
        raise TypeError("no spec")
    for name, shape in shapes.items():
        if spec.get(name) is not None and not isinstance(spec[name], shape):
            raise TypeError(f"{name} is no {shape.__name__}")
    return Config(meta["namespace"], meta["name"], spec, meta.get("creationTimestamp") or "")


def api_object_of(obj: Obj) -> ApiObject:
    meta, spec = obj["metadata"], obj["spec"]
    if not isinstance(spec, dict):
        raise TypeError("no spec")
    return ApiObject(
        str(obj["kind"]),
        meta["namespace"],
        meta["name"],
        spec,
        meta.get("creationTimestamp") or "",
        int(meta.get("generation") or 0),
    )


def _api_objects(store: ObjectStore) -> ApiObjects:
    def of(plural: str) -> list[ApiObject]:
        return _each(store.objects(GATEWAY_API, plural), api_object_of)

    routes = [route for plural in ROUTES for route in of(plural)]
    namespaces = _each(store.objects("", "namespaces"), _namespace)
    return ApiObjects(
        tuple(sorted(of("gateways"), key=_age)),
        tuple(sorted(routes, key=_age)),
        tuple(of("referencegrants")),
        dict(namespaces),
    )


def _age(obj: ApiObject) -> tuple[str, str, str]:
    """Routes of one age: by namespace, then by name."""
    return obj.created, obj.namespace, obj.name


def _namespace(obj: Obj) -> tuple[str, Mapping[str, str]]:
    """Its labels, with the one that every namespace has."""
    meta = obj["metadata"]
    return meta["name"], {"kubernetes.io/metadata.name": meta["name"], **(meta.get("labels") or {})}


def _each(objects: Iterable[Obj], read: Callable[[Obj], _Fact]) -> list[_Fact]:
    """Read what can be read; an object of the wrong shape is named and left out."""
    found = []
    for obj in objects:
        try:
            found.append(read(obj))
        except MALFORMED as error:
            meta = obj.get("metadata") or {}
            complain(
                f"{obj.get('kind')} {meta.get('namespace')}/{meta.get('name')} skipped: {error!r}"
            )
    return found


def oldest_first(configs: Iterable[Config]) -> tuple[Config, ...]:
    """Istio breaks ties by age, then by name, then by namespace."""
    return tuple(sorted(configs, key=lambda c: (c.created, c.name, c.namespace)))


def snapshot(store: ObjectStore) -> World:
    """The cluster as it is now."""
    nodes = dict(_each(store.objects("", "nodes"), node_labels))
    pods = _each(store.objects("", "pods"), lambda obj: pod_of(obj, nodes))
    machines = _each(store.objects(ISTIO, "workloadentries"), workload_entry_of)
    entries = _each(store.objects(ISTIO, "serviceentries"), service_entries)
    services = _each(store.objects("", "services"), service_of)

    def configs(plural: str, read: Callable[[Obj], Config]) -> tuple[Config, ...]:
        return oldest_first(_each(store.objects(ISTIO, plural), read))

    return World(
        services=(*services, *(service for entry in entries for service in entry)),
        pods=(*pods, *machines),
        virtual_services=configs("virtualservices", virtual_service_of),
        destination_rules=configs("destinationrules", destination_rule_of),
        gateways=configs("gateways", gateway_of),
        sidecars=configs("sidecars", sidecar_of),
        envoy_filters=configs("envoyfilters", envoy_filter_of),
        telemetries=oldest_first(_each(store.objects(TELEMETRY, "telemetries"), telemetry_of)),
        api=_api_objects(store),
    )
