"""From label texts to golden signals."""

from __future__ import annotations

import math

import pytest

from meshtui.mesh.model import ServiceKey
from meshtui.mesh.signals import UNTOLD, VersionKey
from meshtui.metrics.aggregate import Ledger, clients_of
from meshtui.metrics.counter_reading import Reading, SeriesCache, growth, read
from meshtui.metrics.traffic import Traffic, traffic_of

REVIEWS = ServiceKey("default", "reviews")
LABELS = {
    "reporter": "source",
    "source_workload": "productpage-v1",
    "source_workload_namespace": "default",
    "destination_service": "reviews.default.svc.cluster.local",
    "destination_service_name": "reviews",
    "destination_service_namespace": "default",
    "destination_version": "v1",
    "request_protocol": "http",
    "response_code": "200",
    "response_flags": "-",
    "grpc_response_status": "",
}


def traffic(**changed: str) -> Traffic:
    found = traffic_of(LABELS | changed)
    assert found is not None
    return found


def signals_of(*counts: tuple[Traffic, float], seconds: float = 10.0):
    ledger = Ledger()
    ledger.add(Reading(dict(counts)), seconds)
    return ledger.views()


def v(version: str) -> VersionKey:
    return VersionKey(REVIEWS, version)


@pytest.mark.parametrize(
    ("changed", "service"),
    [
        ({}, ("default", "reviews")),
        ({"destination_service_namespace": "unknown"}, ("default", "reviews")),
        (
            {"destination_service_name": "reviews", "destination_service_namespace": "unknown"}
            | {"destination_service": "reviews.shop:9080"},
            ("shop", "reviews"),
        ),
        (
            {"destination_service_name": "unknown", "destination_service_namespace": "unknown"}
            | {"destination_service": "ratings:9080"},
            ("default", "ratings"),
        ),
        (
            {
                "destination_service_name": "api.example.com",
                "destination_service_namespace": "shop",
            },
            ("shop", "api.example.com"),
        ),
    ],
)
def test_which_service_was_meant(changed: dict[str, str], service: tuple[str, str]) -> None:
    assert traffic(**changed).service_key == ServiceKey(*service)


@pytest.mark.parametrize(
    "changed",
    [
        {"destination_service_name": "PassthroughCluster"},
        {"destination_service_name": "BlackHoleCluster", "destination_service": "unknown"},
        {
            "destination_service_name": "api.example.com",
            "destination_service_namespace": "unknown",
            "destination_service": "api.example.com",
        },
        {
            "destination_service_name": "unknown",
            "destination_service_namespace": "unknown",
            "destination_service": "unknown",
        },
    ],
)
def test_what_is_no_service_of_the_cluster(changed: dict[str, str]) -> None:
    assert traffic_of(LABELS | changed) is None


@pytest.mark.parametrize(
    ("changed", "failed"),
    [
        ({"response_code": "200"}, False),
        ({"response_code": "404"}, False),
        ({"response_code": "500"}, True),
        ({"response_code": "503"}, True),
        ({"response_code": "0"}, True),
        ({"response_code": "50"}, False),
        ({"request_protocol": "grpc", "grpc_response_status": "0"}, False),
        ({"request_protocol": "grpc", "grpc_response_status": ""}, False),
        ({"request_protocol": "grpc", "grpc_response_status": "14"}, True),
        ({"request_protocol": "http", "grpc_response_status": "14"}, False),
    ],
)
def test_what_an_error_is(changed: dict[str, str], failed: bool) -> None:
    assert traffic(**changed).answered.failed is failed


def test_versions_and_totals_add_up() -> None:
    views = signals_of(
        (traffic(), 80.0),
        (traffic(destination_version="v2"), 10.0),
        (traffic(destination_version="v2", response_code="503", response_flags="UF,URX"), 10.0),
    )
    assert views.caller[v("v1")].rps == 8.0
    assert views.caller[v("v2")].error_ratio == 0.5
    assert views.caller[v("v2")].codes == {"200": 10.0, "503": 10.0}
    assert views.caller[v("v2")].flags == {"UF": 10.0, "URX": 10.0}
    assert views.caller_totals[REVIEWS].requests == 100.0
    assert views.caller_totals[REVIEWS].error_ratio == 0.1
    assert views.server == {}


def test_a_version_with_only_errors_is_all_errors() -> None:
    views = signals_of((traffic(response_code="500"), 3.0))
    assert views.caller[v("v1")].error_ratio == 1.0


@pytest.mark.parametrize(
    ("version", "revision", "expected"),
    [
        ("v1", "v2", "v1"),
        ("unknown", "v2", "v2"),
        ("unknown", "latest", "unknown"),
        ("unknown", "unknown", "unknown"),
        ("", "unknown", "unknown"),
        ("", "", UNTOLD),
    ],
)
def test_an_endpoint_that_never_answered_is_known_by_its_revision(
    version: str, revision: str, expected: str
) -> None:
    labels = {"destination_version": version, "destination_canonical_revision": revision}
    assert traffic(**labels).version == expected


def test_what_reached_no_pod_is_of_unknown_version() -> None:
    views = signals_of((traffic(destination_version="unknown", response_flags="UH"), 3.0))
    assert list(views.caller) == [v("unknown")]


def test_both_sides_are_kept_apart_and_a_waypoint_serves() -> None:
    views = signals_of(
        (traffic(), 5.0),
        (traffic(reporter="waypoint"), 1.0),
        (traffic(reporter="nobody"), 100.0),
    )
    assert views.caller[v("v1")].requests == 5.0
    assert views.server[v("v1")].requests == 1.0
    assert views.server_totals[REVIEWS].requests == 1.0


def test_of_a_waypoint_and_the_destinations_own_proxy_one_counts() -> None:
    views = signals_of(
        (traffic(reporter="destination"), 3.0),
        (traffic(reporter="waypoint"), 2.0),
        (traffic(reporter="waypoint", destination_version="v2"), 7.0),
        (traffic(reporter="waypoint", destination_version="unknown", response_flags="UH"), 1.0),
    )
    served = {key.version: signals.requests for key, signals in views.server.items()}
    assert served == {"v1": 3.0, "v2": 7.0, "unknown": 1.0}
    assert views.server_totals[REVIEWS].requests == 11.0


def test_grpc_statuses_are_counted_for_grpc_only() -> None:
    views = signals_of(
        (traffic(request_protocol="grpc", grpc_response_status="14"), 2.0),
        (traffic(grpc_response_status="5"), 2.0),
    )
    assert views.caller[v("v1")].grpc == {"14": 2.0}


def test_rates_of_proxies_watched_for_different_times_are_added() -> None:
    ledger = Ledger()
    ledger.add(Reading({traffic(): 10.0}), 10.0)
    ledger.add(Reading({traffic(): 10.0}), 2.0)
    signals = ledger.views().caller[v("v1")]
    assert (signals.requests, signals.rps) == (20.0, 6.0)


def test_quantiles_are_of_all_proxies_together() -> None:
    ledger = Ledger()
    for count in (10.0, 30.0):
        times = {traffic(): {1.0: 0.0, 5.0: count, math.inf: count}}
        ledger.add(Reading({traffic(): count}, times), 1.0)
    assert ledger.views().caller[v("v1")].p50_ms == 3.0


def test_times_without_a_request_are_an_older_windows() -> None:
    ledger = Ledger()
    ledger.add(Reading({}, {traffic(): {1.0: 0.0, 5.0: 9.0, math.inf: 9.0}}), 1.0)
    signals = ledger.views().caller[v("v1")]
    assert (signals.p50_ms, signals.error_ratio) == (None, None)


def test_clients_are_those_that_ever_sent_a_request_as_either_side_tells() -> None:
    readings = [
        Reading({traffic(): 1.0, traffic(reporter="destination", source_workload="hung"): 1.0}),
        Reading({traffic(source_workload="idle"): 0.0, traffic(source_workload="unknown"): 2.0}),
    ]
    named = frozenset({("default", "productpage-v1"), ("default", "hung")})
    assert clients_of(readings) == {REVIEWS: named}


def test_a_counter_that_fell_counts_from_zero() -> None:
    one, two, three = traffic(), traffic(response_code="500"), traffic(response_code="404")
    grown = growth(Reading({one: 100.0, two: 5.0}), Reading({one: 7.0, two: 5.0, three: 2.0}))
    assert grown.requests == {one: 7.0, three: 2.0}


def test_a_histogram_is_reset_as_a_whole() -> None:
    before = {1.0: 2.0, 5.0: 50.0, math.inf: 60.0}
    after = {1.0: 4.0, 5.0: 6.0, math.inf: 6.0}
    assert growth(Reading({}, {traffic(): before}), Reading({}, {traffic(): after})).durations == {
        traffic(): after
    }


def test_buckets_grow_as_counters_do() -> None:
    before = {1.0: 2.0, math.inf: 6.0}
    after = {1.0: 4.0, math.inf: 9.0}
    grown = growth(Reading({}, {traffic(): before}), Reading({}, {traffic(): after}))
    assert grown.durations == {traffic(): {1.0: 2.0, math.inf: 3.0}}
    assert growth(Reading({}, {traffic(): after}), Reading({}, {traffic(): after})) == Reading()


def test_series_that_differ_in_other_labels_are_added() -> None:
    inside = ",".join(f'{name}="{value}"' for name, value in LABELS.items())
    bucket = "istio_request_duration_milliseconds_bucket"
    text = "".join(
        f'istio_requests_total{{{inside},source_principal="{who}"}} {count}\n'
        f'{bucket}{{{inside},source_principal="{who}",le="1"}} 1\n'
        for who, count in (("a", 3), ("b", 4), ("c", "NaN"), ("d", -1))
    )
    reading = read(text, SeriesCache(limit=2))
    assert reading.requests == {traffic(): 7.0}
    assert reading.durations == {traffic(): {1.0: 4.0}}
