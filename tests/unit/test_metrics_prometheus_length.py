"""How long the questions of a tick are, and how many: they travel in URLs through the API server's
proxy, of which what stands before it may take 8 kB, and not all servers may be asked by POST."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from meshtui.kube.transport import ApiRequest, _target
from meshtui.mesh.parse import parse_mesh
from meshtui.metrics import prometheus_past_queries as past
from meshtui.metrics import prometheus_queries as queries
from meshtui.metrics.discovery import PrometheusAddress
from meshtui.metrics.prometheus import PrometheusSource
from meshtui.metrics.prometheus_service import ServiceServer
from meshtui.metrics.promql_short import in_short
from meshtui.metrics.scope import Scope, parse_matchers
from meshtui.metrics.worker import Worker
from tests.unit.fake_prometheus import Fake, bucket_rows, kind_of, requests_row
from tests.unit.objects import pod
from tests.unit.promtool import evaluate, require
from tests.unit.test_metrics_prometheus_queries import AT, OK, RBAC, SERVED, TCP, UP, pair
from tests.unit.test_metrics_prometheus_source import Clock

MOST_BYTES, MOST_QUERIES = 7_168, 6

MATCHERS = ("", 'cluster="east"', 'cluster="east-1",env=~"prod|staging"')
GATEWAYS = (0, 2, 30)
SILENT = (0, 3, 40)
CLUSTERS = ((), ("east", "west"))


class ApiServer:
    """Passes questions on to a Prometheus, and keeps each with the line of its request."""

    def __init__(self, fake: Fake) -> None:
        self.fake = fake
        self.lines: list[str] = []

    async def get_text(self, path: str, params: dict[str, str], *, timeout: float) -> str:  # noqa: ASYNC109
        self.lines.append(f"GET {_target(ApiRequest('GET', path, params))} HTTP/1.1")
        return self.fake.answer(kind_of(params["query"]))[1]


def scope_of(text: str) -> Scope:
    return Scope(parse_matchers(text)) if text else Scope()


def gateway(number: int, labels: dict[str, str]) -> dict[str, object]:
    proxy = pod(f"istio-ingressgateway-of-team-{number}", "v1")
    proxy["spec"]["containers"] = [{"name": "istio-proxy"}]
    proxy["metadata"]["labels"] |= labels
    return proxy


def answering(silent: int, clusters: tuple[str, ...]) -> Fake:
    fake = Fake(requests=[requests_row(9)], durations=bucket_rows((0, 5, 9, 9, 9)))
    whose = {"source_workload_namespace": "default", "reporter": "destination"}
    fake.denied = [
        requests_row(9, source_workload=f"batch-of-a-department-{n}", what="silent", **whose)
        for n in range(silent)
    ]
    fake.clients = [
        requests_row(1, source_workload="web", cluster=name) for name in clusters or ("",)
    ]
    return fake


@pytest.mark.parametrize(
    ("matcher", "gateways", "silent", "clusters"),
    list(itertools.product(MATCHERS, GATEWAYS, SILENT, CLUSTERS)),
)
async def test_no_request_is_too_long_and_no_tick_asks_too_often(
    matcher: str, gateways: int, silent: int, clusters: tuple[str, ...]
) -> None:
    """In the first tick and in those in which all that is asked now and then is due again."""
    fake, clock = answering(silent, clusters), Clock()
    server, worker = ApiServer(fake), Worker("length-test")
    place = PrometheusAddress("monitoring", "kube-prometheus-stack-prometheus", 9090)
    source = PrometheusSource(
        ServiceServer(server, place, worker),  # type: ignore[arg-type]
        worker,
        scope=scope_of(matcher),
        clock=clock,
        now=lambda: 5.0,
    )
    waypoint = {"gateway.istio.io/managed": "istio.io-mesh-controller"}
    proxies = [gateway(n, waypoint if n % 2 else {}) for n in range(gateways)]
    mesh = parse_mesh({"pods": proxies})
    counts = []
    for pause in (0, 6, 11, 301):
        clock.seconds += pause
        server.lines.clear()
        sample = await source.sample(mesh)
        assert bool(sample.clients) and ("numbers sum over" in str(sample.problems)) == (
            bool(clusters) and not matcher
        )
        counts.append(len(server.lines))
        assert max(map(len, server.lines)) <= MOST_BYTES
    assert counts == [6, 5, 5, 6] and max(counts) <= MOST_QUERIES
    await source.close()


@pytest.mark.parametrize("matcher", MATCHERS)
def test_what_panes_ask_fits_as_well(matcher: str) -> None:
    from meshtui.mesh.model import ServiceKey

    scope, service = scope_of(matcher), ServiceKey("default", "reviews")
    asked = [
        queries.calls("60000ms", scope),
        queries.before(scope),
        past.requests(service, "60000ms", 120.0, scope),
        past.durations(service, "60000ms", 120.0, scope),
    ]
    for promql in asked:
        params = {"query": in_short(promql)}
        assert len(_target(ApiRequest("GET", "/api/v1/query_range", params))) < MOST_BYTES


@pytest.mark.parametrize(
    "promql",
    [
        queries.newest_and_clients(),
        queries.state(["istio"], "60000ms", gateways=["web"]),
        queries.beside("60000ms"),
        queries.requests_and_connections("60000ms", silent=["web"]),
        queries.durations("60000ms", silent=["web"]),
    ],
)
def test_in_short_it_means_the_same(promql: str, tmp_path: Path) -> None:
    require("promtool")
    inbound = "inbound_0.0.0.0_9080"
    series = {
        UP: "1x60",
        OK: "0+10x60",
        OK.replace("requests_total", "request_duration_milliseconds_bucket").replace(
            "}", ',le="+Inf"}'
        ): "0+10x60",
        TCP % ("connections_opened", "istio", "a"): "0+10x60",
        SERVED % ("istio", "a", "web-v1"): "0+10x60",
        RBAC % ("istio", "a", "denied", inbound): "0+5x60",
        pair(
            "destination", "unknown", "db"
        ): "0+10x38",  # ends before: of two newest topk gives any
    }
    found = evaluate(promql, series, AT, tmp_path)
    assert found and evaluate(in_short(promql), series, AT, tmp_path) == found
    assert len(in_short(promql)) < len(promql)


@pytest.mark.parametrize(
    ("promql", "short"),
    [
        ('a{b="c  d, e"} - b offset 60s', "a{b='c  d, e'}-b offset 60s"),
        ('a{b="it\'s"}', 'a{b="it\'s"}'),
        (r'a{b="\"x\""}', r'a{b="\"x\""}'),
        (r'label_join(x, "p", "(.+):\\d+")', r"label_join(x,'p','(.+):\\d+')"),
        ("sum by (a, b) (c) > 0 or on (d) e", "sum by(a,b)(c)>0 or on(d)e"),
    ],
)  # fmt: skip
def test_texts_stay_as_they_are(promql: str, short: str) -> None:
    assert in_short(promql) == short
