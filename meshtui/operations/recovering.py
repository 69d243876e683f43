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
    whole = entry.patch[0] if entry.patch and entry.patch[0]["path"] == "" else None
    if whole is None:
        return Status.UNKNOWN, "its object is gone"
    made = whole["op"] == "add"
    return (Status.FAILED, "it was not written") if made else (Status.WRITTEN, "it was written")


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
    if not undo_operations(entry.record, spec)[1]:
        return Status.WRITTEN, "it was written, and something else changed since"
    if _as_before(entry, spec):
        return Status.FAILED, "it was not written; something else changed since"
    return Status.UNKNOWN, "the object changed since: look at it (`meshtui services`)"


def _as_before(entry: Entry, spec: Json) -> bool:
    """True where each place that the patch replaces still holds what it held."""
    return all(
        _at(spec, operation["path"]) == _at(entry.spec_before, operation["path"])
        for operation in entry.patch
    )


def _at(spec: Json, path: str) -> object:
    document = {"spec": spec}
    return value_at(document, path) if exists(document, path) else None
