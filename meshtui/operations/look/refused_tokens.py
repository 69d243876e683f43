"""Which 401s the proxies gave, by their access logs: no counter of theirs tells.

Envoy's JWT filter sets no flag and istiod has the proxies keep no counter of what it refuses. What
they log has Envoy's details, which name the filter, or say that the program answered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from meshtui.dataclass import dataclass
from meshtui.envoy.accesslog import AccessRecord, is_unknown_format, parse_line
from meshtui.errors import MeshtuiError, NotAllowed
from meshtui.mesh.model import Mesh, Pod
from meshtui.mesh.signals import Sample
from meshtui.mesh.undecided import UNAUTHORIZED, Workload, undecided_tokens
from meshtui.metrics.denied import with_logged_tokens
from meshtui.operations.logs.formats import formats_of, not_logged

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

FRESH_S = 10.0
MOST_WORKLOADS, MOST_PODS = 8, 3
"""Of which logs are read at one time, and how many of each one's pods."""

DEADLINE_S = 2.0
"""What a sample waits for the logs; those that come later count in the next one."""

LINES = 500
_FILTER = "jwt_authn_access_denied"


@dataclass(frozen=True, slots=True)
class Logged:
    """What part of a workload's 401s its proxies gave; None and why where that is not known."""

    part: float | None
    why: str = ""


class LoggedTokens:
    """A supplement to a source of golden signals; what was read lately is not read again."""

    def __init__(self, cluster: Cluster, clock: Callable[[], float] = time.monotonic) -> None:
        self._cluster = cluster
        self._clock = clock
        self._known: dict[Workload, tuple[float, Logged]] = {}

    async def __call__(self, mesh: Mesh, sample: Sample) -> Sample:
        wanted = undecided_tokens(mesh, sample)
        if not wanted:
            self._known.clear()
            return sample
        now = self._clock()
        self._known = {w: known for w, known in self._known.items() if w in wanted}
        old = [w for w in wanted if w not in self._known or now - self._known[w][0] >= FRESH_S]
        # What was read longest ago has its turn first.
        old.sort(key=lambda workload: self._known[workload][0] if workload in self._known else 0.0)
        turn = old[:MOST_WORKLOADS]
        found = await asyncio.gather(*(self._read(mesh, w, wanted[w]) for w in turn))
        self._known.update({w: (now, one) for w, one in zip(turn, found, strict=True)})
        logged = {workload: one for workload, (_, one) in self._known.items()}
        parts = {w: one.part for w, one in logged.items() if one.part is not None}
        unsaid = {w: logged[w].why if w in logged else _LATER for w in wanted if w not in parts}
        return with_logged_tokens(sample, parts, unsaid)

    async def _read(self, mesh: Mesh, workload: Workload, pods: tuple[Pod, ...]) -> Logged:
        from meshtui.operations.look.evidence import log_lines

        off = not_logged(mesh, pods)
        if off:
            return Logged(None, off.partition(":")[0])
        few = pods[:MOST_PODS]
        each = await asyncio.gather(
            *(log_lines(self._cluster, pod, LINES, DEADLINE_S) for pod in few)
        )
        formats = formats_of(mesh, few)
        records, unknown = [], 0
        for pod, (lines, _) in zip(few, each, strict=True):
            for line in lines:
                record = parse_line(line, formats)
                if record is None:
                    unknown += is_unknown_format(line, formats)
                elif pod.gateway or record.came_to(pod.ip):
                    records.append(record)
        troubles = [trouble for _, trouble in each if trouble]
        return judged(records, unknown, troubles)


def judged(
    records: Iterable[AccessRecord], unknown: int, troubles: Iterable[MeshtuiError]
) -> Logged:
    """By the 401s of a log whose details tell who answered."""
    known = [one for one in records if str(one.code) == UNAUTHORIZED and not one.flags]
    told = [one for one in known if one.details]
    if told:
        refused = sum(one.details.startswith(_FILTER) for one in told)
        return Logged(refused / len(told))
    trouble = next(iter(troubles), None)
    if isinstance(trouble, NotAllowed):
        return Logged(None, "pods/log may not be read")
    if trouble is not None:
        return Logged(None, trouble.what)
    if known:
        return Logged(None, "the access log has no response code details")
    if unknown:
        return Logged(None, "the access log is in a format that is not known")
    return Logged(None, "the access log has no such answer")


_LATER = "the access logs of others are read first"
