"""The way back of a journaled change, on the object as it is now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meshtui.changes.adopt_by_route import SERVICE
from meshtui.changes.assemble import (
    creation,
    own_spec,
    policy_change,
    removal,
    rule_change,
    spec_of,
)
from meshtui.changes.change import Change
from meshtui.changes.locate import Located
from meshtui.changes.undo import place_of, undo_operations
from meshtui.errors import Conflict, NotFound, Refused
from meshtui.mesh import read
from meshtui.mesh.hosts import service_host
from meshtui.mesh.model import Destination, DestinationRule, Json, Mesh, Mirror, Ref, RuleOwner
from meshtui.mesh.routing import service_of
from meshtui.operations.change.written_objects import object_of, read_raw, with_object

if TYPE_CHECKING:
    from meshtui.journal import Entry
    from meshtui.kube.cluster import Cluster

VERB = "undo"


async def undo_change(cluster: Cluster, mesh: Mesh, entry: Entry) -> tuple[Change, Mesh]:
    """The change that takes `entry` back, and the mesh with the object as it is now.

    Raises `Conflict` with the three-way difference where somebody else touched the same place,
    `Refused` where there is nothing to take back.
    """
    refuse_undone(entry)
    whole = entry.inverse[0] if entry.inverse and entry.inverse[0]["path"] == "" else None
    if whole is not None and whole["op"] == "add":
        words = (f"{entry.target.kind} {entry.target.name} is made again",)
        return creation(entry.service, VERB, whole["value"], words, undoes=entry.id), mesh
    try:
        raw = await read_raw(cluster, entry.target)
    except NotFound as error:
        raise NotFound(f"{entry.target} is gone", "there is nothing to take back") from error
    mesh = with_object(mesh, raw, entry.target.kind)
    if entry.target.uid and read.text(read.obj(raw, "metadata"), "uid") != entry.target.uid:
        raise Conflict(f"{entry.target} was deleted and made anew since", "look at it first")
    if whole is not None:
        return _removal(mesh, entry, raw), mesh
    item = object_of(mesh, entry.target)
    if item is None:
        raise NotFound(f"{entry.target} is gone", "there is nothing to take back")
    return _patch(mesh, entry, item), mesh


def refuse_undone(entry: Entry) -> None:
    """Raises `Refused` where the change is not in the cluster, as far as the journal knows."""
    if entry.undone_by:
        raise Refused(f"change {entry.id} was taken back already, by {entry.undone_by}")
    if not entry.took_effect:
        raise Refused(f"change {entry.id} was never written ({entry.status})")


async def change_again(cluster: Cluster, mesh: Mesh, entry: Entry) -> tuple[Change, Mesh]:
    """A change that was taken back by somebody else, once more: the way back of its way back.

    Raises `Conflict` where what it changed is neither as it was before nor as it left it.
    """
    turned = replace(
        entry,
        inverse=entry.patch,
        spec_before=entry.spec_after,
        spec_after=entry.spec_before,
        spec_stored=None,
        undone_by="",
    )
    try:
        change, mesh = await undo_change(cluster, mesh, turned)
    except Conflict as error:
        raise Conflict(f"change {entry.id} can't be applied again as it was", error.hint) from error
    return replace(change, verb=entry.verb, undoes=entry.undoes), mesh


def _removal(mesh: Mesh, entry: Entry, raw: Json) -> Change:
    """Takes away an object that was made, as long as it is still as it was made.

    A Service that others send to by now stays: their requests would be answered 500.
    """
    kind = entry.target.kind
    if own_spec(kind, spec_of(raw)) != own_spec(kind, entry.spec_left):
        raise Conflict(
            f"{entry.target} was changed since it was made by {entry.id}",
            "undo those changes first, or delete it by hand",
        )
    if kind == SERVICE and (users := _sending_to(mesh, entry.target)):
        raise Refused(
            f"{entry.target} is not taken away: {', '.join(users)} sends to it",
            "take it out of there first",
        )
    words = (f"{entry.target.kind} {entry.target.name} is taken away",)
    return removal(entry.service, VERB, raw, words, undoes=entry.id)


def _sending_to(mesh: Mesh, target: Ref) -> tuple[str, ...]:
    """What has rules that send or copy requests to a Service."""
    host = service_host(target.namespace, target.name, mesh.settings.domain)
    owners: tuple[RuleOwner, ...] = (*mesh.virtual_services, *mesh.http_routes, *mesh.stream_routes)
    return tuple(
        str(owner.ref)
        for owner in owners
        if any(host in (*map(_host, r.destinations), *map(_host, r.mirrors)) for r in owner.rules)
    )


def _host(target: Destination | Mirror) -> str:
    return target.host


def _patch(mesh: Mesh, entry: Entry, item: RuleOwner | DestinationRule) -> Change:
    operations, differences = undo_operations(entry.record, spec_of(item.raw))
    if differences:
        summary = "; ".join(str(difference) for difference in differences)
        raise Conflict(
            f"change {entry.id} can't be taken back, somebody else touched the same place", summary
        )
    if isinstance(item, DestinationRule):
        return policy_change(item, entry.service, VERB, operations, undoes=entry.id)
    located = _located(mesh, entry, item)
    return rule_change(located, VERB, operations, undoes=entry.id)


def _located(mesh: Mesh, entry: Entry, vs: RuleOwner) -> Located:
    """The rule that the entry changed, or the one that stands in its place."""
    rules = [rule for rule in vs.rules if entry.rule and rule.place == entry.rule.protocol]
    if not rules or entry.rule is None:
        raise Conflict(f"{entry.target} has no rules any more", "look at it first")
    key = entry.service
    service = service_of(mesh, key)
    place = place_of(entry.rule, entry.spec_after, spec_of(vs.raw))
    index = entry.rule.index if place is None else place
    return Located(mesh, service, vs, rules[min(index, len(rules) - 1)])
