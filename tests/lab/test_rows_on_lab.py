"""Rows of real proxies' numbers against what the applications themselves counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from math import inf

import pytest

from meshtui.errors import Unreachable
from meshtui.kube.cluster import Cluster
from meshtui.kube.snapshot import read_objects
from meshtui.lab.process import RunningLab, spawn
from meshtui.lab.scenario import SCENARIOS
from meshtui.mesh.courses import counted_under
from meshtui.mesh.judging import FAILING, SLOW, Thresholds
from meshtui.mesh.model import Mesh as Facts
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import UNKNOWN, Sample, Signals
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView, measured, structure
from meshtui.metrics.choose import source_for
from meshtui.metrics.sidecar_reader import Limits
from meshtui.metrics.sidecars import SidecarSource
from meshtui.metrics.source import MetricsSource
from tests.lab.harness import Mesh, to
from tests.lab.prometheus import running
from tests.lab.random_layouts import GROUP, Laid, laid_out

REVIEWS = ServiceKey("default", "reviews")
VERSIONS = ("v1", "v2", "v3")
LONG = 120.0
"""Seconds to look back: a busy machine takes its time to send what is looked for."""


@pytest.fixture
async def cluster(mesh: Mesh) -> AsyncIterator[Cluster]:
    connected = await Cluster.connect(kubeconfig=str(mesh.lab.kubeconfig))
    yield connected
    await connected.close()


async def facts_of(cluster: Cluster) -> Facts:
    return parse_mesh((await read_objects(cluster)).items)


async def sampled(source: MetricsSource, facts: Facts, enough: Callable[[Sample], bool]) -> Sample:
    async with asyncio.timeout(60):
        while True:
            with suppress(Unreachable):
                sample = await source.sample(facts)
                if enough(sample):
                    return sample
            await asyncio.sleep(0.1)


def requests_to(sample: Sample, services: Iterable[str]) -> float:
    """What callers sent to these Services of `default`."""
    keys = [ServiceKey("default", name) for name in services]
    return sum(sample.caller_totals.get(key, Signals()).requests for key in keys)


def send(mesh: Mesh, count: int) -> None:
    """Half of the callers are of a group that a rule may have a match for."""
    mesh.send(count // 2)
    mesh.send(count - count // 2, headers={GROUP: "a"})


async def views_of(
    mesh: Mesh, cluster: Cluster, source: MetricsSource, laid: Laid, count: int
) -> list[ServiceView]:
    """The Services as they are shown once so many requests have been counted."""
    facts = await facts_of(cluster)
    await sampled(source, facts, lambda sample: not requests_to(sample, laid.services))
    mesh.lab.reset()
    await asyncio.to_thread(send, mesh, count)
    sample = await sampled(
        source, facts, lambda sample: requests_to(sample, laid.services) >= count
    )
    services = [facts.by_key[ServiceKey("default", name)] for name in laid.services]
    return list(measured(structure(facts, services), sample, Thresholds()))


def assert_counts(mesh: Mesh, views: list[ServiceView], count: int, laid: Laid) -> None:
    """No request is lost, and none counts for two rows; a row with numbers has what the
    applications of its pods counted."""
    own, *others = views
    beside = counted_under(own)
    apart = [own, *(view for view in others if view.key not in beside)]
    assert sum(view.caller.requests for view in apart if view.caller) == count, laid
    for view in views:
        total = sum(row.caller.requests for row in view.versions if row.caller)
        assert view.caller is not None and total == view.caller.requests, laid
    counted = {w: c["requests"] for w, c in mesh.lab.counts().items() if w.startswith("reviews-")}
    reached = sum(row.reached or 0.0 for view in apart for row in view.versions)
    lost = sum(
        row.reached or 0.0 for view in apart for row in view.versions if row.version == UNKNOWN
    )
    assert reached - lost == sum(counted.values()), laid
    for row in own.versions if len(apart) == 1 else ():
        assert_pods(row, own.versions, counted, laid)


def assert_pods(
    row: VersionView, rows: Sequence[VersionView], counted: Mapping[str, int], laid: Laid
) -> None:
    pods = {pod.workload for pod in row.members}
    others = [o for o in rows if o is not row and pods & {p.workload for p in o.members}]
    if row.caller is not None and pods and not others:
        assert row.reached == sum(counted.get(name, 0) for name in pods), (row.label, laid)


@pytest.mark.parametrize("seed", range(12))
async def test_the_sum_of_the_rows_is_the_callers_count(
    mesh: Mesh, cluster: Cluster, seed: int
) -> None:
    laid = await asyncio.to_thread(laid_out, mesh, seed)
    source = SidecarSource(cluster, Limits(window_s=LONG))
    await source.sample(await facts_of(cluster))
    views = await views_of(mesh, cluster, source, laid, 60)
    assert_counts(mesh, views, 60, laid)


async def test_the_same_of_what_a_prometheus_has(mesh: Mesh, cluster: Cluster) -> None:
    with running(mesh.api) as server:
        server.until_scraped_for(16)
        source = source_for(cluster, server.url)
        try:
            for seed in (12, 13):
                laid = await asyncio.to_thread(laid_out, mesh, seed)
                views = await views_of(mesh, cluster, source, laid, 60)
                assert_counts(mesh, views, 60, laid)
                await asyncio.to_thread(mesh.restore)
        finally:
            await source.close()


async def test_scenario_latency_is_found_without_a_key(mesh: Mesh, cluster: Cluster) -> None:
    ((faulty, behaviour),) = SCENARIOS["latency"].items()
    mesh.lab.set(faulty, latency=f"{1000 * behaviour['latency']:g}ms")
    mesh.route({"route": [to(version, 1) for version in VERSIONS]})
    facts, source = await facts_of(cluster), SidecarSource(cluster, Limits(window_s=LONG))
    await source.sample(facts)
    await asyncio.to_thread(mesh.send, 90)
    sample = await sampled(source, facts, lambda found: _timed(found) >= 90)
    (view,) = measured(structure(facts, [facts.by_key[REVIEWS]]), sample, Thresholds())
    states = {row.label: row.state for row in view.versions}
    assert states["v3"] == SLOW and states["v1"] != SLOW != states["v2"]
    (slow,) = (row.slow for row in view.versions if row.slow)
    assert "of its requests take longer than" in slow


def _timed(sample: Sample) -> float:
    return sample.caller_totals.get(REVIEWS, Signals()).buckets.get(inf, 0.0)


async def test_scenario_crash_names_the_reason(runtime_dir: str) -> None:
    """A lab of its own: nothing else makes its applications end."""
    with spawn(scenario="crash", rps=0) as lab:
        await _until_crash_is_named(lab)


async def _until_crash_is_named(lab: RunningLab) -> None:
    connected = await Cluster.connect(kubeconfig=str(lab.kubeconfig))
    try:
        async with asyncio.timeout(60):
            while True:
                facts = await facts_of(connected)
                (view,) = structure(facts, [facts.by_key[REVIEWS]])
                (view,) = measured((view,), None, Thresholds())
                row = next(row for row in view.versions if row.label == "v3")
                if "CrashLoopBackOff" in row.pods_words:
                    break
                await asyncio.sleep(0.2)
    finally:
        await connected.close()
    assert row.state == FAILING and "exit" in row.pods_words
    assert all(not other.pods_words for other in view.versions if other.label != "v3")
