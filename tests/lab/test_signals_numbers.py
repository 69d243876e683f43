"""Golden signals read from real sidecars, against what the applications themselves counted."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable

import pytest

from meshtui.kube.cluster import Cluster
from meshtui.mesh.model import Mesh as Facts
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import Sample, Signals, VersionKey
from meshtui.metrics.sidecars import SidecarSource
from tests.lab.harness import Mesh, to, until

REVIEWS = ServiceKey("default", "reviews")


def version(name: str) -> VersionKey:
    return VersionKey(REVIEWS, name)


@pytest.fixture
async def cluster(mesh: Mesh) -> AsyncIterator[Cluster]:
    connected = await Cluster.connect(kubeconfig=str(mesh.lab.kubeconfig))
    yield connected
    await connected.close()


@pytest.fixture
async def facts(cluster: Cluster) -> Facts:
    return parse_mesh({"pods": (await cluster.get("/api/v1/pods"))["items"]})


async def sample_until(
    source: SidecarSource, facts: Facts, enough: Callable[[Sample], bool]
) -> Sample:
    """Counters are there at once, but a proxy's log and histograms come a little later."""
    async with asyncio.timeout(30):
        while not enough(sample := await source.sample(facts)):  # noqa: ASYNC110 - no sign
            await asyncio.sleep(0.1)
    return sample


def all_counted_are_timed(mesh: Mesh) -> bool:
    """Whether the caller's histograms have what its counters have: they come a second later."""
    text = mesh.lab.admin("productpage-v1", "/stats/prometheus?usedonly&filter=istio_request")

    def total(metric: str) -> int:
        return sum(map(int, re.findall(rf"^\w*{metric}\{{.*\}} (\d+)$", text, re.M)))

    counted = total("istio_requests_total")
    return 0 < counted == total("istio_request_duration_milliseconds_count")


async def signals_of(
    mesh: Mesh, cluster: Cluster, facts: Facts, count: int
) -> tuple[Sample, dict[str, Signals]]:
    """Send requests between two readings; the callers' view of reviews by version."""
    until(lambda: all_counted_are_timed(mesh), what="the times of what was sent before")
    source = SidecarSource(cluster)
    await source.sample(facts)
    mesh.lab.reset()
    mesh.send(count)

    def all_timed(sample: Sample) -> bool:
        total = sample.caller_totals.get(REVIEWS, Signals())
        return total.requests >= count and total.p50_ms is not None

    sample = await sample_until(source, facts, all_timed)
    return sample, {k.version: s for k, s in sample.caller.items() if k.service == REVIEWS}


async def test_every_request_is_counted_on_its_version(
    mesh: Mesh, cluster: Cluster, facts: Facts
) -> None:
    mesh.route({"route": [to("v1", 70), to("v2", 30)]})
    sample, signals = await signals_of(mesh, cluster, facts, 300)
    counted = mesh.lab.counts()
    # A version that was asked in a test before is known, and was not asked in this one.
    assert {name: s.requests for name, s in signals.items() if s.requests} == {
        name: counted[f"reviews-{name}"]["requests"] for name in ("v1", "v2")
    }
    assert sample.caller_totals[REVIEWS].requests == 300.0
    assert sample.server_totals[REVIEWS].requests == 300.0
    assert sample.server[version("v2")].requests == signals["v2"].requests
    assert sample.caller_totals[REVIEWS].rps == pytest.approx(300 / sample.window_s, rel=0.2)
    assert (sample.failed, sample.problems) == (0, ())
    assert sample.read == len([pod for pod in facts.pods if pod.sidecar])


async def test_errors_are_those_the_version_made(
    mesh: Mesh, cluster: Cluster, facts: Facts
) -> None:
    mesh.route({"route": [to("v1", 50), to("v3", 50)], "retries": {"attempts": 0}})
    mesh.lab.set("reviews-v3", errors="40%")
    _, signals = await signals_of(mesh, cluster, facts, 200)
    counted = mesh.lab.counts()["reviews-v3"]
    failed = sum(n for status, n in counted["status"].items() if int(status) >= 500)
    assert failed > 0
    assert signals["v3"].error_ratio == pytest.approx(failed / counted["requests"])
    assert signals["v3"].codes["200"] == counted["requests"] - failed
    assert signals["v1"].error_ratio == 0.0


async def test_latency_lies_in_the_buckets_around_it(
    mesh: Mesh, cluster: Cluster, facts: Facts
) -> None:
    mesh.route({"route": [to("v1")]})
    mesh.lab.set("reviews-v1", latency="60ms")
    _, signals = await signals_of(mesh, cluster, facts, 40)
    assert 50 <= (signals["v1"].p50_ms or 0) <= 250


async def test_an_abort_reaches_no_pod_and_is_the_callers_error(
    mesh: Mesh, cluster: Cluster, facts: Facts
) -> None:
    abort = {"abort": {"percentage": {"value": 100}, "httpStatus": 503}}
    mesh.route({"route": [to("v1")], "fault": abort})
    source = SidecarSource(cluster)
    await source.sample(facts)
    mesh.send(20)
    sample = await sample_until(
        source, facts, lambda s: s.caller_totals.get(REVIEWS, Signals()).requests >= 20
    )
    signals = sample.caller[version("unknown")]
    assert (signals.requests, signals.error_ratio, signals.flags) == (20.0, 1.0, {"FI": 20.0})
    # The times of what an earlier test sent may come only now: no requests are counted with them.
    assert not sample.server_totals.get(REVIEWS, Signals()).requests


async def test_clients_are_known_from_one_reading(
    mesh: Mesh, cluster: Cluster, facts: Facts
) -> None:
    mesh.send(1)
    sample = await SidecarSource(cluster).sample(facts)
    assert ("default", "productpage-v1") in sample.clients[REVIEWS]


async def test_a_pod_that_is_deleted_is_no_failure(
    mesh: Mesh, cluster: Cluster, facts: Facts
) -> None:
    source = SidecarSource(cluster)
    await source.sample(facts)
    mesh.route({"route": [to("v2")]})
    pod = mesh.api.pods("details")[0]["metadata"]["name"]
    mesh.api.call("DELETE", f"/api/v1/namespaces/default/pods/{pod}")
    mesh.send(10)
    sample = await sample_until(
        source, facts, lambda s: s.caller_totals.get(REVIEWS, Signals()).requests >= 10
    )
    assert sample.caller[version("v2")].requests == 10.0


async def test_copies_of_a_mirror_are_counted_where_they_arrive_and_by_no_caller(
    mesh: Mesh, cluster: Cluster, facts: Facts
) -> None:
    mesh.route({"route": [to("v1")], "mirror": to("v3")["destination"]})
    mesh.lab.set("reviews-v3", errors="100%")
    source = SidecarSource(cluster)
    await source.sample(facts)
    mesh.send(50)
    sample = await sample_until(
        source, facts, lambda s: s.server.get(version("v3"), Signals()).requests >= 50
    )
    assert version("v3") not in sample.caller
    assert sample.caller_totals[REVIEWS].requests == 50.0
    assert sample.caller_totals[REVIEWS].error_ratio == 0.0
    assert sample.server[version("v3")].error_ratio == 1.0
    assert sample.server_totals[REVIEWS].requests == 100.0
