"""What became of changes whose process died half-way: the object tells, or nobody can."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from meshtui.changes.change import RuleRef
from meshtui.changes.locate import whole_rule
from meshtui.changes.patch import exists, pointer, tokens, value_at
from meshtui.changes.undo import identity, place_of
from meshtui.errors import MeshtuiError, NotFound
from meshtui.journal import Entry, Journal, Status
from meshtui.mesh import read
from meshtui.mesh.model import Json
from meshtui.mesh.parse_rules import PROTOCOLS
from meshtui.operations.change.objects import read_raw

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster


async def recover(cluster: Cluster, journal: Journal) -> tuple[str, ...]:
    """Finds out about each interrupted change, journals it, and says it in a line each.

    An object that can't be read leaves the question open for the next start.
    """
    found = [(entry, await _found_out(cluster, journal, entry)) for entry in journal.interrupted()]
    alone = [_line(entry, detail) for entry, detail in found if not entry.part_of]
    wholes = dict.fromkeys(entry.part_of for entry, _ in found if entry.part_of)
    parts = {entry.id: detail for entry, detail in found}
    return (*alone, *(_whole_line(journal.get(whole), parts) for whole in wholes))


async def _found_out(cluster: Cluster, journal: Journal, entry: Entry) -> str:
    """Journals what became of the change and gives it in words."""
    try:
        status, detail = await _outcome(cluster, entry)
    except MeshtuiError as error:
        return f"not known, its object can't be read: {error}"
    journal.settle(entry.id, status, detail)
    return detail


def _line(entry: Entry, detail: str) -> str:
    name = f"{entry.verb} {entry.service} ({entry.id}, {'; '.join(entry.words)})"
    return f"{name} was interrupted: {detail}"


def _whole_line(entry: Entry, details: Mapping[str, str]) -> str:
    """Of several objects: what became of each, and the way back where only some were changed."""
    told = "; ".join(
        f"{part.target}: {details.get(part.id) or part.detail or 'it was written'}"
        for part in entry.parts
    )
    line = f"{entry.verb} {entry.service} ({entry.id}) was interrupted: {told}"
    if not entry.took_effect or all(part.took_effect for part in entry.parts):
        return line
    return f"{line}; it is half done, `meshtui undo {entry.id}` takes back what was written"


async def _outcome(cluster: Cluster, entry: Entry) -> tuple[Status, str]:
    if entry.status is Status.QUEUED:
        return Status.FAILED, "it was not written"
    try:
        raw = await read_raw(cluster, entry.target)
    except NotFound:
        return _absent(entry)
    return judge(entry, raw)


def _absent(entry: Entry) -> tuple[Status, str]:
    """No such object: that is what a removal was for, and how it was before a creation."""
    action = _whole(entry)
    if not action:
        return Status.UNKNOWN, "its object is gone"
    if action == "add":
        return Status.FAILED, "it was not written"
    return Status.WRITTEN, "it was written"


def _whole(entry: Entry) -> str:
    """ "add" or "remove" where the change makes or takes away its whole object."""
    whole = entry.patch and entry.patch[0]["path"] == ""
    return str(entry.patch[0]["op"]) if whole else ""


def judge(entry: Entry, raw: Json) -> tuple[Status, str]:
    """Whether an interrupted change was written, from the object as it is now."""
    meta, spec = read.obj(raw, "metadata"), dict(read.obj(raw, "spec"))
    if not entry.target.uid:
        made = spec == entry.spec_after
        told = "it was written" if made else "an object of that name is there, and another one"
        return (Status.WRITTEN if made else Status.UNKNOWN), told
    if read.text(meta, "uid") != entry.target.uid:
        return Status.UNKNOWN, "its object was made anew since"
    if read.text(meta, "resourceVersion") == entry.resource_version:
        return Status.FAILED, "it was not written"
    if spec == entry.spec_after:
        return Status.WRITTEN, "it was written"
    if spec == entry.spec_before:
        return Status.FAILED, "it was not written, or was taken back since"
    if _whole(entry):
        return Status.FAILED, "it was not written; something else changed since"
    return _judge_by_places(entry, spec)


def _judge_by_places(entry: Entry, spec: Json) -> tuple[Status, str]:
    """Somebody else wrote too: the places that the patch means tell, or nobody can."""
    holds = _has_rules if any(map(whole_rule, entry.patch)) else _has_places
    unwritten, written = (holds(entry, spec, s) for s in (entry.spec_before, entry.spec_after))
    if unwritten and not written:
        return Status.FAILED, "it was not written; something else changed since"
    if written and not unwritten:
        return Status.WRITTEN, "it was written, and something else changed since"
    return Status.UNKNOWN, "the object changed since: look at it (`meshtui services`)"


def _has_rules(entry: Entry, spec: Json, known: Json) -> bool:
    """True where the rules that are put in or taken away are there as often as in `known`."""
    for operation in (*entry.patch, *entry.inverse):
        rule = whole_rule(operation)
        if rule and operation["op"] == "add":
            mine = identity(operation["value"])
            now, then = ([identity(r) for r in read.items(s, rule[0])] for s in (spec, known))
            if now.count(mine) != then.count(mine):
                return False
    return True


def _has_places(entry: Entry, spec: Json, known: Json) -> bool:
    """True where each place that the patch or its inverse names holds what it holds in `known`.

    A rule that stands elsewhere by now is followed there.
    """
    for operation in (*entry.patch, *entry.inverse):
        path = operation["path"]
        followed = _followed(path, spec, known)
        if followed is None or _at(spec, followed) != _at(known, path):
            return False
    return True


def _followed(path: str, spec: Json, known: Json) -> str | None:
    """Where in `spec` the place is that `path` is in `known`; None where that is in doubt."""
    steps = tokens(path)
    if len(steps) < 4 or steps[1] not in PROTOCOLS or not steps[2].isdigit():
        return path
    index = int(steps[2])
    rules = read.items(known, steps[1])
    name = read.text(rules[index], "name") if index < len(rules) else ""
    place = place_of(RuleRef(name, index, steps[1]), known, spec)
    return None if place is None else pointer(*steps[:2], place, *steps[3:])


def _at(spec: Json, path: str) -> object:
    document = {"spec": spec}
    return value_at(document, path) if exists(document, path) else None
