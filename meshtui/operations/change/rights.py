"""What the person may change, asked ahead of time, so that keys can say why they do nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from meshtui.errors import MeshtuiError
from meshtui.mesh.model import Mesh, Ref

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

AGAIN_S = 60.0
MOST = 20

QUESTIONS = (
    ("", "patch", "virtualservices"),
    ("breaker", "patch", "destinationrules"),
    ("adopt", "create", "virtualservices"),
)


class Rights:
    """Asks for each namespace that holds VirtualServices, once a minute."""

    def __init__(self, cluster: Cluster, changed: Callable[[], None]) -> None:
        self.denied: Mapping[str, str] = {}
        """Why rules can't be changed, by namespace; with `/breaker` and `/adopt` behind it, why
        those verbs can't be used there."""

        self._cluster = cluster
        self._changed = changed

    def undo_denied(self, target: Ref) -> str:
        """Why the object of a change can't be changed back; empty where it can."""
        policy = target.kind == "DestinationRule"
        return self.denied.get(f"{target.namespace}/breaker" if policy else target.namespace, "")

    async def run(self, mesh: Callable[[], Mesh]) -> None:
        """Asks for ever. A server that doesn't answer changes nothing: the write will tell."""
        while True:
            denied = await self._ask(mesh())
            if denied != self.denied:
                self.denied = denied
                self._changed()
            await asyncio.sleep(AGAIN_S)

    async def _ask(self, mesh: Mesh) -> Mapping[str, str]:
        found = dict(self.denied)
        names = dict.fromkeys(vs.ref.namespace for vs in mesh.virtual_services)
        names[self._cluster.namespace] = None
        for namespace in list(names)[:MOST]:
            for key, verb, plural in QUESTIONS:
                place = f"{namespace}/{key}" if key else namespace
                answer = await self._may(verb, plural, namespace)
                if answer is not None:
                    found.pop(place, None)
                if answer is False:
                    found[place] = f"you may not {verb} {plural} in {namespace}"
        return found

    async def _may(self, verb: str, plural: str, namespace: str) -> bool | None:
        """None where the server did not say."""
        from meshtui.kube import resources
        from meshtui.kube.access import allowed

        known = {r.plural: r for r in (resources.VIRTUAL_SERVICES, resources.DESTINATION_RULES)}
        try:
            return await allowed(self._cluster, verb, known[plural], namespace)
        except MeshtuiError:
            return None
