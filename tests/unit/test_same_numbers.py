"""A sample that says the same again: nothing is asked, judged or sorted for it a second time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from meshtui.mesh.measured_views import MeasuredViews
from meshtui.mesh.model import Mesh
from meshtui.mesh.signals import Sample, same_numbers
from meshtui.mesh.structure import Structure
from meshtui.mesh.thresholds import Thresholds
from meshtui.ui.table.lineid import LineId
from meshtui.ui.table.order import CalmOrder, Sort
from meshtui.ui.table.sparklines import History
from tests.ui import bookinfo
from tests.unit.fake_prometheus import Fake, bucket_rows, requests_row, serving
from tests.unit.test_metrics_prometheus_source import Clock, source_of


@pytest.fixture
def fake() -> Iterator[Fake]:
    with serving() as found:
        found.requests = [requests_row(90), requests_row(10, response_code="503")]
        found.durations = bucket_rows((0, 50, 100, 100, 100))
        yield found


SETTLED, FRESH, NEXT = 5.0, 1.0, 2.5
"""Seconds since the last scrape."""


@pytest.mark.parametrize(
    ("age", "later", "other", "asked"),
    [
        (SETTLED, SETTLED, False, 1),
        (SETTLED, NEXT, False, 2),
        (FRESH, FRESH, False, 2),
        (SETTLED, SETTLED, True, 2),
    ],
    ids=["nothing new", "scraped again", "others may still come in", "another mesh"],
)
async def test_counts_are_asked_for_where_there_may_be_new_ones(
    fake: Fake, age: float, later: float, other: bool, asked: int
) -> None:
    clock, mesh = Clock(), Mesh()
    source = source_of(fake.url, clock)
    fake.age = age
    first = await source.sample(mesh)
    clock.seconds += 100.0
    fake.age, fake.down = later, 1
    second = await source.sample(Mesh() if other else mesh)
    await source.close()
    assert fake.kinds.count("requests") == fake.kinds.count("durations") == asked
    assert same_numbers(first, second) is (asked == 1)
    assert (first.failed, second.failed) == (0, 1), "what is told beside them is new"
    assert second.caller == first.caller


def test_services_are_judged_once_for_the_same_numbers() -> None:
    mesh = bookinfo.mesh_of(bookinfo.objects())
    sample = bookinfo.sample(mesh, 100.0)
    views, services, limits = MeasuredViews(), Structure().follow(mesh), Thresholds()
    found = views.of(services, sample, limits)
    later = replace(sample, time=104.0, read=9)
    assert views.of(services, later, limits) is found
    part = (services[0], *(replace(one) for one in services[1:]))
    again = views.of(part, later, limits)
    assert again[0] is found[0] and again == found, "an event counts nothing twice"
    other = replace(sample, time=108.0, caller=dict(sample.caller))
    assert views.of(services, other, limits) is not found


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({}, True),
        ({"time": 9.0, "read": 1, "failed": 2, "problems": ("x",)}, True),
        ({"window_s": 30.0}, False),
        ({"called": {}}, False),
        ({"unread": frozenset({("a", "b")})}, False),
    ],
)
def test_what_counts_as_the_same(changed: dict[str, object], same: bool) -> None:
    sample = bookinfo.sample(bookinfo.mesh_of(bookinfo.objects()), 100.0)
    other: Sample = replace(sample, **changed)  # type: ignore[arg-type]
    assert same_numbers(sample, other) is same
    assert same_numbers(None, None) and not same_numbers(None, sample)


def test_a_sparkline_goes_on_with_what_was_measured_again() -> None:
    mesh = bookinfo.mesh_of(bookinfo.objects())
    sample = bookinfo.sample(mesh, 100.0)
    views = MeasuredViews().of(Structure().follow(mesh), sample, Thresholds())
    place = LineId(views[0].key)
    repeated, recorded = History(), History()
    for history in (repeated, recorded):
        history.record(sample, views)
    later = replace(sample, time=104.0)
    repeated.repeat(later)
    repeated.repeat(later)
    recorded.record(later, views)
    assert repeated.readings(place) == recorded.readings(place)
    assert len(repeated.readings(place)) == 2


def test_an_order_is_settled_unless_a_row_is_about_to_sink() -> None:
    mesh = bookinfo.mesh_of(bookinfo.objects())
    bad = bookinfo.sample(mesh, 100.0)
    services = Structure().follow(mesh)
    order, sort = CalmOrder(), Sort()
    worst = MeasuredViews().of(services, bad, Thresholds())
    order.arrange(worst, sort, 100.0)
    assert order.settled
    well = tuple(replace(v, state="ok", versions=()) for v in worst)
    order.arrange(well, sort, 104.0)
    assert not order.settled
    for at in (108.0, 112.0, 116.0):
        order.arrange(well, sort, at)
    assert order.settled
