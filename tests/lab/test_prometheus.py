"""A real Prometheus beside the sidecars: the same traffic, the same numbers.

The window is five seconds here, five scrapes, so that a test need not wait for fifteen.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import math
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from typing import Any

import pytest

from meshtui.errors import Exit, MeshtuiError, Unreachable
from meshtui.kube.cluster import Cluster
from meshtui.lab.client import Answer
from meshtui.lab.process import RunningLab
from meshtui.mesh.model import Mesh as Facts
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import UNKNOWN, Sample, Signals, VersionKey
from meshtui.metrics import choose, prometheus_timing
from meshtui.metrics.auto import AutoSource
from meshtui.metrics.sidecar_reader import Limits
from meshtui.metrics.sidecars import SidecarSource
from meshtui.metrics.source import MetricsSource
from meshtui.operations.look.telemetry import calls_of
from tests.lab import prometheus as server
from tests.lab.harness import Api, Mesh, statuses, to, until, within_three_sigma
from tests.lab.operator import Operator
from tests.lab.prometheus import Prometheus

WINDOW_S = 5.0
FLUSH_S = 1.3
"""Envoy's histograms are a second behind its counters."""

REVIEWS = ServiceKey("default", "reviews")
NO_RETRIES: dict[str, Any] = {"retries": {"attempts": 0}}
BOUNDS = (0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000)


@pytest.fixture(scope="module")
def prometheus(lab: RunningLab) -> Iterator[Prometheus]:
    with server.running(Api(lab)) as found:
        yield found


@pytest.fixture(autouse=True)
def short_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus_timing, "SHORTEST_WINDOW_S", WINDOW_S)


@pytest.fixture
async def cluster(mesh: Mesh) -> AsyncIterator[Cluster]:
    connected = await Cluster.connect(kubeconfig=str(mesh.lab.kubeconfig))
    yield connected
    await connected.close()


@pytest.fixture
async def facts(cluster: Cluster) -> Facts:
    return await facts_of(cluster)


async def facts_of(cluster: Cluster) -> Facts:
    items = {kind: (await cluster.get(f"/api/v1/{kind}"))["items"] for kind in ("pods", "services")}
    return parse_mesh(items)


class Pair:
    """Both sources, read at the same moments."""

    def __init__(self, cluster: Cluster, facts: Facts, url: str) -> None:
        self.facts = facts
        self.sidecars = SidecarSource(cluster, Limits(window_s=WINDOW_S))
        self.prometheus = choose.source_for(cluster, url)

    async def ready(self) -> None:
        """Prometheus has read for a window, and nothing is left in it of other tests."""
        await sample_until(self.prometheus, self.facts, lambda s: REVIEWS not in s.caller_totals)
        await self.sidecars.sample(self.facts)

    async def read(self) -> tuple[Sample, Sample]:
        return await self.sidecars.sample(self.facts), await self.prometheus.sample(self.facts)

    async def counted(self, requests: int) -> tuple[Sample, Sample]:
        """What both say when they have so many requests of `reviews`, all of them timed."""
        async with asyncio.timeout(WINDOW_S):
            while not await self._have(requests):  # noqa: ASYNC110 - no sign
                await asyncio.sleep(0.2)
        await asyncio.sleep(FLUSH_S)
        return await self.read()

    async def _have(self, requests: int) -> bool:
        """Not while a busy machine lets a scrape of one second run out of time."""
        with suppress(Unreachable):
            return all(total_of(sample).requests >= requests for sample in await self.read())
        return False


@pytest.fixture
async def pair(cluster: Cluster, facts: Facts, prometheus: Prometheus) -> AsyncIterator[Pair]:
    found = Pair(cluster, facts, prometheus.url)
    await found.ready()
    yield found
    await found.prometheus.close()


async def sample_until(
    source: MetricsSource, facts: Facts, enough: Callable[[Sample], bool]
) -> Sample:
    async with asyncio.timeout(60):
        while True:
            with suppress(MeshtuiError):
                if enough(sample := await source.sample(facts)):
                    return sample
            await asyncio.sleep(0.2)


def total_of(sample: Sample) -> Signals:
    return sample.caller_totals.get(REVIEWS, Signals())


def bucket(milliseconds: float | None) -> int:
    return -9 if milliseconds is None else bisect_left(BOUNDS, milliseconds)


class Unsteady(AssertionError):
    """What the load generator itself measured does not fit: on a busy machine it is late."""


ATTEMPTS = 6


def steady(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Measured again where the load generator was late, or Prometheus could not scrape each second.

    What was not scraped can't be counted. Whatever is wrong beside that is wrong at once.
    """

    @wraps(test)
    async def measured(mesh: Mesh, pair: Pair, prometheus: Prometheus, **more: Any) -> None:
        for _ in range(ATTEMPTS - 1):
            began = time.monotonic()
            try:
                await test(mesh, pair, **more)
                return
            except (AssertionError, TimeoutError, MeshtuiError) as error:
                seconds = math.ceil(time.monotonic() - began + 2 * WINDOW_S)
                late = isinstance(error, Unsteady)
                if not late and prometheus.scraped_all(seconds, every=1):
                    raise
            await pair.ready()
        await test(mesh, pair, **more)

    signature = inspect.signature(test)
    taken = inspect.Parameter("prometheus", inspect.Parameter.KEYWORD_ONLY)
    measured.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=(*signature.parameters.values(), taken)
    )
    return measured


def assert_p99(signals: Signals, answers: list[Answer]) -> None:
    """Within one bucket of what the load generator waited: it waits a little longer than Envoy."""
    waits = sorted(1000 * answer.seconds for answer in answers)
    expected = waits[math.ceil(0.99 * len(waits)) - 1]
    if abs(bucket(signals.p99_ms) - bucket(expected)) > 1:
        raise Unsteady(f"{signals.p99_ms} ms, and the load generator waited {expected} ms")


def assert_quantiles(ours: Signals, theirs: Signals) -> None:
    """Within one bucket: a request may end between two readings of one histogram."""
    for q in ("p50_ms", "p95_ms", "p99_ms"):
        assert abs(bucket(getattr(ours, q)) - bucket(getattr(theirs, q))) <= 1, q


@dataclass(frozen=True, slots=True)
class Counted:
    """What the load generator and the pods of `reviews` counted over some seconds."""

    seconds: float
    answers: dict[str, int]
    upstream: dict[str, dict[str, int]]

    @property
    def requests(self) -> int:
        return sum(self.answers.values())

    def served(self, version: str) -> int:
        return sum(self.upstream[version].values())

    def failed(self, version: str) -> int:
        return sum(n for code, n in self.upstream[version].items() if code >= "500")


def counters(mesh: Mesh) -> tuple[Counter[str], dict[str, Counter[str]]]:
    counts = mesh.lab.counts()
    served = {v: Counter(counts.get(f"reviews-{v}", {}).get("status", {})) for v in ("v1", "v3")}
    return Counter(mesh.lab.loadgen()), served


async def window_of(mesh: Mesh, pair: Pair) -> tuple[Counted, Sample, Sample]:
    """One window under load, counted at both ends of it, and then read by both sources."""
    began, (answers, served) = time.monotonic(), counters(mesh)
    for _ in range(round(WINDOW_S)):
        await asyncio.sleep(1.0)
        await pair.sidecars.sample(pair.facts)
    seconds, (later, then) = time.monotonic() - began, counters(mesh)
    grown = {version: dict(then[version] - served[version]) for version in then}
    found = Counted(seconds, dict(later - answers), grown)
    await asyncio.sleep(FLUSH_S / 2)
    return found, *await pair.read()


def assert_like(counted: Counted, sample: Sample, other: Sample) -> None:
    """Shares and errors within 3σ of what was counted, rates within 5 % of the other source.

    The windows of a source and of the counts begin and end up to a second apart.
    """
    pages, total = sample.caller_totals[ServiceKey("default", "productpage")], total_of(sample)
    failed = counted.answers.get("503", 0)
    assert within_three_sigma(errors_of(pages), round(pages.requests), failed / counted.requests)
    for version in ("v1", "v3"):
        found, served = sample.caller[VersionKey(REVIEWS, version)], counted.served(version)
        share = served / (counted.served("v1") + counted.served("v3"))
        assert within_three_sigma(round(found.requests), round(total.requests), share)
        ratio = counted.failed(version) / served
        assert within_three_sigma(errors_of(found), round(found.requests), ratio)
    for name in ("productpage", "details", "reviews"):
        key = ServiceKey("default", name)
        assert sample.caller_totals[key].rps == pytest.approx(
            other.caller_totals[key].rps, rel=0.05
        )
        assert sample.server_totals[key].rps == pytest.approx(
            other.server_totals[key].rps, rel=0.05
        )
    if pages.rps != pytest.approx(sent := counted.requests / counted.seconds, rel=0.05):
        raise Unsteady(f"{pages.rps} requests/s, and the load generator sent {sent}")


@pytest.fixture
def load(mesh: Mesh) -> Iterator[None]:
    mesh.lab.load(80)
    yield
    mesh.lab.load(0)


@steady
async def test_steady_traffic_through_a_shift(mesh: Mesh, pair: Pair, load: None) -> None:
    """Against the load generator and the pods themselves, before a shift and after it."""
    mesh.lab.set("reviews-v3", errors="20%")
    for weight in (20, 60):
        mesh.route({"route": [to("v1", 100 - weight), to("v3", weight)], **NO_RETRIES})
        await asyncio.sleep(WINDOW_S / 4)
        counted, ours, theirs = await window_of(mesh, pair)
        assert theirs.caller_totals.keys() == ours.caller_totals.keys()
        assert_like(counted, ours, theirs)
        assert_like(counted, theirs, ours)
        assert theirs.clients[REVIEWS] == ours.clients[REVIEWS]
    assert theirs.window_s == WINDOW_S
    assert (theirs.failed, theirs.problems) == (0, ())


def errors_of(signals: Signals) -> int:
    return round((signals.error_ratio or 0) * signals.requests)


@steady
async def test_a_burst_is_counted_to_the_request(mesh: Mesh, pair: Pair) -> None:
    mesh.route({"route": [to("v1", 50), to("v3", 50)], **NO_RETRIES})
    mesh.lab.set("reviews-v3", errors="40%", latency="30ms")
    mesh.lab.reset()
    answers = mesh.send(200)
    ours, theirs = await pair.counted(200)
    counts = mesh.lab.counts()
    failed = sum(n for code, n in counts["reviews-v3"]["status"].items() if code >= "500")
    assert (total_of(theirs).requests, errors_of(total_of(theirs))) == (200, failed)
    for version in ("v1", "v3"):
        key = VersionKey(REVIEWS, version)
        assert theirs.caller[key].requests == counts[f"reviews-{version}"]["requests"]
        for mine, other in ((ours.caller, theirs.caller), (ours.server, theirs.server)):
            assert (other[key].requests, other[key].codes, other[key].error_ratio) == (
                mine[key].requests,
                mine[key].codes,
                mine[key].error_ratio,
            )
            assert_quantiles(mine[key], other[key])
        own = [answer for answer in answers if answer.served_by == f"reviews-{version}"]
        for sample in (ours, theirs):
            assert_p99(sample.caller[key], own)
    assert await called(pair.sidecars, pair.facts) == await called(pair.prometheus, pair.facts)


async def called(source: MetricsSource, facts: Facts) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Who called which version of `reviews`, how often, with which answers and how secured."""
    found = await calls_of(source, facts)
    assert found.window_s > 0
    calls = {
        (call.caller[1], call.target.version): (
            *(round(call.signals.requests), dict(call.signals.codes)),
            *(call.protocols, call.mutual_tls, call.by_server),
        )
        for call in found.calls
        if call.target.service == REVIEWS
    }
    assert {caller for caller, _ in calls} == {"productpage-v1"}
    assert sum(numbers[0] for numbers in calls.values()) == 200
    return calls


@steady
async def test_an_injected_abort(mesh: Mesh, pair: Pair) -> None:
    abort = {"abort": {"percentage": {"value": 50}, "httpStatus": 503}}
    mesh.route({"route": [to("v1")], "fault": abort})
    mesh.lab.reset()
    answers = mesh.send(200)
    failed = statuses(answers)[503]
    for sample in await pair.counted(200):
        total, reached = total_of(sample), sample.caller[VersionKey(REVIEWS, "v1")]
        assert (total.error_ratio, total.flags) == (failed / 200, {"FI": float(failed)})
        assert reached.requests == mesh.lab.counts()["reviews-v1"]["requests"]
        assert_p99(reached, [answer for answer in answers if answer.status == 200])
    assert within_three_sigma(failed, 200, 0.5)


@steady
async def test_a_breaker_that_overflows(mesh: Mesh, pair: Pair) -> None:
    mesh.lab.set("reviews-v1", latency="10ms")
    limits = {"tcp": {"maxConnections": 4}, "http": {"http1MaxPendingRequests": 1}}
    mesh.destination_rule({"connectionPool": limits})
    until(lambda: '"max_connections": 4' in json.dumps(mesh.clusters()), what="the breaker")
    mesh.route({"route": [to("v1")], **NO_RETRIES})
    mesh.lab.reset()
    answers = mesh.send(200)
    refused = statuses(answers)[503]
    assert 0 < refused < 200
    for sample in await pair.counted(200):
        total, reached = total_of(sample), sample.caller[VersionKey(REVIEWS, "v1")]
        turned_away = sample.caller[VersionKey(REVIEWS, UNKNOWN)]
        assert (total.error_ratio, total.flags) == (refused / 200, {"UO": float(refused)})
        assert (turned_away.requests, turned_away.error_ratio) == (refused, 1.0)
        assert reached.requests == mesh.lab.counts()["reviews-v1"]["requests"] == 200 - refused
        assert sample.server_totals[REVIEWS].requests == 200 - refused
        assert_p99(reached, [answer for answer in answers if answer.status == 200])


async def test_the_command_line_reads_it(
    mesh: Mesh, prometheus: Prometheus, tmp_path_factory: pytest.TempPathFactory
) -> None:
    operator = Operator(mesh.lab.kubeconfig, tmp_path_factory.mktemp("operator"))
    deadline = time.monotonic() + 60
    while True:
        # Where all scrapes of a second ran out of time, it has no newest numbers for a moment.
        ran = operator.run("services", "--prometheus", prometheus.url, "-o", "json")
        if ran.status != Exit.UNREACHABLE or time.monotonic() > deadline:
            break
    assert ran.status == 0, ran.err
    assert (ran.json["source"], ran.json["window_s"]) == ("prometheus", 15.0)
    ran = operator.run("services", "--prometheus", "http://127.0.0.1:1")
    assert ran.status == 5
    assert "Prometheus at http://127.0.0.1:1 does not answer" in ran.err


async def test_a_prometheus_in_the_cluster_comes_and_goes(
    mesh: Mesh, cluster: Cluster, prometheus: Prometheus
) -> None:
    server.install(mesh.api, prometheus)
    facts = await facts_of(cluster)
    source = AutoSource(
        lambda mesh: choose.found_in(cluster, mesh), SidecarSource(cluster), discover_every_s=0.5
    )
    try:
        mesh.send(5)
        sample = await sample_until(source, facts, lambda s: s.source == "prometheus")
        assert ("default", "productpage-v1") in sample.clients[REVIEWS]
        prometheus.pause()
        sample = await sample_until(source, facts, lambda s: s.source == "sidecars")
        assert source.name == "sidecars"
        assert "Prometheus istio-system/prometheus:9090" in sample.problems[0]
        prometheus.resume()
        await sample_until(source, facts, lambda s: s.source == "prometheus" and not s.problems)
    finally:
        prometheus.resume()
        await source.close()
        server.remove(mesh.api)


@steady
async def test_an_upstream_that_is_down(mesh: Mesh, pair: Pair) -> None:
    """Last but one: a pod that comes back has another address than Prometheus was given."""
    path = "/apis/apps/v1/namespaces/default/deployments/reviews-v3"

    def scale(replicas: int) -> None:
        patch = [{"op": "replace", "path": "/spec/replicas", "value": replicas}]
        mesh.api.call("PATCH", path, patch, "json-patch+json")
        until(lambda: mesh.api.call("GET", path)["status"].get("readyReplicas", 0) == replicas)

    mesh.route({"route": [to("v3")]})
    answers = mesh.send(20)
    scale(0)
    try:
        while statuses(answers[-1:]) != {503: 1}:
            answers += mesh.send(1)
        answers += mesh.send(20)
        samples = await pair.counted(len(answers))
    finally:
        scale(1)
    failed = statuses(answers)[503]
    for total in map(total_of, samples):
        assert (total.requests, total.flags) == (len(answers), {"UH": float(failed)})
        assert total.error_ratio == failed / len(answers)


async def test_killed_it_is_unknown_at_once(
    cluster: Cluster, facts: Facts, prometheus: Prometheus
) -> None:
    source = choose.source_for(cluster, prometheus.url)
    await sample_until(source, facts, lambda s: s.window_s > 0)
    prometheus.kill()
    await asyncio.sleep(0.3)
    with pytest.raises(MeshtuiError, match="does not answer"):
        await source.sample(facts)
    await source.close()
