"""What of a service is not known because a kind could not be read: absence is not zero."""

from __future__ import annotations

from meshtui.mesh.model import Mesh

_MEANS = (
    ("services", "Services", "which services there are is not known"),
    ("pods", "pods", "how many pods there are, and whether they are ready, is not known"),
    ("virtualservices", "VirtualServices", "which rules and weights hold is not known"),
    ("httproutes", "HTTPRoutes", "whether a rule of the Gateway API holds is not known"),
    ("destinationrules", "DestinationRules", "subsets and limits are not known"),
    ("serviceentries", "ServiceEntries", "hosts outside the mesh are not known"),
    ("gateways", "Gateways", "what gateways let in is not known"),
    ("sidecars", "Sidecars", "what callers are kept from seeing is not known"),
    ("envoyfilters", "EnvoyFilters", "rate limits are not known"),
)
"""By plural name: the kind in words, and what nobody knows without it."""

KINDS = tuple(plural for plural, _, _ in _MEANS)


def unread_words(mesh: Mesh, namespace: str | None) -> tuple[str, ...]:
    """`pods can't be read: how many pods there are, … is not known`, a line for each kind.

    Without a namespace of what is not read everywhere.
    """
    return tuple(
        f"{kind} can't be read: {means}"
        for plural, kind, means in _MEANS
        if not mesh.knows(plural, namespace)
    )


_IN_ROWS = ("pods", "virtualservices", "httproutes", "destinationrules")
"""What the rows themselves are made of."""


def unread_mark(mesh: Mesh, namespace: str) -> tuple[str, ...]:
    """For one line: `not read: pods, DestinationRules`, of what its numbers rest on."""
    unread = [one for one in _MEANS if one[0] in _IN_ROWS and not mesh.knows(one[0], namespace)]
    kinds = [kind for _, kind, _ in unread]
    return (f"not read: {', '.join(kinds)}",) if kinds else ()
