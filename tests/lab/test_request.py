"""One real request: sent in a pod of the lab, counted at the applications, found in the logs."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from meshtui.lab.process import RunningLab
from meshtui.mesh.model import ServiceKey
from meshtui.operations.live import LiveCockpit
from meshtui.operations.look.trace import Question
from meshtui.operations.options import Options
from meshtui.operations.request.load_plan import LoadPlan
from tests.lab.harness import Mesh, to, until
from tests.lab.operator import Operator

WAIT = ("--wait", "20s")
HOST = "reviews.default.svc.cluster.local"
V1 = f"outbound|9080|v1|{HOST}"


@pytest.fixture
def operator(lab: RunningLab, tmp_path: Path) -> Operator:
    return Operator(lab.kubeconfig, tmp_path)


def counted(mesh: Mesh) -> dict[str, int]:
    """Requests at the applications of reviews, by version."""
    counts = mesh.lab.counts()
    return {v: counts.get(f"reviews-{v}", {}).get("requests", 0) for v in ("v1", "v2", "v3")}


def ask(operator: Operator, *words: str) -> Any:
    ran = operator.run("request", *words, *WAIT, "-o", "json")
    assert ran.status == 0, ran.err
    return ran.json


def test_each_request_is_counted_once_at_the_version_that_it_names(
    mesh: Mesh, operator: Operator
) -> None:
    mesh.write_rules({"name": "split", "route": [to("v1", 50), to("v2", 50), to("v3", 0)]})
    mesh.until_routed("split")
    before = counted(mesh)
    seen = [ask(operator, "reviews", "--from", "productpage-v1") for _ in range(6)]
    for one in seen:
        assert one["agrees"] is True, one
        assert one["answer"]["status"] == 200
        assert one["answered_by"]["version"] in ("v1", "v2")
        assert not one["answered_by"]["proxy"]
        assert one["from"]["workload"] == "productpage-v1"
        assert one["caller_log"]["upstream_cluster"].split("|")[2] == one["answered_by"]["version"]
    named = [one["answered_by"]["version"] for one in seen]
    after = counted(mesh)
    for version in ("v1", "v2", "v3"):
        assert after[version] - before[version] == named.count(version)


def test_what_the_callers_proxy_answers_is_its_own(mesh: Mesh, operator: Operator) -> None:
    mesh.write_rules({"name": "all", "route": [to("v1")]})
    mesh.until_routed("all")
    operator.change("fault", "reviews", "--abort", "503", "--abort-percent", "100")
    found = ask(operator, "reviews", "--from", "productpage-v1")
    assert found["answer"]["status"] == 503
    assert found["answered_by"] == {
        "namespace": "default",
        "pod": found["from"]["pod"],
        "workload": "productpage-v1",
        "version": "v1",
        "proxy": True,
    }
    assert found["caller_log"]["flags"] == ["FI"]
    ran = operator.run("request", "reviews", "--from", "productpage-v1", *WAIT)
    assert "the caller's own proxy" in ran.out


def test_through_the_gateway(mesh: Mesh, operator: Operator) -> None:
    found = until(
        lambda: (
            (one := ask(operator, "productpage", "--from", "gateway", "--path", "/productpage"))
            and one["answer"]["status"] == 200
            and one
        ),
        seconds=30,
    )
    assert found["from"]["by"] == "port-forward"
    assert found["answered_by"]["workload"] == "productpage-v1"
    assert found["agrees"] is True


def test_what_may_change_something_wants_the_name(mesh: Mesh, operator: Operator) -> None:
    before = counted(mesh)
    words = ("request", "reviews", "--method", "DELETE")
    refused = operator.run(*words, answer="yes\n")
    assert (refused.status, refused.out) == (1, "")
    assert "nothing was sent: type reviews when asked, or give --force" in refused.err
    locked = operator.run(*words, "--force", "--read-only")
    assert locked.status == 4
    assert "read-only" in locked.err
    assert counted(mesh) == before
    sent = operator.run(*words, "-o", "json", *WAIT, answer="reviews\n")
    assert sent.json["request"]["method"] == "DELETE"
    assert ask(operator, "reviews", "--method", "POST", "--force")["answer"]["status"]


def test_what_cannot_be_sent_is_one_line(mesh: Mesh, operator: Operator) -> None:
    for words, status, line in (
        (("nope",), 1, "no service nope"),
        (("reviews", "--from", "nobody"), 1, "no pod of nobody runs a proxy"),
        (("reviews", "--method", "G T"), 2, "is not an HTTP method"),
        (("reviews", "--timeout", "0"), 2, "is not a duration"),
        (("reviews", "--context", "viewer"), 4, "ask for create on pods/exec"),
    ):
        ran = operator.run("request", *words)
        assert ran.status == status, ran.err
        assert line in ran.err
        assert ran.err.count("\n") <= 2


WAYS = [
    pytest.param(by, marks=pytest.mark.skipif(not shutil.which(by), reason=f"no {by} here"))
    for by in ("python3", "curl", "wget")
]


@pytest.mark.parametrize("by", WAYS)
def test_a_load_is_what_the_applications_and_the_callers_proxy_counted(
    mesh: Mesh, operator: Operator, by: str
) -> None:
    mesh.write_rules({"name": "loaded", "route": [to("v1", 50), to("v2", 50)]})
    mesh.until_routed("loaded")
    before = counted(mesh)
    words = ("load", "reviews", "--from", "productpage-v1", "--rps", "20", "--for", "3s")
    ran = operator.run(*words, "--by", by, "--yes", "-o", "json")
    assert ran.status == 0, ran.err
    found = ran.json
    after = counted(mesh)
    at_the_applications = {v: after[v] - before[v] for v in after}
    assert found["requests"] == sum(at_the_applications.values()) > 20
    assert found["from"]["by"] == by
    assert found["codes"] == {"200": found["requests"]}
    assert found["errors"] == {}
    assert {one["version"]: one["requests"] for one in found["proxy"]} == {
        version: n for version, n in at_the_applications.items() if n
    }
    timed = 0 if by == "wget" else found["requests"]
    assert by == "wget" or found["p50_ms"] <= found["p99_ms"]
    assert sum(one["requests"] for one in found["histogram"]) == timed
    assert "to v1 50%, v2 50%" in ran.err
    assert f"by {by}: at most" in ran.err


@pytest.mark.parametrize("by", [WAYS[1], "forward"])
def test_a_load_from_a_gateway_is_what_the_application_counted(
    mesh: Mesh, operator: Operator, by: str
) -> None:
    before = mesh.lab.counts().get("productpage-v1", {}).get("requests", 0)
    words = ("load", "productpage", "--from", "gateway", "--path", "/productpage")
    ran = operator.run(*words, "--rps", "10", "--for", "2s", "--by", by, "--yes", "-o", "json")
    assert ran.status == 0, ran.err
    found = ran.json
    after = mesh.lab.counts()["productpage-v1"]["requests"]
    assert found["from"]["container"] == ("istio-proxy" if by == "curl" else None)
    assert found["from"]["by"] == by
    assert found["requests"] == after - before == 20
    assert found["codes"] == {"200": 20}


def proxy_stats(mesh: Mesh) -> dict[str, int]:
    """What the caller's proxy counts of reviews v1 since it began, straight from its Envoy."""
    page = mesh.lab.admin("productpage-v1", f"/stats?filter={quote('v1.reviews')}")
    pairs = (line.rpartition(": ") for line in page.splitlines() if f"|v1|{HOST}" in line)
    return {name.rpartition(HOST)[2].strip(";."): int(n) for name, _, n in pairs if n.isdigit()}


def test_a_breakers_overflow_is_what_the_proxy_counts(mesh: Mesh, operator: Operator) -> None:
    mesh.write_rules({"name": "narrow", "route": [to("v1")]})
    mesh.until_routed("narrow")
    limits = {
        "connectionPool": {"http": {"http1MaxPendingRequests": 1}, "tcp": {"maxConnections": 1}}
    }
    mesh.destination_rule(limits)
    mesh.lab.set("reviews-v1", latency="50ms")
    until(lambda: mesh.clusters()[V1]["circuit_breakers"]["thresholds"][0]["max_connections"] == 1)
    before, served = proxy_stats(mesh), counted(mesh)
    ran = operator.run(
        "load", "reviews", "--from", "productpage-v1", "--rps", "50", "--for", "7s",
        "--concurrency", "20", "--yes", "-o", "json",
    )  # fmt: skip
    assert ran.status == 0, ran.err
    after, found = proxy_stats(mesh), ran.json
    (row,) = found["breaker"]
    for what, name in (
        ("pending", "upstream_rq_pending_overflow"),
        ("connections", "upstream_cx_overflow"),
    ):
        assert row["overflow"][what] == after[name] - before[name] > 0
    refused = sum(one["flags"].get("UO", 0) for one in found["proxy"])
    assert refused == found["codes"]["503"] == row["overflow"]["pending"]
    assert found["codes"]["200"] == row["attempts"] == counted(mesh)["v1"] - served["v1"] > 0
    assert row["limits"] == {"connections": 1, "pending": 1}
    assert "connections" in row["was_open"]
    assert "overflow so far" in ran.err


async def test_a_load_of_the_screen_stops_and_counts_what_was_answered_until_then(
    mesh: Mesh,
) -> None:
    mesh.write_rules({"name": "stopped", "route": [to("v1")]})
    mesh.until_routed("stopped")
    mesh.destination_rule({"connectionPool": {"http": {"http2MaxRequests": 1}}})
    mesh.lab.set("reviews-v1", latency="50ms")
    until(lambda: mesh.clusters()[V1]["circuit_breakers"]["thresholds"][0]["max_requests"] == 1)
    cockpit = LiveCockpit(Options(kubeconfig=str(mesh.lab.kubeconfig), context="admin"))
    try:
        await cockpit.connect()
        async with aclosing(cockpit.snapshots()) as snapshots:
            key = ServiceKey("default", "reviews")
            while (service := (await anext(snapshots)).mesh.by_key.get(key)) is None:
                pass
            question = Question(service, source="productpage-v1")
            ready = await cockpit.prepare_load(question, LoadPlan(100, 600, 20))
            before, served, stop = proxy_stats(mesh), counted(mesh), asyncio.Event()
            async with aclosing(cockpit.load(ready, stop)) as states:
                async for state in states:
                    if state.tally.requests > 100:
                        stop.set()
    finally:
        await cockpit.close()
    assert state.over and state.stopped
    (row,) = state.counted.breaker
    grown = {name: n - before[name] for name, n in proxy_stats(mesh).items() if name in before}
    overflow = grown["upstream_rq_pending_overflow"] + grown.get("upstream_rq_active_overflow", 0)
    assert state.tally.codes[503] == row.turned_away == overflow > 0
    assert state.tally.codes[200] == row.attempts == counted(mesh)["v1"] - served["v1"] > 0
    assert not state.tally.errors


def test_ejections_stand_beside_a_load(mesh: Mesh, operator: Operator) -> None:
    mesh.write_rules({"name": "failing", "route": [to("v1")]})
    mesh.until_routed("failing")
    outlier = {"consecutive5xxErrors": 3, "baseEjectionTime": "60s", "maxEjectionPercent": 100}
    mesh.destination_rule({"outlierDetection": outlier})
    mesh.lab.set("reviews-v1", errors="100%")
    until(lambda: "outlier_detection" in mesh.clusters()[V1])
    words = ("load", "reviews", "--from", "productpage-v1", "--rps", "30", "--for", "2s", "--yes")
    ran = operator.run(*words, "-o", "json")
    assert ran.status == 0, ran.err
    (row,) = ran.json["breaker"]
    stats = proxy_stats(mesh)
    assert row["ejected"] == stats["outlier_detection.ejections_active"] == 1
    assert row["ejections"] == stats["outlier_detection.ejections_enforced_total"] == 1
    assert (row["endpoints"], row["limits"]) == (1, {})
    assert "1 of 1 now" in operator.run(*words).out


def test_a_load_that_is_not_wanted_is_not_made(mesh: Mesh, operator: Operator) -> None:
    before = counted(mesh)
    words = ("load", "reviews", "--rps", "10", "--for", "1s")
    for more, answer, status, line in (
        ((), "no\n", 1, "nothing was sent: answer yes, or give --yes"),
        (("--method", "POST", "--yes"), "yes\n", 1, "type reviews when asked"),
        (("--read-only", "--yes"), "", 4, "read-only"),
        (("--context", "viewer", "--yes"), "", 4, "ask for create on pods/exec"),
        (("--by", "forward", "--from", "productpage-v1", "--yes"), "", 1, "listens on no port"),
        (("--by", "wget", "--rps", "21", "--yes"), "", 2, "at most 20 that way"),
    ):
        ran = operator.run(*words, *more, answer=answer)
        assert ran.status == status, ran.err
        assert line in ran.err
        assert ran.out == ""
    for wrong in (("--rps", "1001"), ("--for", "11m"), ("--concurrency", "201"), ("--rps", "0")):
        given = operator.run(*words, *wrong, "--yes")
        assert given.status == 2, given.err
    assert counted(mesh) == before
