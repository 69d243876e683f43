"""What happened to services beside the changes of the journal: rollouts, restarts, scaling, writes.

Seen from one reading of the mesh to the next; what objects tell of the time before is known from
the first reading on: why containers ended last, and who wrote a rule last.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import field
from typing import TYPE_CHECKING

from meshtui.dataclass import dataclass
from meshtui.mesh.model import (
    DestinationRule,
    Mesh,
    Pod,
    Ref,
    RuleOwner,
    ServiceKey,
)
from meshtui.mesh.pod_status import stamp
from meshtui.mesh.quantity import number_of
from meshtui.mesh.routing import pods_of
from meshtui.mesh.successor import Difference, difference
from meshtui.operations.change.writers import OURS, last_writer

if TYPE_CHECKING:
    from meshtui.journal import MadeChange

KEPT = 2_000
"""Events that are remembered; the oldest are forgotten first."""

HASH = "pod-template-hash"
KUBERNETES = "Kubernetes"
_RULES = frozenset({"virtual_services", "destination_rules"})

Workload = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class Event:
    """`of` is the workload it happened to, or the services whose rules were written."""

    at: float
    verb: str
    words: str
    who: str
    workload: Workload | None = None
    services: frozenset[ServiceKey] = frozenset()


@dataclass(slots=True)
class Events:
    """Give it each mesh with the time it was read, in seconds since the epoch.

    One thread may `record` while another asks for what happened.
    """

    _found: deque[Event] = field(default_factory=lambda: deque(maxlen=KEPT))
    _known: set[Event] = field(default_factory=set)
    _before: Mesh | None = None
    _versions: dict[Ref, str] = field(default_factory=dict)

    def record(self, mesh: Mesh, now: float) -> None:
        """A kind that was not read everywhere is compared where it was read before, too."""
        before, self._before = self._before, mesh
        differ = difference(before, mesh) if before is not None else None
        for event in _ended(mesh.pods if differ is None else differ.come):
            self._add(event)
        if differ is None or differ.fields & _RULES:
            for event in self._written(mesh):
                self._add(event)
        if before is not None and differ is not None:
            for event in (*_rolled_out(before, mesh, differ, now), *_scaled(before, mesh, now)):
                self._add(event)

    def forget(self) -> None:
        """Another cluster."""
        self._found.clear()
        self._known.clear()
        self._versions.clear()
        self._before = None

    def of(self, service: ServiceKey, since: float) -> tuple[MadeChange, ...]:
        """As the changes of the journal are given: the oldest first."""
        from meshtui.journal import MadeChange

        mine = self._workloads(service)
        found = [
            event
            for event in tuple(self._found)
            if event.at >= since and (event.workload in mine or service in event.services)
        ]
        found.sort(key=lambda event: event.at)
        return tuple(MadeChange(e.at, e.verb, (e.words,), e.who) for e in found)

    def _workloads(self, service: ServiceKey) -> frozenset[Workload]:
        mesh = self._before
        known = mesh.by_key.get(service) if mesh else None
        pods = pods_of(mesh, known) if mesh and known else ()
        return frozenset((pod.namespace, pod.workload) for pod in pods)

    def _add(self, event: Event) -> None:
        if event in self._known:
            return
        if len(self._found) == KEPT:
            self._known.discard(self._found[0])
        self._found.append(event)
        self._known.add(event)

    def _written(self, mesh: Mesh) -> Iterator[Event]:
        """Writes to the rules by others; those of meshtui are in its journal."""
        items: tuple[RuleOwner | DestinationRule, ...] = (
            *mesh.virtual_services,
            *mesh.http_routes,
            *mesh.stream_routes,
            *mesh.destination_rules,
        )
        for item in items:
            if self._versions.get(item.ref) == item.resource_version:
                continue
            self._versions[item.ref] = item.resource_version
            manager, at = last_writer(item.raw)
            if manager and manager != OURS and at:
                words = f"{item.ref.kind} {item.ref.name} was written"
                yield Event(at, "write", words, manager, services=_concerned(mesh, item))


def _concerned(mesh: Mesh, item: RuleOwner | DestinationRule) -> frozenset[ServiceKey]:
    if isinstance(item, DestinationRule):
        hosts: Iterable[str] = (item.host,)
    else:
        hosts = (*item.hosts, *(d.host for rule in item.rules for d in rule.destinations))
    found = (mesh.by_host.get(host) for host in hosts)
    return frozenset(service.key for service in found if service is not None)


def _ended(pods: Iterable[Pod]) -> Iterator[Event]:
    """Containers that were started again, at the time at which they had ended."""
    for pod in pods:
        for one in pod.statuses if pod.ailing else ():
            at = stamp(one.ended)
            if one.restarts and at is not None:
                why = f" ({one.why_ended})" if one.why_ended else ""
                words = f"{pod.name} {one.name} ended{why}"
                yield Event(at, "restart", words, KUBERNETES, _workload(pod))


def _workload(pod: Pod) -> Workload:
    return pod.namespace, pod.workload


def _templates(mesh: Mesh, of: Iterable[Workload]) -> dict[Workload, frozenset[str]]:
    wanted = frozenset(of)
    found: dict[Workload, set[str]] = {}
    for namespace in {namespace for namespace, _ in wanted}:
        for pod in mesh.pods_by_namespace.get(namespace, ()):
            if HASH in pod.labels and _workload(pod) in wanted:
                found.setdefault(_workload(pod), set()).add(pod.labels[HASH])
    return {workload: frozenset(hashes) for workload, hashes in found.items()}


def _rolled_out(before: Mesh, after: Mesh, differ: Difference, now: float) -> Iterator[Event]:
    """A workload that had pods and has some of another template now."""
    came = tuple(dict.fromkeys(map(_workload, differ.come)))
    known = _templates(before, came)
    for workload, hashes in _templates(after, came).items():
        if workload in known and hashes - known[workload]:
            yield Event(now, "rollout", f"{workload[1]} rolls out", KUBERNETES, workload)


def _scaled(before: Mesh, after: Mesh, now: float) -> Iterator[Event]:
    for place, new in after.workloads_by_place.items():
        old = before.workloads_by_place.get(place)
        if old is not None and old.desired != new.desired:
            words = f"{new.name} {old.desired} → {number_of(new.desired, 'pod')}"
            yield Event(now, "scale", words, KUBERNETES, place)
