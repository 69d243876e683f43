"""What the proxies themselves counted of the requests that rate limits refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from meshtui.dataclass import dataclass
from meshtui.mesh.model import Pod
from meshtui.mesh.ratelimits import EXTERNAL, RateLimit
from meshtui.mesh.service_limits import Limiting
from meshtui.operations.look.proxy_counters import Counters, counters_of

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

MOST_PODS = 20

_FILTER = (
    r"(local_rate_limit\.(.*\.)?(enforced|rate_limited)|ratelimit\.(.*\.)?(over_limit|error))$"
)
"""The counters of refused requests, and nothing else of a proxy's thousands."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What the proxies of one limit refused since they started.

    `each` is what the proxies count that keep the counter, by (namespace, pod). `unanswered` are
    questions that an external service did not answer. `silent` counts the proxies without the
    counter, `asked` all that were asked and `unasked` those that were not because there are too
    many; `troubles` says why some did not answer.
    """

    each: Mapping[tuple[str, str], int] = field(default_factory=dict)
    unanswered: int = 0
    silent: int = 0
    troubles: tuple[str, ...] = ()
    asked: int = 0
    unasked: int = 0

    @property
    def refused(self) -> int | None:
        """None where no proxy keeps the counter."""
        return sum(self.each.values()) if self.each else None


async def read_counters(cluster: Cluster, pods: Iterable[Pod]) -> tuple[Counters, ...]:
    """The counters of at most `MOST_PODS` proxies. Raises no `MeshtuiError`: each has its own."""
    return await counters_of(cluster, tuple(pods)[:MOST_PODS], _FILTER)


def tally(found: Limiting, counters: Iterable[Counters]) -> Tally:
    """What the proxies that a limit reaches counted of it."""
    reached = {(pod.namespace, pod.name) for pod in found.pods}
    own = [one for one in counters if (one.pod.namespace, one.pod.name) in reached]
    answered = [one.counts for one in own if not one.trouble]
    refused = {
        (one.pod.namespace, one.pod.name): _refused(one.counts, found.limit)
        for one in own
        if not one.trouble
    }
    known = {place: number for place, number in refused.items() if number is not None}
    return Tally(
        each=known,
        unanswered=sum(_unanswered(counts, found.limit) for counts in answered),
        silent=len(refused) - len(known),
        troubles=tuple(dict.fromkeys(one.trouble for one in own if one.trouble)),
        asked=len(own),
        unasked=len(reached) - len(own),
    )


def growth(before: Tally, after: Tally, seconds: float) -> float | None:
    """Refused per second between two readings, by the proxies that both know of.

    A proxy that started anew counts from 0.
    """
    pairs = [(before.each[p], number) for p, number in after.each.items() if p in before.each]
    if not pairs or seconds <= 0:
        return None
    return sum(now - then if now >= then else now for then, now in pairs) / seconds


def _refused(counts: Mapping[str, int], limit: RateLimit) -> int | None:
    """Refused requests; of a limit for connections, those that were closed."""
    if limit.kind == EXTERNAL:
        return _sum_of(counts, "over_limit")
    names = (
        f"{limit.stat_prefix}.http_local_rate_limit.enforced",
        f"local_rate_limit.{limit.stat_prefix}.rate_limited",
    )
    found = [counts[name] for name in names if name in counts]
    return sum(found) if found else None


def _unanswered(counts: Mapping[str, int], limit: RateLimit) -> int:
    return (_sum_of(counts, "error") or 0) if limit.kind == EXTERNAL else 0


def _sum_of(counts: Mapping[str, int], last: str) -> int | None:
    """`cluster.NAME.ratelimit.over_limit` of HTTP, `ratelimit.PREFIX.over_limit` of connections."""
    found = [
        number
        for name, number in counts.items()
        if name.endswith(f".ratelimit.{last}")
        or (name.startswith("ratelimit.") and name.endswith(f".{last}"))
    ]
    return sum(found) if found else None
