"""A `Mesh` from the objects of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from meshtui.mesh import read
from meshtui.mesh.hosts import full_host, service_host
from meshtui.mesh.model import Json, Mesh, Pod, Port, Service, ServiceKey
from meshtui.mesh.parse_rules import (
    parse_destination_rule,
    parse_envoy_filter,
    parse_gateway,
    parse_virtual_service,
)

T = TypeVar("T")

VERSION_LABELS = ("version", "app.kubernetes.io/version", "service.istio.io/canonical-revision")
APP_LABELS = ("app", "app.kubernetes.io/name", "service.istio.io/canonical-name")
PROXY_CONTAINER = "istio-proxy"


def parse_mesh(
    objects: Mapping[str, Iterable[Json]],
    *,
    istio: bool = True,
    problems: Sequence[str] = (),
    partial: Mapping[str, frozenset[str]] | None = None,
) -> Mesh:
    """The mesh that `objects` (by plural resource name) describe.

    `partial` tells the kinds that were not read in the whole cluster, with the namespaces they
    were read in.

    An object that cannot be understood is left out and named in `problems`; the rest stands.
    """
    trouble = list(problems)

    def parsed(plural: str, parse: Callable[[Json], T]) -> tuple[T, ...]:
        return tuple(_parse_each(plural, objects.get(plural, ()), parse, trouble))

    return Mesh(
        services=parsed("services", parse_service),
        pods=parsed("pods", parse_pod),
        virtual_services=parsed("virtualservices", parse_virtual_service),
        destination_rules=parsed("destinationrules", parse_destination_rule),
        gateways=parsed("gateways", parse_gateway),
        service_entry_hosts=frozenset(
            host for hosts in parsed("serviceentries", _entry_hosts) for host in hosts
        ),
        istio=istio,
        problems=tuple(trouble),
        envoy_filters=parsed("envoyfilters", parse_envoy_filter),
        partial=partial or {},
    )


def _parse_each(
    plural: str, raws: Iterable[Json], parse: Callable[[Json], T], trouble: list[str]
) -> Iterable[T]:
    for raw in sorted(raws, key=_place):
        if not _place(raw)[1]:
            trouble.append(f"{plural}: an object without a name was left out")
            continue
        try:
            yield parse(raw)
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            namespace, name = _place(raw)
            trouble.append(f"{plural} {namespace}/{name} could not be read: {error}")


def _place(raw: Any) -> tuple[str, str]:
    meta = read.obj(raw, "metadata")
    return read.text(meta, "namespace"), read.text(meta, "name")


def _entry_hosts(raw: Json) -> tuple[str, ...]:
    namespace = _place(raw)[0]
    return tuple(full_host(host, namespace) for host in read.texts(read.obj(raw, "spec"), "hosts"))


def parse_service(raw: Json) -> Service:
    namespace, name = _place(raw)
    spec = read.obj(raw, "spec")
    return Service(
        key=ServiceKey(namespace, name),
        host=service_host(namespace, name),
        ports=tuple(
            Port(
                read.text(port, "name"), read.integer(port, "port"), str(port.get("targetPort", ""))
            )
            for port in read.objects(spec, "ports")
        ),
        selector=read.labels(spec, "selector"),
        labels=read.labels(read.obj(raw, "metadata"), "labels"),
        cluster_ip=read.text(spec, "clusterIP"),
        type=read.text(spec, "type"),
    )


def parse_pod(raw: Json) -> Pod:
    namespace, name = _place(raw)
    meta, spec, status = (read.obj(raw, key) for key in ("metadata", "spec", "status"))
    labels = read.labels(meta, "labels")
    containers = _container_names(spec)
    return Pod(
        namespace=namespace,
        name=name,
        ip=read.text(status, "podIP"),
        phase=read.text(status, "phase"),
        ready=_is_ready(status),
        deleting="deletionTimestamp" in meta,
        version=_first(labels, VERSION_LABELS),
        app=_first(labels, APP_LABELS),
        workload=_workload(name, meta, labels),
        labels=labels,
        containers=containers,
        proxy_container=PROXY_CONTAINER if PROXY_CONTAINER in containers else "",
        gateway=_is_gateway(containers, labels, meta),
        restarts=sum(
            read.integer(state, "restartCount")
            for state in read.objects(status, "containerStatuses")
        ),
        proxy_restarts=_proxy_restarts(status),
        ambient=read.obj(meta, "annotations").get("ambient.istio.io/redirection") == "enabled",
    )


def _proxy_restarts(status: Json) -> int:
    """A native sidecar stands among the init containers."""
    states = (
        *read.objects(status, "containerStatuses"),
        *read.objects(status, "initContainerStatuses"),
    )
    own = [state for state in states if state.get("name") == PROXY_CONTAINER]
    return max((read.integer(state, "restartCount") for state in own), default=0)


def _container_names(spec: Json) -> tuple[str, ...]:
    """Containers first, then the init containers that keep running (native sidecars)."""
    native = [
        container
        for container in read.objects(spec, "initContainers")
        if container.get("restartPolicy") == "Always"
    ]
    names = [read.text(c, "name") for c in [*read.objects(spec, "containers"), *native]]
    return tuple(name for name in names if name)


def _is_ready(status: Json) -> bool:
    return any(
        condition.get("type") == "Ready" and condition.get("status") == "True"
        for condition in read.objects(status, "conditions")
    )


def _is_gateway(containers: tuple[str, ...], labels: Mapping[str, str], meta: Json) -> bool:
    """A gateway's pod runs a proxy and nothing beside it."""
    if PROXY_CONTAINER not in containers:
        return False
    annotations = read.obj(meta, "annotations")
    template = read.text(annotations, "inject.istio.io/templates")
    return (
        "gateway" in template
        or containers == (PROXY_CONTAINER,)
        or "gateway" in read.text(labels, "istio")
    )


def _first(labels: Mapping[str, str], names: Iterable[str]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")


def _workload(name: str, meta: Json, labels: Mapping[str, str]) -> str:
    """The workload's name as Istio's telemetry has it: the Deployment behind the ReplicaSet."""
    for owner in read.objects(meta, "ownerReferences"):
        owner_name = read.text(owner, "name")
        if owner.get("kind") == "ReplicaSet":
            template_hash = labels.get("pod-template-hash", "")
            suffix = f"-{template_hash}" if template_hash else ""
            if suffix and owner_name.endswith(suffix):
                return owner_name.removesuffix(suffix)
            return owner_name.rsplit("-", 1)[0]
        if owner_name:
            return owner_name
    return name
