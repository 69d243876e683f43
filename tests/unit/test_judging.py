"""States by certainty: what is failing, slow or refused, and of how many requests one knows."""

from __future__ import annotations

from math import inf

import pytest

from meshtui.mesh.judging import (
    SEVERITY,
    Count,
    brief_slow,
    interval,
    judged,
    may_be_failing,
    over_limit,
    slower_than_sibling,
    state_of,
)
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import Sample, Signals, VersionKey
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.view import service_views
from meshtui.metrics.aggregate import Ledger
from meshtui.metrics.counter_reading import Reading
from meshtui.metrics.traffic import Traffic
from tests.unit.objects import destination_rule, pod, route, service, virtual_service

LIMITS = Thresholds()
BOUNDS = (1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0)


@pytest.mark.parametrize(
    ("requests", "errors", "state"),
    [
        (0, 0, "no traffic"),
        (1, 1, "few requests"),
        (4, 2, "few requests"),
        (4, 4, "few requests"),
        (5, 5, "only errors"),
        (9, 0, "few requests"),
        (10, 0, "ok"),
        (24, 0, "ok"),
        (24, 1, "degraded"),
        (24, 4, "degraded"),
        (24, 6, "failing"),
        (80, 9.6, "degraded"),
        (80, 16, "failing"),
        (10_000, 990, "degraded"),
        (10_000, 1_080, "failing"),
        (10_000, 1, "degraded"),
        (80, 80, "only errors"),
    ],
)
def test_a_state_needs_requests_that_make_it_certain(
    requests: float, errors: float, state: str
) -> None:
    assert judged(Count(requests, errors), LIMITS) == state


def test_the_interval_is_wilsons() -> None:
    """As R gives it: prop.test(5, 24, correct = FALSE) and prop.test(0, 10, correct = FALSE)."""
    assert interval(5, 24) == pytest.approx((0.0924, 0.4047), abs=1e-4)
    assert interval(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("requests", "errors"), [(24, 4), (80, 9.6), (10, 2)])
def test_what_may_be_failing_is_told_from_what_does_well(requests: float, errors: float) -> None:
    assert may_be_failing(Count(requests, errors), LIMITS)
    assert not may_be_failing(Count(1000, 20), LIMITS)


def test_the_worst_stands_first() -> None:
    order = sorted(SEVERITY, key=SEVERITY.__getitem__)
    assert order[:4] == ["only errors", "failing", "refused", "slow"]
    assert order.index("few requests") < order.index("ok") < order.index("no traffic")


def counted(code: str, flags: str, protocol: str = "http") -> Signals:
    """100 requests of one kind, half of all there are."""
    kinds = ((code, flags), ("200", "-"))
    place = ("source", "default", "reviews", "v1")
    reading = Reading({Traffic(*place, c, "", f, protocol, "default", "a"): 100 for c, f in kinds})
    ledger = Ledger()
    ledger.add(reading, 10.0)
    return ledger.views().caller[VersionKey(ServiceKey("default", "reviews"), "v1")]


@pytest.mark.parametrize(
    ("code", "flags", "state"),
    [
        ("401", "UAEX", "refused"),
        ("403", "UAEX", "refused"),
        ("429", "RL", "refused"),
        ("404", "NR", "refused"),
        ("403", "FI", "refused"),
        ("403", "", "ok"),
        ("404", "", "ok"),
        ("429", "", "ok"),
        ("200", "UT", "failing"),
        ("200", "UPE", "failing"),
        ("200", "UC,DC", "failing"),
        ("200", "DC", "ok"),
        ("101", "DC", "ok"),
        ("200", "DI", "ok"),
        ("503", "UF", "failing"),
    ],
)
def test_what_proxies_refuse_or_cut_off_is_sick_and_an_applications_own_4xx_is_not(
    code: str, flags: str, state: str
) -> None:
    signals = counted(code, flags)
    assert state_of(signals, LIMITS) == state
    assert signals.error_ratio == (0.5 if code == "503" else 0.0)


def timed(requests: float, ms: float, errors: float = 0.0) -> Signals:
    """All of them took up to `ms`, within one bucket of it."""
    buckets = {bound: requests if bound >= ms else 0.0 for bound in (*BOUNDS, inf)}
    return Signals(requests, requests / 10, errors, ms, ms, ms, buckets=buckets)


@pytest.mark.parametrize(
    ("requests", "ms", "sibling", "slow"),
    [
        (24, 500, 10, True),
        (24, 250, 10, True),
        (24, 5, 1, False),
        (24, 50, 10, False),
        (24, 250, 250, False),
        (1000, 500, 250, False),
        (9, 500, 10, False),
    ],
)
def test_a_version_is_slow_beside_its_sibling_where_it_matters(
    requests: float, ms: float, sibling: float, slow: bool
) -> None:
    others = [("v1", timed(100, sibling)), ("v2", timed(100, 500))]
    assert bool(slower_than_sibling(timed(requests, ms), others)) == slow


def test_a_tenth_that_is_slow_needs_as_many_requests_as_make_it_certain() -> None:
    def tail(requests: float) -> Signals:
        buckets = {b: requests * (1.0 if b >= 500 else 0.8) for b in (*BOUNDS, inf)}
        return Signals(requests, 1.0, 0.0, 5.0, 400.0, 480.0, buckets=buckets)

    fast = [("v1", timed(1000, 10))]
    assert not slower_than_sibling(tail(20), fast)
    assert slower_than_sibling(tail(400), fast) == (
        "20 % of its requests take longer than 100 ms, and 0 % of v1's"
    )


def test_the_limit_of_the_configuration_counts_without_siblings() -> None:
    slow = timed(50, 500)
    assert over_limit(slow, Thresholds(slow_ms=250)).endswith("longer than 250 ms, the limit")
    assert not over_limit(slow, Thresholds(slow_ms=500))
    assert not over_limit(slow, Thresholds())


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (61, "97 % of its requests take longer than 100 ms, and 0 % of v1's"),
        (60, "97 % over 100 ms, and 0 % of v1's"),
        (33, "97 % over 100 ms, and 0 % of v1's"),
        (32, ">100ms"),
    ],
)
def test_what_is_slow_is_told_in_as_many_words_as_there_is_room_for(cells: int, told: str) -> None:
    whole = slower_than_sibling(timed(50, 500), [("v1", timed(50, 5))])
    assert brief_slow(whole.replace("100 %", "97 %"), cells) == told


@pytest.mark.parametrize(
    ("bound", "told"), [("250", ">250ms"), ("2500", ">2.5s"), ("1e+04", ">10s")]
)
def test_a_bound_is_told_in_the_unit_that_says_it_shortest(bound: str, told: str) -> None:
    words = f"97 % of its requests take longer than {bound} ms, and 0 % of v1's"
    assert brief_slow(words, 8) == told


def views_of(**signals: Signals):  # type: ignore[no-untyped-def]
    key = ServiceKey("default", "reviews")
    rules = virtual_service("reviews", {"route": [route(v, 50) for v in signals]})
    mesh = parse_mesh(
        {
            "services": [service("reviews")],
            "pods": [pod("reviews", v) for v in signals],
            "destinationrules": [destination_rule("reviews", list(signals))],
            "virtualservices": [rules],
        }
    )
    versions = {VersionKey(key, name): value for name, value in signals.items()}
    (view,) = service_views(mesh, Sample(1.0, "test", 10.0, versions, versions))
    return {row.version: (row.state, row.server_state) for row in view.versions}


def test_the_slow_version_is_named_and_not_its_siblings() -> None:
    found = views_of(v1=timed(100, 10), v2=timed(50, 10), v3=timed(24, 500))
    assert found == {"v1": ("ok", "ok"), "v2": ("ok", "ok"), "v3": ("slow", "slow")}


def test_a_version_that_fails_fast_makes_no_other_slow() -> None:
    found = views_of(v1=timed(100, 500), v2=timed(100, 1, errors=1.0))
    assert found == {"v1": ("ok", "ok"), "v2": ("only errors", "only errors")}
