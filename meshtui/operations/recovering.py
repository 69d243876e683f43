"""What became of changes whose process died half-way: the object tells, or nobody can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtui.changes.patch import exists, value_at
from meshtui.changes.undo import undo_operations
from meshtui.errors import MeshtuiError, NotFound
from meshtui.journal import Entry, Journal, Status
from meshtui.mesh import read
from meshtui.mesh.model import Json
from meshtui.operations.objects import read_raw

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster


async def recover(cluster: Cluster, journal: Journal) -> tuple[str, ...]:
    """Finds out about each interrupted change, journals it, and says it in a line each.

    An object that can't be read leaves the question open for the next start.
    """
    lines = []
    for entry in journal.interrupted():
        try:
            status, detail = await _outcome(cluster, entry)
        except MeshtuiError as error:
            lines.append(
                f"unknown: {_name(entry)} was interrupted; its object can't be read: {error}"
            )
            continue
        journal.settle(entry.id, status, detail)
        lines.append(f"{_name(entry)} was interrupted: {detail}")
    return tuple(lines)


def _name(entry: Entry) -> str:
    return f"{entry.verb} {entry.service} ({entry.id}, {'; '.join(entry.words)})"


async def _outcome(cluster: Cluster, entry: Entry) -> tuple[Status, str]:
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
    unwritten, written = (_holds(entry, spec, s) for s in (entry.spec_before, entry.spec_after))
    if unwritten and not written:
        return Status.FAILED, "it was not written; something else changed since"
    followed = not unwritten and not undo_operations(entry.record, spec)[1]
    if followed or (written and not unwritten):
        return Status.WRITTEN, "it was written, and something else changed since"
    return Status.UNKNOWN, "the object changed since: look at it (`meshtui services`)"


def _holds(entry: Entry, spec: Json, known: Json) -> bool:
    """True where each place that the patch or its inverse names holds what it holds in `known`."""
    paths = (operation["path"] for operation in (*entry.patch, *entry.inverse))
    return all(_at(spec, path) == _at(known, path) for path in paths)


def _at(spec: Json, path: str) -> object:
    document = {"spec": spec}
    return value_at(document, path) if exists(document, path) else None
