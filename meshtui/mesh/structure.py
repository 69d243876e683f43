"""The services of a mesh event by event: only those are made anew that an event may change.

Making all of them is a second of work at a thousand services, and most events are of one pod. What
can depend on a pod is bounded here: the services that select it, and those that a rule sends to
such a service for. Where callers come or go, those of the other services are counted again. What
VirtualServices, DestinationRules and Services may concern is bounded in `rule_events`. Where
anything else differs, or who calls, everything is made anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from meshtui.mesh.model import Mesh, Pod, Service, ServiceKey
from meshtui.mesh.recount import Counts, recount
from meshtui.mesh.resolution import recounts, succeed, succeed_with_rules
from meshtui.mesh.rule_events import hosts_concerned
from meshtui.mesh.selector import selects
from meshtui.mesh.successor import Difference, difference, hand_on
from meshtui.mesh.view import Latest, ServiceView, structure, structure_of

OF_PODS = frozenset({"pods", "workloads", "problems"})
"""Fields of a mesh that no rule is made of."""

OF_RULES = frozenset({"virtual_services", "destination_rules", "services", "problems"})
"""Fields of which the rules of a service are made."""


class Structure:
    """The services before anything is measured, for one snapshot after the other."""

    def __init__(self) -> None:
        self._mesh = Mesh()
        self._latest = Latest(self._mesh)
        self._services: Mapping[ServiceKey, frozenset[str]] = {}
        self.views: tuple[ServiceView, ...] = ()
        self.made = 0
        """How many of them were made for the newest snapshot."""

    def follow(self, mesh: Mesh) -> tuple[ServiceView, ...]:
        """The services of a snapshot; those that are the same are the same objects as before."""
        self.made = 0
        if self._mesh is mesh:
            return self.views
        differ = difference(self._mesh, mesh)
        if differ.fields <= OF_PODS | OF_RULES and differ.fields & OF_RULES - OF_PODS:
            # One after the other: what each may concern is bounded for it alone.
            rules = replace(mesh, pods=self._mesh.pods, workloads=self._mesh.workloads)
            self._follow(rules, difference(self._mesh, rules))
            differ = difference(rules, mesh)
        return self._follow(mesh, differ)

    def _follow(self, mesh: Mesh, differ: Difference) -> tuple[ServiceView, ...]:
        before, self._mesh = self._mesh, mesh
        hand_on(before, mesh, differ)
        if differ.fields & OF_RULES - OF_PODS and differ.fields <= OF_RULES:
            return self._by_rules(before, mesh, differ)
        if not differ.fields <= OF_PODS:
            return self._anew(mesh)
        same = succeed(before, mesh, differ.gone, differ.come)
        counts = None if same else recounts(before, mesh)
        if not same and counts is None:
            return self._anew(mesh)
        self._latest.mesh = mesh
        wanted = self._concerned(before, mesh, differ)
        if wanted or counts is not None:
            self.views = tuple(
                self._made(view.service) if view.key in wanted else self._counted(view, counts)
                for view in self.views
            )
        return self.views

    def _by_rules(self, before: Mesh, mesh: Mesh, differ: Difference) -> tuple[ServiceView, ...]:
        """Where only what rules are made of differs."""
        hosts = hosts_concerned(before, mesh)
        if hosts is None or not succeed_with_rules(before, mesh, differ.fields):
            return self._anew(mesh)
        self._latest.mesh = mesh
        wanted, known = self._named(hosts), {view.key: view for view in self.views}
        made = {
            one.key: self._made(one)
            for one in mesh.services
            if one.key in wanted or one.key not in known
        }
        self.views = tuple(made.get(one.key) or known[one.key] for one in mesh.services)
        named = {**self._services, **{key: _hosts(view) for key, view in made.items()}}
        self._services = {one.key: named[one.key] for one in mesh.services}
        return self.views

    def _made(self, service: Service) -> ServiceView:
        self.made += 1
        return structure_of(self._latest, service)

    def _counted(self, view: ServiceView, counts: Counts | None) -> ServiceView:
        if counts is None:
            return view
        return recount(view, counts) or self._made(view.service)

    def _anew(self, mesh: Mesh) -> tuple[ServiceView, ...]:
        self.views = structure(mesh)
        self.made = len(self.views)
        self._latest = self.views[0].latest if self.views else Latest(mesh)
        self._services = {view.key: _hosts(view) for view in self.views}
        return self.views

    def _concerned(self, before: Mesh, mesh: Mesh, differ: Difference) -> frozenset[ServiceKey]:
        pods = [*differ.gone, *differ.come]
        if "workloads" in differ.fields:
            pods += _of_workloads(before, mesh)
        hosts = frozenset(service.host for service in _selecting(mesh, pods))
        return self._named(hosts)

    def _named(self, hosts: frozenset[str]) -> frozenset[ServiceKey]:
        """The services that are one of these hosts, or have a rule that sends to one."""
        if not hosts:
            return frozenset()
        return frozenset(
            key for key, named in self._services.items() if not named.isdisjoint(hosts)
        )


def _hosts(view: ServiceView) -> frozenset[str]:
    """The hosts whose pods its rows may have: its own, and those that its rules send to."""
    rules = [route.rule for route in view.routes]
    found = {target.host for rule in rules for target in rule.destinations}
    found |= {mirror.host for rule in rules for mirror in rule.mirrors}
    return frozenset({view.service.host, *found})


def _selecting(mesh: Mesh, pods: Iterable[Pod]) -> Iterator[Service]:
    labels: dict[str, dict[int, Pod]] = {}
    for pod in pods:
        labels.setdefault(pod.namespace, {})[id(pod)] = pod
    for service in mesh.services if labels else ():
        mine = labels.get(service.key.namespace)
        if mine and any(selects(service.selector, pod.labels) for pod in mine.values()):
            yield service


def _of_workloads(before: Mesh, mesh: Mesh) -> Iterator[Pod]:
    """The pods of Deployments that are others now, by what their rows say of a rollout."""
    old, new = before.workloads_by_place, mesh.workloads_by_place
    changed = {place for place in old.keys() | new.keys() if old.get(place) is not new.get(place)}
    for namespace in {namespace for namespace, _ in changed}:
        for pod in mesh.pods_by_namespace.get(namespace, ()):
            if (pod.namespace, pod.workload) in changed:
                yield pod
