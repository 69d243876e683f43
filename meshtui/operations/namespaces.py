"""A namespace that a person names: one that is not there is a mistake, no empty mesh."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtui.errors import MeshtuiError, NotFound
from meshtui.mesh.model import Mesh
from meshtui.mesh.nearest import nearest_words

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster


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
        raise NotFound(
            f"there is no namespace {namespace}", nearest_words(namespace, known)
        ) from None
    except MeshtuiError:
        return
