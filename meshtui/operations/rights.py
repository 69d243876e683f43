"""What the person may change, asked ahead of time, so that keys can say why they do nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from meshtui.errors import MeshtuiError
from meshtui.mesh.model import Mesh

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

AGAIN_S = 60.0
MOST = 20


class Rights:
    """Asks for each namespace that holds VirtualServices, once a minute."""

    def __init__(self, cluster: Cluster, changed: Callable[[], None]) -> None:
        self.denied: Mapping[str, str] = {}
        """Why nothing can be changed, by the namespace of the VirtualService."""

        self._cluster = cluster
        self._changed = changed

    async def run(self, mesh: Callable[[], Mesh]) -> None:
        """Asks for ever. A server that doesn't answer changes nothing: the write will tell."""
        while True:
            denied = await self._ask(mesh())
            if denied != self.denied:
                self.denied = denied
                self._changed()
            await asyncio.sleep(AGAIN_S)

    async def _ask(self, mesh: Mesh) -> Mapping[str, str]:
        from meshtui.kube.access import allowed
        from meshtui.kube.resources import VIRTUAL_SERVICES

        found = dict(self.denied)
        names = dict.fromkeys(vs.ref.namespace for vs in mesh.virtual_services)
        for namespace in list(names)[:MOST]:
            found.pop(namespace, None)
            try:
                if not await allowed(self._cluster, "patch", VIRTUAL_SERVICES, namespace):
                    found[namespace] = f"you may not patch virtualservices in {namespace}"
            except MeshtuiError:
                continue
        return found
