"""States that stand until a change is certain: what the screen shows, sample by sample.

One window of few requests says now this and now that. A line enters a worse state by the interval
of its ratio, and leaves it only when what was counted since excludes that it still holds: see
`mesh.standing`. A line with which all is well costs no more than a look at it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from meshtui.mesh.judging import state_by
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.service_lines import ServiceLines, Windows
from meshtui.mesh.signals import Sample
from meshtui.mesh.standing import POOLED_S, Span
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.view import ServiceWork


@dataclass(slots=True)
class SteadyStates:
    """Give it the services of each sample; it gives them the states that stand still."""

    _spans: deque[Span] = field(default_factory=deque)
    _services: dict[ServiceKey, ServiceLines] = field(default_factory=dict)
    _sampled: float = 0.0

    def settled(
        self, works: Iterable[ServiceWork], sample: Sample | None, limits: Thresholds
    ) -> Iterator[ServiceWork]:
        """The same services with those states that are certain, each before the next one is asked
        for. A sample that is known counts once.
        """
        if sample is None or sample.window_s <= 0:
            return iter(works)
        if sample.time != self._sampled:
            return self._counted(works, sample, limits)
        return self._shown(works)

    def forget(self) -> None:
        """Another cluster."""
        self._spans.clear()
        self._services.clear()
        self._sampled = 0.0

    def _shown(self, works: Iterable[ServiceWork]) -> Iterator[ServiceWork]:
        services = self._services
        for work in works:
            lines = services.get(work.view.key)
            if lines is not None:
                lines.show(work)
            yield work

    def _counted(
        self, works: Iterable[ServiceWork], sample: Sample, limits: Thresholds
    ) -> Iterator[ServiceWork]:
        if sample.time < self._sampled:
            self.forget()
        self._sampled = sample.time
        newest = Span(sample.time - sample.window_s, sample.time)
        windows = self._disjoint(newest)
        before = self._services
        now = self._services = dict[ServiceKey, ServiceLines]()
        samples = len(self._spans)
        for work in works:
            key = work.view.key
            lines = now[key] = before.get(key) or ServiceLines()
            lines.count(work, samples, newest)
            judged = work.judged or [state_by(one, limits) for one in work.tallies]
            lines.follow(judged, windows, newest, limits)
            lines.show(work, counted=True)
            yield work

    def _disjoint(self, newest: Span) -> Windows:
        """The newest window and those before it that have no second in common, at most a minute."""
        spans, oldest = self._spans, newest.end - POOLED_S - 1e-6
        while spans and spans[0].begin < oldest:
            spans.popleft()
        spans.append(newest)
        found, begin = [0], newest.begin
        for ago, span in enumerate(reversed(spans)):
            if ago and span.end <= begin + 1e-6:
                found.append(ago)
                begin = span.begin
        return found
