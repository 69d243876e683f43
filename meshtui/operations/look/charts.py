"""A service's signals over time beside the changes made to it: cause and effect in one picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING, Protocol

from meshtui.dataclass import dataclass
from meshtui.errors import MeshtuiError
from meshtui.mesh.courses import Named, by_telemetry
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.time_series import (
    Course,
    Grid,
    Past,
    Stretch,
    added,
    extended,
    grid,
    joined,
    within,
)
from meshtui.metrics.source import PastSource

if TYPE_CHECKING:
    from meshtui.journal import MadeChange
    from meshtui.metrics.sample_history import SampleHistory
    from meshtui.metrics.source import MetricsSource

ASKED_AGAIN = 2
"""Points at the end of a known past that are asked for again: scrapes may have been under way."""


MOST_BESIDE = 6
"""Other services behind one rule that are asked for their past."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A change, at the second it was made. `words` say what it did."""

    at: float
    verb: str
    words: str
    who: str


@dataclass(frozen=True, slots=True)
class Picture:
    """What a chart shows; times are seconds since the epoch.

    `source` is who remembers the time up to `past_end`, empty where it is only what was seen from
    here, which begins at `seen_since`. `newest` is the time of the newest number of all, which
    is no news any more when it is older than `late_s` seconds.
    """

    service: ServiceKey
    grid: Grid
    courses: Mapping[str, Course] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()
    marks_trouble: str = ""
    thresholds: Thresholds = field(default_factory=Thresholds)
    source: str = ""
    past_end: float | None = None
    seen_since: float | None = None
    newest: float | None = None
    overdue_s: float = 10.0
    unsure: bool = False
    """Of 401s in the source's past it is not known whether proxies gave them."""


def _with(past: Past, beside: Past) -> Past:
    """With the courses of which another service is asked."""
    courses = {**beside.courses, **past.courses}
    for name in beside.courses.keys() & past.courses.keys():
        courses[name] = added(beside.courses[name], past.courses[name])
    return replace(past, courses=courses, unsure=past.unsure or beside.unsure)


class Charting(Protocol):
    """What the charts ask for."""

    def picture(self, service: ServiceKey, range_s: float, cells: int, now: float) -> Picture:
        """What is known by now, `cells` terminal cells wide. Waits for nothing, never raises."""
        ...

    async def read_past(self, service: ServiceKey, range_s: float, cells: int, now: float) -> None:
        """Ask the source for its past; the next picture has it. Raises `MeshtuiError`."""
        ...


class ChartHistory:
    """Keeps the past of the service that was asked for last."""

    def __init__(
        self,
        seen: SampleHistory,
        source: MetricsSource,
        made: Callable[[ServiceKey, float], tuple[MadeChange, ...]],
        thresholds: Thresholds,
        overdue_s: float = 10.0,
        named: Callable[[ServiceKey], Named] = lambda _: by_telemetry,
        beside: Callable[[ServiceKey], Iterable[ServiceKey]] = lambda _: (),
    ) -> None:
        """`named` gives the names of a service's courses, which what was seen has already;
        `beside` the other services that count some of them."""
        self._named = named
        self._beside = beside
        self._seen = seen
        self._source = source
        self._made = made
        self._thresholds = thresholds
        self._overdue_s = overdue_s
        self._asked: tuple[ServiceKey, float, int] | None = None
        self._past: Past | None = None

    def picture(self, service: ServiceKey, range_s: float, cells: int, now: float) -> Picture:
        columns = grid(range_s, cells, now)
        past = self._past_of(service)
        seen = self._seen.courses(service, past.courses if past else ())
        courses = joined(past, seen) if past else seen
        shown = {v: within(course, columns.begin, columns.end) for v, course in courses.items()}
        ends = [course[-1].at for course in courses.values() if course]
        marks, trouble = self._marks(service, columns)
        return Picture(
            service=service,
            grid=columns,
            courses={version: course for version, course in shown.items() if course},
            marks=marks,
            marks_trouble=trouble,
            thresholds=self._thresholds,
            source=past.source if past else "",
            past_end=past.end if past else None,
            seen_since=self._seen.since,
            newest=max([*ends, *([self._seen.newest] if self._seen.newest else [])], default=None),
            overdue_s=self._overdue_s,
            unsure=past is not None and past.unsure,
        )

    async def read_past(self, service: ServiceKey, range_s: float, cells: int, now: float) -> None:
        """Only what is new, where the past of this service is known in these steps."""
        source = self._source
        if not isinstance(source, PastSource):
            return
        columns = grid(range_s, cells, now)
        asked, begin = (service, range_s, cells), columns.begin - columns.step_s
        known = self._past if asked == self._asked else None
        wanted = max(begin, known.end - ASKED_AGAIN * known.step_s) if known else begin
        stretch, named = Stretch(wanted, columns.step_s), self._named(service)
        found = await source.past(service, stretch, named)
        if found is None:
            return
        for other in sorted(self._beside(service))[:MOST_BESIDE]:
            beside = await source.past(other, stretch, named)
            found = _with(found, beside) if beside is not None else found
        if known is not None and known.step_s == found.step_s:
            found = extended(known, found, begin)
        self._asked, self._past = asked, found

    def _past_of(self, service: ServiceKey) -> Past | None:
        return self._past if self._asked is not None and self._asked[0] == service else None

    def _marks(self, service: ServiceKey, columns: Grid) -> tuple[tuple[Mark, ...], str]:
        """The changes that were made, the oldest first; why they are not known."""
        try:
            made = self._made(service, columns.begin)
        except MeshtuiError as error:
            return (), str(error)
        marks = (
            Mark(change.created, change.verb, "; ".join(change.words), change.who)
            for change in made
            if change.created < columns.end
        )
        return tuple(marks), ""
