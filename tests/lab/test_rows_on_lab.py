"""Rows of real proxies' numbers against what the applications themselves counted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest

from meshtui.errors import Unreachable
from meshtui.kube.cluster import Cluster
from meshtui.kube.snapshot import read_objects
from meshtui.lab.process import RunningLab, spawn
from meshtui.lab.scenario import SCENARIOS
from meshtui.mesh.judging import FAILING, SLOW, Thresholds
from meshtui.mesh.model import Mesh as Facts
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import Sample, Signals
from meshtui.mesh.view import ServiceView, measured, structure
from meshtui.metrics.choose import source_for
from meshtui.metrics.sidecars import SidecarSource
from meshtui.metrics.source import MetricsSource
from tests.lab.harness import Mesh, Obj, to
from tests.lab.prometheus import running

REVIEWS = ServiceKey("default", "reviews")
VERSIONS = ("v1", "v2", "v3")
LABELS: tuple[tuple[str, Obj], ...] = (
    *((version, {"version": version}) for version in VERSIONS),
    ("all", {"app": "reviews"}),
    ("both", {"app": "reviews", "version": "v2"}),
    ("gone", {"version": "v9"}),
)
"""Subsets to choose from: of one version, of all pods, by two labels, of none."""


@pytest.fixture
async def cluster(mesh: Mesh) -> AsyncIterator[Cluster]:
    connected = await Cluster.connect(kubeconfig=str(mesh.lab.kubeconfig))
    yield connected
    await connected.close()


async def facts_of(cluster: Cluster) -> Facts:
    return parse_mesh((await read_objects(cluster)).items)


async def seen_of(
    cluster: Cluster, act: Callable[[], Any], enough: Callable[[Signals], bool]
) -> ServiceView:
    """reviews as it is shown once what `act` did has been counted."""
    facts, source = await facts_of(cluster), SidecarSource(cluster)
    await source.sample(facts)
    await asyncio.to_thread(act)
    views = structure(facts, [facts.by_key[REVIEWS]])
    async with asyncio.timeout(30):
        while True:
            sample: Sample = await source.sample(facts)
            if enough(sample.caller_totals.get(REVIEWS, Signals())):
                break
            await asyncio.sleep(0.1)
    (view,) = measured(views, sample, Thresholds())
    return view


def laid_out(mesh: Mesh, seed: int) -> object:
    """Subsets and weights by chance; gives what was chosen, for who reads of a failure."""
    chance = random.Random(seed)
    chosen = chance.sample(LABELS, chance.randint(1, 4))
    mesh.destination_rule(subsets=[{"name": n, "labels": labels} for n, labels in chosen])
    names = ["", *(name for name, _ in chosen)]
    parts = chance.sample(names, chance.randint(1, min(3, len(names))))
    weights = [chance.randint(1, 9) for _ in parts]
    routes = [to(name, weight) for name, weight in zip(parts, weights, strict=True)]
    for route in routes:
        if not route["destination"]["subset"]:
            del route["destination"]["subset"]
    mesh.route({"route": routes, "retries": {"attempts": 0}})
    return chosen, parts, weights


def assert_rows(mesh: Mesh, view: ServiceView, count: int, layout: object) -> None:
    """No request is lost, and none counts for two rows; a row with numbers has what the
    applications of its pods counted."""
    rows = [row for row in view.versions if row.caller is not None]
    assert view.caller is not None and view.caller.requests == count
    assert sum(row.caller.requests for row in rows if row.caller) == count, layout
    counted = {w: c["requests"] for w, c in mesh.lab.counts().items() if w.startswith("reviews-")}
    assert sum(row.reached or 0.0 for row in rows) == sum(counted.values()), layout
    for row in rows:
        pods = {pod.workload for pod in row.members}
        others = [
            o for o in view.versions if o is not row and pods & {p.workload for p in o.members}
        ]
        if row.caller and pods and not others:
            assert row.reached == sum(counted.get(name, 0) for name in pods), (row.label, layout)


@pytest.mark.parametrize("seed", range(6))
async def test_the_sum_of_the_rows_is_the_callers_count(
    mesh: Mesh, cluster: Cluster, seed: int
) -> None:
    layout, count = laid_out(mesh, seed), 60
    mesh.lab.reset()
    view = await seen_of(cluster, lambda: mesh.send(count), lambda total: total.requests >= count)
    assert_rows(mesh, view, count, layout)


async def test_the_same_of_what_a_prometheus_has(mesh: Mesh, cluster: Cluster) -> None:
    with running(mesh.api) as server:
        server.until_scraped_for(16)
        source = source_for(cluster, server.url)
        try:
            for seed in range(6, 9):
                layout, count = laid_out(mesh, seed), 60
                facts = await facts_of(cluster)
                await sampled(source, facts, lambda total: not total.requests)
                mesh.lab.reset()
                await asyncio.to_thread(mesh.send, count)
                sample = await sampled(source, facts, lambda total: total.requests >= 60)
                views = structure(facts, [facts.by_key[REVIEWS]])
                (view,) = measured(views, sample, Thresholds())
                assert_rows(mesh, view, count, layout)
        finally:
            await source.close()


async def sampled(source: MetricsSource, facts: Facts, enough: Callable[[Signals], bool]) -> Sample:
    async with asyncio.timeout(60):
        while True:
            with suppress(Unreachable):
                sample = await source.sample(facts)
                if enough(sample.caller_totals.get(REVIEWS, Signals())):
                    return sample
            await asyncio.sleep(0.1)


async def test_scenario_latency_is_found_without_a_key(mesh: Mesh, cluster: Cluster) -> None:
    ((faulty, behaviour),) = SCENARIOS["latency"].items()
    mesh.lab.set(faulty, latency=f"{1000 * behaviour['latency']:g}ms")
    mesh.route({"route": [to(version, 1) for version in VERSIONS]})
    view = await seen_of(
        cluster,
        lambda: mesh.send(90),
        lambda total: total.requests >= 90 and (total.buckets.get(float("inf"), 0) >= 90),
    )
    states = {row.label: row.state for row in view.versions}
    assert states["v3"] == SLOW and states["v1"] != SLOW != states["v2"]
    (slow,) = (row.slow for row in view.versions if row.slow)
    assert "of its requests take longer than" in slow


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
