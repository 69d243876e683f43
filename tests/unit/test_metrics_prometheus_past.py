"""A service's past from a Prometheus: two range queries, and what their answers mean."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from meshtui.errors import NotAllowed, Unreachable
from meshtui.mesh.courses import by_telemetry
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.time_series import Course, Past, Stretch
from meshtui.metrics import prometheus_past
from meshtui.metrics import prometheus_past_queries as queries
from meshtui.metrics import prometheus_queries as asked
from meshtui.metrics.auto import AutoSource
from meshtui.metrics.prometheus import PrometheusSource
from meshtui.metrics.prometheus_past import (
    MOST_POINTS,
    MOST_VERSIONS,
    PrometheusPast,
    courses_of,
    over_of,
    window_of,
)
from meshtui.metrics.prometheus_past_queries import Counting
from meshtui.metrics.prometheus_result import Over, QueryResult
from meshtui.metrics.prometheus_timing import Rhythm
from meshtui.metrics.prometheus_url import UrlServer
from meshtui.metrics.source import MetricsSource, PastSource
from meshtui.metrics.worker import Worker
from tests.unit.fake_prometheus import NOW, Fake, Row, requests_row, series, serving
from tests.unit.promtool import evaluate, require

REVIEWS = ServiceKey("default", "reviews")
T = 1_699_999_980
"""A multiple of the step of these tests."""


def labels(**own: str) -> dict[str, str]:
    found: dict[str, str] = requests_row(0, **own)["metric"]
    return found


def counted(values: dict[int, float | str], **own: str) -> Row:
    """Requests of each window, at seconds after T."""
    return series({T + at: value for at, value in values.items()}, **labels(**own))


def bucket(bound: str, values: dict[int, float | str], version: str = "v1") -> Row:
    return series({T + at: v for at, v in values.items()}, le=bound, destination_version=version)


def read(
    requests: list[Row],
    durations: list[Row] | None = None,
    denied: list[Row] | None = None,
    counting: Counting = Counting(),  # noqa: B008 - it is frozen
) -> dict[str, Course]:
    """With a step of 15 s and a window of 60 s."""
    return dict(
        courses_of(
            QueryResult(requests),
            QueryResult(durations or []),
            QueryResult(denied or []),
            REVIEWS,
            by_telemetry,
            counting,
            15,
            60.0,
            0.0,
        )
    )


def test_rates_ratios_and_quantiles_of_each_point() -> None:
    found = read(
        [counted({0: 90, 15: 60}), counted({0: 30}, response_code="503")],
        [
            bucket("10", {0: 0, 15: 0}),
            bucket("20", {0: 120, 15: 60}),
            bucket("+Inf", {0: 120, 15: 60}),
        ],
    )["v1"]
    assert [(m.at, m.span_s, m.rps, m.error_ratio) for m in found] == [
        (T, 15, 2.0, 0.25),
        (T + 15, 15, 1.0, 0.0),
    ]
    assert [(m.p50_ms, m.p99_ms) for m in found] == [(15.0, 19.9)] * 2


def test_errors_are_what_they_are_in_the_table() -> None:
    found = read(
        [
            counted({0: 5}, request_protocol="grpc", grpc_response_status="0"),
            counted({0: 1}, request_protocol="grpc", grpc_response_status="14"),
            counted({0: 1}, response_code="0", response_flags="DC"),
            counted({0: 1}, response_code="404"),
        ]
    )
    assert found["v1"][0].error_ratio == 0.25


def test_a_version_without_a_counter_had_no_traffic_and_no_point_at_all_is_not_known() -> None:
    found = read(
        [counted({0: 60, 45: 60}), counted({45: 60}, destination_version="v2", response_code="500")]
    )
    assert [(m.at - T, m.rps, m.error_ratio) for m in found["v2"]] == [
        (0, 0.0, None),
        (45, 1.0, 1.0),
    ]
    assert [m.at - T for m in found["v1"]] == [0, 45]


def test_quantiles_of_no_request_are_of_an_older_time() -> None:
    found = read([counted({0: 0})], [bucket("10", {0: 4}), bucket("+Inf", {0: 4})])
    assert (found["v1"][0].rps, found["v1"][0].p99_ms) == (0.0, None)


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-1", "x"])
def test_what_is_no_number_is_not_known(value: str) -> None:
    found = read(
        [counted({0: value, 15: 60})], [bucket("10", {15: value}), bucket("+Inf", {15: 60})]
    )
    assert [(m.at - T, m.rps, m.p99_ms) for m in found["v1"]] == [(15, 1.0, None)]


def test_requests_without_a_pod_count_for_the_unknown_version() -> None:
    lost = labels(destination_service_name="unknown", destination_service_namespace="unknown")
    lost |= {"destination_service": "reviews.default.svc.cluster.local", "response_code": "503"}
    lost |= {"destination_version": "unknown"}
    row = series({T: 6}, **lost)
    other = series({T: 6}, **(lost | {"destination_service": "ratings.default.svc.cluster.local"}))
    found = read([counted({0: 60}), row, other])
    assert found.keys() == {"v1", "unknown"}
    assert (found["unknown"][0].rps, found["unknown"][0].error_ratio) == (0.1, 1.0)


def test_other_reporters_other_services_and_strange_rows_are_left_out() -> None:
    strange: list[Row] = [{"metric": 3, "values": 4}, {"values": [["x", 1]]}, {"metric": {}}]
    others = [counted({0: 6}, reporter="destination"), counted({0: 6}, service="ratings")]
    assert read([*strange, *others, counted({0: 60})], strange).keys() == {"v1"}


def test_the_busiest_of_too_many_versions_are_kept() -> None:
    many = [counted({0: n}, destination_version=f"v{n}") for n in range(1, 60)]
    assert read(many).keys() == {f"v{n}" for n in range(59, 59 - MOST_VERSIONS, -1)}


@pytest.mark.parametrize(
    ("interval", "step", "expected"), [(15.0, 2.5, 15), (1.0, 2.5, 3), (1.0, 0.2, 1)]
)
def test_points_are_as_close_as_the_screen_and_the_scrapes(
    interval: float, step: float, expected: int
) -> None:
    over = over_of(Stretch(T - 300.0, step), float(T), Rhythm(interval))
    assert over.step_s == expected
    assert over.begin % expected == over.end % expected == 0
    assert over.begin >= T - 300 and T - expected < over.end <= T


def test_a_long_time_in_fine_steps_is_asked_for_in_bounded_points() -> None:
    over = over_of(Stretch(T - 21600.0, 0.1), float(T), Rhythm(1.0))
    assert (over.end - over.begin) / over.step_s <= MOST_POINTS


@pytest.mark.parametrize(("step", "expected"), [(2, 60.0), (100, 105.0), (180, 180.0)])
def test_a_window_is_whole_scrapes_and_leaves_no_request_between_two_points(
    step: int, expected: float
) -> None:
    assert window_of(Over(0, 1, step), Rhythm(15.0)) == expected


@pytest.fixture
def fake() -> Iterator[Fake]:
    with serving() as found:
        found.requests = [requests_row(90)]
        found.past_requests = [counted({0: 90}), counted({0: 30}, response_code="503")]
        yield found


@pytest.fixture
async def source(fake: Fake) -> AsyncIterator[PrometheusSource]:
    found = source_of(fake.url)
    yield found
    await found.close()


def source_of(url: str, local: float = NOW) -> PrometheusSource:
    worker, beside = Worker("test"), Worker("test-past")
    past = PrometheusPast(UrlServer(url, beside), beside)
    return PrometheusSource(UrlServer(url, worker), worker, past=past, now=lambda: local)


async def past_of(source: PrometheusSource, begin: float = NOW - 300.0) -> Past:
    found = await source.past(REVIEWS, Stretch(begin, 2.5))
    assert found is not None
    return found


async def test_one_look_is_two_queries_by_post_up_to_the_newest_scrape(
    fake: Fake, source: PrometheusSource
) -> None:
    await source.sample(Mesh())
    before = len(fake.asked)
    past = await past_of(source)
    assert fake.asked[before:] == [("POST", "past_requests"), ("POST", "past_durations")]
    form = fake.forms[-1]
    assert (form["step"], form["timeout"]) == ("15s", "10000ms")
    assert NOW - fake.age - 15 < float(form["end"]) <= NOW - fake.age
    assert float(form["start"]) >= NOW - 300
    assert past.courses["v1"][0].error_ratio == 0.25
    assert (past.source, past.end, past.step_s) == ("prometheus", float(form["end"]), 15)


async def test_before_the_first_sample_it_is_not_known_when_the_mesh_was_scraped(
    fake: Fake, source: PrometheusSource
) -> None:
    with pytest.raises(Unreachable, match="has not answered yet"):
        await past_of(source)
    assert fake.asked == []


async def test_a_server_whose_clock_is_ahead_is_asked_in_its_time_and_told_in_ours(
    fake: Fake,
) -> None:
    source = source_of(fake.url, local=NOW - 600.0)
    await source.sample(Mesh())
    past = await past_of(source, NOW - 900.0)
    await source.close()
    assert float(fake.forms[-1]["start"]) >= NOW - 300
    assert past.courses["v1"][0].at == T - 600
    assert past.end <= NOW - 600


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [(403, NotAllowed, "do not allow"), (503, Unreachable, "503"), (422, Unreachable, "limit")],
)
async def test_a_refusal_is_told_and_samples_go_on(
    fake: Fake, source: PrometheusSource, status: int, kind: type[Exception], words: str
) -> None:
    await source.sample(Mesh())
    fake.status, fake.only = status, "past_requests"
    fake.body = '{"status":"error","error":"query limit exceeded"}' if status == 422 else "no"
    with pytest.raises(kind, match=words):
        await past_of(source)
    assert (await source.sample(Mesh())).caller


async def test_a_past_that_is_too_much_to_read_is_a_failure_in_words(
    fake: Fake, source: PrometheusSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answers are there in time, and take too long to be understood."""
    await source.sample(Mesh())
    reading = threading.Event()
    monkeypatch.setattr(prometheus_past, "QUERY_S", 0.5)
    monkeypatch.setattr(prometheus_past, "courses_of", lambda *_: reading.wait(60))
    with pytest.raises(Unreachable, match="look back less far"):
        await past_of(source)
    reading.set()


async def test_samples_do_not_wait_for_a_past_that_takes_long(fake: Fake) -> None:
    """Each has its own connection; the server here answers each as slowly as it is told."""
    ticks = iter(range(0, 1000, 100))
    worker, beside = Worker("test"), Worker("test-past")
    past = PrometheusPast(UrlServer(fake.url, beside), beside)
    source = PrometheusSource(
        UrlServer(fake.url, worker), worker, past=past, now=lambda: NOW, clock=lambda: next(ticks)
    )
    await source.sample(Mesh())
    fake.delay = 60.0
    looking = asyncio.create_task(source.past(REVIEWS, Stretch(NOW - 300, 2.5)))
    while "past_requests" not in fake.kinds:  # noqa: ASYNC110 - the server's thread tells nobody
        await asyncio.sleep(0.005)
    fake.delay = 0.0
    async with asyncio.timeout(5):
        assert (await source.sample(Mesh())).caller
    assert not looking.done()
    looking.cancel()
    await source.close()


async def test_auto_tells_the_past_of_the_prometheus_it_found_and_the_sidecars_have_none(
    fake: Fake, source: PrometheusSource
) -> None:
    found: list[MetricsSource] = []
    auto = AutoSource(lambda _: found, source)
    assert isinstance(auto, PastSource)
    assert await auto.past(REVIEWS, Stretch(NOW - 300, 2.5)) is None
    other = source_of(fake.url)
    found.append(other)
    await auto.sample(Mesh())
    past = await auto.past(REVIEWS, Stretch(NOW - 300, 2.5))
    assert past is not None and past.courses.keys() == {"v1"}
    await auto.close()


OK = (
    'istio_requests_total{job="k",instance="a",reporter="source",destination_service_name="reviews",'
    'destination_service_namespace="default",destination_version="v1",response_code="200"}'
)
BAD = OK.replace('"200"', '"503"')
OTHER_INSTANCE = BAD.replace('instance="a"', 'instance="b"')
NAMESAKE = OK.replace('namespace="default"', 'namespace="other"')


def at(tmp_path: Path, when: str, **named: str) -> float | None:
    """The errors (503) that Prometheus itself counts in the minute before `when`."""
    require("promtool")
    names = {"ok": OK, "bad": BAD, "other": OTHER_INSTANCE, "namesake": NAMESAKE}
    query = queries.requests(REVIEWS, "60000ms", 60.0)
    known = evaluate(query, {names[name]: values for name, values in named.items()}, when, tmp_path)
    errors = [value for text, value in known.items() if 'response_code="503"' in text]
    assert not any('"other"' in text for text in known)
    return sum(errors) if errors else None


def test_the_first_errors_of_a_version_are_counted_whole(tmp_path: Path) -> None:
    assert at(tmp_path, "5m", ok="0+15x40", bad="_x18 7 7 7 7 7 7", namesake="0+1x40") == 7.0


def test_of_a_proxy_that_was_not_read_before_only_the_growth_is_counted(tmp_path: Path) -> None:
    found = at(tmp_path, "5m", ok="0+15x40", other="_x18 1000 1003 1006 1009")
    assert found is not None and found < 20


def test_where_prometheus_did_not_scrape_there_is_no_point(tmp_path: Path) -> None:
    assert at(tmp_path, "6m", ok="0+15x40", bad="0+1x40") == 4.0
    assert at(tmp_path, "7m", ok="0+15x20", bad="0+1x20") is None


async def test_where_no_caller_counts_the_past_is_what_who_answered_counted(
    fake: Fake, source: PrometheusSource
) -> None:
    """As the present is; beside a caller that counts, it is the callers'."""
    plain = {"reporter": "destination", "source_workload": "unknown"}
    fake.requests = [requests_row(90, reporter="destination"), requests_row(90, **plain)]
    fake.denied = [requests_row(90, **plain, what="silent")]
    fake.past_requests = [counted({0: 90}, reporter="destination")]
    sample = await source.sample(Mesh())
    assert sample.caller_totals[REVIEWS].requests == 90
    assert sample.filled == {REVIEWS: frozenset({("", "")})}
    past = await past_of(source)
    assert [moment.rps for moment in past.courses["v1"]] == [1.5]


def denials(what: str, values: dict[int, float | str], workload: str = "reviews-v1") -> Row:
    known = {T + at: value for at, value in values.items()}
    return series(known, what=what, workload=f"default/{workload}")


def flagged(code: str, values: dict[int, float | str], workload: str = "reviews-v1") -> Row:
    at = {"destination_workload": workload, "destination_workload_namespace": "default"}
    known = {T + second: value for second, value in values.items()}
    return series(known, what=queries.FLAGGED, response_code=code, **at)


LOST = {"version": "unknown", "workload": "unknown"}
REFUSED: dict[str, tuple[dict[str, str], list[Row], float]] = {
    "all by RBAC": ({"response_code": "403"}, [denials(asked.DENIED, {0: 30})], 0.5),
    "some by RBAC": ({"response_code": "403"}, [denials(asked.DENIED, {0: 15})], 0.25),
    "the counter is ahead": ({"response_code": "403"}, [denials(asked.DENIED, {0: 90})], 0.5),
    "the program's own": ({"response_code": "403"}, [], 0.0),
    "another workload's": ({"response_code": "403"}, [denials(asked.DENIED, {0: 30}, "x")], 0.0),
    "tokens": ({"response_code": "401"}, [denials(asked.TOKENS, {0: 30})], 0.5),
    "tokens are no 403": ({"response_code": "403"}, [denials(asked.TOKENS, {0: 30})], 0.0),
    "a rate limit": ({"response_code": "429", "response_flags": "RL"}, [], 0.5),
    "an external service": ({"response_code": "403", "response_flags": "UAEX"}, [], 0.5),
    "a rate limit of the pod's own proxy": (
        {"response_code": "429"},
        [flagged("429", {0: 15})],
        0.25,
    ),
    "an external service asked by it": (
        {"response_code": "403"},
        [flagged("403", {0: 10}), denials(asked.DENIED, {0: 5})],
        0.25,
    ),
    "another workload's rate limit": (
        {"response_code": "429"},
        [flagged("429", {0: 15}, "x")],
        0.0,
    ),
    "the program's own 429": ({"response_code": "429"}, [], 0.0),
    "cut off": ({"response_flags": "UPE"}, [], 0.5),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_proxies_refused_is_no_good_in_the_past_either(case: str) -> None:
    own, denied, ratio = REFUSED[case]
    at = {"destination_workload": "reviews-v1", "destination_workload_namespace": "default"}
    rows = [counted({0: 30}), counted({0: 30}, **own)]
    for row in rows:
        row["metric"].update(at)
    (moment,) = read(rows, denied=denied)["v1"]
    assert moment.error_ratio == pytest.approx(ratio)


def test_what_who_answered_counts_with_its_flag_is_not_taken_from_others() -> None:
    """Of a caller that counts nothing the flag is known; it is none of the callers' answers."""
    at = {"destination_workload": "reviews-v1", "destination_workload_namespace": "default"}
    theirs = {"reporter": "destination", "source_workload": "unknown", "response_flags": "RL"}
    rows = [
        counted({0: 60}),
        counted({0: 20}, response_code="429"),
        counted({0: 20}, response_code="429", **theirs),
    ]
    for row in rows:
        row["metric"].update(at)
    silent = Counting("source", ("unknown",))
    (moment,) = read(rows, denied=[flagged("429", {0: 25})], counting=silent)["v1"]
    assert moment.error_ratio == pytest.approx((20 + 5) / 100)


def test_prometheus_itself_counts_what_was_refused_with_a_flag(tmp_path: Path) -> None:
    require("promtool")
    of = OK.replace('reporter="source"', 'reporter="destination",destination_workload="reviews-v1"')
    known = {
        of.replace(
            'response_code="200"', f'response_code="{code}",response_flags="{flags}"'
        ): growth
        for code, flags, growth in (
            ("429", "RL", "0+15x40"),
            ("403", "DC,UAEX", "0+30x40"),
            ("403", "-", "0+45x40"),
            ("429", "-", "0+45x40"),
            ("503", "UAEX", "0+45x40"),
        )
    }
    found = evaluate(queries.flagged(REVIEWS, "60000ms", 60.0), known, "5m", tmp_path)
    assert sorted(found.values()) == [60.0, 120.0]
    assert all('what="flagged"' in labels for labels in found)


def test_what_a_gateway_denied_reached_no_pod() -> None:
    row = counted({0: 30}, response_code="403")
    row["metric"] |= dict.fromkeys(("destination_version", "destination_workload"), "unknown")
    found = read([counted({0: 30}), row], denied=[denials(asked.EDGE_DENIED, {0: 30}, "in")])
    assert [moment.error_ratio for moment in found["unknown"]] == [1.0]
    assert [moment.error_ratio for moment in found["v1"]] == [0.0]


async def test_beside_callers_that_count_those_that_do_not_are_in_the_past(
    fake: Fake, source: PrometheusSource
) -> None:
    plain = {"reporter": "destination", "source_workload": "unknown"}
    fake.requests = [requests_row(90), requests_row(90, reporter="destination")]
    fake.requests.append(requests_row(30, **plain))
    fake.clients.append(requests_row(1, source_workload="productpage-v1"))
    fake.denied = [requests_row(30, **plain, what="silent")]
    fake.past_requests = [counted({0: 90}), counted({0: 30}, **plain)]
    sample = await source.sample(Mesh())
    assert sample.caller_totals[REVIEWS].requests == 120
    past = await past_of(source)
    assert [moment.rps for moment in past.courses["v1"]] == [2.0]


def test_prometheus_itself_counts_both_kinds_of_callers(tmp_path: Path) -> None:
    require("promtool")
    both = queries.Counting("source", ("unknown",))
    query = queries.requests(REVIEWS, "60000ms", 60.0, counting=both)
    theirs = OK.replace('instance="a",reporter="source"', 'instance="b",reporter="destination"')
    nameless, named = (
        theirs.replace(",reporter", f',source_workload="{caller}",reporter')
        for caller in ("unknown", "productpage-v1")
    )
    known = {OK: "0+15x40", nameless: "0+30x40", named: "0+15x40"}
    assert sorted(evaluate(query, known, "5m", tmp_path).values()) == [60.0, 120.0]


@pytest.mark.parametrize("code", ["403", "401", "429", "503"])
async def test_the_filters_are_asked_where_they_may_have_answered(
    fake: Fake, source: PrometheusSource, code: str
) -> None:
    lost = counted({0: 90}, response_code=code)
    lost["metric"] |= {
        "destination_workload": "reviews-v1",
        "destination_workload_namespace": "default",
    }
    fake.past_requests, fake.past_beside = [lost], [denials(asked.DENIED, {0: 45})]
    await source.sample(Mesh())
    past = await past_of(source)
    assert ("past_beside" in fake.kinds) == (code != "503")
    assert past.unsure == (code == "401")
    ratio = {"403": 0.5, "401": 0.0, "429": 0.0, "503": 1.0}[code]
    assert [moment.error_ratio for moment in past.courses["v1"]] == [ratio]
