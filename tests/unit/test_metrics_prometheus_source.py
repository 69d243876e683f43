"""Prometheus as a source, against a server that is slow, wrong, huge or not one at all."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from meshtui.errors import MeshtuiError, NotAllowed, Unreachable
from meshtui.mesh.judging import OK, SLOW
from meshtui.mesh.measured_views import looked_at
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import Sample, VersionKey
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.view import structure
from meshtui.metrics import prometheus_queries as queries
from meshtui.metrics.prometheus import Limits, PrometheusSource
from meshtui.metrics.prometheus_url import UrlServer
from meshtui.metrics.worker import Worker
from tests.unit.fake_prometheus import Fake, Row, bucket_rows, requests_row, row, serving
from tests.unit.objects import pod, service

REVIEWS = ServiceKey("default", "reviews")
V1, V2 = VersionKey(REVIEWS, "v1"), VersionKey(REVIEWS, "v2")


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def fake() -> Iterator[Fake]:
    with serving() as found:
        found.requests = [requests_row(90), requests_row(10, response_code="503")]
        found.durations = bucket_rows((0, 50, 100, 100, 100))
        yield found


@pytest.fixture
def clock() -> Clock:
    return Clock()


def source_of(url: str, clock: Clock, **limits: float) -> PrometheusSource:
    worker = Worker("prometheus-test")
    chosen = Limits(**limits)  # type: ignore[arg-type]
    return PrometheusSource(UrlServer(url, worker), worker, chosen, clock=clock, now=lambda: 5.0)


@pytest.fixture
async def source(fake: Fake, clock: Clock) -> AsyncIterator[PrometheusSource]:
    found = source_of(fake.url, clock)
    yield found
    await found.close()


async def failure(source: PrometheusSource) -> str:
    with pytest.raises(MeshtuiError) as caught:
        await source.sample(Mesh())
    assert isinstance(caught.value, Unreachable | NotAllowed)
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def test_a_sample_has_everything(fake: Fake, source: PrometheusSource) -> None:
    fake.clients = [requests_row(1, source_workload="web", response_code="")]
    sample = await source.sample(Mesh())
    signals = sample.caller[V1]
    assert (signals.requests, signals.rps, signals.error_ratio) == (100.0, 100 / 60, 0.1)
    assert (signals.p50_ms, signals.codes) == (5.0, {"200": 90.0, "503": 10.0})
    assert sample.caller_totals == {REVIEWS: signals}
    assert sample.clients == {REVIEWS: frozenset({("default", "web")})}
    assert (sample.time, sample.source, sample.window_s) == (5.0, "prometheus", 60.0)
    assert (sample.read, sample.failed, sample.problems) == (7, 0, ())


async def test_callers_and_servers_are_kept_apart(fake: Fake, source: PrometheusSource) -> None:
    fake.requests = [
        requests_row(4),
        requests_row(3, reporter="destination"),
        requests_row(2, reporter="waypoint"),
        requests_row(1, destination_version="unknown", response_code="503", response_flags="UO"),
    ]
    sample = await source.sample(Mesh())
    assert (sample.caller[V1].requests, sample.server[V1].requests) == (4.0, 3.0)
    unknown = sample.caller[VersionKey(REVIEWS, "unknown")]
    assert (unknown.error_ratio, unknown.flags) == (1.0, {"UO": 1.0})
    assert sample.caller_totals[REVIEWS].error_ratio == 0.2


async def test_what_the_proxies_denied_is_refused(fake: Fake, source: PrometheusSource) -> None:
    place = {"destination_workload": "reviews-v1", "destination_workload_namespace": "default"}
    fake.requests = [
        requests_row(50, reporter=side, response_code=code, **place)
        for side in ("source", "destination")
        for code in ("200", "403")
    ]
    fake.denied = [row(40, what=queries.DENIED, workload="default/reviews-v1")]
    sample = await source.sample(Mesh())
    assert sample.caller[V1].refused == sample.server[V1].refused == 40
    assert dict(sample.denied) == {("default", "reviews-v1"): 40.0}
    assert len(fake.asked) <= 6


async def test_tokens_that_the_proxies_refused_are_too(
    fake: Fake, source: PrometheusSource
) -> None:
    place = {"destination_workload": "reviews-v1", "destination_workload_namespace": "default"}
    fake.requests = [
        requests_row(50, reporter=side, response_code=code, **place)
        for side in ("source", "destination")
        for code in ("200", "401", "403")
    ]
    whose = "default/reviews-v1"
    fake.denied = [
        row(10, what=queries.DENIED, workload=whose),
        row(30, what=queries.TOKENS, workload=whose),
    ]
    sample = await source.sample(Mesh())
    assert sample.caller[V1].refused == sample.server[V1].refused == 40
    assert dict(sample.tokens) == {("default", "reviews-v1"): 30.0}
    assert len(fake.asked) <= 6


async def test_what_gateways_sent_on_is_counted_by_gateway_without_a_query_more(
    fake: Fake, source: PrometheusSource
) -> None:
    """A workload of the same name in another namespace is none."""
    proxy = pod("ingress", "v1")
    proxy["spec"]["containers"] = [{"name": "istio-proxy"}]
    mesh = parse_mesh({"pods": [proxy]})
    fake.requests = [requests_row(50)]
    place = {"source_workload": "ingress-v1", "source_workload_namespace": "default"}
    fake.sent = [
        row(90, what="sent", response_code="200", **place),
        row(10, what="sent", response_code="503", response_flags="UF", **place),
        row(70, what="sent", **(place | {"source_workload_namespace": "other"})),
        *(
            row(count, what="sent times", le=bound, **place)
            for bound, count in (("10", 0), ("20", 100), ("+Inf", 100))
        ),
    ]
    sample = await source.sample(mesh)
    ((client, sent),) = sample.sent.items()
    assert client == ("default", "ingress-v1")
    assert (sent.requests, sent.error_ratio, sent.flags) == (100.0, 0.1, {"UF": 10.0})
    assert sent.rps == pytest.approx(100 / sample.window_s)
    assert (sent.p50_ms, sent.p99_ms) == (15.0, pytest.approx(19.9))
    assert len(fake.asked) <= 6


def timed(*counts: float) -> list[Row]:
    several = zip(("10", "100", "500", "+Inf"), (*counts, counts[-1]), strict=True)
    return [requests_row(count, response_code="", le=bound) for bound, count in several]


async def test_the_hour_before_says_what_is_slower_than_it_was(
    fake: Fake, source: PrometheusSource
) -> None:
    """All siblings are slow alike, so only their own past shows it; one query more, when asked."""
    mesh = parse_mesh({"services": [service("reviews")], "pods": [pod("reviews", "v1")]})
    fake.requests = [requests_row(100)]
    fake.durations = timed(0, 0, 100)
    fake.hour = timed(9000, 9000, 9000)
    with pytest.raises(Unreachable, match="has not answered yet"):
        await source.hour_before()
    sample = await source.sample(mesh)
    assert len(fake.asked) <= 6 and "hour" not in fake.kinds
    before = await source.hour_before()
    assert fake.kinds.count("hour") == 1
    limits, views = Thresholds(), structure(mesh)
    (row,) = looked_at(views, sample, limits, before)[0].versions
    assert row.state == SLOW and "and 0 % in the hour before" in row.slow
    (row,) = looked_at(views, sample, limits)[0].versions
    assert (row.state, row.slow) == (OK, "")
    fake.hour = timed(0, 0, 9000)
    (row,) = looked_at(views, sample, limits, await source.hour_before())[0].versions
    assert row.state == OK


async def test_errors_of_grpc_and_without_an_answer(fake: Fake, source: PrometheusSource) -> None:
    fake.requests = [
        requests_row(5, request_protocol="grpc", grpc_response_status="0"),
        requests_row(1, request_protocol="grpc", grpc_response_status="14"),
        requests_row(1, response_code="0", response_flags="DC"),
        requests_row(1, response_code="404"),
    ]
    signals = (await source.sample(Mesh())).caller[V1]
    assert (signals.error_ratio, signals.grpc) == (0.25, {"0": 5.0, "14": 1.0})


@pytest.mark.parametrize("services", [1, 500])
async def test_queries_do_not_depend_on_the_number_of_services(
    fake: Fake, source: PrometheusSource, clock: Clock, services: int
) -> None:
    names = [f"s{number}" for number in range(services)]
    fake.requests = [requests_row(1, name) for name in names]
    fake.durations = [r for name in names for r in bucket_rows((0, 1, 1, 1, 1), name)]
    assert len((await source.sample(Mesh())).caller_totals) == services
    first = ["newest clients", "scrapes", "state", "beside", "requests", "durations"]
    assert fake.asked == [("POST", kind) for kind in first]
    fake.asked.clear()
    clock.seconds += 6
    await source.sample(Mesh())
    assert fake.kinds == ["newest", "state", "beside", "requests", "durations"]


async def test_all_queries_of_a_tick_are_of_one_moment(
    fake: Fake, source: PrometheusSource
) -> None:
    await source.sample(Mesh())
    assert {form.get("time") for form in fake.forms} == {None, "1700000000.0"}
    assert all(form["timeout"] == "4000ms" for form in fake.forms)


async def test_between_two_scrapes_the_sample_is_given_again_as_it_is(
    fake: Fake, source: PrometheusSource, clock: Clock
) -> None:
    first = await source.sample(Mesh())
    clock.seconds += 2
    assert await source.sample(Mesh()) is first
    clock.seconds += 2
    assert await source.sample(Mesh()) is not first


@pytest.mark.parametrize(
    ("interval", "window"), [(1.0, 15.0), (4.0, 16.0), (15.0, 60.0), (60.0, 240.0)]
)
async def test_the_window_is_four_scrapes_and_at_least_the_sidecars(
    fake: Fake, source: PrometheusSource, interval: float, window: float
) -> None:
    fake.interval = interval
    assert (await source.sample(Mesh())).window_s == window


OLD = "newest numbers of the mesh are 61 s old, scraped every 15 s"


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"age": 61}, OLD),
        ({"age": 301}, "has no istio_requests_total of the last 5 minutes"),
        ({"scraped_for": 40}, "for less than 60 s"),
        ({"scraped_for": 0}, "has only begun to scrape"),
    ],
)
async def test_old_numbers_are_not_told_as_new(
    fake: Fake, source: PrometheusSource, facts: dict[str, float], said: str
) -> None:
    for name, value in facts.items():
        setattr(fake, name, value)
    assert said in await failure(source)


async def test_numbers_that_become_old_are_noticed(
    fake: Fake, source: PrometheusSource, clock: Clock
) -> None:
    await source.sample(Mesh())
    fake.age = 61
    clock.seconds += 6
    assert OLD in await failure(source)


def problem(error: str, kind: str = "execution") -> str:
    return json.dumps({"status": "error", "errorType": kind, "error": error})


TOO_MANY = "query processing would load too many samples into memory in query execution"
HTML = "<!DOCTYPE html><title>Sign in</title>"


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (422, problem(TOO_MANY), f"{TOO_MANY} (a limit of the server)"),
        (503, problem("query timed out in expression evaluation"), "(too slow)"),
        (503, "upstream connect error", "answers 503"),
        (400, problem('invalid parameter "query"', "bad_data"), 'invalid parameter "query"'),
        (401, "Unauthorized", "user and password in the URL"),
        (403, HTML, "the credentials do not allow queries"),
        (404, "404 page not found", "path prefix missing"),
        (429, "", "too much to do"),
        (504, HTML, "answers 504 (too slow)"),
        (200, HTML, "answers with an HTML page: is a login page in between"),
        (200, "metrics!\n\x1b[31m", "what is not JSON ('metrics!·^[[31m')"),
        (200, problem("odd"), "odd"),
        (200, "[1]", "answers 200"),
        (200, "[" * 100_000, "not JSON"),
        (200, '{"status":"success","data":{"result":null}}', "answers 200"),
        (200, '{"status":"success","data":{"result":[1,{},{"value":[1]}]}}', "has no istio"),
    ],
)
async def test_what_the_server_says_is_told_in_a_line(
    fake: Fake, source: PrometheusSource, status: int, body: str, said: str
) -> None:
    fake.status, fake.body = status, body
    told = await failure(source)
    assert said in told
    assert told.startswith(f"Prometheus at {fake.url}")
    assert len(fake.asked) == 1, "a failure is not hidden behind tries"


async def test_a_limit_met_by_one_query_fails_the_sample(
    fake: Fake, source: PrometheusSource
) -> None:
    fake.only, fake.status, fake.body = "durations", 422, problem(TOO_MANY)
    assert TOO_MANY in await failure(source)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(fake: Fake, source: PrometheusSource, code: int) -> None:
    with serving() as other:
        fake.status, fake.headers = code, {"Location": f"{other.url}/api/v1/query"}
        assert "sends us to" in await failure(source)
        assert (len(fake.asked), other.asked) == (1, [])


async def test_a_redirect_to_a_login_page_is_not_followed(
    fake: Fake, source: PrometheusSource
) -> None:
    fake.status, fake.headers = 302, {"Location": "https://u:p@sso.example.com/in?state=secret"}
    said = await failure(source)
    assert "sends us to https://sso.example.com/in: a login page?" in said
    assert fake.kinds == ["newest clients"]


async def test_the_password_is_sent_and_never_shown(fake: Fake, clock: Clock) -> None:
    source = source_of(fake.url.replace("//", "//ann:s3cret@"), clock)
    fake.status = 401
    said = await failure(source)
    assert "s3cret" not in said
    assert "ann" not in said
    assert fake.auth == ["Basic YW5uOnMzY3JldA=="]
    await source.close()


async def test_nobody_there(clock: Clock) -> None:
    source = source_of("http://127.0.0.1:1", clock)
    assert "does not answer (" in await failure(source)
    await source.close()


async def test_a_server_without_tls(fake: Fake, clock: Clock) -> None:
    source = source_of(fake.url.replace("http:", "https:"), clock)
    assert "TLS failed" in await failure(source)
    await source.close()


@pytest.mark.parametrize("how", [{"delay": 5.0}, {"drip": True}])
async def test_a_slow_server_never_stalls_a_tick(
    fake: Fake, clock: Clock, how: dict[str, float]
) -> None:
    source = source_of(fake.url, clock, query_s=0.4)
    for name, value in how.items():
        setattr(fake, name, value)
    began = time.monotonic()
    assert "no answer in 0.4 s" in await failure(source)
    assert time.monotonic() - began < 2
    fake.delay, fake.drip = 0.0, False
    assert (await source.sample(Mesh())).caller[V1].requests == 100, (
        "the next tick is not behind it"
    )
    await source.close()


async def test_the_loop_goes_on_while_the_server_is_slow(fake: Fake, clock: Clock) -> None:
    source = source_of(fake.url, clock, query_s=0.4)
    fake.delay = 5.0
    asking = asyncio.create_task(source.sample(Mesh()))
    turns = 0
    while not asking.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert isinstance(asking.exception(), Unreachable)
    assert turns > 10
    threads = [t for t in threading.enumerate() if t.name == "prometheus-test"]
    assert all(thread.daemon for thread in threads)
    await source.close()


async def test_nan_is_no_number(fake: Fake, source: PrometheusSource, clock: Clock) -> None:
    fake.requests = [requests_row(4), requests_row("NaN", response_code="500")]
    fake.durations = [*bucket_rows((0, 1, 1, 1, 1)), requests_row("NaN", le="50")]
    sample = await source.sample(Mesh())
    assert (sample.caller[V1].requests, sample.caller[V1].error_ratio) == (4.0, 0.0)
    assert sample.problems == ("1 of 2 series are NaN: not counted",)
    fake.requests = fake.requests[1:]
    clock.seconds += 6
    assert "answers with NaN only" in await failure(source)


async def test_half_of_the_labels_missing(fake: Fake, source: PrometheusSource) -> None:
    fake.requests = [
        requests_row(4),
        requests_row(9, response_code=""),
        requests_row(9, reporter=""),
        requests_row(2, destination_version=""),
    ]
    sample = await source.sample(Mesh())
    assert sample.caller[V1].requests == 4.0
    assert sample.caller_totals[REVIEWS].requests == 6.0
    assert sample.problems == (
        "2 of 4 series lack reporter, response_code: not counted",
        "1 of 4 series lack destination_version: in the totals only",
    )


async def test_without_a_label_that_tells_errors_nothing_is_known(
    fake: Fake, source: PrometheusSource
) -> None:
    fake.requests = [requests_row(4, response_code=""), requests_row(1, response_code="")]
    said = await failure(source)
    assert "istio_requests_total has no label response_code" in said


async def test_no_traffic_is_not_unknown(fake: Fake, source: PrometheusSource) -> None:
    fake.requests, fake.durations = [], []
    sample = await source.sample(Mesh())
    assert (sample.caller, sample.window_s, sample.problems) == ({}, 60.0, ())


async def test_what_is_missing_is_said(fake: Fake, source: PrometheusSource) -> None:
    fake.down, fake.warnings = 2, ["store \x1b[31mgone"]
    sample = await source.sample(Mesh())
    assert (sample.read, sample.failed) == (7, 2)
    assert sample.problems == (
        "Prometheus cannot scrape 2 of the mesh's proxies",
        "Prometheus: store ^[[31mgone",
    )


async def test_fifty_thousand_series(fake: Fake, clock: Clock) -> None:
    names = [f"service-{number}" for number in range(5000)]
    fake.requests = [requests_row(1, name) for name in names for _ in range(2)]
    fake.durations = [r for n in names for r in bucket_rows((0, 1, 1, 1, 1), n)]
    fake.durations += [
        r for n in names for r in bucket_rows((1, 1, 1, 1, 2), n, destination_version="v2")
    ][:15_000]
    source = source_of(fake.url, clock, query_s=60, tick_s=120)
    began, cpu = time.monotonic(), time.thread_time()
    sampling = asyncio.create_task(source.sample(Mesh()))
    longest, last = 0.0, time.monotonic()
    while not sampling.done():
        await asyncio.sleep(0.005)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    sample = await sampling
    series = len(fake.requests) + len(fake.durations)
    print(
        f"\n{series} series: {time.monotonic() - began:.2f} s with the fake server,"
        f" {1000 * (time.thread_time() - cpu):.0f} ms of CPU on the event loop,"
        f" which was held up for {1000 * longest:.0f} ms at the most"
    )
    assert len(sample.caller_totals) == 5000
    await source.close()


async def test_a_sample_that_is_not_wanted_any_more_leaves_nothing_behind(
    fake: Fake, clock: Clock
) -> None:
    source = source_of(fake.url, clock)
    fake.delay = 0.5
    asking = asyncio.create_task(source.sample(Mesh()))
    await asyncio.sleep(0.1)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    fake.delay = 0.0
    sample: Sample = await source.sample(Mesh())
    assert sample.caller[V1].requests == 100
    await source.close()


def test_a_row_is_what_prometheus_answers() -> None:
    assert row(1, a="b") == {"metric": {"a": "b"}, "value": [1_700_000_000.0, "1"]}


async def test_connections_come_with_the_requests(fake: Fake, source: PrometheusSource) -> None:
    names = ("connections_opened", "connections_closed", "sent_bytes", "received_bytes")
    fake.requests += [
        requests_row(60 * n, "db", response_code="", what=f"istio_tcp_{name}_total")
        for n, name in enumerate(names, 1)
    ]
    sample = await source.sample(Mesh())
    ((target, one),) = sample.connected.items()
    assert target.service.name == "db"
    assert (one.opened, one.opened_s, one.closed_s, one.sent_s, one.received_s) == (60, 1, 2, 3, 4)
    assert sample.caller[V1].p50_ms == 5.0
    assert len(fake.asked) <= 6
