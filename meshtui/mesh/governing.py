"""Which DestinationRules count for a host, and for which callers.

What one caller gets is the resolution's answer; here those of all callers are put side by side.
"""

from __future__ import annotations

from meshtui.dataclass import dataclass
from meshtui.mesh.model import Mesh, Subset
from meshtui.mesh.resolution import Callers, Client, Joined, World, world
from meshtui.mesh.text import some_of

Workload = tuple[str, str]
"""A namespace and the name of a workload in it."""


@dataclass(frozen=True, slots=True)
class Governed:
    """Callers that get the same DestinationRules for a host: `rule`, None where none counts.

    `workloads` are none where nothing in the mesh has a proxy yet.
    """

    rule: Joined | None
    clients: tuple[Client, ...]
    workloads: frozenset[Workload] = frozenset()

    def subset(self, name: str) -> Subset | None:
        return self.rule.subset(name) if self.rule else None

    @property
    def whose(self) -> str:
        names = tuple(dict.fromkeys(str(client) for client in self.clients))
        return some_of(names, 3)


def governed(mesh: Mesh, host: str) -> tuple[Governed, ...]:
    """What the callers in the mesh, and its gateways, get for a host that they see."""
    whole = world(mesh)
    found: dict[int, tuple[Joined | None, list[Callers]]] = {}
    for group in _groups(whole, host):
        view = whole.view(group.client)
        if view.host(host) is not None:
            rule = view.rule(host)
            found.setdefault(id(rule), (rule, []))[1].append(group)
    return tuple(
        Governed(
            rule,
            tuple(group.client for group in groups),
            frozenset((pod.namespace, pod.workload) for group in groups for pod in group.pods),
        )
        for rule, groups in found.values()
    )


def _groups(whole: World, host: str) -> tuple[Callers, ...]:
    """All callers; where nothing has a proxy yet, one of the host's namespace stands for them."""
    if whole.callers:
        return whole.callers
    hosts = whole.shared.registry.by_name.get(host, ())
    return tuple(Callers(Client(known.namespace), ()) for known in hosts)
