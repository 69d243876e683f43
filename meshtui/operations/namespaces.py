"""A namespace that a person names: one that is not there is a mistake, no empty mesh."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from meshtui.errors import MeshtuiError, NotFound
from meshtui.mesh.model import Mesh

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

MOST = 5
"""Namespaces that are named where none is near."""


async def refuse_missing(cluster: Cluster, mesh: Mesh, namespace: str) -> None:
    """Raises `NotFound` with the nearest names where the server has no such namespace.

    It is asked only where nothing of the mesh is in it; who may not ask is not refused.
    """
    known = sorted(
        {service.key.namespace for service in mesh.services} | set(mesh.pods_by_namespace)
    )
    if namespace in known:
        return
    try:
        await cluster.get(f"/api/v1/namespaces/{namespace}")
    except NotFound:
        raise NotFound(f"there is no namespace {namespace}", _nearest(namespace, known)) from None
    except MeshtuiError:
        return


def _nearest(namespace: str, known: list[str]) -> str:
    near = difflib.get_close_matches(namespace, known, 3, 0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    more = f" and {len(known) - MOST} more" if len(known) > MOST else ""
    return f"there are {', '.join(known[:MOST])}{more}" if known else ""
