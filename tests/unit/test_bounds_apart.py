"""Proxies whose histograms have other bounds than their siblings': no sum makes requests slower."""

from __future__ import annotations

from math import inf
from pathlib import Path

import pytest

from meshtui.mesh.judging import slower_than_sibling
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.own_past import OwnPast
from meshtui.mesh.quantile import joined, quantile
from meshtui.mesh.signals import Signals, merged
from meshtui.metrics import prometheus_past_queries, prometheus_queries
from meshtui.metrics.aggregate import Ledger
from meshtui.metrics.counter_reading import Buckets, Reading, growth
from meshtui.metrics.prometheus_past import courses_of
from meshtui.metrics.prometheus_past_queries import Counting
from meshtui.metrics.prometheus_reading import sent_by
from meshtui.metrics.prometheus_result import Point, QueryResult
from tests.unit.fake_prometheus import requests_row, series
from tests.unit.promtool import evaluate, require
from tests.unit.test_metrics_aggregate import traffic
from tests.unit.test_own_past import BOUNDS, seen, view_of

REVIEWS = ServiceKey("default", "reviews")
QUICK: Buckets = {10.0: 100.0, 100.0: 100.0, inf: 100.0}
OTHER: Buckets = {50.0: 100.0, 100.0: 100.0, inf: 100.0}
FINER: Buckets = {5.0: 90.0, 10.0: 100.0, 50.0: 100.0, 100.0: 100.0, inf: 100.0}
STRANGE: Buckets = {7.0: 100.0, inf: 100.0}

TABLE = [
    ("the same", [QUICK, QUICK], {10.0: 200.0, 100.0: 200.0, inf: 200.0}),
    ("one in common", [QUICK, OTHER], {100.0: 200.0, inf: 200.0}),
    ("finer", [FINER, QUICK], {10.0: 200.0, 100.0: 200.0, inf: 200.0}),
    ("three", [FINER, QUICK, OTHER], {100.0: 300.0, inf: 300.0}),
    ("none that is finite", [QUICK, STRANGE], {inf: 200.0}),
    ("one without any", [{}, OTHER], OTHER),
    ("nothing", [{}, {}], {}),
]


@pytest.mark.parametrize(("parts", "whole"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE])
def test_only_bounds_that_all_have_are_added_up(parts: list[Buckets], whole: Buckets) -> None:
    assert joined(parts) == joined(parts[::-1]) == whole
    by_signals = merged(Signals(requests=100, buckets=part) for part in parts)
    ledger = Ledger()
    for part in parts:
        ledger.add(Reading({traffic(): 100.0}, {traffic(): part} if part else {}), 10)
    (by_proxies,) = ledger.views().called.values()
    gateway = {"source_workload": "edge", "source_workload_namespace": "default"}
    sent = sent_by(
        [Point(gateway, 0.0, 100.0)],
        [Point(gateway | {"le": str(b)}, 0.0, n) for b, n in whole.items()],
        frozenset({("default", "edge")}),
        10,
    )
    for found in (by_signals, by_proxies, *sent.values()):
        assert found.buckets == whole
        assert found.p99_ms == quantile(0.99, whole)
        assert found.p99_ms is None or found.p99_ms <= 100


def test_another_histogram_in_the_place_of_one_counts_from_its_beginning() -> None:
    before, after = Reading(durations={traffic(): QUICK}), Reading(durations={traffic(): OTHER})
    assert growth(before, after).durations == {traffic(): OTHER}
    assert growth(before, before).durations == {}


def test_a_version_whose_proxies_get_other_bounds_has_a_past_again() -> None:
    past = OwnPast()
    for at in range(0, 7200, 15):
        ms = 6 if at < 3600 else 8
        bounds = BOUNDS if at < 3600 else OTHERS
        assert seen(past, 1000 + at, view_of(of(ms, bounds))) == [""]
    (found,) = seen(past, 8200, view_of(of(300, OTHERS)))
    assert found.startswith("100 % of its requests take longer than 90 ms")


OTHERS = (4.0, 9.0, 30.0, 90.0, 400.0, inf)


def of(ms: float, bounds: tuple[float, ...]) -> Signals:
    buckets = {bound: 100.0 if ms <= bound else 0.0 for bound in bounds}
    p50, p95, p99 = (quantile(q, buckets) for q in (0.50, 0.95, 0.99))
    return Signals(100, 100 / 15, 0, p50, p95, p99, buckets=buckets)


@pytest.mark.parametrize("ms", [8.0, 300.0])
def test_siblings_are_compared_at_bounds_that_both_have(ms: float) -> None:
    """A share that is interpolated in a wide bucket is none that was counted."""
    coarse = of(8, (10_000.0, inf))
    assert slower_than_sibling(of(ms, BOUNDS), [("v1", coarse)]) == ""
    assert bool(slower_than_sibling(of(ms, BOUNDS), [("v1", of(8, BOUNDS))])) == (ms == 300)


def test_a_histogram_without_a_bound_tells_no_share() -> None:
    assert Signals(100, buckets={inf: 100.0}).slower_than(500) is None


BUCKET = (
    'istio_request_duration_milliseconds_bucket{job="istio",instance="%s",reporter="source",'
    'destination_service_name="reviews",destination_service_namespace="default",'
    'destination_workload="reviews-v1",source_workload="edge",'
    'source_workload_namespace="default",le="%s"}'
)
QUERIES = {
    "a tick": prometheus_queries.durations("60000ms"),
    "silent callers": prometheus_queries.durations("60000ms", silent=("edge",)),
    "gateways": prometheus_queries.state(("istio",), "60000ms", gateways=("edge",)),
    "the hour before": prometheus_queries.before(),
    "the past": prometheus_past_queries.durations(REVIEWS, "60000ms", 60.0),
}


@pytest.mark.parametrize("asked", QUERIES)
@pytest.mark.parametrize("gone", [False, True], ids=["there", "gone"])
def test_a_prometheus_adds_only_bounds_that_all_proxies_have(
    tmp_path: Path, asked: str, gone: bool
) -> None:
    """Also beside a proxy that has gone within the window, whose requests are part of it."""
    require("promtool")
    mine = dict.fromkeys((BUCKET % ("a", one) for one in ("10", "100", "+Inf")), "0+10x300")
    values = "0+10x38 stale" if gone else "0+10x300"
    theirs = dict.fromkeys((BUCKET % ("b", one) for one in ("50", "100", "+Inf")), values)
    known = mine | theirs | {'up{job="istio",instance="a"}': "1x300"}
    found = evaluate(QUERIES[asked], known, "10m5s", tmp_path)
    bounds = sorted(text.split('le="')[1].split('"')[0] for text in found if 'le="' in text)
    assert bounds == ["+Inf", "100"]
    counts = {value for text, value in found.items() if 'le="' in text}
    assert len(counts) == 1


def test_the_past_of_two_versions_in_one_row_has_the_bounds_that_both_have() -> None:
    def bucket(bound: str, version: str, count: int) -> dict[str, object]:
        return series({0: count}, le=bound, reporter="source", destination_version=version)

    durations = [
        *(bucket(one, "v1", 50) for one in ("10", "100", "+Inf")),
        *(bucket(one, "v2", 50) for one in ("50", "100", "+Inf")),
    ]
    requests = [
        series({0: 50}, **requests_row(0, destination_version=one)["metric"])
        for one in ("v1", "v2")
    ]
    answers = QueryResult(requests), QueryResult(durations), QueryResult([])
    past = courses_of(*answers, REVIEWS, lambda _: "both", Counting(), 15, 60.0, 0.0)
    (moment,) = past["both"]
    assert (moment.p50_ms, moment.p99_ms) == (50.0, 99.0)
