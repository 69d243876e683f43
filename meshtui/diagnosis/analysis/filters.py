"""Rate limits, written as EnvoyFilters, that reach no proxy."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.diagnosis.analysis.finding import WARNING, Finding
from meshtui.mesh.model import EnvoyFilter, Mesh
from meshtui.mesh.quantity import number_of
from meshtui.mesh.ratelimits import ROOT_NAMESPACE, is_rate_limit, proxies_of, rate_limits


def idle_rate_limit(mesh: Mesh) -> Iterator[Finding]:
    """A rate limit whose selector, namespace or context leaves no proxy.

    Filters attached by `targetRefs` are not judged: labels do not tell which proxies those are.
    """
    limits = rate_limits(mesh)
    for found in mesh.envoy_filters:
        if found.attached or not is_rate_limit(found) or not _known(mesh, found):
            continue
        selected = proxies_of(mesh, found)
        if not selected:
            yield _idle(found, "spec.workloadSelector", _nobody(found))
            continue
        for limit in limits:
            if limit.ref == found.ref and not limit.pods:
                kinds = "gateways" if limit.context == "GATEWAY" else "sidecars"
                which = number_of(len(selected), "proxy", "proxies")
                effect = f"It is for {kinds}, and none of the {which} is one"
                yield _idle(found, f"{limit.path}.match.context", effect)


def _known(mesh: Mesh, found: EnvoyFilter) -> bool:
    everywhere = found.ref.namespace == ROOT_NAMESPACE
    return mesh.knows("pods", None if everywhere else found.ref.namespace)


def _nobody(found: EnvoyFilter) -> str:
    labels = ", ".join(f"{key}={value}" for key, value in found.selector.items())
    where = "" if found.ref.namespace == ROOT_NAMESPACE else f" in {found.ref.namespace}"
    return f"No pod with a proxy{where} has the labels {labels}" if labels else f"No proxy{where}"


def _idle(found: EnvoyFilter, path: str, effect: str) -> Finding:
    return Finding(
        "idle-rate-limit",
        WARNING,
        found.ref,
        path,
        f"{effect}: this rate limit limits nothing.",
        "Correct the selector or the context, or move the filter to its workloads' namespace.",
        ("IST0127", "KIA0004"),
    )
