"""Callers that count nothing of what they send, beside what the applications counted."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import pytest

from meshtui.kube.cluster import Cluster
from meshtui.mesh.model import Mesh as Facts
from meshtui.metrics.choose import source_for
from meshtui.metrics.intervals import IntervalSource, PrometheusIntervals, SidecarIntervals
from meshtui.metrics.prometheus import PrometheusSource
from meshtui.metrics.sidecars import SidecarSource
from meshtui.metrics.source import MetricsSource
from tests.lab.harness import Mesh, to, until
from tests.lab.prometheus import running
from tests.lab.test_absence import REVIEWS, N, counted, facts_of, total, views_of

TELEMETRIES = "/apis/telemetry.istio.io/v1/namespaces/default/telemetries"
OFF = {"match": {"metric": "REQUEST_COUNT", "mode": "CLIENT"}, "disabled": True}
QUIET = {
    "apiVersion": "telemetry.istio.io/v1",
    "kind": "Telemetry",
    "metadata": {"name": "quiet"},
    "spec": {
        "selector": {"matchLabels": {"app": "productpage"}},
        "metrics": [{"overrides": [OFF]}],
    },
}


@pytest.fixture
async def cluster(mesh: Mesh) -> AsyncIterator[Cluster]:
    found = await Cluster.connect(kubeconfig=str(mesh.lab.kubeconfig))
    mesh.destination_rule()
    mesh.route({"route": [to("v1", 50), to("v2", 50)], "retries": {"attempts": 0}})
    await asyncio.to_thread(mesh.send, 16)
    yield found
    await found.close()


@contextmanager
def muted(mesh: Mesh) -> Iterator[Callable[[], None]]:
    """Productpage counts nothing as a client; gives what sends through it."""

    def counts() -> bool:
        dump = mesh.lab.admin("productpage-v1", "/config_dump?resource=dynamic_listeners")
        return dump.count('"istio_requests_total"') > 1

    mesh.api.call("POST", TELEMETRIES, QUIET)
    try:
        until(lambda: not counts(), what="a proxy that counts nothing as a client")
        yield lambda: [mesh.send(1) for _ in range(N)] and None
    finally:
        mesh.api.call("DELETE", f"{TELEMETRIES}/quiet")
        until(counts, what="a proxy that counts again")


@contextmanager
def without_proxy(mesh: Mesh) -> Iterator[Callable[[], None]]:
    """A caller that no proxy stands beside: it asks the pods at their own addresses."""
    addresses = [
        pod["status"]["podIP"]
        for pod in mesh.api.pods("reviews")
        if pod["metadata"]["labels"]["version"] in ("v1", "v2")
    ]

    def send() -> None:
        for number in range(N):
            connection = http.client.HTTPConnection(addresses[number % 2], 9080, timeout=10)
            connection.request("GET", "/reviews/0", headers={"Host": "reviews:9080"})
            assert connection.getresponse().status == 200
            connection.close()

    yield send


WORDS = {
    muted: "productpage-v1 counts no requests (Telemetry default/quiet)",
    without_proxy: "callers have no proxy, or send past it",
}


@contextmanager
def sources(mesh: Mesh, cluster: Cluster, kind: str) -> Iterator[MetricsSource]:
    if kind == "sidecars":
        yield SidecarSource(cluster)
        return
    with running(mesh.api) as server:
        server.until_scraped_for(16)
        yield source_for(cluster, server.url)


def intervals(source: MetricsSource, cluster: Cluster) -> IntervalSource:
    if isinstance(source, PrometheusSource):
        return PrometheusIntervals(source)
    return SidecarIntervals(cluster)


@pytest.mark.parametrize("caller", WORDS)
@pytest.mark.parametrize("kind", ["sidecars", "prometheus"])
async def test_who_answered_counts_for_a_caller_that_does_not(
    mesh: Mesh, cluster: Cluster, caller: Callable[[Mesh], object], kind: str
) -> None:
    """Rows, totals, and the intervals of a canary: each request once."""
    with caller(mesh) as send, sources(mesh, cluster, kind) as source:  # type: ignore[attr-defined]
        facts = await facts_of(cluster)
        if kind == "sidecars":
            await source.sample(facts)
        interval = intervals(source, cluster)
        await interval.begin(facts, frozenset({REVIEWS}))
        await _in_intervals(interval, facts, 0)
        mesh.lab.reset()
        await asyncio.to_thread(send)
        sample = await counted(source, facts, lambda found: total(found) >= N)
        served = {w: c["requests"] for w, c in mesh.lab.counts().items()}
        seen = await _in_intervals(interval, facts)
        await source.close()
    reviews = views_of(facts, sample)[REVIEWS]
    assert reviews.caller is not None and reviews.caller.requests == N == seen
    assert reviews.counted_because == f"{WORDS[caller]}: counted by reviews itself"
    rows = {row.version: row.caller.requests for row in reviews.versions if row.caller}
    assert (rows["v1"], rows["v2"]) == (served["reviews-v1"], served["reviews-v2"])


async def _in_intervals(source: IntervalSource, facts: Facts, wanted: int = N) -> float:
    """The requests of all intervals until they are as many as were sent, and of one more."""
    seen, more, enough = 0.0, True, False
    async with asyncio.timeout(60):
        while more:
            found = await source.count(facts, frozenset({REVIEWS}))
            if found:
                more = not enough
                seen += total(found.sample)
                enough = seen >= wanted
            await asyncio.sleep(0.2)
    return seen
