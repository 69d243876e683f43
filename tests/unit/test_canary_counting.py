"""From what the telemetry counted in an interval to the counts of two sides, none twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from math import inf
from typing import Any

import pytest

from meshtui.canary.tally import Interval
from meshtui.changes.change import Target
from meshtui.changes.locate import locate
from meshtui.errors import MeshtuiError, Unreachable
from meshtui.mesh.authorization import parse_request_authentication
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import UNKNOWN, Responder, Sample, Signals, VersionKey
from meshtui.metrics.intervals import Counted, PrometheusIntervals, SidecarIntervals, Supplemented
from meshtui.metrics.prometheus import PrometheusSource
from meshtui.metrics.prometheus_url import UrlServer
from meshtui.metrics.worker import Worker
from meshtui.operations.canary.counting import Counting, Question, counts_of, steady_clock
from tests.unit.fake_prometheus import Fake, bucket_rows, requests_row, serving
from tests.unit.objects import destination_rule, meta, reviews, route, service, virtual_service
from tests.unit.objects import pod as obj_pod
from tests.unit.test_mesh import REVIEWS
from tests.unit.test_metrics_sidecars import DENIED, FakeCluster, answers, pod, stats

HOST = "reviews.default.svc.cluster.local"
V1, V2, V3 = ((HOST, name) for name in ("v1", "v2", "v3"))


def question(*weights: int, shadow: bool = False) -> Question:
    entries = [route(f"v{n}", weight) for n, weight in enumerate(weights, 1)]
    mesh = reviews({"route": entries})
    located = locate(mesh, Target(REVIEWS))
    others = tuple(place for place, w in zip((V1, V2), weights, strict=False) if w)
    return Question(mesh, located.service, located.rule, V3, others, shadow)


def sample(server: dict[str, Signals] | None = None, **caller: Signals) -> Sample:
    versions = {VersionKey(REVIEWS, name): signals for name, signals in caller.items()}
    answers = {VersionKey(REVIEWS, name): signals for name, signals in (server or {}).items()}
    return Sample(0.0, "test", 5.0, caller=versions, server=answers or versions)


def counted(asked: Question, found: Sample, p99_ms: float = 500.0) -> Interval:
    interval, _ = counts_of(asked, found, p99_ms)
    return interval


def test_the_others_are_the_baseline_together() -> None:
    found = sample(
        v1=Signals(600, error_ratio=0.01), v2=Signals(300, error_ratio=0.0), v3=Signals(100)
    )
    interval = counted(question(60, 30, 10), found)
    assert (interval.canary.requests, interval.canary.errors) == (100, 0)
    assert interval.stable is not None
    assert (interval.stable.requests, interval.stable.errors) == (900, pytest.approx(6))
    assert counted(question(60, 0, 40), found).stable.requests == 600  # type: ignore[union-attr]
    assert counted(question(0, 0, 100), found).stable is None


def test_what_broke_off_and_what_proxies_refused_count_as_errors() -> None:
    bad = Signals(100, error_ratio=0.02, cut_off=3, refused=4)
    assert counted(question(90, 0, 10), sample(v1=Signals(900), v3=bad)).canary.errors == 9


def test_a_shadow_is_judged_by_its_own_answers() -> None:
    found = sample(
        {"v1": Signals(1000, error_ratio=0.0), "v3": Signals(1000, error_ratio=0.5)},
        v1=Signals(1000, error_ratio=0.1),
    )
    interval = counted(question(100, 0, 0, shadow=True), found)
    assert (interval.canary.errors, interval.stable and interval.stable.errors) == (500, 0)


def test_requests_that_reached_no_pod_count_against_whose_they_were() -> None:
    """Where the canary's cluster has no endpoint, telemetry names no version but the flag."""
    called = {
        Responder(REVIEWS, "v1", "default", "reviews-v1"): Signals(900, error_ratio=0.0),
        Responder(REVIEWS, UNKNOWN, flags="UH"): Signals(100, error_ratio=1.0, flags={"UH": 100.0}),
    }
    asked = question(90, 0, 10)
    none_ready = tuple(replace(p, ready=p.version != "v3") for p in asked.mesh.pods)
    asked = replace(asked, mesh=replace(asked.mesh, pods=none_ready))
    interval = counted(asked, Sample(0.0, "test", 5.0, called=called))
    assert (interval.canary.requests, interval.canary.errors) == (100, 100)


def test_a_canary_without_version_labels_is_known_by_its_workload() -> None:
    pods = []
    for number, track in enumerate(("old", "new"), 1):
        raw = obj_pod("reviews", track, number=number)
        labels = raw["metadata"]["labels"]
        labels["track"] = labels.pop("version")
        pods.append(raw)
    policy = destination_rule("reviews", ())
    tracks = [{"name": one, "labels": {"track": one}} for one in ("old", "new")]
    policy["spec"]["subsets"] = tracks
    rule = {"route": [route("old", 90), route("new", 10)]}
    mesh = parse_mesh(
        {
            "services": [service("reviews")],
            "pods": pods,
            "virtualservices": [virtual_service("reviews", rule)],
            "destinationrules": [policy],
        }
    )
    located = locate(mesh, Target(REVIEWS))
    old, new = (HOST, "old"), (HOST, "new")
    asked = Question(mesh, located.service, located.rule, new, (old,))
    called = {
        Responder(REVIEWS, f"reviews-{track}", "default", f"reviews-{track}"): signals
        for track, signals in (("old", Signals(900)), ("new", Signals(100, error_ratio=0.2)))
    }
    interval = counted(asked, Sample(0.0, "test", 5.0, called=called))
    assert interval.problem == ""
    assert (interval.canary.requests, interval.canary.errors) == (100, 20)
    assert interval.stable is not None and interval.stable.requests == 900


def test_slow_is_counted_at_the_bound_next_to_the_limit() -> None:
    buckets = {100.0: 50.0, 250.0: 80.0, 500.0: 97.0, 1000.0: 99.0, inf: 100.0}
    found = sample(v1=Signals(900), v3=Signals(100, buckets=buckets))
    for limit, slow in ((500, 3), (400, 3), (300, 20), (2000, 1), (1, 50)):
        canary = counted(question(90, 0, 10), found, limit).canary
        assert (canary.timed, canary.slow) == (100, slow), limit


def test_versions_that_cannot_be_told_apart_are_no_counts() -> None:
    asked = question(90, 0, 10)
    same = tuple(replace(p, version="v1", workload="reviews") for p in asked.mesh.pods)
    labels = {"app": "reviews", "version": "v1", "role": "x"}
    same = tuple(replace(p, labels=labels) for p in same)
    asked = replace(asked, mesh=replace(asked.mesh, pods=same))
    interval = counted(asked, sample(v1=Signals(100)))
    assert interval.problem or interval.canary.requests == 0


class Steady:
    """A source by script: each answer is counts, nothing new, or an error."""

    name = "steady"

    def __init__(self, *answers: Any, usual_s: float = 0.0) -> None:
        self.answers = list(answers)
        self.usual_s = usual_s
        self.begun = 0

    async def begin(self, mesh: Mesh, services: frozenset[ServiceKey]) -> None:
        self.begun += 1
        if self.answers and isinstance(self.answers[0], str):
            self.answers.pop(0)
            raise Unreachable("away")

    async def count(self, mesh: Mesh, services: frozenset[ServiceKey]) -> Counted | None:
        answer = self.answers.pop(0)
        if isinstance(answer, MeshtuiError):
            raise answer
        if answer is None:
            return None
        found = sample(v1=Signals(900, error_ratio=0), v3=Signals(answer, error_ratio=0))
        return Counted(found, self.usual_s)

    async def close(self) -> None:
        return None


async def test_intervals_follow_each_other_and_a_failure_is_one_of_them() -> None:
    now = 100.0
    source = Steady(10, Unreachable("Prometheus does not answer"), 20, None, 30)
    counting = Counting(source, 500.0, lambda: now)
    asked = question(90, 0, 10)
    await counting.begin(asked)
    found: list[Interval] = []
    for _ in range(6):
        now += 5
        interval = await counting.count(asked)
        found += [interval] if interval else []
    assert [(i.start, i.end, i.problem) for i in found] == [
        (100, 105, ""),
        (105, 110, "Prometheus does not answer"),
        (115, 120, ""),
        (120, 130, ""),
    ]
    assert [i.canary.requests for i in found] == [10, 0, 20, 30]
    assert source.begun == 2


async def test_a_source_that_stays_away_is_an_interval_each_time() -> None:
    now = 100.0
    counting = Counting(Steady(Unreachable("gone"), "away", "away", 20), 500.0, lambda: now)
    asked = question(90, 0, 10)
    await counting.begin(asked)
    found: list[Interval] = []
    for _ in range(5):
        now += 5
        interval = await counting.count(asked)
        found += [interval] if interval else []
    assert [(i.start, i.end, i.problem) for i in found] == [
        (100, 105, "gone"),
        (105, 110, "away"),
        (110, 115, "away"),
        (120, 125, ""),
    ]


async def test_a_prometheus_tells_how_long_its_intervals_are() -> None:
    now = 100.0
    counting = Counting(Steady(10, 10, usual_s=60.0), 500.0, lambda: now)
    asked = question(90, 0, 10)
    await counting.begin(asked)
    now = 170.0
    first, second = await counting.count(asked), await counting.count(asked)
    assert first is not None and second is not None
    assert (first.start, first.end, first.usual_s) == (100, 105, 60)
    assert (second.start, second.end) == (105, 110)


class Proxies:
    """Sidecars whose counters a test sets, read by a clock of its own."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.cluster = FakeCluster()
        self.source = SidecarIntervals(self.cluster, clock=lambda: self.now)  # type: ignore[arg-type]
        self.mesh = Mesh(pods=(pod("a"), pod("b")))

    async def tick(self, **answers: Any) -> float | None:
        self.now += 5
        self.cluster.answers |= answers
        counted = await self.source.count(self.mesh, frozenset({REVIEWS}))
        return counted and sum(s.requests for s in counted.sample.caller.values())


async def test_each_request_is_counted_once_by_the_sidecars() -> None:
    proxies = Proxies()
    assert await proxies.tick(a=stats(100), b=stats(50)) is None
    assert await proxies.tick(a=stats(130), b=stats(50)) == 30
    assert await proxies.tick(a=stats(130), b=stats(51)) == 1


async def test_a_sidecar_that_is_late_is_counted_when_it_answers() -> None:
    proxies = Proxies()
    await proxies.tick(a=stats(100), b=stats(50))
    assert await proxies.tick(a=stats(110), b=Unreachable("late")) == 10
    assert await proxies.tick(a=stats(120), b=stats(90)) == 50
    assert await proxies.tick(a="", b=stats(90)) in (None, 0)
    assert await proxies.tick(a=stats(150), b=stats(90)) == 30


async def test_a_sidecar_that_restarts_counts_from_nothing() -> None:
    proxies = Proxies()
    await proxies.tick(a=stats(100), b=stats(50))
    assert await proxies.tick(a=stats(7), b=stats(50)) == 7


async def test_where_no_sidecar_answers_there_is_no_interval() -> None:
    proxies = Proxies()
    away = Unreachable("away")
    await proxies.tick(a=stats(100), b=stats(50))
    with pytest.raises(Unreachable, match="none of 2 sidecars"):
        await proxies.tick(a=away, b=away)


@pytest.fixture
def fake() -> Iterator[Fake]:
    with serving() as found:
        found.requests = [requests_row(90), requests_row(10, response_code="503")]
        found.durations = bucket_rows((0, 50, 100, 100, 100))
        yield found


async def test_a_prometheus_is_asked_for_whole_scrape_intervals(fake: Fake) -> None:
    worker = Worker("intervals-test")
    source = PrometheusSource(UrlServer(fake.url, worker), worker)
    intervals = PrometheusIntervals(source)
    services = frozenset({REVIEWS})
    try:
        await intervals.begin(Mesh(), services)
        assert await intervals.count(Mesh(), services) is None  # its clock stands still
        intervals._end = (intervals._end or 0) - 50  # three scrapes of 15 s and a bit ago
        counted = await intervals.count(Mesh(), services)
        assert counted is not None
        assert (counted.sample.window_s, counted.usual_s) == (30.0, 15.0)
        assert sum(s.requests for s in counted.sample.caller.values()) == 100
        assert await intervals.count(Mesh(), services) is None
        fake.age = 100.0
        with pytest.raises(Unreachable, match="100 s old"):
            await intervals.count(Mesh(), services)
    finally:
        await source.close()


async def test_failed_grpc_calls_and_requests_without_an_answer_are_errors() -> None:
    """A gRPC call that fails has the HTTP status 200."""
    proxies = Proxies()

    def answers(n: int) -> str:
        grpc = stats(n).replace('request_protocol="http"', 'request_protocol="grpc"')
        bad = grpc.replace('response_code="200"', 'response_code="200",grpc_response_status="14"')
        return "\n".join((stats(n), bad, stats(n, code="0")))

    await proxies.tick(a=answers(0), b=stats(0))
    proxies.now += 5
    proxies.cluster.answers |= {"a": answers(10), "b": stats(0)}
    counted = await proxies.source.count(proxies.mesh, frozenset({REVIEWS}))
    assert counted is not None
    (signals,) = counted.sample.caller.values()
    assert (signals.requests, signals.requests * (signals.error_ratio or 0)) == (30, 20)


def test_a_clock_that_is_set_moves_no_interval_and_a_sleep_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = steady_clock()
    before = clock()
    monkeypatch.setattr(time, "time", lambda: before + 7200)
    assert 0 <= clock() - before < 600
    real = time.clock_gettime
    monkeypatch.setattr(time, "clock_gettime", lambda which: real(which) + 3600)
    assert clock() - before >= 3600


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="another system's clock")
def test_the_time_of_a_sleep_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(time, "clock_gettime", lambda which: asked.append(which) or 0.0)
    steady_clock()()
    assert set(asked) == {time.CLOCK_BOOTTIME}


async def test_what_the_proxies_denied_counts_as_in_a_versions_row() -> None:
    cluster, clock = FakeCluster(), [0.0]
    mesh = Mesh(pods=(pod("web", workload="web"), pod("reviews", workload="reviews-v1")))
    source = SidecarIntervals(cluster, clock=lambda: clock[0])  # type: ignore[arg-type]

    def say(ok: int, forbidden: int, denied: int) -> None:
        counter = DENIED.format("inbound_0.0.0.0_9080", denied)
        cluster.answers = {
            "web": answers("source", ok, forbidden),
            "reviews": answers("destination", ok, forbidden) + counter,
        }

    say(50, 10, 3)
    await source.begin(mesh, frozenset({REVIEWS}))
    clock[0] = 2.0
    say(90, 60, 43)
    found = await source.count(mesh, frozenset({REVIEWS}))
    assert found is not None
    (caller,) = found.sample.caller.values()
    assert (caller.requests, caller.codes["403"], caller.refused) == (90, 50, 40)


async def test_what_only_logs_tell_counts_in_an_interval_too() -> None:
    """401s that the proxies gave, of which no counter of theirs tells."""
    source = Supplemented(Steady(None, 5), with_tokens_refused)
    asked = question(90, 10)
    await source.begin(asked.mesh, asked.services)
    assert await source.count(asked.mesh, asked.services) is None
    found = await source.count(asked.mesh, asked.services)
    assert found is not None and found.sample.tokens == {("default", "reviews-v2"): 1.0}


async def with_tokens_refused(_: Mesh, found: Sample) -> Sample:
    return replace(found, tokens={("default", "reviews-v2"): 1.0})


def test_a_shadow_whose_copies_nobody_tells_from_requests_is_judged_by_its_own_answers() -> None:
    """What callers see of it is not known, which it is not judged by."""
    asked = question(100, 0, shadow=True)
    own = {"v3": Signals(100, 10, 0.5), "v1": Signals(100, 10, 0.0)}
    members = frozenset((pod.namespace, pod.workload) for pod in asked.mesh.pods)
    found = replace(sample(own, v1=Signals(100, 10, 0.0)), copies={asked.service.key: members})
    interval = counted(asked, found)
    assert (interval.problem, interval.canary.errors) == ("", 50.0)


JWT = {"metadata": meta("jwt"), "spec": {"jwtRules": [{"issuer": "me"}]}}
WHY = "v3: 401s may be by RequestAuthentication jwt: not counted apart"
UNSURE: dict[str, tuple[int, int, bool, str]] = {
    "too many to be left out": (20, 0, False, WHY),
    "as many as the stable version": (20, 180, False, ""),
    "few enough either way": (1, 0, False, ""),
    "told by the log": (20, 0, True, ""),
}  # canary's 401s of 100, the stable version's of 900, whether the log tells


@pytest.mark.parametrize("case", UNSURE)
def test_401s_that_nobody_tells_apart_are_no_success(case: str) -> None:
    own, stables, told, problem = UNSURE[case]
    asked = question(90, 0, 10)
    tokens = tuple(map(parse_request_authentication, [JWT]))
    asked = replace(asked, mesh=replace(asked.mesh, request_authentications=tokens))
    by = {
        "v1": Signals(900, error_ratio=0.0, codes={"401": stables, "200": 900 - stables}),
        "v3": Signals(100, error_ratio=0.0, codes={"401": own, "200": 100 - own}),
    }
    called = {
        Responder(REVIEWS, name, "default", f"reviews-{name}"): one for name, one in by.items()
    }
    known = {("default", "reviews-v3"): 0.0} if told else {}
    found = Sample(0.0, "test", 5.0, called=called, served=called, tokens=known)
    assert counted(asked, found).problem == problem
