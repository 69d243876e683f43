"""From a request to a plan: the change on the object as it is now, and what to know before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from meshtui.changes.build import build_change, change_of
from meshtui.changes.change import Change, Finding, Plan, Request, Rollback, Target
from meshtui.changes.checks import blast_radius, fault_findings, owners, stranding
from meshtui.changes.locate import Located, label_of, locate, resolve_service
from meshtui.changes.shape import rule_json
from meshtui.changes.stable import Stable, Step, stable_version
from meshtui.changes.undo import undo_operations
from meshtui.errors import Conflict, NotAllowed, NotFound, Refused
from meshtui.mesh.model import Json, Mesh, Ref, Rule, ServiceKey, VirtualService
from meshtui.mesh.parse_rules import parse_virtual_service
from meshtui.mesh.signals import Sample

if TYPE_CHECKING:
    from meshtui.journal import Entry, Journal
    from meshtui.kube.cluster import Cluster


class Planner:
    """Plans on the newest state of the object, and asks the API server what it thinks of it."""

    def __init__(
        self,
        cluster: Cluster,
        journal: Journal | None,
        stable: Mapping[str, str] | None = None,
        *,
        look_only: bool = False,
    ) -> None:
        """`stable` is what the config says; `look_only`: a missing right is told, not raised."""
        self._cluster = cluster
        self._journal = journal
        self._stable = stable or {}
        self._look_only = look_only

    async def plan(
        self, mesh: Mesh, request: Request, target: Target, sample: Sample | None
    ) -> Plan:
        """Raises `NotAllowed`, `Conflict`, `Refused` or `NotFound`; nothing is written."""
        mesh = await self._fresh(mesh, locate(mesh, target).virtual_service.ref)
        why: tuple[Finding, ...] = ()
        if isinstance(request, Rollback) and not request.stable:
            request, why = self._with_stable(locate(mesh, target), request)
        change = build_change(mesh, request, target)
        return await self._checked(mesh, change, sample, why)

    async def plan_undo(self, mesh: Mesh, entry: Entry, sample: Sample | None) -> Plan:
        """The way back of a journaled change, on the object as it is now."""
        if entry.undone_by:
            raise Refused(f"change {entry.id} was taken back already, by {entry.undone_by}")
        if not entry.took_effect:
            raise Refused(f"change {entry.id} was never written ({entry.status})")
        mesh = await self._fresh(mesh, entry.target)
        located = _located_for_undo(mesh, entry)
        operations, differences = undo_operations(
            entry.record, dict(located.virtual_service.raw.get("spec") or {})
        )
        if differences:
            told = "; ".join(str(difference) for difference in differences[:5])
            raise Conflict(
                f"change {entry.id} can't be taken back, somebody else touched the same place",
                told,
            )
        change = change_of(located, "undo", operations, undoes=entry.id)
        found = (Finding("info", f"takes back {entry.verb} {entry.id}: {'; '.join(entry.words)}"),)
        return await self._checked(mesh, change, sample, found)

    async def _fresh(self, mesh: Mesh, ref: Ref) -> Mesh:
        """The mesh with this one VirtualService as it is at this moment."""
        from meshtui.kube.objects import get_object
        from meshtui.kube.resources import VIRTUAL_SERVICES

        raw = await get_object(self._cluster, VIRTUAL_SERVICES, ref.namespace, ref.name)
        return with_virtual_service(mesh, parse_virtual_service(raw))

    def _with_stable(
        self, located: Located, request: Rollback
    ) -> tuple[Rollback, tuple[Finding, ...]]:
        key = located.service.key
        configured = self._stable.get(str(key)) or self._stable.get(key.name)
        if configured:
            label, why = configured, "the config says so"
        else:
            found = stable_version(rule_json(located.rule), self._history(located))
            if found is None:
                raise Refused(f"rule {located.rule.title} of {key} has no traffic to bring back")
            label, why = label_of(located, found.host, found.subset), _why(found)
        finding = Finding("info", f"{label} is taken for stable: {why}")
        return Rollback(label, why), (finding,)

    def _history(self, located: Located) -> Iterable[Step]:
        if self._journal is None:
            return ()
        ref, rule = located.virtual_service.ref, located.rule
        return (
            Step(entry.before, entry.after, entry.id)
            for entry in self._journal.entries(service=located.service.key)
            if entry.took_effect and entry.target.uid == ref.uid and _same_rule(entry, rule)
        )

    async def _checked(
        self, mesh: Mesh, change: Change, sample: Sample | None, found: tuple[Finding, ...]
    ) -> Plan:
        if change.empty:
            return Plan(change, found)
        raw = _raw(mesh, change.target)
        found += await self._asked_the_server(change)
        findings = (*found, *owners(raw), *stranding(mesh, change), *fault_findings(change))
        return Plan(change, findings, blast_radius(change, _rate(change.service, sample)))

    async def _asked_the_server(self, change: Change) -> tuple[Finding, ...]:
        """The rights and a server-side dry run, which sees schema and admission."""
        try:
            await self._refuse_without_right(change)
            await send_patch(self._cluster, change, dry_run=True)
        except NotAllowed as error:
            if not self._look_only:
                raise
            return (Finding("warning", str(error)),)
        return ()

    async def _refuse_without_right(self, change: Change) -> None:
        from meshtui.kube.access import allowed
        from meshtui.kube.resources import VIRTUAL_SERVICES

        if self._cluster.read_only:
            raise NotAllowed("meshtui runs read-only", "start it without --read-only")
        target = change.target
        if not await allowed(
            self._cluster, "patch", VIRTUAL_SERVICES, target.namespace, target.name
        ):
            raise NotAllowed(
                f"you may not patch virtualservices in namespace {target.namespace}",
                f"ask for that right, or use another context than {self._cluster.context}",
            )


async def send_patch(cluster: Cluster, change: Change, *, dry_run: bool) -> Json:
    """The change's patch, put on the version it was planned on."""
    from meshtui.kube.objects import patch_json
    from meshtui.kube.resources import VIRTUAL_SERVICES

    return await patch_json(
        cluster,
        VIRTUAL_SERVICES,
        change.target.namespace,
        change.target.name,
        list(change.patch),
        resource_version=change.resource_version,
        dry_run=dry_run,
    )


def with_virtual_service(mesh: Mesh, service: VirtualService) -> Mesh:
    """`mesh` with `service` in the place of the one that has its name."""
    name = (service.ref.namespace, service.ref.name)
    others = [vs for vs in mesh.virtual_services if (vs.ref.namespace, vs.ref.name) != name]
    ordered = sorted([*others, service], key=lambda vs: (vs.ref.namespace, vs.ref.name))
    return replace(mesh, virtual_services=tuple(ordered))


def _located_for_undo(mesh: Mesh, entry: Entry) -> Located:
    """The rule that the entry changed; the object must be the one it changed."""
    for vs in mesh.virtual_services:
        if (vs.ref.namespace, vs.ref.name) == (entry.target.namespace, entry.target.name):
            break
    else:
        raise NotFound(f"{entry.target} is gone", "there is nothing to take back")
    if entry.target.uid and vs.ref.uid != entry.target.uid:
        raise Conflict(f"{entry.target} was deleted and made anew since", "look at it first")
    rules = [rule for rule in vs.rules if entry.rule and rule.protocol == entry.rule.protocol]
    if not rules or entry.rule is None:
        raise Conflict(f"{entry.target} has no rules any more", "look at it first")
    rule = rules[min(entry.rule.index, len(rules) - 1)]
    service = resolve_service(mesh, entry.service.name, entry.service.namespace)
    return Located(mesh, service, vs, rule)


def _raw(mesh: Mesh, ref: Ref) -> Json:
    return next((vs.raw for vs in mesh.virtual_services if vs.ref == ref), {})


def _same_rule(entry: Entry, rule: Rule) -> bool:
    """By name where it has one, else by place."""
    if entry.rule is None:
        return False
    return entry.rule.name == rule.name if rule.name else entry.rule.index == rule.index


def _rate(key: ServiceKey, sample: Sample | None) -> float | None:
    if sample is None or sample.window_s <= 0:
        return None
    total = sample.caller_totals.get(key)
    return total.rps if total else 0.0


def _why(stable: Stable) -> str:
    return f"it {stable.why}"
