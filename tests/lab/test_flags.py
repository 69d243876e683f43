"""Every response flag that rules, breakers and pods can cause, made by real Envoys and read back.

Each is provoked through the Kubernetes API, and has to arrive in the golden signals, on the
service and the version that it is about, and in the access log of the proxy that set it.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import pytest

from meshtui.envoy.accesslog import AccessRecord, parse_line
from meshtui.kube.cluster import Cluster
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import UNKNOWN, Sample, Signals, VersionKey
from meshtui.metrics.sidecars import SidecarSource
from tests.lab.harness import Mesh, Obj, statuses, to, until
from tests.lab.ratelimits import envoy_filter, insert, limited

REVIEWS = ServiceKey("default", "reviews")
SERVICE = "/api/v1/namespaces/default/services/reviews"
NO_RETRIES: Obj = {"retries": {"attempts": 0}}
ALWAYS: Obj = {"percentage": {"value": 100}}


def rule(subset: str = "v1", **more: Any) -> Obj:
    return {"route": [to(subset)], **NO_RETRIES, **more}


def send(mesh: Mesh, path: str) -> None:
    mesh.send(4, path)


def abort(mesh: Mesh) -> str:
    return mesh.route(rule(fault={"abort": {"httpStatus": 503, **ALWAYS}}))


def delay(mesh: Mesh) -> str:
    return mesh.route(rule(fault={"delay": {"fixedDelay": "10ms", **ALWAYS}}))


def overflow(mesh: Mesh) -> str:
    mesh.lab.set("reviews-v1", latency="400ms")
    limits = {"tcp": {"maxConnections": 1}, "http": {"http1MaxPendingRequests": 1}}
    mesh.destination_rule({"connectionPool": limits})
    cluster = f"outbound|9080|v1|{REVIEWS.name}.default.svc.cluster.local"

    def limited() -> bool:
        thresholds = mesh.clusters()[cluster]["circuit_breakers"]["thresholds"]
        return bool(thresholds[0].get("max_connections") == 1)

    until(limited, what="the breaker")
    return mesh.route(rule())


def no_pods(mesh: Mesh) -> str:
    mesh.destination_rule(subsets=[{"name": "v9", "labels": {"version": "v9"}}])
    until(lambda: any("|v9|" in name for name in mesh.clusters()), what="the subset's cluster")
    return mesh.route(rule("v9"))


def ejected(mesh: Mesh) -> str:
    """All pods of v3 are ejected, and stay so for as long as the test takes."""
    ejection = {
        "consecutive5xxErrors": 1,
        "interval": "100ms",
        "baseEjectionTime": "30s",
        "maxEjectionPercent": 100,
    }
    mesh.destination_rule({"outlierDetection": ejection})
    mesh.lab.set("reviews-v3", errors="100%")
    marker = mesh.route(rule("v3"))

    def out() -> bool:
        mesh.send(1, "/eject")
        found = mesh.lab.admin("productpage-v1", "/clusters?format=json")
        return "failed_outlier_check" in found

    until(out, what="the ejection")
    return marker


def no_cluster(mesh: Mesh) -> str:
    return mesh.route(rule("v99"))


def no_route(mesh: Mesh) -> str:
    return mesh.route(rule(match=[{"uri": {"prefix": "/only-here"}}]))


def too_slow(mesh: Mesh) -> str:
    mesh.lab.set("reviews-v1", latency="500ms")
    return mesh.route(rule(timeout="0.1s"))


def tried_again(mesh: Mesh) -> str:
    mesh.lab.set("reviews-v3", errors="100%")
    return mesh.route(rule("v3", retries={"attempts": 2, "retryOn": "5xx", "backoff": "1ms"}))


def slow(mesh: Mesh) -> str:
    mesh.lab.set("reviews-v1", latency="2s")
    return mesh.route(rule())


def plain(mesh: Mesh) -> str:
    return mesh.route(rule())


def hang_up(mesh: Mesh, path: str) -> None:
    """Callers that send a request and go away before there is an answer."""
    found = json.loads(mesh.lab.admin("productpage-v1", "/listeners?format=json"))
    place = next(
        status["local_address"]["socket_address"]
        for status in found["listener_statuses"]
        if status["name"] == "0.0.0.0_9080"
    )
    for _ in range(4):
        with socket.create_connection((place["address"], place["port_value"]), 5) as caller:
            caller.sendall(f"GET {path} HTTP/1.1\r\nHost: reviews:9080\r\n\r\n".encode())
            until(lambda: _active(mesh) > 0, what="the request at the version")
        until(lambda: _active(mesh) == 0, what="the end of the request")


def _active(mesh: Mesh) -> int:
    filter_ = "^cluster.outbound.9080.v1.reviews.*upstream_rq_active"
    return sum(
        int(line.rsplit(" ", 1)[1])
        for line in mesh.lab.admin("productpage-v1", f"/stats?filter={filter_}").splitlines()
    )


def all_at_once(mesh: Mesh, path: str) -> None:
    mesh.send(12, path, concurrency=12)


@contextmanager
def nobody_listens(mesh: Mesh) -> Iterator[None]:
    """The Service leads to a port of the pods that nothing listens on."""

    def lead_to(port: int) -> None:
        patch = [{"op": "replace", "path": "/spec/ports/0/targetPort", "value": port}]
        mesh.api.call("PATCH", SERVICE, patch, "json-patch+json")
        until(lambda: f'"port_value": {port}' in _endpoints(mesh), what=f"port {port}")

    lead_to(9999)
    yield
    lead_to(9080)


def _endpoints(mesh: Mesh) -> str:
    found = mesh.clusters()["outbound|9080|v1|reviews.default.svc.cluster.local"]
    return json.dumps(found["load_assignment"])


def limited_server(mesh: Mesh) -> AbstractContextManager[None]:
    return limited(mesh, envoy_filter(insert("SIDECAR_INBOUND"), app="reviews"))


def limited_client(mesh: Mesh) -> AbstractContextManager[None]:
    return limited(mesh, envoy_filter(insert("SIDECAR_OUTBOUND"), app="productpage"))


@dataclass(frozen=True, slots=True)
class Case:
    """`at_least` requests of `version` carry the flag and the code, in the eyes of `seen_by`."""

    flag: str
    code: int
    version: str
    arrange: Callable[[Mesh], str]
    at_least: int = 4
    seen_by: str = "caller"
    send: Callable[[Mesh, str], None] = send
    around: Callable[[Mesh], AbstractContextManager[None]] = lambda _: nullcontext()


CASES = {
    "FI": Case("FI", 503, UNKNOWN, abort),
    "DI": Case("DI", 200, "v1", delay),
    "UO": Case("UO", 503, UNKNOWN, overflow, send=all_at_once),
    "UF": Case("UF", 503, "v1", plain, around=nobody_listens),
    "UH no pods": Case("UH", 503, UNKNOWN, no_pods),
    "UH all ejected": Case("UH", 503, UNKNOWN, ejected),
    "NC": Case("NC", 503, UNKNOWN, no_cluster),
    "NR": Case("NR", 404, UNKNOWN, no_route),
    "UT": Case("UT", 504, "v1", too_slow),
    "URX": Case("URX", 503, "v3", tried_again),
    "DC": Case("DC", 0, "v1", slow, send=hang_up),
    "RL at the version": Case("RL", 429, "v1", plain, seen_by="server", around=limited_server),
    "RL at the caller": Case("RL", 429, UNKNOWN, plain, around=limited_client),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_a_flag_is_seen_where_it_belongs(mesh: Mesh, case: Case) -> None:
    cluster = await Cluster.connect(kubeconfig=str(mesh.lab.kubeconfig))
    try:
        facts = parse_mesh({"pods": (await cluster.get("/api/v1/pods"))["items"]})
        path = f"/{case.arrange(mesh)}"
        source = SidecarSource(cluster)
        with case.around(mesh):
            await source.sample(facts)
            await asyncio.to_thread(case.send, mesh, path)

            async def count() -> float:
                return flagged(await source.sample(facts), case)

            async with asyncio.timeout(30):
                while await count() < case.at_least:  # noqa: ASYNC110 - no sign
                    await asyncio.sleep(0.1)
    finally:
        await cluster.close()
    found = until(lambda: logged(mesh, case, path), what=f"log lines with {case.flag}")
    assert {record.code for record in found} == {case.code}


def flagged(sample: Sample, case: Case) -> float:
    """How many requests carry the flag, all of them on the version it is about."""
    view = sample.caller if case.seen_by == "caller" else sample.server
    carrying = {k: s.flags[case.flag] for k, s in view.items() if case.flag in s.flags}
    assert carrying.keys() <= {VersionKey(REVIEWS, case.version)}
    signals = view.get(VersionKey(REVIEWS, case.version), Signals())
    assert signals.codes.get(str(case.code), 0.0) >= signals.flags.get(case.flag, 0.0)
    return carrying.get(VersionKey(REVIEWS, case.version), 0.0)


def logged(mesh: Mesh, case: Case, path: str) -> list[AccessRecord]:
    """The lines that carry the flag, in the log of the proxy that sets it, once all are there."""
    app = "reviews" if case.seen_by == "server" else "productpage"
    parsed = (parse_line(line) for line in mesh.log_lines(path, app=app))
    found = [record for record in parsed if record is not None and case.flag in record.flags]
    return found if len(found) >= case.at_least else []


def test_limits_are_counted_by_the_proxy_that_makes_them(mesh: Mesh) -> None:
    """The counter has the prefix that the EnvoyFilter gives it."""
    mesh.route(rule())
    name = "http_local_rate_limiter.http_local_rate_limit.rate_limited"

    def counted() -> int:
        page = mesh.lab.admin("reviews-v1", f"/stats?filter=^{name}$")
        return int(page.rpartition(" ")[2])

    with limited_server(mesh):
        before = counted()
        assert statuses(mesh.send(10)) == {429: 10}
        assert counted() - before == 10
