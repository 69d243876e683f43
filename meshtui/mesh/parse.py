"""A `Mesh` from the objects of a cluster."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from functools import partial as bound
from typing import TypeVar

from meshtui.mesh import read
from meshtui.mesh.access_logging import parse_telemetry
from meshtui.mesh.alike import Said, held_once
from meshtui.mesh.authorization import parse_authorization_policy, parse_request_authentication
from meshtui.mesh.gateway_api import API_GATEWAYS, GRPC_ROUTE, HTTP_ROUTE
from meshtui.mesh.hosts import CLUSTER_DOMAIN, service_host
from meshtui.mesh.model import Json, Mesh, MeshSettings, Pod, Port, Service, ServiceKey
from meshtui.mesh.namespaces import parse_namespace
from meshtui.mesh.parse_backend_tls import parse_backend_tls_policy
from meshtui.mesh.parse_gateway_api import parse_http_route, parse_stream_route
from meshtui.mesh.parse_listeners import (
    parse_api_gateway,
    parse_listener_set,
    parse_reference_grant,
)
from meshtui.mesh.parse_registered import (
    parse_service_entry,
    parse_sidecar,
    parse_workload_entry,
)
from meshtui.mesh.parse_rules import (
    parse_destination_rule,
    parse_envoy_filter,
    parse_gateway,
    parse_virtual_service,
)
from meshtui.mesh.parse_settings import parse_settings, running_domain
from meshtui.mesh.parsed import Parsed, ParsedObjects, parse_early, place_of
from meshtui.mesh.pod import NONE_KEPT, KeptPorts, app_by, version_by
from meshtui.mesh.pod_status import container_statuses, image_version, unscheduled
from meshtui.mesh.security import parse_peer_authentication
from meshtui.mesh.workloads import parse_deployment, workload_of

T = TypeVar("T")

PROXY_CONTAINER = "istio-proxy"
CONFIG_MAPS = "configmaps"
EXCLUDED = "traffic.sidecar.istio.io/excludeInboundPorts"
INCLUDED = "traffic.sidecar.istio.io/includeInboundPorts"
INJECT = "sidecar.istio.io/inject"
REVISION = "istio.io/rev"
EXPORT_TO = "networking.istio.io/exportTo"
ROUTES = {"httproutes": HTTP_ROUTE, "grpcroutes": GRPC_ROUTE}
STREAM_ROUTES = {"tlsroutes": "TLSRoute", "tcproutes": "TCPRoute"}


def parse_mesh(
    objects: Mapping[str, Iterable[Json | Parsed]],
    *,
    istio: bool = True,
    problems: Sequence[str] = (),
    partial: Mapping[str, frozenset[str]] | None = None,
    settings: MeshSettings | None = None,
    before: ParsedObjects | None = None,
) -> Mesh:
    """The mesh that `objects` (by plural resource name) describe.

    `partial` tells the kinds that were not read in the whole cluster, with the namespaces they
    were read in; `settings` is what the mesh as a whole is set to, by default what the objects
    say of it. `before` has what was parsed of an earlier snapshot, and gets what is of this one.

    An object that cannot be understood is left out and named in `problems`; the rest stands.
    """
    trouble = list(problems)
    known = before or ParsedObjects()
    settings = known.under(settings or _settings(objects))
    domain = settings.domain

    def parsed(plural: str, parse: Callable[[Json], T]) -> tuple[T, ...]:
        return known.each(plural, objects.get(plural, ()), parse, trouble)

    entries = parsed("serviceentries", lambda raw: parse_service_entry(raw, domain))
    return Mesh(
        services=parsed("services", lambda raw: parse_service(raw, domain)),
        pods=parsed("pods", parse_pod),
        virtual_services=parsed("virtualservices", lambda raw: parse_virtual_service(raw, domain)),
        destination_rules=parsed(
            "destinationrules", lambda raw: parse_destination_rule(raw, domain)
        ),
        gateways=parsed("gateways", parse_gateway),
        service_entry_hosts=frozenset(host for entry in entries for host in entry.hosts),
        istio=istio,
        envoy_filters=parsed("envoyfilters", parse_envoy_filter),
        partial=partial or {},
        service_entries=entries,
        workload_entries=parsed("workloadentries", parse_workload_entry),
        sidecars=parsed("sidecars", parse_sidecar),
        http_routes=tuple(
            route
            for plural, kind in ROUTES.items()
            for route in parsed(plural, bound(parse_http_route, domain=domain, kind=kind))
        ),
        stream_routes=tuple(
            route
            for plural, kind in STREAM_ROUTES.items()
            for route in parsed(plural, bound(parse_stream_route, kind=kind, domain=domain))
        ),
        api_gateways=parsed(API_GATEWAYS, lambda raw: parse_api_gateway(raw, domain)),
        listener_sets=parsed("listenersets", parse_listener_set),
        reference_grants=parsed("referencegrants", parse_reference_grant),
        backend_tls_policies=parsed("backendtlspolicies", parse_backend_tls_policy),
        namespaces=parsed("namespaces", parse_namespace),
        peer_authentications=parsed("peerauthentications", parse_peer_authentication),
        telemetries=parsed("telemetries", parse_telemetry),
        authorization_policies=parsed("authorizationpolicies", parse_authorization_policy),
        request_authentications=parsed("requestauthentications", parse_request_authentication),
        workloads=parsed("deployments", parse_deployment),
        settings=settings,
        # Last: what is read above adds to it.
        problems=tuple(trouble),
    )


def early_pod(raw: Json) -> Parsed:
    """A pod as it comes from a list, nine tenths of which nobody looks at."""
    found = parse_early("pods", parse_pod, raw)
    domain = running_domain(raw)
    return replace(found, domain=domain) if domain else found


def early_deployment(raw: Json) -> Parsed:
    return parse_early("deployments", parse_deployment, raw)


def _settings(objects: Mapping[str, Iterable[Json | Parsed]]) -> MeshSettings:
    """Where nobody asked for the control plane's ConfigMaps, Istio's own settings hold."""
    if CONFIG_MAPS not in objects:
        return MeshSettings()
    config_maps = (raw for raw in objects[CONFIG_MAPS] if not isinstance(raw, Parsed))
    return parse_settings(config_maps, map(_domain, objects.get("pods", ())))


def _domain(pod: Json | Parsed) -> str:
    return pod.domain if isinstance(pod, Parsed) else running_domain(pod)


def parse_service(raw: Json, domain: str = CLUSTER_DOMAIN) -> Service:
    namespace, name = place_of(raw)
    meta, spec = read.obj(raw, "metadata"), read.obj(raw, "spec")
    cluster_ip = read.text(spec, "clusterIP")
    exports = read.text(read.obj(meta, "annotations"), EXPORT_TO)
    return Service(
        key=ServiceKey(namespace, name),
        host=service_host(namespace, name, domain),
        ports=tuple(_port(port) for port in read.objects(spec, "ports")),
        selector=read.labels(spec, "selector"),
        labels=read.labels(meta, "labels"),
        cluster_ip=cluster_ip,
        type=read.text(spec, "type"),
        created=read.created(raw),
        export_to=tuple(part.strip() for part in exports.split(",")) if exports else (),
        external_name=read.text(spec, "externalName"),
        addresses=_addresses(spec, cluster_ip),
        not_ready_too=spec.get("publishNotReadyAddresses") is True,
    )


def _port(raw: Json) -> Port:
    return Port(
        read.text(raw, "name"),
        read.integer(raw, "port"),
        str(raw.get("targetPort", "")),
        read.text(raw, "protocol") or "TCP",
        read.text(raw, "appProtocol"),
    )


def _addresses(spec: Json, cluster_ip: str) -> tuple[str, ...]:
    several = read.texts(spec, "clusterIPs") or (cluster_ip,)
    return tuple(address for address in several if address and address != "None")


def parse_pod(raw: Json) -> Pod:
    namespace, name = place_of(raw)
    meta, spec, status = (read.obj(raw, key) for key in ("metadata", "spec", "status"))
    labels, annotations = read.labels(meta, "labels"), read.obj(meta, "annotations")
    inits = read.objects(spec, "initContainers")
    every = (*read.objects(spec, "containers"), *inits)
    containers = _container_names(every, inits)
    states, init_states = (
        read.objects(status, f"{kind}Statuses") for kind in ("container", "initContainer")
    )
    conditions = read.objects(status, "conditions")
    ready = _ready(conditions)
    statuses = container_statuses(states, init_states, containers)
    ports, images = _named_ports(every), _images(every, containers)
    said = held_once(Said(labels, containers, images, ports, statuses))
    return Pod(
        namespace=sys.intern(namespace),
        name=name,
        ip=read.text(status, "podIP"),
        phase=sys.intern(read.text(status, "phase")),
        ready=ready is not None,
        ready_since=read.text(ready or {}, "lastTransitionTime"),
        deleting="deletionTimestamp" in meta,
        version=version_by(said.labels),
        app=app_by(said.labels),
        workload=sys.intern(workload_of(name, meta, labels)),
        labels=said.labels,
        containers=said.containers,
        proxy_container=PROXY_CONTAINER if PROXY_CONTAINER in containers else "",
        gateway=_is_gateway(containers, labels, annotations),
        restarts=sum(read.integer(state, "restartCount") for state in states),
        proxy_restarts=_proxy_restarts((*states, *init_states)),
        ambient=annotations.get("ambient.istio.io/redirection") == "enabled",
        uninjected=_is_uninjected(annotations, spec, labels),
        node=sys.intern(read.text(spec, "nodeName")),
        ports=said.ports,
        created=read.text(meta, "creationTimestamp"),
        statuses=said.statuses,
        waits_for=unscheduled(conditions),
        proxy_version=sys.intern(_proxy_version(every)),
        images=said.images,
        revision=_revision(annotations, labels),
        service_account=sys.intern(read.text(spec, "serviceAccountName")),
        unproxied=_unproxied(annotations),
    )


def _unproxied(annotations: Json) -> KeptPorts:
    """As istio-init writes the rules of iptables: where ports are included by number, only those
    come to the proxy, and what is excluded does not matter.
    """
    included = annotations.get(INCLUDED)
    if isinstance(included, str) and included != "*":
        return _kept(INCLUDED, included, others=True)
    excluded = read.text(annotations, EXCLUDED)
    return _kept(EXCLUDED, excluded) if excluded else NONE_KEPT


@lru_cache(maxsize=256)
def _kept(by: str, text: str, *, others: bool = False) -> KeptPorts:
    """A comma between numbers; what is none is refused by istiod."""
    names = map(str.strip, text.split(","))
    ports = (int(n) for n in names if n.isascii() and n.isdigit() and len(n) < 6)
    return KeptPorts(by, tuple(ports), others)


def _is_uninjected(annotations: Json, spec: Json, labels: Mapping[str, str]) -> bool:
    """A label comes before the annotation of the same name (istiod, injectRequired)."""
    asked = labels.get(INJECT) or read.text(annotations, INJECT)
    return asked == "false" or spec.get("hostNetwork") is True


def _named_ports(containers: Iterable[Json]) -> Mapping[str, int]:
    """Of two containers that give a port the same name, the first counts."""
    found: dict[str, int] = {}
    for container in containers:
        for port in read.objects(container, "ports"):
            if name := read.text(port, "name"):
                found.setdefault(name, read.integer(port, "containerPort"))
    return found


def _images(every: Iterable[Json], containers: tuple[str, ...]) -> tuple[str, ...]:
    """Interned, as the same few stand in thousands of pods."""
    known = {read.text(c, "name"): sys.intern(read.text(c, "image")) for c in every}
    return tuple(known.get(name, "") for name in containers)


def _revision(annotations: Json, labels: Mapping[str, str]) -> str:
    return sys.intern(read.text(annotations, REVISION) or labels.get(REVISION, ""))


def _proxy_version(every: Iterable[Json]) -> str:
    images = (read.text(c, "image") for c in every if c.get("name") == PROXY_CONTAINER)
    return image_version(next(images, ""))


def _proxy_restarts(states: Iterable[Json]) -> int:
    """A native sidecar stands among the init containers."""
    own = [state for state in states if state.get("name") == PROXY_CONTAINER]
    return max((read.integer(state, "restartCount") for state in own), default=0)


def _container_names(every: Sequence[Json], inits: Sequence[Json]) -> tuple[str, ...]:
    """Containers first, then the init containers that keep running (native sidecars)."""
    native = [container for container in inits if container.get("restartPolicy") == "Always"]
    own = every[: len(every) - len(inits)]
    names = [read.text(container, "name") for container in (*own, *native)]
    return tuple(name for name in names if name)


def _ready(conditions: Iterable[Json]) -> Json | None:
    """The condition that says so; None where the pod is not ready."""
    for condition in conditions:
        if condition.get("type") == "Ready" and condition.get("status") == "True":
            return condition
    return None


def _is_gateway(containers: tuple[str, ...], labels: Mapping[str, str], annotations: Json) -> bool:
    """A gateway's pod runs a proxy and nothing beside it."""
    if PROXY_CONTAINER not in containers:
        return False
    template = read.text(annotations, "inject.istio.io/templates")
    return (
        "gateway" in template
        or containers == (PROXY_CONTAINER,)
        or "gateway" in read.text(labels, "istio")
    )
