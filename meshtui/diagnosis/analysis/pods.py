"""Subsets against the pods that really run."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.diagnosis.analysis.finding import ERROR, WARNING, Finding
from meshtui.diagnosis.analysis.lookup import (
    Definition,
    Target,
    countable,
    definitions,
    subset_pods,
    targets,
)
from meshtui.mesh.hosts import short_host
from meshtui.mesh.model import Mesh, Pod, Service

NOT_INJECTED = "sidecar.istio.io/inject"


def podless_subset(mesh: Mesh) -> Iterator[Finding]:
    """A subset that is sent traffic and selects no pod: Envoy has a cluster without endpoints."""
    for target, service in _routed_subsets(mesh):
        found = definitions(mesh, target.host, target.subset)
        if found and not any(subset_pods(mesh, service, d.subset) for d in found):
            yield _podless(target, found[0])


def _podless(target: Target, definition: Definition) -> Finding:
    where = f"{target.service.ref}, rule {target.rule.title}"
    if target.mirror:
        loss = f"the copies that {where} sends it are lost, which no caller notices"
    else:
        loss = f"what {where} sends it ({target.percent:.3g} %) is answered 503 (UH)"
    host = short_host(target.host, definition.rule.ref.namespace)
    labels = ", ".join(f"{k}={v}" for k, v in definition.subset.labels.items()) or "no labels"
    return Finding(
        "podless-subset",
        WARNING if target.mirror else ERROR,
        definition.rule.ref,
        f"{definition.path}.labels",
        f"Subset {target.subset} selects no pod of {host} ({labels}): {loss}.",
        f"Start pods of {host} with these labels, correct the labels, or take the weight away.",
        ("IST0173", "KIA0203"),
    )


def unmeshed_pods(mesh: Mesh) -> Iterator[Finding]:
    """Pods of a routed subset that have no proxy of their own.

    Pods told not to have one (`sidecar.istio.io/inject: "false"`) and those of an ambient mesh
    are as they should be.
    """
    for target, service in _routed_subsets(mesh):
        found = definitions(mesh, target.host, target.subset)
        pods = subset_pods(mesh, service, found[0].subset) if found else ()
        bare = [pod for pod in pods if _lacks_proxy(pod)]
        if bare:
            yield _unmeshed(target, bare, len(pods))


def _lacks_proxy(pod: Pod) -> bool:
    return not (pod.sidecar or pod.ambient or pod.labels.get(NOT_INJECTED) == "false")


def _unmeshed(target: Target, bare: list[Pod], total: int) -> Finding:
    which = f"{len(bare)} of {total} pods"
    return Finding(
        "no-sidecar",
        WARNING,
        target.service.ref,
        f"{target.path}.subset",
        f"{which} of subset {target.subset} run no sidecar (first {bare[0].name}): requests reach "
        "them in plain text, and what they do is neither measured nor logged.",
        "Enable injection for their namespace and restart them.",
        ("IST0103",),
    )


def _routed_subsets(mesh: Mesh) -> Iterator[tuple[Target, Service]]:
    """Each subset that is sent traffic, once, with a target that sends it."""
    seen: set[tuple[str, str]] = set()
    ranked = sorted(targets(mesh), key=lambda target: target.mirror)
    for target in ranked:
        place = (target.host, target.subset)
        service = mesh.by_host.get(target.host)
        if not target.subset or target.idle or place in seen or service is None:
            continue
        seen.add(place)
        if countable(mesh, service):
            yield target, service
