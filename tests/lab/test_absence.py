"""What can't be read is no zero: real proxies' numbers, some of which nobody gives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest

from meshtui.errors import Unreachable
from meshtui.kube.cluster import Cluster
from meshtui.kube.snapshot import read_objects
from meshtui.mesh.judging import NOT_KNOWN
from meshtui.mesh.model import Mesh as Facts
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import Sample, Signals
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.view import ServiceView, measured, structure
from meshtui.metrics.choose import source_for
from meshtui.metrics.prometheus_access import PLAIN, Access
from meshtui.metrics.scope import Scope, parse_matchers
from meshtui.metrics.sidecars import SidecarSource
from meshtui.metrics.source import MetricsSource
from tests.lab.harness import Mesh, to
from tests.lab.prometheus import running

REVIEWS, PAGE = ServiceKey("default", "reviews"), ServiceKey("default", "productpage")
N = 40


class Impaired(Cluster):
    """A cluster whose pods of one workload answer something else than their statistics."""

    answer: Callable[[], str]

    async def get_text(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109
    ) -> str:
        if "/pods/productpage-" in path and path.endswith("/stats/prometheus"):
            return self.answer()
        return await super().get_text(path, params, headers=headers, timeout=timeout)


def refused() -> str:
    raise Unreachable("connection refused")


ANSWERS: dict[str, Callable[[], str]] = {
    "closed": refused,
    "HTML": lambda: "<!DOCTYPE html><html><body>Sign in</body></html>",
    "empty": str,
    "no number": lambda: 'istio_requests_total{reporter="source"} NaN\n',
}


@pytest.fixture
async def impaired(mesh: Mesh) -> AsyncIterator[Impaired]:
    found = await Impaired.connect(kubeconfig=str(mesh.lab.kubeconfig))
    assert isinstance(found, Impaired)
    yield found
    await found.close()


async def facts_of(cluster: Cluster) -> Facts:
    return parse_mesh((await read_objects(cluster)).items)


async def counted(source: MetricsSource, facts: Facts, enough: Callable[[Sample], bool]) -> Sample:
    async with asyncio.timeout(40):
        while True:
            try:
                sample = await source.sample(facts)
            except Unreachable:
                sample = None
            if sample is not None and enough(sample):
                return sample
            await asyncio.sleep(0.1)


def views_of(facts: Facts, sample: Sample) -> dict[ServiceKey, ServiceView]:
    views = structure(facts, [facts.by_key[REVIEWS], facts.by_key[PAGE]])
    return {view.key: view for view in measured(views, sample, Thresholds())}


def total(sample: Sample) -> float:
    return sample.caller_totals.get(REVIEWS, Signals()).requests


@pytest.mark.parametrize("case", ANSWERS)
async def test_an_unreadable_caller_is_filled_in_by_what_it_calls(
    mesh: Mesh, impaired: Impaired, case: str
) -> None:
    impaired.answer = ANSWERS[case]
    mesh.destination_rule()
    mesh.route({"route": [to("v1", 50), to("v2", 50)], "retries": {"attempts": 0}})
    facts, source = await facts_of(impaired), SidecarSource(impaired)
    await source.sample(facts)
    mesh.lab.reset()
    await asyncio.to_thread(mesh.send, N)
    sample = await counted(source, facts, lambda found: total(found) >= N)
    views = views_of(facts, sample)
    reviews, page = views[REVIEWS], views[PAGE]
    served = {w: c["requests"] for w, c in mesh.lab.counts().items()}
    assert reviews.caller is not None and reviews.caller.requests == N
    for row in reviews.versions:
        if row.version in ("v1", "v2"):
            assert row.caller is not None
            assert row.caller.requests == served[f"reviews-{row.version}"]
    assert sample.filled[REVIEWS] == {("default", "productpage-v1")}
    assert any("productpage" in line for line in sample.problems)
    (row,) = page.versions
    assert (row.server, row.server_state) == (None, NOT_KNOWN)


async def test_a_prometheus_of_two_clusters_sums_them_and_says_so(mesh: Mesh) -> None:
    mesh.destination_rule()
    mesh.route({"route": [to("v1", 50), to("v2", 50)], "retries": {"attempts": 0}})
    cluster = await Cluster.connect(kubeconfig=str(mesh.lab.kubeconfig))
    east = Access(scope=Scope(parse_matchers('cluster="east"')))
    with running(mesh.api, ("east", "west")) as server:
        server.until_scraped_for(16)
        facts = await facts_of(cluster)
        both, one = (source_for(cluster, server.url, access) for access in (PLAIN, east))
        try:
            await asyncio.to_thread(mesh.send, N)
            chosen = await counted(one, facts, lambda found: total(found) >= N)
            summed = await counted(both, facts, lambda found: total(found) >= 2 * N)
        finally:
            await both.close()
            await one.close()
            await cluster.close()
    said = "numbers sum over 2 clusters (east, west): choose one with"
    assert any(said in line for line in summed.problems) and total(summed) == 2 * N
    assert not any("sum over" in line for line in chosen.problems) and total(chosen) == N
