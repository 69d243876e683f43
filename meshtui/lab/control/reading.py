"""Kubernetes and Istio objects as JSON, read into the facts of `world`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TypeVar

from meshtui.lab.contract import Obj, ObjectStore
from meshtui.lab.control.hosts import fqdn, qualify
from meshtui.lab.control.world import ISTIO, MALFORMED, Config, Endpoint, Pod, Port, Service, World

WATCHED = frozenset(
    {
        ("", "services"),
        ("", "pods"),
        (ISTIO, "virtualservices"),
        (ISTIO, "destinationrules"),
        (ISTIO, "gateways"),
        (ISTIO, "serviceentries"),
        (ISTIO, "envoyfilters"),
    }
)
"""The resources whose writes change what the proxies do."""

_Fact = TypeVar("_Fact")


@lru_cache(maxsize=1000)
def complain(message: str) -> None:
    """Say it once: the same object is translated for every proxy, again and again."""
    say(message)


def say(message: str) -> None:
    """One line for whoever runs the lab."""
    sys.stderr.write(f"lab: {message}\n")


def pod_of(obj: Obj) -> Pod:
    meta, status = obj["metadata"], obj.get("status") or {}
    conditions = status.get("conditions") or []
    ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)
    going = bool(meta.get("deletionTimestamp"))
    labels = meta.get("labels") or {}
    return Pod(
        meta["namespace"],
        meta["name"],
        status.get("podIP", ""),
        labels,
        workload_of(meta),
        ready and not going,
    )


def workload_of(meta: Obj) -> str:
    """The Deployment a pod belongs to: its ReplicaSet's name without the template hash."""
    owners = meta.get("ownerReferences") or [{}]
    owner = owners[0].get("name", "")
    template = (meta.get("labels") or {}).get("pod-template-hash", "")
    return str(owner.removesuffix(f"-{template}") if template else owner or meta["name"])


def _is_http(port: Obj) -> bool:
    """Istio goes by `appProtocol` or the name's prefix, and sniffs unnamed ports."""
    if port.get("protocol", "TCP") not in ("TCP", "HTTP", "HTTP2", "GRPC"):
        return False
    name = str(port.get("appProtocol") or port.get("name") or "http").lower()
    return name.split("-")[0] in ("http", "http2", "grpc", "")


def service_of(obj: Obj) -> Service:
    meta, spec = obj["metadata"], obj["spec"]
    ports = tuple(
        Port(int(p["port"]), p.get("name", ""), _target(p), _is_http(p))
        for p in spec.get("ports", ())
    )
    ip = spec.get("clusterIP", "")
    return Service(
        meta["namespace"],
        meta["name"],
        fqdn(meta["name"], meta["namespace"]),
        ports,
        spec.get("selector") or {},
        () if ip in ("", "None") else (ip,),
    )


def _target(port: Obj) -> int:
    target = port.get("targetPort", port["port"])
    return target if isinstance(target, int) else int(port["port"])


def service_entries(obj: Obj) -> list[Service]:
    """The hosts of a ServiceEntry, each a service of its own."""
    meta, spec = obj["metadata"], obj["spec"]
    ports = tuple(
        Port(
            int(p["number"]),
            p.get("name", ""),
            int(p.get("targetPort", p["number"])),
            str(p.get("protocol", "HTTP")).upper() in ("HTTP", "HTTP2", "GRPC"),
        )
        for p in spec.get("ports", ())
    )
    fixed = tuple(
        Endpoint(
            e["address"], next(iter((e.get("ports") or {}).values()), 0), e.get("labels") or {}
        )
        for e in spec.get("endpoints", ())
    )
    return [
        Service(
            meta["namespace"],
            str(host),
            qualify(str(host), meta["namespace"]),
            ports,
            fixed=fixed or ((Endpoint(host, 0, {}),) if spec.get("resolution") == "DNS" else ()),
            addresses=tuple(spec.get("addresses") or ()),
            dns=spec.get("resolution") == "DNS",
            in_cluster=False,
        )
        for host in spec["hosts"]
    ]


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


def envoy_filter_of(obj: Obj) -> Config:
    found = _config(obj, workloadSelector=dict, configPatches=list)
    labels = (found.spec.get("workloadSelector") or {}).get("labels")
    if not isinstance(labels or {}, dict):
        raise TypeError("labels is no dict")
    return found


def _config(obj: Obj, **shapes: type) -> Config:
    """An Istio object whose outer fields have the shapes the translation walks through."""
    meta, spec = obj["metadata"], obj.get("spec")
    if not isinstance(spec, dict):
        raise TypeError("no spec")
    for name, shape in shapes.items():
        if spec.get(name) is not None and not isinstance(spec[name], shape):
            raise TypeError(f"{name} is no {shape.__name__}")
    return Config(meta["namespace"], meta["name"], spec, meta.get("creationTimestamp") or "")


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


def _oldest_first(configs: list[Config]) -> tuple[Config, ...]:
    """Istio breaks ties by age."""
    return tuple(sorted(configs, key=lambda c: (c.created, c.namespace, c.name)))


def snapshot(store: ObjectStore) -> World:
    """The cluster as it is now."""
    entries = _each(store.objects(ISTIO, "serviceentries"), service_entries)
    services = _each(store.objects("", "services"), service_of)
    return World(
        services=(*services, *(service for entry in entries for service in entry)),
        pods=tuple(_each(store.objects("", "pods"), pod_of)),
        virtual_services=_oldest_first(
            _each(store.objects(ISTIO, "virtualservices"), virtual_service_of)
        ),
        destination_rules=_oldest_first(
            _each(store.objects(ISTIO, "destinationrules"), destination_rule_of)
        ),
        gateways=_oldest_first(_each(store.objects(ISTIO, "gateways"), gateway_of)),
        envoy_filters=_oldest_first(_each(store.objects(ISTIO, "envoyfilters"), envoy_filter_of)),
    )
