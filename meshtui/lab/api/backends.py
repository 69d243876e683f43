"""Where a pod or a service named in a proxy path really is."""

from __future__ import annotations

import random
from collections.abc import Iterator

from meshtui.lab.api import status
from meshtui.lab.api.kinds import KINDS
from meshtui.lab.contract import Address, Kind, Obj, PodRuntime
from meshtui.lab.store import Store

# https://istio.io/latest/docs/ops/deployment/application-requirements/#ports-used-by-istio
_UNCAPTURED = frozenset({15020, 15021, 15090})
_LOOPBACK = frozenset({15000, 15004, 15053})
_SERVICE_LABEL = "kubernetes.io/service-name"


def _kind(plural: str) -> Kind:
    return next(k for k in KINDS if k.plural == plural)


_PODS, _SERVICES = _kind("pods"), _kind("services")
_ENDPOINTS, _SLICES = _kind("endpoints"), _kind("endpointslices")


def split_name(text: str) -> tuple[str, str, str]:
    """Scheme, name and port of `[scheme:]name[:port]`; scheme and port may be empty."""
    parts = text.split(":")
    if len(parts) == 1:
        return "", parts[0], ""
    if len(parts) == 2:
        return "", parts[0], parts[1]
    if len(parts) == 3 and parts[0] in ("", "http", "https"):
        return parts[0], parts[1], parts[2]
    raise status.bad_request(f'invalid request "{text}"')


def pod_address(store: Store, runtime: PodRuntime, namespace: str, pod: Obj, port: str) -> Address:
    """Where the port of a pod is; the first one its containers name where none is given."""
    name = pod["metadata"]["name"]
    number = _pod_port(pod, port)
    behind = _has_sidecar(pod) and number not in _UNCAPTURED
    found = None if behind and number in _LOOPBACK else runtime.address(namespace, name, number)
    if found is None and behind:
        raise BehindSidecar
    if found is None:
        ip = pod.get("status", {}).get("podIP", "")
        raise status.unavailable(
            f"error trying to reach service: dial tcp {ip}:{number}: connect: connection refused"
        )
    return found


class BehindSidecar(Exception):
    """Nothing listens on this port for others, and the pod's own Envoy says so."""


def _has_sidecar(pod: Obj) -> bool:
    spec = pod.get("spec", {})
    containers = [*spec.get("containers", ()), *spec.get("initContainers", ())]
    return any(container.get("name") == "istio-proxy" for container in containers)


def _pod_port(pod: Obj, port: str) -> int:
    ports = [p for c in pod.get("spec", {}).get("containers", ()) for p in c.get("ports", ())]
    if not port:
        return int(ports[0]["containerPort"]) if ports else 80
    if port.isascii() and port.isdigit():
        return int(port)
    named = next((p for p in ports if p.get("name") == port), None)
    if named is None:
        raise status.bad_request(f'invalid port "{port}"')
    return int(named["containerPort"])


def find_pod(store: Store, namespace: str, name: str) -> Obj | None:
    return store.find(_PODS, namespace, name)


def service_address(
    store: Store, runtime: PodRuntime, namespace: str, service: Obj, port: str
) -> Address:
    """Where a ready backend of a service port is, one of several at random."""
    name = service["metadata"]["name"]
    port_name = _service_port(service, port)
    found = [
        address
        for pod, ip, number in _endpoints(store, namespace, name, port_name)
        if (address := _reach(runtime, namespace, pod, ip, number))
    ]
    if not found:
        raise status.unavailable(f'no endpoints available for service "{name}"')
    return random.choice(found)  # noqa: S311 - balancing, not secrecy


def _service_port(service: Obj, asked: str) -> str:
    """The name of the service port asked for: a number has to be one, any name may be.

    Without one it is the port that has no name.
    """
    if not (asked.isascii() and asked.isdigit()):
        return asked
    for port in service.get("spec", {}).get("ports", []):
        if asked == str(port["port"]):
            return str(port.get("name", ""))
    name = service["metadata"]["name"]
    raise status.unavailable(f'no service port {asked} found for service "{name}"')


def _reach(runtime: PodRuntime, namespace: str, pod: str, ip: str, number: int) -> Address | None:
    return runtime.address(namespace, pod, number) if pod else Address(host=ip, port=number)


def _endpoints(
    store: Store, namespace: str, service: str, port: str
) -> Iterator[tuple[str, str, int]]:
    """Pod name (empty for an address that is no pod's), address and port of each ready one."""
    slices = [
        s
        for s in store.items(_SLICES, namespace)
        if s["metadata"].get("labels", {}).get(_SERVICE_LABEL) == service
    ]
    if slices:
        for item in slices:
            yield from _of_slice(item, port)
        return
    endpoints = store.find(_ENDPOINTS, namespace, service) or {}
    for subset in endpoints.get("subsets") or ():
        numbers = [p["port"] for p in subset.get("ports", ()) if p.get("name", "") == port]
        for address in subset.get("addresses") or ():
            for number in numbers:
                yield _pod_name(address), address["ip"], number


def _of_slice(item: Obj, port: str) -> Iterator[tuple[str, str, int]]:
    numbers = [p["port"] for p in item.get("ports") or () if (p.get("name") or "") == port]
    for endpoint in item.get("endpoints") or ():
        if endpoint.get("conditions", {}).get("ready", True) is False:
            continue
        for ip in endpoint.get("addresses") or ():
            for number in numbers:
                yield _pod_name(endpoint), ip, number


def _pod_name(endpoint: Obj) -> str:
    target = endpoint.get("targetRef") or {}
    return str(target.get("name", "")) if target.get("kind") == "Pod" else ""
