"""What was not judged, because it could not be read: never the same as being in order."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.mesh.model import Mesh

WHAT = (
    ("virtualservices", "VirtualServices", "which rules win, and which subsets no route names"),
    ("destinationrules", "DestinationRules", "missing subsets, and policies"),
    ("services", "Services", "missing hosts"),
    ("serviceentries", "ServiceEntries", "missing hosts outside the mesh"),
    ("pods", "pods", "subsets without pods, Gateways without a proxy, and who calls"),
    ("httproutes", "HTTPRoutes", "rules of the Gateway API"),
    ("backendtlspolicies", "BackendTLSPolicies", "with which TLS pods are called"),
    ("gateways", "Gateways", "missing Gateways, and the hosts that they let in"),
    ("workloadentries", "WorkloadEntries", "subsets without endpoints"),
    ("sidecars", "Sidecars", "what callers are kept from seeing"),
    ("peerauthentications", "PeerAuthentications", "TLS against what pods accept"),
    ("authorizationpolicies", "AuthorizationPolicies", "whose requests proxies deny"),
    ("requestauthentications", "RequestAuthentications", "whose tokens proxies refuse"),
    ("envoyfilters", "EnvoyFilters", "rate limits"),
)
"""By plural name: the kind in words, and what is judged by it."""


def unchecked(mesh: Mesh) -> tuple[str, ...]:
    """One line for each kind that was not read everywhere: what can't be judged without it."""
    return tuple(_unchecked(mesh))


def _unchecked(mesh: Mesh) -> Iterator[str]:
    for plural, kind, judged in WHAT:
        if mesh.knows(plural):
            continue
        homes = sorted(mesh.partial[plural])
        more = " …" if len(homes) > 5 else ""
        where = f" outside {', '.join(homes[:5])}{more}" if homes else ""
        yield f"not judged, as {kind}{where} are not read: {judged}"
    others = sorted(set(mesh.partial) - {plural for plural, _, _ in WHAT})
    if others:
        yield f"not read everywhere: {', '.join(others)}"
    if not mesh.settings.known:
        root = mesh.settings.root_namespace
        yield f"meshConfig is not read: {root} is assumed to be the root namespace"
