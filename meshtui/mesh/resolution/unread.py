"""What an answer rests on that could not be read: unknown is never the same as absent."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.dataclass import dataclass
from meshtui.mesh.gateway_api import API_GATEWAYS
from meshtui.mesh.model import Mesh
from meshtui.mesh.resolution.client import Client
from meshtui.mesh.resolution.registry import Host

EVERYWHERE = ""
"""The namespace of what may stand in any."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A kind that was not read where it matters; `namespace` is EVERYWHERE or a name."""

    plural: str
    namespace: str
    why: str

    def __str__(self) -> str:
        return self.why


def unread(mesh: Mesh, client: Client, host: Host | None) -> tuple[Unread, ...]:
    """What might change the answer for a client and a host and was not read."""
    return tuple(_unread(mesh, client, host))


def _unread(mesh: Mesh, client: Client, host: Host | None) -> Iterator[Unread]:
    root = mesh.settings.root_namespace
    if not mesh.settings.known:
        why = f"meshConfig was not read: {root} is taken for its root namespace"
        yield Unread("configmaps", root, why)
    for plural, kind in (
        ("virtualservices", "VirtualService"),
        ("httproutes", "HTTPRoute"),
        ("grpcroutes", "GRPCRoute"),
        ("services", "Service"),
        ("serviceentries", "ServiceEntry"),
    ):
        if not mesh.knows(plural):
            yield Unread(
                plural, EVERYWHERE, f"a {kind} of a namespace that can't be read may count"
            )
    homes = dict.fromkeys((client.namespace, *((host.namespace,) if host else ()), root))
    for home in homes:
        if not mesh.knows("destinationrules", home):
            yield Unread("destinationrules", home, f"the DestinationRules of {home} are not read")
    for home in dict.fromkeys((client.namespace, root)):
        if not client.gateway and not mesh.knows("sidecars", home):
            yield Unread("sidecars", home, f"the Sidecars of {home} are not read")
    if not client.gateway:
        return
    for plural in ("gateways", API_GATEWAYS):
        if not mesh.knows(plural):
            why = "a Gateway of a namespace that can't be read may count"
            yield Unread(plural, EVERYWHERE, why)
