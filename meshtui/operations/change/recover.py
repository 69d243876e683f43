"""What became of changes whose process died half-way: the object tells, or nobody can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from meshtui.errors import MeshtuiError
from meshtui.journal import Entry, Journal, Status
from meshtui.operations.change.judge import UNTOUCHED
from meshtui.operations.change.write_answers import ON_ITS_WAY_S, WriteEvidence, read_evidence

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster


async def recover(cluster: Cluster, journal: Journal) -> tuple[str, ...]:
    """Finds out about each interrupted change, journals it, and says it in a line each.

    An object that can't be read leaves the question open for the next start, and so does one
    that is as it was as long as a write without an answer may still come.
    """
    found = [(entry, await _found_out(cluster, journal, entry)) for entry in journal.interrupted()]
    alone = [_line(entry, detail) for entry, detail in found if not entry.part_of]
    wholes = dict.fromkeys(entry.part_of for entry, _ in found if entry.part_of)
    parts = {entry.id: detail for entry, detail in found}
    return (*alone, *(_whole_line(journal.get(whole), parts) for whole in wholes))


async def _found_out(cluster: Cluster, journal: Journal, entry: Entry) -> str:
    """Journals what became of the change and gives it in words."""
    try:
        found = await _outcome(cluster, entry, journal.age_s(entry))
    except MeshtuiError as error:
        return f"not known, its object can't be read: {error}"
    if found.status is not Status.UNANSWERED:
        journal.settle(entry.id, found.status, found.words, spec_stored=found.spec)
    return found.words


def _line(entry: Entry, detail: str) -> str:
    name = f"{entry.verb} {entry.service} ({entry.id}, {'; '.join(entry.words)})"
    return f"{name} was interrupted: {detail}"


def _whole_line(entry: Entry, details: Mapping[str, str]) -> str:
    """Of several objects: what became of each, and the way back where only some were changed."""
    summary = "; ".join(
        f"{part.target}: {details.get(part.id) or part.detail or 'it was written'}"
        for part in entry.parts
    )
    line = f"{entry.verb} {entry.service} ({entry.id}) was interrupted: {summary}"
    if not entry.took_effect or all(part.took_effect for part in entry.parts):
        return line
    return f"{line}; it is half done, `meshtui undo {entry.id}` takes back what was written"


async def _outcome(cluster: Cluster, entry: Entry, age_s: float) -> WriteEvidence:
    if entry.status is Status.QUEUED:
        return WriteEvidence(*UNTOUCHED)
    found = await read_evidence(cluster, entry)
    if entry.status is Status.UNANSWERED and found.untouched and age_s < ON_ITS_WAY_S:
        return replace(found, status=Status.UNANSWERED, words="it is not in so far, and may come")
    return found
