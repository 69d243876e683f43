"""Which Gateway a VirtualService names."""

from __future__ import annotations

from collections.abc import Iterable

MESH = "mesh"


def gateway_places(name: str, namespace: str) -> tuple[tuple[str, str], ...]:
    """Where the Gateway of that name may be, as (namespace, name).

    `name` is in the VirtualService's namespace, `ns/name` elsewhere, `./name` here again; the old
    form is a host name, `name.ns.svc.cluster.local` (istiod, resolveGatewayName).
    """
    before, slash, after = name.partition("/")
    if slash:
        return ((namespace if before == "." else before, after),)
    first, dot, rest = name.partition(".")
    if not dot:
        return ((namespace, name),)
    return (rest.split(".", 1)[0], first), (rest, first), (namespace, name)


def gateway_names(names: Iterable[str], namespace: str) -> frozenset[str]:
    """The Gateways that may be meant, as "namespace/name"; the mesh is none."""
    found = (place for name in names if name != MESH for place in gateway_places(name, namespace))
    return frozenset(f"{home}/{name}" for home, name in found)
