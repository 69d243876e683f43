"""ServiceEntries, WorkloadEntries and Sidecars from their JSON."""

from __future__ import annotations

from collections.abc import Mapping

from meshtui.mesh import read
from meshtui.mesh.hosts import CLUSTER_DOMAIN, full_host
from meshtui.mesh.istio import EgressListener, Json, Sidecar
from meshtui.mesh.parse_rules import parse_ref
from meshtui.mesh.registered import EntryEndpoint, EntryPort, ServiceEntry, WorkloadEntry


def parse_service_entry(raw: Json, domain: str = CLUSTER_DOMAIN) -> ServiceEntry:
    ref = parse_ref(raw, "ServiceEntry")
    spec = read.obj(raw, "spec")
    return ServiceEntry(
        ref=ref,
        hosts=tuple(full_host(h, ref.namespace, domain) for h in read.texts(spec, "hosts")),
        addresses=read.texts(spec, "addresses"),
        ports=tuple(
            EntryPort(
                read.integer(port, "number"),
                read.text(port, "name"),
                read.text(port, "protocol"),
                read.integer(port, "targetPort"),
            )
            for port in read.objects(spec, "ports")
        ),
        resolution=read.text(spec, "resolution") or "NONE",
        external=read.text(spec, "location") != "MESH_INTERNAL",
        endpoints=tuple(_endpoint(entry) for entry in read.objects(spec, "endpoints")),
        selector=_selector(spec, "labels"),
        export_to=read.texts(spec, "exportTo"),
        created=read.created(raw),
        labels=read.labels(read.obj(raw, "metadata"), "labels"),
    )


def parse_workload_entry(raw: Json) -> WorkloadEntry:
    """Its labels are those of the spec, over those of the object."""
    spec = read.obj(raw, "spec")
    found = _endpoint(spec)
    own = read.labels(read.obj(raw, "metadata"), "labels")
    endpoint = EntryEndpoint(found.address, found.ports, {**own, **found.labels}, found.locality)
    return WorkloadEntry(parse_ref(raw, "WorkloadEntry"), endpoint)


def _endpoint(raw: Json) -> EntryEndpoint:
    ports = read.obj(raw, "ports")
    return EntryEndpoint(
        address=read.text(raw, "address"),
        ports={str(name): read.integer(ports, name) for name in ports},
        labels=read.labels(raw, "labels"),
        locality=read.text(raw, "locality"),
    )


def _selector(spec: Json, key: str) -> Mapping[str, str] | None:
    found = spec.get("workloadSelector")
    return read.labels(found, key) if isinstance(found, Mapping) else None


def parse_sidecar(raw: Json) -> Sidecar:
    spec = read.obj(raw, "spec")
    return Sidecar(
        ref=parse_ref(raw, "Sidecar"),
        created=read.created(raw),
        selector=_selector(spec, "labels"),
        egress=tuple(
            EgressListener(
                read.texts(listener, "hosts"),
                read.integer(read.obj(listener, "port"), "number"),
                read.text(read.obj(listener, "port"), "protocol").upper(),
            )
            for listener in read.objects(spec, "egress")
        ),
        outbound=read.text(read.obj(spec, "outboundTrafficPolicy"), "mode"),
    )
