"""Every response flag that real Envoys can be brought to set, explained as the screen shows it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from meshtui.diagnosis.explain.scope import VersionScope, scope_of
from meshtui.diagnosis.explain.triage import sentences
from meshtui.kube.cluster import Cluster
from meshtui.kube.snapshot import read_objects
from meshtui.mesh.model import Mesh as Facts
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import Sample
from meshtui.mesh.view import service_views
from meshtui.metrics.sidecars import SidecarSource
from meshtui.ui.actions.steps import by_key
from meshtui.ui.panes.signalstext import by_how, signals_lines
from tests.lab.harness import Mesh, until
from tests.lab.test_flags import CASES, REVIEWS, Case, flagged, rule

WIDTHS = (48, 70)
"""Columns of a pane: beside the table, and at its widest."""


@dataclass(frozen=True, slots=True)
class Words:
    """What must be on the screen: `here` names the objects, `step` what to do."""

    here: tuple[str, ...]
    step: str


EXPLAINED = {
    "FI": Words(("of VirtualService reviews answers 100 % of its requests with 503",), "→ c: take"),
    "DI": Words(("holds 100 % of its requests back for 0.01s",), "→ c: take"),
    "UO": Words(
        ("DestinationRule reviews, the host: maxConnections 1, http1MaxPendingRequests 1",),
        "→ b: raise maxConnections or http1MaxPendingRequests of the host",
    ),
    "UF": Words(
        ("The pods don't listen on port 9999 (9080 of the Service leads there).",),
        "→ :logs callers flag:UF",
    ),
    "UH no pods": Words(("Subset v9 of reviews selects no pod (version=v9).",), "→ R: roll back"),
    "UH all ejected": Words(
        ("outlier detection may have ejected them", "after 1× 5xx in a row", "at most 100 %"),
        "→ p: which pods are ejected",
    ),
    "NC": Words(
        ("sends to subset v99 of reviews, which no DestinationRule defines.",), "→ R: roll back"
    ),
    "NR": Words(
        ("VirtualService reviews has no rule for everything", "asks uri ^ /only-here"), "→ t: trace"
    ),
    "UT": Words(("waits 0.1s for an answer.", "made on the way (UT"), "→ o: a longer timeout"),
    "URX": Words(("tries again 2× on 5xx.",), "→ :logs code:5xx"),
    "DC": Words(
        ("hung up before the answer was there: productpage.",), "→ :logs >=1s: what is slow"
    ),
    "RL at the version": Words(("Rate limit in the own proxy of v1", "EnvoyFilter"), "→ x: the"),
    "RL at the caller": Words(("Rate limit in the callers' proxies", "EnvoyFilter"), "→ x: the"),
}


@pytest.mark.parametrize("name", EXPLAINED)
async def test_a_flag_is_explained_by_what_is_wrong_in_the_mesh(mesh: Mesh, name: str) -> None:
    case, wanted = CASES[name], EXPLAINED[name]
    cluster = await Cluster.connect(kubeconfig=str(mesh.lab.kubeconfig))
    try:
        path = f"/{case.arrange(mesh)}"
        with case.around(mesh):
            sample, facts = await provoked(mesh, cluster, case, path)
    finally:
        await cluster.close()
    for width in WIDTHS:
        shown = signals_lines(explained(facts, sample), "", width, told=by_how(by_key))
        text = " ".join("".join(piece.text for piece in line).strip() for line in shown)
        plain = " ".join(text.replace("· ", "").split())
        for words in (*wanted.here, wanted.step):
            assert words in plain


def test_each_case_that_is_provoked_is_explained() -> None:
    assert EXPLAINED.keys() == CASES.keys()


async def provoked(mesh: Mesh, cluster: Cluster, case: Case, path: str) -> tuple[Sample, Facts]:
    """The signals with the flag in them, and the mesh as it was while they were measured."""
    raw = await read_objects(cluster)
    facts = parse_mesh(raw.items, istio=raw.istio)
    source = SidecarSource(cluster)
    await source.sample(facts)
    await asyncio.to_thread(case.send, mesh, path)
    async with asyncio.timeout(30):
        while flagged(sample := await source.sample(facts), case) < case.at_least:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return sample, facts


def explained(facts: Facts, sample: Sample) -> VersionScope:
    view = next(v for v in service_views(facts, sample) if v.key == REVIEWS)
    return scope_of(facts, view, None, sample)


ANSWER_MS = 20
MANY = 200
"""So many that the times of requests before, which Envoy tells up to a second late, are few."""


async def test_requests_that_wait_for_a_connection_are_told_with_the_limit(mesh: Mesh) -> None:
    mesh.destination_rule({"connectionPool": {"tcp": {"maxConnections": 1}}})
    mesh.lab.set("reviews-v1", latency=f"{ANSWER_MS}ms")
    until(lambda: _most_connections(mesh) == 1, what="the limit")
    mesh.route(rule())
    cluster = await Cluster.connect(kubeconfig=str(mesh.lab.kubeconfig))
    try:
        raw = await read_objects(cluster)
        facts = parse_mesh(raw.items, istio=raw.istio)
        source = SidecarSource(cluster)
        await source.sample(facts)
        answers = await asyncio.to_thread(mesh.send, MANY, "/", concurrency=20)
        async with asyncio.timeout(30):
            while not _timed(sample := await source.sample(facts), MANY):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    finally:
        await cluster.close()
    assert {answer.status for answer in answers} == {200}
    first = sentences(explained(facts, sample))[0]
    said = " ".join(first.lines)
    assert first.state == "ok" and "most likely queue in the callers' proxies" in said
    assert "DestinationRule default/reviews, the host, allows 1 connection from each." in said


def _most_connections(mesh: Mesh) -> int:
    known = mesh.clusters()["outbound|9080|v1|reviews.default.svc.cluster.local"]
    limits = known.get("circuit_breakers", {}).get("thresholds", [{}])
    return int(limits[0].get("max_connections", 0))


def _timed(sample: Sample, requests: int) -> bool:
    """All are counted, and timed: Envoy hands on its histograms once a second, by and by."""
    caller, server = sample.caller_totals.get(REVIEWS), sample.server_totals.get(REVIEWS)
    if caller is None or server is None or min(caller.requests, server.requests) < requests:
        return False
    return (server.p50_ms or 0) >= ANSWER_MS / 2 and (caller.p50_ms or 0) >= 5 * ANSWER_MS
