"""A change is not planned on what could not be read: what is not seen may be there."""

from __future__ import annotations

from meshtui.errors import Refused
from meshtui.mesh.model import Mesh

_KINDS = {"virtualservices": "VirtualServices", "destinationrules": "DestinationRules"}


def require_read(mesh: Mesh, plural: str, namespace: str, what: str) -> None:
    """Raises `Refused` where the kind was not read in the namespace: `what` is not known then."""
    if not mesh.knows(plural, namespace):
        raise Refused(
            f"{what} is not known: {_KINDS[plural]} of {namespace} can't be read",
            f"it needs the right to list {plural}",
        )
