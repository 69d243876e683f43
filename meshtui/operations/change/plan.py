"""From a request to a plan: the change on the object as it is now, and what to know before it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from meshtui.changes.adopt_by_route import SERVICE
from meshtui.changes.assemble import rule_change, spec_of
from meshtui.changes.blast import of_connections
from meshtui.changes.breaker_ops import bypassed, passed_by, stops_inheriting
from meshtui.changes.build import build_change
from meshtui.changes.change import (
    Caution,
    Change,
    ClearBreaker,
    Plan,
    Request,
    Rollback,
    SetBreaker,
    Target,
    joined,
)
from meshtui.changes.checks import (
    ambient_findings,
    blast_radius,
    deletion,
    fault_findings,
    mirror_findings,
    owners,
    retry_findings,
    shared_hosts,
    stranding,
)
from meshtui.changes.consequences import consequences
from meshtui.changes.ejecting import ejecting_none
from meshtui.changes.harm import harm
from meshtui.changes.locate import (
    HostSubset,
    Located,
    emergency_target,
    label_of,
    locate,
    resolve_service,
)
from meshtui.changes.not_reached import Beyond, beyond, rollback_rules, rules_touched
from meshtui.changes.stream_rules import open_connections
from meshtui.changes.undo import place_of
from meshtui.changes.weight_ops import weight_operations
from meshtui.errors import Conflict, JournalError, MeshtuiError, NotFound
from meshtui.journal import Status
from meshtui.journal.entry import TOOK_EFFECT
from meshtui.mesh.model import DestinationRule, Json, Mesh, Ref, ServiceKey
from meshtui.mesh.signals import Sample
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.versions import owner_of
from meshtui.operations.change.ejections import ejected
from meshtui.operations.change.limit_changes import limit_change, undo_limit
from meshtui.operations.change.server_checks import server_findings
from meshtui.operations.change.stable_version import (
    Chooser,
    not_reached,
    rolled_back,
    stable_findings,
)
from meshtui.operations.change.undo import change_again, refuse_undone, undo_change
from meshtui.operations.change.writers import other_writer
from meshtui.operations.change.written_objects import (
    mesh_after,
    object_of,
    read_raw,
    same_object,
    with_object,
)

if TYPE_CHECKING:
    from meshtui.journal import Entry, Journal
    from meshtui.kube.cluster import Cluster


Expect = Callable[[Change, Mesh, Sample | None], None]


class Planner:
    """Plans on the newest state of the object, and asks the API server what it thinks of it."""

    def __init__(
        self,
        cluster: Cluster,
        journal: Journal | None,
        stable: Mapping[str, str] | None = None,
        *,
        limits: Thresholds | None = None,
        plan_only: bool = False,
        expect: Expect | None = None,
    ) -> None:
        """`stable` and `limits` are the config's; `look_only`: a missing right is told only.

        `expect` hears of each change that may be applied, before the API server is asked about it.
        """
        self._cluster = cluster
        self._journal = journal
        self._chooser = Chooser(journal, stable or {}, limits or Thresholds())
        self._limits = limits or Thresholds()
        self._plan_only = plan_only
        self._expect = expect

    async def plan(
        self, mesh: Mesh, request: Request, target: Target, sample: Sample | None
    ) -> Plan:
        """Raises `NotAllowed`, `Conflict`, `Refused` or `NotFound`; nothing is written."""
        target = with_callers(mesh, target, sample)
        if isinstance(request, Rollback):
            target = emergency_target(mesh, target)

        async def made(seen: Mesh) -> Plan:
            if isinstance(request, Rollback):
                return await self._rollback(seen, request, target, sample)
            change = self._with_limit(build_change(seen, request, target))
            return await self.checked(seen, change, sample)

        if isinstance(request, SetBreaker | ClearBreaker):
            ref = build_change(mesh, request, target).target
            return await (self._on_newest(mesh, ref, made) if ref.uid else made(mesh))
        return await self._on_newest(mesh, locate(mesh, target).owner.ref, made)

    def goes_to_a_sound_version(
        self, mesh: Mesh, request: Rollback, target: Target, sample: Sample
    ) -> bool:
        """True where a longer look would not change where a rollback goes, nor that it may.

        The version is chosen without danger, and even the upper end of its error ratio's interval
        is no failure.
        """
        try:
            located = locate(mesh, emergency_target(mesh, with_callers(mesh, target, sample)))
            stable, _ = self._chooser.choose(located, request.stable, sample)
        except MeshtuiError:
            return False
        return not stable.dangers and stable.version.interval[1] < self._limits.failing

    async def _on_newest(
        self, mesh: Mesh, ref: Ref, made: Callable[[Mesh], Coroutine[Any, Any, Plan]]
    ) -> Plan:
        """The plan on the object as it is at this moment.

        It is made on the one in `mesh` while the object is read, and anew where that is another.
        """
        reading = asyncio.create_task(self._fresh(mesh, ref))
        guess = asyncio.create_task(made(mesh))
        try:
            fresh = await reading
            return await (guess if same_object(mesh, fresh, ref) else made(fresh))
        finally:
            reading.cancel()
            guess.cancel()
            await asyncio.gather(reading, guess, return_exceptions=True)

    def _with_limit(self, change: Change) -> Change:
        """Where the fault or the mirror is on as asked, its time limit may be another one."""
        if change.patch or not change.guards:
            return change
        if self._journal is None:
            if change.expires_s is None:
                return change
            raise JournalError("there is no journal", "a time limit is noted there")
        return limit_change(self._journal, change)

    async def _rollback(
        self, mesh: Mesh, request: Rollback, target: Target, sample: Sample | None
    ) -> Plan:
        """Goes to what is stable; the choice is explained, and judged by what is measured now."""
        located = locate(mesh, target)
        stable, trouble = self._chooser.choose(located, request.stable, sample)
        place = HostSubset(*stable.version.place)
        label = label_of(located, place.host, place.subset)
        left = beyond(located, place)
        if request.everywhere:
            mesh, located, left = await self._everywhere(mesh, located, place, target)
        changes = rollback_rules(mesh, located, place, left if request.everywhere else ())
        found = (*stable_findings(label, stable), *trouble)
        plans = [await self.checked(mesh, changes[0], sample, found)]
        plans += [await self.checked(mesh, change, sample) for change in changes[1:]]
        cautions = () if request.everywhere else tuple(one.words for one in left)
        plan = joined(plans)
        retained = () if plan.change is plans[0].change else found
        return replace(
            plan,
            findings=(*retained, *plan.findings, *not_reached(cautions)),
            stable=label,
            stable_because=stable.why,
            not_reached=cautions,
        )

    async def _everywhere(
        self, mesh: Mesh, located: Located, stable: HostSubset, target: Target
    ) -> tuple[Mesh, Located, tuple[Beyond, ...]]:
        """The other objects that are changed too, each as it is at this moment."""
        own = located.owner.ref
        others = {one.owner.ref for one in beyond(located, stable)} - {own}
        read = await asyncio.gather(*(read_raw(self._cluster, ref) for ref in others))
        for ref, raw in zip(others, read, strict=True):
            mesh = with_object(mesh, raw, ref.kind)
        located = locate(mesh, target)
        return mesh, located, beyond(located, stable)

    async def plan_again(self, mesh: Mesh, entry: Entry, sample: Sample | None) -> Plan:
        """The same change once more, after somebody else took it back.

        A rollback goes to its version from whatever is there; any other change goes where what it
        changed is as it was before. Raises `Conflict` where it is not.
        """
        cautions = (Caution("info", f"applies {entry.verb} {entry.id} again: it was reverted"),)
        if entry.verb == "rollback" and entry.rule is not None:
            plan = await self.rollback_again(mesh, entry, sample)
            return replace(plan, findings=(*cautions, *plan.findings))
        change, mesh = await change_again(self._cluster, mesh, entry)
        return await self.checked(mesh, change, sample, cautions)

    async def rollback_again(
        self, mesh: Mesh, change: Change | Entry, sample: Sample | None
    ) -> Plan:
        """The same rollback of the same rules to the same versions, on the object as it is now.

        Raises `Conflict` where the rule is not there any more.
        """
        mesh = await self._fresh(mesh, change.target)
        owner = object_of(mesh, change.target)
        known = change.rule
        index = known and owner and place_of(known, change.spec_after, spec_of(owner.raw))
        if (
            known is None
            or index is None
            or owner is None
            or isinstance(owner, DestinationRule)
            or owner.ref.uid != change.target.uid
        ):
            raise Conflict(f"rule {change.rule} is not in {change.target} any more", "look again")
        service = resolve_service(mesh, change.service.name, change.service.namespace)
        rule = next(r for r in owner.rules if (r.place, r.index) == (known.protocol, index))
        located = Located(mesh, service, owner, rule)
        carrying, *others = [d for d in change.after["destinations"] if d["weight"] > 0]
        if others:
            weights = _percents(located, change.after)
            again = rule_change(located, change.verb, weight_operations(located, weights))
            return await self.checked(mesh, again, sample)
        place = HostSubset(carrying["host"], carrying["subset"] or "")
        several = rules_touched(change.spec_before, change.spec_after) > 1
        left = beyond(located, place) if several else ()
        own = [one for one in left if one.owner.ref == owner.ref]
        (again,) = rollback_rules(mesh, located, place, own)
        return await self.checked(mesh, again, sample)

    async def plan_undo(self, mesh: Mesh, entry: Entry, sample: Sample | None) -> Plan:
        """The way back of a journaled change, on its objects as they are now, the last first.

        Of several objects those are taken back whose part stands.
        """
        if not entry.parts:
            return await self.plan_undo_part(mesh, entry, sample)
        plans, gone = [], ""
        for part in reversed([part for part in entry.parts if part.stands]):
            try:
                plan = await self.plan_undo_part(mesh, part, sample)
            except NotFound as error:
                gone = str(error)
                continue
            if not plan.empty:
                plans.append(plan)
                mesh = mesh_after(mesh, plan.change)
        if not plans:
            refuse_undone(entry)
            raise NotFound(gone or f"nothing of change {entry.id} is left")
        first, *others = plans
        return joined([replace(first, findings=(*first.findings, *_in_doubt(entry))), *others])

    async def plan_undo_part(self, mesh: Mesh, entry: Entry, sample: Sample | None) -> Plan:
        """The way back of a change of one object."""
        if not entry.patch and self._journal is not None:
            return Plan(undo_limit(self._journal, entry))
        change, mesh = await undo_change(self._cluster, mesh, entry)
        words = [f"takes back {entry.verb} {entry.id}: {'; '.join(entry.words)}"]
        if entry.together is not None:
            words.append(f"it was made as one in {', '.join(entry.together.clusters)}")
        cautions = tuple(Caution("info", text) for text in words)
        return await self.checked(mesh, change, sample, cautions)

    async def checked(
        self,
        mesh: Mesh,
        change: Change,
        sample: Sample | None,
        found: tuple[Caution, ...] = (),
    ) -> Plan:
        """The change with what is to be said about it; refused where the API server refuses it."""
        if change.empty or change.records:
            return Plan(change, found)
        if self._expect is not None:
            self._expect(change, mesh, sample)
        if change.target.kind == SERVICE:
            told = await server_findings(self._cluster, change, plan_only=self._plan_only)
            return Plan(change, (*found, *told))
        item = object_of(mesh, change.target)
        raw: Json = item.raw if item else {}
        cautions, out = await asyncio.gather(
            server_findings(self._cluster, change, plan_only=self._plan_only),
            ejected(self._cluster, mesh, change, sample),
        )
        findings = (
            *found,
            *cautions,
            *out,
            *deletion(raw),
            *owners(raw),
            *other_writer(raw, change.target, self._journal),
            *_stranding(mesh, change),
            *harm(mesh, change, sample, self._limits),
            *rolled_back(self._journal, mesh, change),
            *fault_findings(mesh, change),
            *mirror_findings(mesh, change, sample, self._limits),
            *retry_findings(change),
            *open_connections(change),
            *shared_hosts(mesh, change),
            *ambient_findings(mesh, change),
            *stops_inheriting(change),
            *ejecting_none(mesh, mesh_after(mesh, change), change),
            *passed_by(mesh, change),
            *bypassed(mesh_after(mesh, change), change, _callers(change.service, sample)),
        )
        return Plan(change, findings, blast_radius(change, _rate(mesh, change, sample)))

    async def _fresh(self, mesh: Mesh, ref: Ref) -> Mesh:
        """The mesh with this one object as it is at this moment."""
        return with_object(mesh, await read_raw(self._cluster, ref), ref.kind)


def _stranding(mesh: Mesh, change: Change) -> tuple[Caution, ...]:
    """What a change sends where nobody answers, by itself or through what it takes away."""
    found = stranding(mesh, change)
    seen = consequences(mesh, mesh_after(mesh, change), change)
    known = any(finding.level == "danger" for finding in found)
    return found if known else (*found, *seen)


def _percents(located: Located, rule: Mapping[str, Any]) -> dict[str, float]:
    """By label what each destination had of a rule's traffic."""
    total = sum(one["weight"] for one in rule["destinations"])
    found: dict[str, float] = {}
    for one in rule["destinations"]:
        label = label_of(located, one["host"], one["subset"] or "")
        found[label] = found.get(label, 0.0) + 100 * one["weight"] / total
    return found


def _in_doubt(entry: Entry) -> tuple[Caution, ...]:
    """The parts of which nobody knows whether they are in: an undo leaves them as they are."""
    settled = (*TOOK_EFFECT, Status.FAILED, Status.QUEUED)
    return tuple(
        Caution("warning", f"{part.target} is left as it is: not known whether it was changed")
        for part in entry.parts
        if part.status not in settled
    )


def with_callers(mesh: Mesh, target: Target, sample: Sample | None) -> Target:
    """The target with the callers that telemetry names."""
    if sample is None:
        return target
    key = resolve_service(mesh, target.service.name, target.service.namespace).key
    return replace(target, callers=sample.clients.get(key))


def _callers(key: ServiceKey, sample: Sample | None) -> frozenset[tuple[str, str]]:
    """Those that telemetry names; none where it names none."""
    return (sample.clients.get(key) if sample else None) or frozenset()


def _rate(mesh: Mesh, change: Change, sample: Sample | None) -> float | None:
    """What callers of the route's host send, wherever the rule sends it to."""
    if sample is None or sample.window_s <= 0:
        return None
    hosts = (d["host"] for d in change.before.get("destinations", ()))
    keys = dict.fromkeys((change.service, *(owner_of(mesh, host) for host in hosts)))
    if of_connections(change):
        opened = [one.opened_s for t, one in sample.connections.items() if t.service in keys]
        return sum(opened) if sample.connections else None
    totals = (sample.caller_totals.get(key) for key in keys if key is not None)
    return sum(total.rps for total in totals if total)
