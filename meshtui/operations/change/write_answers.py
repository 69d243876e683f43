"""What an answer to a write is worth: the object is read before an outcome is settled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import field
from typing import TYPE_CHECKING

from meshtui.changes.assemble import spec_of
from meshtui.changes.change import Change
from meshtui.dataclass import dataclass
from meshtui.errors import Conflict, MeshtuiError, NotFound, Unreachable
from meshtui.journal import Status
from meshtui.kube.failures import Unanswered
from meshtui.mesh.model import Json
from meshtui.operations.change.judge import UNTOUCHED, Meant, covers, judge, judge_absence
from meshtui.operations.change.writers import wrote_since
from meshtui.operations.change.written_objects import gone, read_raw

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

ON_ITS_WAY_S = 60.0
"""How long a write may take to be stored: an API server gives a request up after a minute."""

PAUSES_S = (0.0, 0.3, 0.7, 1.5)
"""Between the looks at an object whose write had no answer; it often comes a moment later."""


@dataclass(frozen=True, slots=True)
class WriteEvidence:
    """What the object says of a write: WRITTEN, FAILED, UNKNOWN or UNANSWERED, and why.

    `object` is the one that is there; a stand-in where it is gone. `alone`: it is what was
    written, and what the server added to that, and nobody's later change.
    """

    status: Status
    words: str
    object: Json = field(default_factory=dict, repr=False)
    alone: bool = False

    @property
    def untouched(self) -> bool:
        """True where the object is as it was planned on."""
        return (self.status, self.words) == UNTOUCHED

    @property
    def spec(self) -> Json | None:
        """What was stored by the change; None where that can't be told."""
        return spec_of(self.object) if self.alone else None


async def read_evidence(cluster: Cluster, meant: Meant) -> WriteEvidence:
    """Reads the object and judges. Raises where it can't be read."""
    try:
        raw = await read_raw(cluster, meant.target)
    except NotFound:
        return WriteEvidence(*judge_absence(meant), gone(meant.target))
    status, words = judge(meant, raw)
    alone = status is Status.WRITTEN and covers(spec_of(raw), meant.spec_after)
    return WriteEvidence(status, words, raw, alone)


async def settle_by_object(
    cluster: Cluster,
    change: Change,
    error: MeshtuiError,
    began: float,
    pause: Callable[[float], Awaitable[None]],
) -> WriteEvidence:
    """What became of a write that was answered with `error`, begun at `began` (epoch seconds).

    Most errors say truly that nothing was written; a lost answer and one to a request that was
    sent twice on its way do not.
    """
    if isinstance(error, Unanswered):
        return await _without_answer(cluster, change, pause)
    if isinstance(error, Conflict) or (isinstance(error, NotFound) and change.action == "delete"):
        return await _answered_twice(cluster, change, error, began)
    return WriteEvidence(Status.FAILED, str(error))


async def _without_answer(
    cluster: Cluster, change: Change, pause: Callable[[float], Awaitable[None]]
) -> WriteEvidence:
    found = WriteEvidence(Status.UNANSWERED, "its object can't be read")
    for seconds in PAUSES_S:
        if seconds:
            await pause(seconds)
        try:
            found = await read_evidence(cluster, change)
        except MeshtuiError:
            continue
        if not found.untouched:
            return found
    if found.untouched:
        return WriteEvidence(Status.UNANSWERED, "it is not in so far, and may come")
    return found


async def _answered_twice(
    cluster: Cluster, change: Change, error: MeshtuiError, began: float
) -> WriteEvidence:
    """A conflict is with oneself where a request was stored and sent once more on its way."""
    try:
        found = await read_evidence(cluster, change)
    except MeshtuiError:
        return WriteEvidence(Status.UNANSWERED, f"{error}; its object can't be read")
    if found.status is Status.WRITTEN and wrote_since(found.object, began):
        return found
    return WriteEvidence(Status.FAILED, str(error))


def as_found(error: MeshtuiError, found: WriteEvidence) -> MeshtuiError:
    """The error of a write that is not in, or not known to be, with what its object says."""
    if not isinstance(error, Unanswered) and found.status is Status.FAILED:
        return error
    if found.status is Status.UNANSWERED:
        hint = f"{found.words}; look before trying again"
        return Unanswered(error.what, hint)
    if found.status is Status.UNKNOWN:
        return Unanswered(error.what, found.words)
    return Unreachable(error.what, f"{found.words}: look, and try again")
