"""ServiceEntries, WorkloadEntries and Sidecars from their JSON."""

from __future__ import annotations

from collections.abc import Mapping

from meshtui.mesh import read
from meshtui.mesh.hosts import CLUSTER_DOMAIN, full_host
from meshtui.mesh.istio import EgressListener, Json, Sidecar
from meshtui.mesh.parse_rules import parse_ref
from meshtui.mesh.pod import Pod, app_by, version_by
from meshtui.mesh.registered import EntryEndpoint, EntryPort, ServiceEntry, WorkloadEntry
from meshtui.mesh.workloads import NAMED_BY

GROUP = "istio.io/autoRegistrationGroup"
HEALTH_CHECKS = "proxy.istio.io/health-checks-enabled"
TRUE = ("1", "t", "T", "true", "TRUE", "True")
"""What Go takes for true."""


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
    meta, spec = read.obj(raw, "metadata"), read.obj(raw, "spec")
    found, ref = _endpoint(spec), parse_ref(raw, "WorkloadEntry")
    labels = {**read.labels(meta, "labels"), **found.labels}
    endpoint = EntryEndpoint(found.address, found.ports, labels, found.locality)
    machine = Pod(
        namespace=ref.namespace,
        name=ref.name,
        ip=found.address,
        phase="Running",
        ready=_is_healthy(raw),
        deleting="deletionTimestamp" in meta,
        version=version_by(labels),
        app=app_by(labels),
        workload=_workload(ref.name, read.obj(meta, "annotations"), labels),
        labels=labels,
        created=read.text(meta, "creationTimestamp"),
        service_account=read.text(spec, "serviceAccount"),
        machine=True,
    )
    return WorkloadEntry(ref, endpoint, machine)


def _workload(name: str, annotations: Json, labels: Mapping[str, str]) -> str:
    """By what telemetry calls it: its WorkloadGroup, where it registered by itself (istiod,
    WorkloadNameFromWorkloadEntry)."""
    return read.text(annotations, GROUP) or labels.get(NAMED_BY) or name


def _is_healthy(raw: Json) -> bool:
    """Without health checks it is taken to be; with them not before one has said so (istiod,
    isHealthy)."""
    checked = read.text(read.obj(read.obj(raw, "metadata"), "annotations"), HEALTH_CHECKS)
    if checked not in TRUE:
        return True
    return any(
        one.get("type") == "Healthy" and one.get("status") == "True"
        for one in read.objects(read.obj(raw, "status"), "conditions")
    )


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
