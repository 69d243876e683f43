"""What real Envoys say of breakers, ejections and rules, as the operator is shown it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from meshtui.kube.cluster import Cluster
from meshtui.lab.process import RunningLab
from meshtui.mesh.model import Mesh as Facts
from meshtui.mesh.model import Pod, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.operations.proxies.columns import COLUMNS, ejected_versions, rows
from meshtui.operations.proxies.proxy_reads import CLUSTERS, ENDPOINTS, ProxyReads
from meshtui.operations.proxies.views import LiveProxies
from tests.lab.harness import Mesh, Obj, served, statuses, to, until
from tests.lab.operator import Operator

KEY = ServiceKey("default", "reviews")
LIMITED: Obj = {"connectionPool": {"http": {"http2MaxRequests": 2}}}
EJECTING: Obj = {
    "outlierDetection": {
        "consecutive5xxErrors": 1,
        "interval": "100ms",
        "baseEjectionTime": "30s",
        "maxEjectionPercent": 100,
    }
}


@pytest.fixture
def operator(lab: RunningLab, tmp_path: Path) -> Operator:
    return Operator(lab.kubeconfig, tmp_path)


async def read(mesh: Mesh, view: str) -> ProxyReads:
    """A view of productpage's proxy, narrowed to reviews."""
    cluster = await Cluster.connect(kubeconfig=str(mesh.lab.kubeconfig))
    try:
        kinds = {"pods": "/api/v1/pods", "services": "/api/v1/services"}
        found = {kind: (await cluster.get(path))["items"] for kind, path in kinds.items()}
        facts: Facts = parse_mesh(found)
        client: Pod = next(pod for pod in facts.pods if pod.app == "productpage")
        return await LiveProxies(cluster, facts).read(view, client, KEY)
    finally:
        await cluster.close()


def cells(reading: ProxyReads, column: str, value: str) -> list[dict[str, str]]:
    """The rows that have `value` in a column, by the columns' titles."""
    titles = COLUMNS[reading.view]
    found = [dict(zip(titles, row, strict=True)) for row in rows(reading)]
    return [row for row in found if row[column] == value]


async def test_an_overflow_is_counted_beside_the_limit(mesh: Mesh) -> None:
    mesh.lab.set("reviews-v1", latency="100ms")
    mesh.destination_rule(LIMITED)
    mesh.route({"route": [to("v1")], "retries": {"attempts": 0}})
    name = "outbound|9080|v1|reviews.default.svc.cluster.local"
    until(lambda: '"max_requests": 2' in json.dumps(mesh.clusters()[name]), what="a limit")
    (before,) = cells(await read(mesh, CLUSTERS), "SUBSET", "v1")
    refused = statuses(mesh.send(60, concurrency=10))[503]
    assert refused > 10
    (after,) = cells(await read(mesh, CLUSTERS), "SUBSET", "v1")
    assert int(after["OVERFLOW"]) - int(before["OVERFLOW"]) == refused
    assert after["REQUESTS"].endswith("/2") and after["DESTINATION RULE"] == "reviews.default"


async def test_an_ejected_endpoint_is_shown_with_its_version(mesh: Mesh) -> None:
    mesh.lab.set("reviews-v3", errors="100%")
    mesh.destination_rule(EJECTING)
    mesh.route({"route": [to("v3")]})
    until(lambda: statuses(mesh.send(1)) and ejections(mesh), what="an ejection")
    reading = await read(mesh, ENDPOINTS)
    (out,) = cells(reading, "OUTLIER CHECK", "EJECTED")
    assert (out["VERSION"], out["CLUSTER"]) == ("v3", "outbound|9080|v3|")
    assert out["POD"].startswith("reviews-v3-")
    assert ejected_versions(reading) == "v3 1 of 1"
    (v3,) = cells(await read(mesh, CLUSTERS), "SUBSET", "v3")
    assert v3["EJECTED"] == "1/1" and "at most 100%" in v3["OUTLIER DETECTION"]


def ejections(mesh: Mesh) -> bool:
    return '"failed_outlier_check": true' in mesh.lab.admin(
        "productpage-v1", "/clusters?format=json"
    )


def diff(operator: Operator, *, answers: bool = True) -> tuple[int, dict[str, Any]]:
    """The status, and the row of productpage's proxy."""
    ran = operator.run("proxy", "diff", "reviews", "-o", "json")
    deadline = time.monotonic() + 30
    while answers and ran.status == 5 and time.monotonic() < deadline:
        ran = operator.run("proxy", "diff", "reviews", "-o", "json")  # a busy machine is late
    found = [row for row in ran.json["proxies"] if row["pod"].startswith("productpage")]
    return ran.status, found[0]


def test_a_rule_that_the_proxy_refuses_stays_old_and_a_stopped_one_is_out_of_reach(
    mesh: Mesh, operator: Operator
) -> None:
    mesh.route({"route": [to("v1")]})
    for client in ("productpage", "ratings"):
        assert served(mesh.send(5, via=client)) == {"reviews-v1": 5}
    status, row = diff(operator)
    assert (status, row["state"]) == (0, "in sync")
    nowhere = {"redirect": {"uri": "/", "redirectCode": 305}}
    refused = {"match": [{"uri": {"prefix": "/x"}}], **nowhere}
    mesh.write_rules(refused, {"route": [to("v2")]})
    status, row = diff(operator)
    assert (status, row["state"]) == (1, "old")
    assert [rule["differences"][0] for rule in row["rules"]] == [
        "route 1: the proxy has no route for path ^ /x",
        "route 2: weight of v2 is 100, the proxy has 0",
    ]
    mesh.route({"route": [to("v1")]})
    with stopped(mesh.lab, "productpage-v1"):
        status, row = diff(operator, answers=False)
    assert (status, row["state"], row["rules"]) == (5, "out of reach", [])
    assert "does not answer" in row["trouble"]


@contextmanager
def stopped(lab: RunningLab, workload: str) -> Iterator[None]:
    """The workload's Envoy neither answers nor goes away."""
    (pid,) = [pid for pid in lab.status()["pids"] if workload in bootstrap(pid)]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def bootstrap(pid: int) -> str:
    """The node that an Envoy of the lab is started as; empty for other processes."""
    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    if "-c" not in words:
        return ""
    return str(json.loads(Path(words[words.index("-c") + 1]).read_text())["node"]["id"])
