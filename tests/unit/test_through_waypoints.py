"""What gateways and sidecars send through a waypoint: it says who answered, or nobody does."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from meshtui.mesh.calls import THROUGH
from meshtui.mesh.graph import CallGraph
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import Sample
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.view import ServiceView, service_views
from meshtui.metrics import prometheus_queries as queries
from meshtui.metrics.hops import is_hop
from meshtui.metrics.prometheus import PrometheusSource
from meshtui.metrics.prometheus_past_queries import Counting
from meshtui.metrics.traffic import Traffic
from meshtui.operations.canary.counting import Question, counts_of
from tests.unit.fake_prometheus import requests_row, series, serving
from tests.unit.objects import Obj, meta, pod, service
from tests.unit.promtool import evaluate
from tests.unit.test_metrics_prometheus_past import T, read
from tests.unit.test_metrics_prometheus_queries import AT, pair
from tests.unit.test_metrics_prometheus_source import Clock, source_of
from tests.unit.test_metrics_sidecars import Bench

REVIEWS = ServiceKey("default", "reviews")
API = "gateway.networking.k8s.io"
PASSED = "what goes through way-v1 is counted there"
NOTHING = "callers go through way-v1, which counts nothing"


def lone(app: str, **labels: str) -> Obj:
    raw = pod(app, "v1")
    raw["metadata"]["labels"] |= labels
    raw["spec"]["containers"] = [{"name": "istio-proxy"}]
    return raw


def made() -> Mesh:
    names = {f"{API}/gateway-name": "way", f"{API}/gateway-class-name": "istio-waypoint"}
    rule = {
        "metadata": meta("reviews"),
        "spec": {
            "hosts": ["reviews"],
            "http": [
                {
                    "route": [
                        {"destination": {"host": "reviews", "subset": v}, "weight": w}
                        for v, w in (("v1", 80), ("v2", 20))
                    ]
                }
            ],
        },
    }
    subsets = [{"name": v, "labels": {"version": v}} for v in ("v1", "v2")]
    return parse_mesh(
        {
            "services": [service("reviews")],
            "pods": [
                *(pod("reviews", v) for v in ("v1", "v2")),
                lone("edge"),
                lone("way", **names),
                pod("web", "v1"),
            ],
            "virtualservices": [rule],
            "destinationrules": [
                {"metadata": meta("reviews"), "spec": {"host": "reviews", "subsets": subsets}}
            ],
        }
    )


class Count(NamedTuple):
    """Requests to reviews: who says so, who asked, which workload answered."""

    reporter: str
    client: str
    to: str
    number: int
    flags: str = "-"

    @property
    def labels(self) -> dict[str, str]:
        return {
            "reporter": self.reporter,
            "destination_service_name": "reviews",
            "destination_service_namespace": "default",
            "destination_version": self.to[-2:] if self.to.startswith("reviews") else "unknown",
            "destination_workload": self.to,
            "destination_workload_namespace": "default",
            "source_workload": self.client,
            "source_workload_namespace": "default",
            "request_protocol": "http",
            "response_code": "503" if self.flags != "-" else "200",
            "response_flags": self.flags,
        }

    @property
    def counter(self) -> str:
        labels = ",".join(f'{name}="{value}"' for name, value in self.labels.items())
        return f"istio_requests_total{{{labels}}}"

    @property
    def pod(self) -> str:
        """Whose proxy counts it."""
        where = {"source": self.client, "waypoint": "way-v1"}.get(self.reporter, self.to)
        return f"{where}-5f6d-1"


HOP = Count("source", "edge-v1", "way-v1", 100)
BEHIND = (
    Count("waypoint", "edge-v1", "reviews-v1", 80),
    Count("waypoint", "edge-v1", "reviews-v2", 20),
)
OWN = (
    Count("destination", "way-v1", "reviews-v1", 80),
    Count("destination", "way-v1", "reviews-v2", 20),
)


class Case(NamedTuple):
    counts: tuple[Count, ...]
    rows: tuple[float | None, float | None]
    """What callers saw of v1 and v2; None where that is not known."""

    total: float
    said: str
    why: str = ""
    edges: tuple[tuple[str, str, float], ...] = ()


CASES = {
    "the waypoint counts": Case(
        (HOP, *BEHIND), (80, 20), 100, PASSED, "", (("edge-v1", "v1", 80), ("edge-v1", "v2", 20))
    ),
    "never beside the servers": Case(
        (HOP, *BEHIND, *OWN), (80, 20), 100, PASSED,
        "", (("edge-v1", "v1", 80), ("edge-v1", "v2", 20)),
    ),
    "it counts nothing": Case(
        (HOP,), (None, None), 100, "", NOTHING, (("edge-v1", THROUGH, 100),)
    ),
    "only the servers count": Case(
        (HOP, *OWN), (80, 20), 100, "way-v1 counts no requests: counted by reviews itself",
        "", (("edge-v1", THROUGH, 100), ("way-v1", "v1", 80), ("way-v1", "v2", 20)),
    ),
    "what never came to it": Case(
        (HOP, Count("source", "edge-v1", "way-v1", 10, "UF"), *BEHIND), (80, 20), 110, PASSED
    ),
    "what the caller waited for in vain came to it": Case(
        (Count("source", "edge-v1", "way-v1", 5, "UT"), HOP, *BEHIND), (80, 20), 100, PASSED
    ),
    "beside a caller that asks past it": Case(
        (Count("source", "web-v1", "reviews-v1", 30), HOP, *BEHIND), (110, 20), 130, PASSED,
        "", (("edge-v1", "v1", 80), ("edge-v1", "v2", 20), ("web-v1", "v1", 30)),
    ),
    "who asks past it is not all": Case(
        (Count("source", "web-v1", "reviews-v1", 30), HOP), (None, None), 130, "", NOTHING
    ),
    "a caller with a sidecar": Case(
        tuple(one._replace(client="web-v1") for one in (HOP, *BEHIND)), (80, 20), 100, PASSED
    ),
}  # fmt: skip


async def by_sidecars(mesh: Mesh, counts: tuple[Count, ...]) -> tuple[Sample, CallGraph]:
    bench = Bench()
    bench.mesh = mesh
    texts = {one.name: "envoy_server_live 1\n" for one in mesh.pods}
    before = dict(texts)
    for one in counts:
        before[one.pod] += f"{one.counter} 0\n"
        texts[one.pod] += f"{one.counter} {one.number}\n"
    await bench.tick(0, **before)
    sample = await bench.tick(10, **texts)
    return sample, graph(mesh, sample, await bench.source.calls(mesh))


async def by_prometheus(mesh: Mesh, counts: tuple[Count, ...]) -> tuple[Sample, CallGraph]:
    with serving() as fake:
        source: PrometheusSource = source_of(fake.url, Clock())
        all_callers: Counter[tuple[tuple[str, str], ...]] = Counter()
        for one in counts:
            apart = one.labels
            fake.calls.append(requests_row(one.number, **apart))
            through = one.reporter == "source" and one.to == "way-v1"
            if through:
                fake.denied.append(requests_row(one.number, **apart, what=queries.PASSING))
            if one.reporter != "source":
                fake.requests.append(requests_row(one.number, **apart))
            if one.reporter != "source" and one.client == "way-v1":
                fake.denied.append(requests_row(one.number, **apart, what=queries.SILENT))
            if one.reporter == "source":
                fake.clients.append(requests_row(1, **apart))
            whole = {name: value for name, value in apart.items() if name != "source_workload"}
            all_callers[tuple(whole.items())] += one.number
        fake.requests += [requests_row(n, **dict(labels)) for labels, n in all_callers.items()]
        sample = await source.sample(mesh)
        found = graph(mesh, sample, await source.calls(mesh))
        await source.close()
        return sample, found


def graph(mesh: Mesh, sample: Sample, calls: object) -> CallGraph:
    views = service_views(mesh, sample)
    return CallGraph(mesh, views, calls, sample, Thresholds())  # type: ignore[arg-type]


def reviews(mesh: Mesh, sample: Sample) -> ServiceView:
    return next(view for view in service_views(mesh, sample) if view.key == REVIEWS)


@pytest.mark.parametrize("source", [by_sidecars, by_prometheus])
@pytest.mark.parametrize("case", CASES)
async def test_rows_totals_and_graph(case: str, source: object) -> None:
    given, mesh = CASES[case], made()
    sample, calls = await source(mesh, given.counts)  # type: ignore[operator]
    view = reviews(mesh, sample)
    rows = [row for row in view.versions if row.host]
    assert [row.version for row in view.versions if row.version.startswith("way")] == []
    assert tuple(row.caller.requests if row.caller else None for row in rows) == given.rows
    assert view.caller is not None and view.caller.requests == given.total
    assert view.counted_because == given.said
    assert {row.unknown_because for row in rows} == {given.why}
    edges = calls.of(REVIEWS).edges
    found = {(e.caller.client[1], e.version, e.signals.requests if e.signals else 0) for e in edges}
    assert found == set(given.edges) if given.edges else found


def by_http_route() -> Mesh:
    """Versions that are services of their own, as the backends of an HTTPRoute."""
    mesh = made()
    backends = [
        {"name": f"reviews-{v}", "port": 9080, "weight": w} for v, w in (("v1", 80), ("v2", 20))
    ]
    spec = {
        "parentRefs": [{"group": "", "kind": "Service", "name": "reviews", "port": 9080}],
        "rules": [{"backendRefs": backends}],
    }
    own = [service(f"reviews-{v}", app="reviews", version=v) for v in ("v1", "v2")]
    more = parse_mesh(
        {
            "services": [service("reviews"), *own],
            "httproutes": [{"metadata": meta("reviews"), "spec": spec}],
        }
    )
    return replace(
        mesh,
        services=more.services,
        http_routes=more.http_routes,
        virtual_services=(),
        destination_rules=(),
    )


async def test_backends_are_counted_under_their_own_names() -> None:
    """The caller knows the service that it asked, the waypoint the one that it chose."""
    mesh, bench = by_http_route(), Bench()
    bench.mesh = mesh
    texts = {one.name: "envoy_server_live 1\n" for one in mesh.pods}
    before = dict(texts)
    for one in (HOP, *BEHIND):
        name = "reviews" if one is HOP else one.to
        counter = one.counter.replace('_service_name="reviews"', f'_service_name="{name}"')
        before[one.pod] += f"{counter} 0\n"
        texts[one.pod] += f"{counter} {one.number}\n"
    await bench.tick(0, **before)
    view = reviews(mesh, await bench.tick(10, **texts))
    rows = {row.label: row.caller.requests if row.caller else None for row in view.versions}
    assert rows == {"reviews-v1": 80, "reviews-v2": 20}
    assert view.caller is not None and view.caller.requests == 100
    assert view.counted_because == PASSED


@pytest.mark.parametrize("case", ["the waypoint counts", "it counts nothing"])
async def test_a_canary_is_judged_by_what_the_waypoint_counts(case: str) -> None:
    given, mesh = CASES[case], made()
    sample, _ = await by_sidecars(mesh, given.counts)
    rule, host = mesh.virtual_services[0].rules[0], "reviews.default.svc.cluster.local"
    asked = Question(mesh, mesh.services[0], rule, (host, "v2"), ((host, "v1"),))
    interval, _ = counts_of(asked, sample, 500)
    known = given.rows[1] is not None
    assert (interval.canary.requests, NOTHING in interval.problem) == (
        20 if known else 0,
        not known,
    )


WAY = frozenset({("default", "way-v1")})


def test_the_past_is_the_waypoints_word() -> None:
    times: dict[int, float | str] = {T: 60, T + 15: 60}
    counting = Counting(passing=("edge-v1",), waypoints=WAY)
    counts = HOP, *BEHIND, Count("source", "edge-v1", "way-v1", 10, "UF")
    courses = read([series(times, **one.labels) for one in counts], counting=counting)
    assert sorted(courses) == ["unknown", "v1", "v2"]
    assert [kind[0] for kind in counting.kinds] == ['reporter="source"', 'reporter="waypoint"']


def test_who_sends_through_a_waypoint_is_asked_of_prometheus(tmp_path: Path) -> None:
    given = {'up{job="istio",instance="db:1"}': "1x60"}
    given |= dict.fromkeys(
        [pair("source", "web", "db", workload="way"), pair("source", "cron", "db")], "0+10x60"
    )
    found = evaluate(queries.beside("60000ms", waypoints=["way"]), given, AT, tmp_path)
    (labels,) = (one for one in found if f'what="{queries.PASSING}"' in one)
    assert 'source_workload="web"' in labels and 'destination_workload="way"' in labels


def test_times_of_what_passed_are_the_waypoints(tmp_path: Path) -> None:
    """Though the caller times the same requests itself."""
    given = {'up{job="istio",instance="db:1"}': "1x60"}
    for reporter in ("source", "waypoint"):
        name = pair(reporter, "web", "db").replace(
            "requests_total", "request_duration_milliseconds_bucket"
        )
        given[name.replace("}", ',le="+Inf"}')] = "0+10x60"
    query = queries.durations("60000ms", silent=["web"], passing=["web"])
    found = evaluate(query, given, AT, tmp_path)
    apart = [one for one in found if "source_workload=" in one]
    assert len(apart) == 1 and 'reporter="waypoint"' in apart[0]


def test_a_waypoint_asked_by_its_own_name_is_no_hop() -> None:
    blank = dict.fromkeys(Traffic._fields, "")
    own = blank | {
        "reporter": "source", "namespace": "default", "service": "way-v1",
        "workload_namespace": "default", "workload": "way-v1",
    }  # fmt: skip
    assert not is_hop(Traffic(**own), WAY)
    assert is_hop(Traffic(**(own | {"service": "reviews"})), WAY)
