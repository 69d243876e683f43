"""The past of a service as a real Prometheus remembers it: by URL, and through the API server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress

import pytest

from meshtui.errors import MeshtuiError, Unreachable
from meshtui.kube.cluster import Cluster
from meshtui.lab.process import RunningLab
from meshtui.mesh.model import Mesh as Facts
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.time_series import Course, Past, Stretch
from meshtui.metrics import choose, prometheus_timing
from meshtui.metrics.auto import AutoSource
from meshtui.metrics.prometheus import PrometheusSource
from meshtui.metrics.sample_history import SampleHistory
from meshtui.operations.look.charts import ChartHistory
from tests.lab import prometheus as server
from tests.lab.harness import Api, Mesh, to
from tests.lab.prometheus import Prometheus

REVIEWS = ServiceKey("default", "reviews")
NO_RETRIES = {"retries": {"attempts": 0}}


@pytest.fixture(scope="module")
def prometheus(lab: RunningLab) -> Iterator[Prometheus]:
    # A mesh that never had a request has no metrics at all.
    lab.send(1, via="productpage", host="reviews:9080")
    with server.running(Api(lab)) as found:
        yield found


@pytest.fixture(autouse=True)
def short_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus_timing, "SHORTEST_WINDOW_S", 5.0)


@pytest.fixture
async def cluster(mesh: Mesh) -> AsyncIterator[Cluster]:
    connected = await Cluster.connect(kubeconfig=str(mesh.lab.kubeconfig))
    yield connected
    await connected.close()


@pytest.fixture
async def facts(cluster: Cluster) -> Facts:
    items = {kind: (await cluster.get(f"/api/v1/{kind}"))["items"] for kind in ("pods", "services")}
    return parse_mesh(items)


@pytest.fixture
async def source(
    cluster: Cluster, facts: Facts, prometheus: Prometheus
) -> AsyncIterator[PrometheusSource]:
    found = choose.source_for(cluster, prometheus.url)
    assert isinstance(found, PrometheusSource)
    await sampled(found, facts)
    yield found
    await found.close()


async def sampled(source: PrometheusSource | AutoSource, facts: Facts) -> None:
    """It has given a sample, so it knows when the mesh was scraped."""
    async with asyncio.timeout(40):
        while True:
            with suppress(MeshtuiError):
                await source.sample(facts)
                if source.name == "prometheus":
                    return
            await asyncio.sleep(0.2)


async def past_until(
    source: PrometheusSource | AutoSource,
    facts: Facts,
    stretch: Stretch,
    enough: Callable[[Past], bool],
) -> Past:
    async with asyncio.timeout(40):
        while True:
            await source.sample(facts)
            found = await source.past(REVIEWS, stretch)
            if found is not None and enough(found):
                return found
            await asyncio.sleep(0.2)


def requests_in(course: Course) -> float:
    """Each request is in as many windows as there are steps in one, so it counts once."""
    return sum((moment.rps or 0.0) * moment.span_s for moment in course)


def is_timed(past: Past) -> bool:
    """The slow requests are in it: their histograms come a second later than their counts."""
    return any((moment.p99_ms or 0.0) >= 50 for moment in past.courses.get("v3", ()))


def is_over(past: Past) -> bool:
    """The whole of the traffic, and the silence after it."""
    course = past.courses.get("v3", ())
    return bool(course) and requests_in(course) > 0 and not course[-1].rps


async def test_a_burst_is_in_the_past_to_the_request_however_coarse_the_picture(
    mesh: Mesh,
    source: PrometheusSource,
    facts: Facts,
) -> None:
    mesh.route({"route": [to("v1", 50), to("v3", 50)], **NO_RETRIES})
    mesh.lab.set("reviews-v3", errors="100%")
    mesh.lab.reset()
    began = time.time()
    mesh.send(60)
    counts = mesh.lab.counts()
    for step_s in (1.0, 5.0):
        past = await past_until(source, facts, Stretch(began - 10, step_s), is_over)
        for version in ("v1", "v3"):
            found = requests_in(past.courses[version])
            assert found == pytest.approx(counts[f"reviews-{version}"]["requests"], abs=0.01)
        assert {moment.error_ratio for moment in past.courses["v3"]} == {1.0, None}
        assert {moment.error_ratio for moment in past.courses["v1"]} == {0.0, None}
        assert past.step_s == step_s and past.end <= time.time()
        assert all(moment.rps for moment in past.courses["v3"] if moment.error_ratio is not None)


async def test_the_api_servers_proxy_gives_the_same_past(
    mesh: Mesh, source: PrometheusSource, cluster: Cluster, prometheus: Prometheus
) -> None:
    api = Api(mesh.lab)
    server.install(api, prometheus)
    items = {kind: (await cluster.get(f"/api/v1/{kind}"))["items"] for kind in ("pods", "services")}
    facts = parse_mesh(items)
    mesh.route({"route": [to("v3", 100)], **NO_RETRIES})
    mesh.lab.set("reviews-v3", latency="60ms")
    auto = choose.source_for(cluster, "auto")
    assert isinstance(auto, AutoSource)
    try:
        await sampled(auto, facts)
        mesh.send(20)
        stretch = Stretch(time.time() - 20, 1.0)
        through = await past_until(auto, facts, stretch, is_timed)
        await source.sample(facts)
        direct = await source.past(REVIEWS, stretch)
        assert direct is not None
        times = {moment.at: moment for moment in direct.courses["v3"]}
        known = [moment for moment in through.courses["v3"] if moment.at in times]
        assert known and all(times[moment.at] == moment for moment in known)
        assert 50 <= max(moment.p99_ms or 0.0 for moment in known) <= 100
    finally:
        await auto.close()
        server.remove(api)


async def test_what_was_read_stays_and_what_is_seen_goes_on_when_it_is_down(
    mesh: Mesh, source: PrometheusSource, facts: Facts, prometheus: Prometheus
) -> None:
    mesh.send(10)
    seen = SampleHistory()
    await past_until(source, facts, Stretch(time.time() - 20, 1.0), lambda past: bool(past.courses))
    history = ChartHistory(seen, source, lambda *_: (), Thresholds())
    await history.read_past(REVIEWS, 300.0, 60, time.time())
    seen.record(await source.sample(facts))
    prometheus.kill()
    with pytest.raises(Unreachable):
        await history.read_past(REVIEWS, 300.0, 60, time.time())
    picture = history.picture(REVIEWS, 300.0, 60, time.time())
    assert picture.courses and picture.source == "prometheus"
    assert picture.past_end is not None and picture.past_end <= time.time()
