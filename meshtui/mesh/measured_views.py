"""What the screen shows of each service, sample by sample and event by event.

A service is worked out once for one sample and one reading of its objects: between two samples an
event costs what its own services cost, and a look at what has not changed costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from meshtui.mesh.model import ServiceKey
from meshtui.mesh.own_past import OwnPast, judge_by
from meshtui.mesh.sample_order import Orders
from meshtui.mesh.signals import Sample, same_numbers
from meshtui.mesh.steady import SteadyStates
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.view import ServiceView, put_to

_Shown = tuple[ServiceView, ServiceView]
"""A service before anything is measured, and what it came to."""


class MeasuredViews:
    """Remembers the past of one cluster's services: how fast they were, and their states."""

    def __init__(self) -> None:
        self._past = OwnPast()
        self._steady = SteadyStates()
        self._orders = Orders()
        self._asked: tuple[Sample | None, Thresholds] | None = None
        self._services: tuple[ServiceView, ...] = ()
        self._shown: Mapping[ServiceKey, _Shown] = {}
        self._views: tuple[ServiceView, ...] = ()

    def of(
        self, services: tuple[ServiceView, ...], sample: Sample | None, limits: Thresholds
    ) -> tuple[ServiceView, ...]:
        """`services` with what `sample` says; the same tuple as long as both say the same."""
        asked = self._asked
        if asked is None or not same_numbers(asked[0], sample) or asked[1] != limits:
            self._asked, self._services, self._shown = (sample, limits), (), {}
        elif services is self._services:
            return self._views
        else:
            sample = asked[0]
        known = self._shown
        new = [one for one in services if not _is_known(known.get(one.key), one)]
        views = self._worked_out(new, sample, limits)
        found = dict(zip([one.key for one in new], zip(new, views, strict=True), strict=True))
        if len(found) < len(services):
            both = {**known, **found}
            found = {one.key: both[one.key] for one in services}
        self._shown = found
        self._services, self._views = services, tuple([view for _, view in found.values()])
        return self._views

    def _worked_out(
        self, services: Sequence[ServiceView], sample: Sample | None, limits: Thresholds
    ) -> tuple[ServiceView, ...]:
        if not services:
            return ()
        works = put_to(services, sample, limits, self._orders)
        works = self._past.judged(works, sample)
        works = self._steady.settled(works, sample, limits)
        return tuple([work.done() for work in works])


def _is_known(shown: _Shown | None, service: ServiceView) -> bool:
    return shown is not None and shown[0] is service


def looked_at(
    services: Iterable[ServiceView],
    sample: Sample | None,
    limits: Thresholds,
    before: Sample | None = None,
) -> tuple[ServiceView, ...]:
    """The services as one sample shows them; `before` is the hour before, where it is known."""
    known = tuple(services)
    works = [*put_to(known, sample, limits)]
    if before is not None and sample is not None and sample.window_s > 0:
        judge_by(works, [*put_to(known, before, limits)])
    return tuple([work.done() for work in works])
