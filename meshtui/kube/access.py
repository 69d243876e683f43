"""What the person may do, as the API server sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from meshtui.errors import NotAllowed
from meshtui.kube.cluster import Cluster
from meshtui.kube.failures import Unauthenticated
from meshtui.kube.resources import NAMESPACES, Resource
from meshtui.mesh import read
from meshtui.mesh.quantity import number_of

MOST_NAMESPACES = 50
"""How many namespaces are read one by one: each costs a request, and a watch, for every kind."""

_AT_ONCE = 8


async def allowed(
    cluster: Cluster,
    verb: str,
    resource: Resource,
    namespace: str | None,
    name: str = "",
    subresource: str = "",
) -> bool:
    """Whether `verb` is allowed; `namespace` None asks about the whole cluster.

    A server that does not answer such questions (403) is taken to say no.
    """
    attributes = {
        "verb": verb,
        "group": resource.group,
        "resource": resource.plural,
        "namespace": namespace or "",
        "name": name,
        "subresource": subresource,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {k: v for k, v in attributes.items() if v}},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    try:
        answer = await cluster.send("POST", path, review)
    except Unauthenticated:
        raise
    except NotAllowed:
        return False
    return read.obj(answer, "status").get("allowed") is True


async def readable_namespaces(
    cluster: Cluster, resource: Resource, candidates: Iterable[str]
) -> tuple[str, ...]:
    """Those of the `candidates` where `resource` may be listed, in their order."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def may_list(namespace: str) -> bool:
        async with gate:
            return await allowed(cluster, "list", resource, namespace)

    names = list(dict.fromkeys(candidates))[:MOST_NAMESPACES]
    answers = await asyncio.gather(*map(may_list, names))
    return tuple(name for name, may in zip(names, answers, strict=True) if may)


async def candidate_namespaces(cluster: Cluster) -> tuple[str, ...]:
    """Namespaces worth asking about: the context's own, then all there are, if they may be seen."""
    try:
        found = await cluster.get(NAMESPACES.path(), {"limit": "500"})
    except Unauthenticated:
        raise
    except NotAllowed:
        return (cluster.namespace,)
    names = (read.text(read.obj(item, "metadata"), "name") for item in read.objects(found, "items"))
    return tuple(dict.fromkeys([cluster.namespace, *filter(None, names)]))


class ReadableNamespaces:
    """Which namespaces can be read, where the whole cluster cannot; the candidates are asked once.

    For one round of questions about several kinds: a later round begins with a new one.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lock = asyncio.Lock()
        self._candidates: tuple[str, ...] | None = None

    async def namespaces(self, resource: Resource) -> tuple[str, ...]:
        """Where `resource` may be listed."""
        async with self._lock:
            if self._candidates is None:
                self._candidates = await candidate_namespaces(self._cluster)
        return await readable_namespaces(self._cluster, resource, self._candidates)

    @property
    def problem(self) -> str:
        """One line where there were more namespaces than are asked about."""
        left_out = len(self._candidates or ()) - MOST_NAMESPACES
        if left_out <= 0:
            return ""
        some = number_of(left_out, "namespace was", "namespaces were")
        return f"{some} not looked at: name yours with -n"
