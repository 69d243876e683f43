"""What a run does to the mesh, by the verbs' own operations: plan, dry run, journal, write, verify.

And what it sees of it: pods, edits of others, and why the cluster is not to be trusted just now.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from meshtui.canary.events import BackOnStable, Edit, Edited, NotServed, Pods, Served, Shift
from meshtui.canary.route import RouteFacts, edited, mirrored, percents_of, read_route_facts
from meshtui.changes.assemble import spec_of
from meshtui.changes.change import (
    Change,
    ClearMirror,
    Plan,
    Promote,
    Request,
    Rollback,
    SetMirror,
    Target,
)
from meshtui.changes.change import Shift as ShiftRequest
from meshtui.changes.not_reached import VERB
from meshtui.changes.outcome import Outcome
from meshtui.changes.outside import is_outside
from meshtui.errors import Conflict, MeshtuiError, NotFound, Unreachable
from meshtui.mesh.model import DestinationRule, Mesh, Pod, Ref, Rule, Service
from meshtui.mesh.signals import Sample
from meshtui.mesh.versions import VersionView, version_rows
from meshtui.operations.canary.counting import Question
from meshtui.operations.change.writers import last_writer
from meshtui.operations.change.written_objects import (
    object_of,
    read_raw,
    with_object,
    without_object,
)
from meshtui.operations.session import Session

HASHES = ("pod-template-hash", "controller-revision-hash")
"""Labels that tell one build of a workload from the next: of ReplicaSets, and of StatefulSets."""

Before = tuple[tuple[str, float], ...]
"""The other versions' labels and percentages as the run found them."""


class Driver:
    """One service's route. `mesh` gives the newest mesh, `clients` who calls whom."""

    def __init__(
        self,
        session: Session,
        mesh: Callable[[], Mesh],
        service: Service,
        label: str,
        facts: RouteFacts,
        before: Before,
        *,
        force: bool = False,
        clients: Callable[[], Sample | None] = lambda: None,
    ) -> None:
        self.facts = facts
        self.before = before
        self.written = False
        """Whether this run has changed anything."""

        self._session = session
        self._mesh = mesh
        self._service = service
        self.label = label
        self._force = force
        self._clients = clients
        self._past: set[str] = set()
        """Versions of the object that are over: the watch may still bring them."""

    # What it sees

    @property
    def _rule(self) -> Rule | None:
        owner = object_of(self._mesh(), self._ref)
        rules = () if owner is None or isinstance(owner, DestinationRule) else owner.rules
        return next((r for r in rules if (r.protocol, r.index) == ("http", self.facts.index)), None)

    @property
    def _ref(self) -> Ref:
        known = self.facts
        return Ref(known.kind, known.namespace, known.name, known.uid)

    def question(self, *, shadow: bool) -> Question | None:
        """What is to be counted now; None where the rule is gone."""
        rule = self._rule
        if rule is None:
            return None
        others = tuple(
            place
            for place, percent in percents_of(self.facts).items()
            if percent > 0 and place != self.facts.place
        )
        return Question(self._mesh(), self._service, rule, self.facts.place, others, shadow)

    def pods(self) -> Pods | None:
        """None where the rule is gone."""
        rule = self._rule
        if rule is None:
            return None
        rows = version_rows(self._mesh(), self._service, rule)
        canary = [row for row in rows if (row.host, row.subset) == self.facts.place]
        stable = self._stable(rows)
        mine = [pod for row in canary for pod in row.members]
        ready = [pod for pod in mine if pod.serving]
        return Pods(
            len(ready) + self._outside(canary),
            sum(row.pods_ready for row in stable) + self._outside(stable),
            frozenset(filter(None, map(_build, ready))),
            sum(pod.restarts for pod in mine if not pod.deleting),
        )

    def _outside(self, rows: list[VersionView]) -> int:
        """Hosts outside of the cluster have no pods to be looked at: they count as ready."""
        return sum(is_outside(self._mesh(), row.host) for row in rows)

    def _stable(self, rows: tuple[VersionView, ...]) -> list[VersionView]:
        """The versions that a rollback goes to."""
        names = {name for name, percent in self.before if percent > 0}
        return [row for row in rows if row.label in names or _host_label(row) in names]

    def edited(self) -> Edited | None:
        """What somebody else changed since the last look; known from then on."""
        return self._noticed(self._mesh())

    def _noticed(self, mesh: Mesh) -> Edited | None:
        owner = object_of(mesh, self._ref)
        if owner is not None and owner.resource_version in self._past:
            return None  # the watch has not brought the newest one yet
        now = read_route_facts(mesh, self._service, self.facts)
        by = last_writer(owner.raw)[0] if owner is not None else ""
        found = edited(self.facts, now, by)
        self._remember(now)
        return found

    def _remember(self, now: RouteFacts | None) -> None:
        if now is None:
            return
        if now.version != self.facts.version:
            self._past.add(self.facts.version)
        self.facts = now

    # What it does

    async def shift(self, command: Shift) -> Served | NotServed | Edited:
        """Brings the route to the step. Nothing is written over what somebody else changed."""
        try:
            return await self._shifted(command)
        except Conflict as error:
            # Somebody wrote between the look and the write: it is looked at before the next try.
            return NotServed(str(error), away=True)
        except MeshtuiError as error:
            return NotServed(str(error), away=isinstance(error, Unreachable))

    async def _shifted(self, command: Shift) -> Served | NotServed | Edited:
        noticed = self._noticed(await self._fresh())
        if noticed is not None and noticed.edit is not Edit.UNRELATED:
            return noticed
        for request in self._requests(command):
            failed = await self._make(request)
            if failed is not None:
                return failed
        return Served()

    def _requests(self, command: Shift) -> list[Request]:
        copies = mirrored(self.facts)
        if command.shadow:
            return [SetMirror(self.label)]
        off: list[Request] = [ClearMirror(self.label)] if copies else []
        if command.weight >= 100:
            return [*off, Promote(self.label)]
        return [*off, ShiftRequest({self.label: command.weight})]

    async def roll_back(self) -> BackOnStable | NotServed:
        """All traffic to where it was before the run."""
        try:
            for request in self._returning():
                failed = await self._make(request, rollback=True)
                if failed is not None:
                    return failed
        except MeshtuiError as error:
            return NotServed(str(error), away=isinstance(error, Unreachable))
        return BackOnStable()

    def _returning(self) -> list[Request]:
        carrying = [(name, percent) for name, percent in self.before if percent > 0]
        if len(carrying) == 1:
            return [Rollback(carrying[0][0], "it carried the traffic when the canary began")]
        weights = {**dict(carrying), self.label: 0.0}
        off: list[Request] = [ClearMirror(self.label)] if mirrored(self.facts) else []
        return [*off, ShiftRequest(weights)]

    async def _make(self, request: Request, *, rollback: bool = False) -> NotServed | None:
        """One change, seen in the proxies; None where it is."""
        mesh, sample = await self._fresh(), self._clients()
        target = Target(self._service.key, self.facts.written, uid=self.facts.uid)
        plan = await self._session.plan(mesh, request, target, sample)
        if rollback and isinstance(request, ShiftRequest):
            # As the journal knows it: the canary was left, whatever it takes to leave it.
            plan = replace(plan, change=replace(plan.change, verb=VERB))
        if plan.dangers and not (rollback or self._force):
            return NotServed(f"not written: {'; '.join(plan.dangers)}")
        if plan.empty:
            outcome = await self._seen(plan, mesh, sample)
        else:
            outcome = await self._session.apply(plan, mesh, sample, lambda _: None)
            self.written = True
            self._past.add(plan.change.resource_version)
        await self._fresh(remember=True)
        if outcome is None or outcome.verified:
            return None
        return NotServed(outcome.sentence, away=not rollback or outcome.verified is None)

    async def _seen(self, plan: Plan, mesh: Mesh, sample: Sample | None) -> Outcome | None:
        """Whether the proxies serve what the object says already."""
        change = _as_if_new(plan.change, self.facts)
        if change is None:
            return None
        again = Outcome("", replace(plan, change=change), applied=True)
        return await self._session.applier.verify_again(again, mesh, sample)

    async def _fresh(self, *, remember: bool = False) -> Mesh:
        """The mesh with the route's object as it is at this moment."""
        try:
            raw = await read_raw(self._session.cluster, self._ref)
        except NotFound:
            return without_object(self._mesh(), self._ref)
        mesh = with_object(self._mesh(), raw, self.facts.kind)
        if remember:
            self._remember(read_route_facts(mesh, self._service, self.facts))
        return mesh


def _build(pod: Pod) -> str:
    return next((pod.labels[name] for name in HASHES if name in pod.labels), "")


def _host_label(row: VersionView) -> str:
    return row.host.partition(".")[0] if not row.subset else row.subset


def _as_if_new(change: Change, facts: RouteFacts) -> Change | None:
    """The change that would have brought the route to what it is: the question to the proxies."""
    spec: dict[str, Any] = json.loads(facts.spec)
    try:
        routes: list[Mapping[str, Any]] = spec[facts.list_name][facts.index][facts.targets]
    except (KeyError, IndexError, TypeError):
        return None
    other = json.loads(facts.spec)
    entries = other[facts.list_name][facts.index][facts.targets]
    for entry, number in zip(entries, range(1, len(entries) + 1), strict=True):
        entry["weight"] = number
    path = f"/spec/{facts.list_name}/{facts.index}/{facts.targets}/0/weight"
    patch = ({"op": "replace", "path": path, "value": routes[0].get("weight", facts.usual)},)
    after = spec_of({"spec": spec})
    return replace(change, patch=patch, spec_before=spec_of({"spec": other}), spec_after=after)
