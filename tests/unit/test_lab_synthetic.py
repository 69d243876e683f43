"""The traffic of a synthetic mesh: what callers count is what versions count, by the weights."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from meshtui.lab.synthetic.objects import VERSIONS, objects
from meshtui.lab.synthetic.statistics import CALLS, Proxy, statistics
from meshtui.lab.synthetic.traffic import FANOUT, Traffic, buckets
from meshtui.metrics.counter_reading import SeriesCache, read

SERVICES, PODS = 9, 3


def counted(traffic: Traffic, number: int, version: str, at: float, reporter: str) -> Counter[str]:
    """What the pods of a version count, by the number of the service that was called."""
    found: Counter[str] = Counter()
    for copy in range(PODS):
        text = statistics(traffic, Proxy(number, version, copy, PODS), at)
        pattern = (
            rf'^istio_requests_total{{reporter="{reporter}".*'
            r'destination_service_name="service-(\d+)".*} (\d+)$'
        )
        for called, value in re.findall(pattern, text, re.MULTILINE):
            found[called] += int(value)
    return found


def test_callers_and_versions_count_the_same_requests() -> None:
    traffic = Traffic(SERVICES, 40.0, lambda _: {"v1": 80.0, "v2": 15.0, "v3": 5.0}, 0.0)
    for at in (7.0, 11.0, 400.0):
        for number in range(1, SERVICES):
            caller = (number - 1) // FANOUT
            sent = counted(traffic, caller, CALLS, at, "source")[str(number)]
            taken = sum(
                counted(traffic, number, version, at, "destination")[str(number)]
                for version in VERSIONS
            )
            assert sent == taken > 0


def test_a_weight_counts_from_when_it_is_set_on() -> None:
    weights = {"v1": 100.0, "v2": 0.0, "v3": 0.0}
    traffic = Traffic(2, 40.0, lambda _: dict(weights), 0.0)
    before = dict(traffic.advance(1, 10.0).counted)
    assert before["v1", "200"] > 0 and before["v3", "200"] == 0
    weights.update(v1=50.0, v3=50.0)
    after = traffic.advance(1, 20.0).counted
    more = after["v1", "200"] - before["v1", "200"]
    assert after["v3", "200"] == pytest.approx(more) and more > 0


def test_errors_are_their_share() -> None:
    traffic = Traffic(2, 40.0, lambda _: {"v1": 1.0}, 0.0)
    traffic.behaviour(1, "v1").errors = 0.25
    found = traffic.advance(1, 100.0).counted
    assert found["v1", "503"] * 3 == pytest.approx(found["v1", "200"])


def test_the_statistics_are_read_as_a_sidecars() -> None:
    traffic = Traffic(SERVICES, 40.0, lambda _: {"v1": 80.0, "v2": 15.0, "v3": 5.0}, 0.0)
    found = read(statistics(traffic, Proxy(1, "v1", 0, PODS), 100.0), SeriesCache())
    assert found.unusable == 0
    assert {counted_of.workload for counted_of in found.requests} == {
        "service-1-v1",
        *(f"service-{n}-{v}" for n in (4, 5, 6) for v in VERSIONS),
    }
    for traffic_of, bounds in found.durations.items():
        assert max(bounds.values()) == found.requests[traffic_of]


def test_a_histogram_grows_to_the_count() -> None:
    counts = [count for _, count in buckets(1000, 0.02)]
    assert counts == sorted(counts) and counts[-1] == 1000


def test_every_pod_has_an_address_of_its_own() -> None:
    addresses = [made.status["podIP"] for made in objects(1200, 3) if made.status]
    assert len(addresses) == len(set(addresses)) == 1200 * len(VERSIONS) * 3
