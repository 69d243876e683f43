"""How often a Prometheus scrapes, hence how far to look back and what is too old."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from statistics import median

from meshtui.dataclass import dataclass
from meshtui.metrics.prometheus_result import Point

SCRAPES_A_WINDOW = 4
SHORTEST_WINDOW_S = 15.0
"""As the sidecars' own, so that the numbers do not jump where the source changes."""

USUAL_INTERVAL_S = 30.0
"""Assumed where it cannot be seen, as behind a federation: the slowest that is common."""

ScrapeTarget = tuple[str, str]
"""The labels `job` and `instance`; empty where there are none."""


@dataclass(frozen=True, slots=True)
class Newest:
    """When the mesh was last scraped: by job, in seconds before `at` of the server's clock."""

    at: float
    ages: Mapping[ScrapeTarget, float]

    @property
    def age_s(self) -> float:
        return min(self.ages.values())

    @property
    def scraped_at(self) -> float:
        """When the last of all scrapes was, by the server's clock, to the millisecond."""
        return round(self.at - self.age_s, 3)

    @property
    def jobs(self) -> frozenset[str]:
        return frozenset(job for job, _ in self.ages)


def newest_of(points: Iterable[Point]) -> Newest | None:
    """From a vector whose values are times; None where it has none."""
    found = [
        (p.at, (p.labels.get("job", ""), p.labels.get("instance", "")), p.value)
        for p in points
        if math.isfinite(p.value)
    ]
    if not found:
        return None
    at = max(entry[0] for entry in found)
    return Newest(at, {target: max(0.0, at - time) for _, target, time in found})


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The scrape interval in seconds, and whether it was seen or is assumed."""

    interval_s: float
    seen: bool = True

    @property
    def window_s(self) -> float:
        """A multiple of the interval, so that a window begins and ends with a scrape."""
        scrapes = max(SCRAPES_A_WINDOW, math.ceil(SHORTEST_WINDOW_S / self.interval_s - 1e-6))
        return round(scrapes * self.interval_s, 3)

    @property
    def window(self) -> str:
        """The window as PromQL writes it."""
        return f"{round(self.window_s * 1000)}ms"

    @property
    def oldest_s(self) -> float:
        """Data older than this is stale."""
        return SCRAPES_A_WINDOW * self.interval_s


def rhythm_of(series: Iterable[tuple[float, ...]]) -> Rhythm | None:
    """The slowest of the targets' intervals; None where no target was scraped twice.

    The median of each, as scrapes are late and fail now and then.
    """
    found = [
        median(later - sooner for sooner, later in pairwise(times))
        for times in series
        if len(times) > 1
    ]
    # A tenth of a second is finer than anyone sets it, and coarser than scrapes are late.
    interval = round(max(found, default=0.0), 1)
    return Rhythm(interval) if interval > 0 else None


def covered(rhythm: Rhythm, end: float, before: float | None) -> bool:
    """Whether there was a scrape close to the beginning of the window that ends at `end`.

    `before` is when the last scrape before the window was. A Prometheus that has just been
    started, or was away for a while, would count the requests of another time than it says.
    """
    begin = end - rhythm.window_s
    return before is not None and begin - before <= 2 * rhythm.interval_s
