"""Destinations against the endpoints that really are there."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.diagnosis.analysis.destinations import loss, severity
from meshtui.diagnosis.analysis.finding import WARNING, Finding
from meshtui.diagnosis.analysis.resolved_hosts import resolved_hosts
from meshtui.diagnosis.analysis.sendings import Sending
from meshtui.mesh.hosts import short_host
from meshtui.mesh.model import DestinationRule, Mesh, Pod, Service
from meshtui.mesh.quantity import number_of
from meshtui.mesh.resolution import Cluster
from meshtui.mesh.resolution.names import labels_in


def podless_subset(mesh: Mesh) -> Iterator[Finding]:
    """A subset that is sent traffic and has no endpoint: Envoy has a cluster without any.

    Endpoints are pods, WorkloadEntries and those of ServiceEntries, by the labels that istiod
    gives them. Pods that are not ready are pods: that is for the table to say. Labels of where
    an endpoint runs are not judged where they are not known.
    """
    for sending, cluster in _destinations(mesh):
        if cluster.subset and _is_empty(mesh, sending, cluster):
            yield _podless(sending, cluster)


def _podless(sending: Sending, cluster: Cluster) -> Finding:
    rule, index = _defined(cluster)
    if sending.mirror or sending.idle:
        what = loss(sending, "UH")
    else:
        percent = 100.0 * sending.target.share
        where = f"{sending.place.service.ref}, rule {sending.title}"
        what = f"what {where} sends it ({percent:.3g} %) is answered 503 (UH)"
    host = short_host(cluster.host.name, rule.ref.namespace)
    labels = ", ".join(f"{k}={v}" for k, v in cluster.labels.items()) or "no labels"
    name = cluster.subset.name if cluster.subset else ""
    return Finding(
        "podless-subset",
        severity([sending]),
        rule.ref,
        f"spec.subsets[{index}].labels",
        f"Subset {name} selects no pod of {host} ({labels}): {what}.",
        f"Start pods of {host} with these labels, correct the labels, or take the weight away.",
        ("IST0173", "KIA0203"),
    )


def _defined(cluster: Cluster) -> tuple[DestinationRule, int]:
    """Where the cluster's subset is written: in the first of the joined rules that has it."""
    places = [
        (rule, index)
        for rule in (cluster.rule.rules if cluster.rule else ())
        for index, subset in enumerate(rule.subsets)
        if cluster.subset is not None and subset.name == cluster.subset.name
    ]
    return places[0]


def no_endpoints(mesh: Mesh) -> Iterator[Finding]:
    """A destination without subset whose Service selects no pod at all."""
    for sending, cluster in _destinations(mesh):
        if not cluster.subset and _is_empty(mesh, sending, cluster):
            ref = sending.place.service.ref
            host = short_host(cluster.host.name, ref.namespace)
            yield Finding(
                "no-endpoints",
                severity([sending]),
                ref,
                sending.field("host"),
                f"{host} has no endpoint: {loss(sending, 'UH, no healthy upstream')}.",
                f"Start pods of {host}, correct its selector, or take the weight away.",
            )


def _is_empty(mesh: Mesh, sending: Sending, cluster: Cluster) -> bool:
    """Certain to have no endpoint, now or when its pods are ready."""
    endpoints, origin = sending.reach.endpoints, cluster.host.origin
    if cluster.by_address or endpoints.unknown or endpoints.found or not mesh.pods:
        return False
    if isinstance(origin, Service):
        if origin.host in mesh.service_entry_hosts:
            return False
        wanted = {**origin.selector, **cluster.labels}
        pods = mesh.pods_by_namespace.get(cluster.host.namespace, ())
        return not any(_is_pod(pod) and labels_in(wanted, pod.labels) for pod in pods)
    return True


def _is_pod(pod: Pod) -> bool:
    return pod.phase not in ("Succeeded", "Failed")


def unmeshed_pods(mesh: Mesh) -> Iterator[Finding]:
    """Pods of a routed subset that have no proxy of their own.

    Pods that are told not to have one (`sidecar.istio.io/inject: "false"`, as a label or as an
    annotation), those on their node's own network, which are never injected, and those of an
    ambient mesh are as they should be.
    """
    for sending, cluster in _destinations(mesh):
        if not cluster.subset or not cluster.host.kubernetes:
            continue
        pods = [found.pod for found in sending.reach.endpoints.found if found.pod]
        bare = [pod for pod in pods if not (pod.sidecar or pod.ambient or pod.uninjected)]
        if bare:
            yield _unmeshed(sending, bare, len(pods))


def _unmeshed(sending: Sending, bare: list[Pod], total: int) -> Finding:
    which = f"{len(bare)} of {number_of(total, 'pod')}"
    run = "runs" if total == 1 else "run"
    return Finding(
        "no-sidecar",
        WARNING,
        sending.place.service.ref,
        sending.field("subset"),
        f"{which} of subset {sending.target.subset} {run} no sidecar (first {bare[0].name}): "
        "requests reach them in plain text, and what they do is neither measured nor logged.",
        "Enable injection for their namespace and restart them.",
        ("IST0103",),
    )


def _destinations(mesh: Mesh) -> Iterator[tuple[Sending, Cluster]]:
    """Each cluster that is sent traffic, once by DestinationRule, with one who sends it there."""
    seen: set[object] = set()
    ranked = [
        one for group in resolved_hosts(mesh).sendings.values() for one in group if not one.idle
    ]
    for sending in sorted(ranked, key=lambda one: one.mirror):
        cluster = sending.reach.cluster
        if cluster is None:
            continue
        rule = cluster.rule.refs[0] if cluster.rule and cluster.subset else None
        place = (cluster.name, cluster.host.namespace, rule)
        if place not in seen:
            seen.add(place)
            yield sending, cluster


def headless_weights(mesh: Mesh) -> Iterator[Finding]:
    """Weights or subsets of a Service without an address of its own.

    Its requests go to the pod whose address the caller chose (an ORIGINAL_DST cluster in istiod),
    as do those to a ServiceEntry with `resolution: NONE` and under `simple: PASSTHROUGH`.
    """
    for group in resolved_hosts(mesh).sendings.values():
        one = next((found for found in group if _by_address(found)), None)
        if one is None or one.target.index:
            continue
        host = short_host(one.target.host, one.place.service.ref.namespace)
        yield Finding(
            "headless-weights",
            WARNING,
            one.place.service.ref,
            one.path.removesuffix(".destination").rpartition("[")[0],
            f"{host} has no address of its own: each request goes to the pod whose address its "
            "caller chose, and weights and subsets choose nothing.",
            "Give it a Service with a cluster address, and let callers use that.",
        )


def _by_address(sending: Sending) -> bool:
    cluster, rule = sending.reach.cluster, sending.place.rule
    if cluster is None or not cluster.by_address or sending.mirror or sending.answer.edge:
        return False
    return bool(sending.target.subset) or (rule is not None and len(rule.destinations) > 1)
