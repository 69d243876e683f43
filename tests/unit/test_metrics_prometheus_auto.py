"""Which source is used: found in the cluster, left when it fails, taken again when it is back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from meshtui.errors import MeshtuiError, NotAllowed, NotFound, Refused, Unreachable, Usage
from meshtui.mesh.model import Mesh, Port, Service, ServiceKey
from meshtui.mesh.signals import Sample
from meshtui.metrics.auto import AutoSource
from meshtui.metrics.choose import source_for
from meshtui.metrics.discovery import PrometheusAddress, places
from meshtui.metrics.prometheus import PrometheusSource
from meshtui.metrics.prometheus_result import Over
from meshtui.metrics.prometheus_service import ServiceServer
from meshtui.metrics.sidecars import SidecarSource
from meshtui.metrics.worker import Worker
from meshtui.verbs.prometheus import is_wanted


def service(name: str, namespace: str = "istio-system", *ports: Port, **more: Any) -> Service:
    key = ServiceKey(namespace, name)
    return Service(key, f"{name}.{namespace}.svc", ports or (Port("http", 9090),), **more)


def found(*services: Service) -> list[str]:
    return [f"{place.scheme}:{place}" for place in places(Mesh(services=services))]


@pytest.mark.parametrize(
    ("given", "place"),
    [
        (service("prometheus"), "http:istio-system/prometheus:9090"),
        (
            service("kube-prometheus-stack-prometheus", "monitoring", Port("http-web", 9090)),
            "http:monitoring/kube-prometheus-stack-prometheus:9090",
        ),
        (
            service("prometheus-server", "prometheus", Port("", 80)),
            "http:prometheus/prometheus-server:80",
        ),
        (
            service(
                "k8s",
                "monitoring",
                Port("grpc", 1),
                Port("web", 9091),
                labels={"app": "prometheus"},
            ),
            "http:monitoring/k8s:9091",
        ),
        (
            service("prometheus", "observability", Port("https", 9090)),
            "https:observability/prometheus:9090",
        ),
    ],
)
def test_a_prometheus_is_found_where_charts_put_it(given: Service, place: str) -> None:
    assert found(given) == [place]


@pytest.mark.parametrize(
    "name",
    ["prometheus-alertmanager", "prometheus-node-exporter", "prometheus-operator", "grafana"],
)
def test_what_comes_with_it_is_not_it(name: str) -> None:
    assert found(service(name, "monitoring")) == []


def test_other_namespaces_are_other_peoples() -> None:
    assert found(service("prometheus", "shop")) == []


def test_the_likeliest_comes_first() -> None:
    assert found(
        service("prometheus-operated", "monitoring", cluster_ip="None"),
        service("stack-prometheus", "monitoring", cluster_ip="10.0.0.1"),
        service("prometheus", "monitoring"),
        service("prometheus"),
    ) == [
        "http:istio-system/prometheus:9090",
        "http:monitoring/prometheus:9090",
        "http:monitoring/stack-prometheus:9090",
        "http:monitoring/prometheus-operated:9090",
    ]


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("auto", True),
        ("none", True),
        ("http://prometheus:9090", True),
        ("https://ann:secret@example.com/prometheus/", True),
        ("http://", False),
        ("prometheus:9090", False),
        ("http://a b", False),
        ("http://a/?query=1", False),
        ("http://a\n", False),
        ("", False),
    ],
)
def test_the_words_for_it(text: str, fits: bool) -> None:
    assert is_wanted(text) is fits


def test_the_word_decides() -> None:
    cluster: Any = None
    assert isinstance(source_for(cluster, "none"), SidecarSource)
    assert isinstance(source_for(cluster, "auto"), AutoSource)
    assert isinstance(source_for(cluster, "http://a"), PrometheusSource)
    with pytest.raises(Usage):
        source_for(cluster, "nobody")


class Source:
    """Gives a sample, or the failure it is told to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.error: MeshtuiError | None = None
        self.hold = asyncio.Event()
        self.hold.set()
        self.samples = self.closed = 0

    async def sample(self, mesh: Mesh) -> Sample:
        self.samples += 1
        await self.hold.wait()
        if self.error is not None:
            raise self.error
        return Sample(1.0, self.name, 15.0)

    async def close(self) -> None:
        self.closed += 1


class Bench:
    def __init__(self, *, first_discovery_s: float = 1.0) -> None:
        self.now = 0.0
        self.prometheus, self.sidecars = Source("prometheus"), Source("sidecars")
        self.auto = AutoSource(
            lambda mesh: [self.prometheus],
            self.sidecars,
            first_discovery_s=first_discovery_s,
            clock=lambda: self.now,
        )

    async def tick(self, seconds: float = 2.0) -> Sample:
        self.now += seconds
        sample = await self.auto.sample(Mesh())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return sample


async def test_the_first_sample_is_prometheus() -> None:
    bench = Bench()
    sample = await bench.tick()
    assert (sample.source, bench.auto.name, sample.problems) == ("prometheus", "prometheus", ())
    assert bench.sidecars.samples == 0


async def test_without_one_the_sidecars_are_read_and_nothing_is_said() -> None:
    bench = Bench()
    auto = AutoSource(lambda mesh: [], bench.sidecars)
    sample = await auto.sample(Mesh())
    assert (sample.source, auto.name, sample.problems) == ("sidecars", "sidecars", ())
    await auto.close()


async def test_a_prometheus_that_fails_is_left_and_taken_again() -> None:
    bench = Bench()
    await bench.tick()
    bench.prometheus.error = Unreachable("Prometheus is away")
    sample = await bench.tick()
    assert (sample.source, bench.auto.name) == ("sidecars", "sidecars")
    assert sample.problems == ("Prometheus is away; sidecars are read instead",)
    bench.prometheus.error = None
    asked = bench.prometheus.samples
    assert (await bench.tick(20)).source == "sidecars"
    assert bench.prometheus.samples == asked, "it is left alone for half a minute"
    await bench.tick(11)
    sample = await bench.tick()
    assert (sample.source, sample.problems) == ("prometheus", ())


async def test_looking_again_does_not_hold_up_the_samples() -> None:
    bench = Bench()
    bench.prometheus.error = Unreachable("away")
    assert (await bench.tick()).source == "sidecars"
    bench.prometheus.hold.clear()
    for _ in range(3):
        assert (await bench.tick(31)).source == "sidecars"
    assert bench.prometheus.samples == 2, "one look at a time"
    await bench.auto.close()
    assert bench.prometheus.closed == 2


async def test_a_slow_prometheus_is_not_waited_for_at_the_start() -> None:
    bench = Bench(first_discovery_s=0.01)
    bench.prometheus.hold.clear()
    assert (await bench.tick()).source == "sidecars"
    bench.prometheus.hold.set()
    await asyncio.sleep(0.01)
    assert (await bench.tick()).source == "prometheus"


async def test_readings_of_the_sidecars_do_not_grow_old_meanwhile() -> None:
    bench = Bench()
    await bench.tick()
    assert bench.sidecars.closed == 1


async def test_where_both_fail_both_are_told() -> None:
    bench = Bench()
    bench.prometheus.error = Unreachable("Prometheus is away")
    bench.sidecars.error = NotAllowed("none of 3 sidecars could be read", "get on pods/proxy")
    with pytest.raises(NotAllowed) as caught:
        await bench.tick()
    assert str(caught.value) == (
        "none of 3 sidecars could be read; Prometheus is away: get on pods/proxy"
    )


class Cluster:
    """An API server in front of a Prometheus."""

    def __init__(self, answer: str | MeshtuiError) -> None:
        self.answer = answer
        self.asked: list[tuple[str, dict[str, str], float]] = []

    async def get_text(self, path: str, params: dict[str, str], *, timeout: float) -> str:  # noqa: ASYNC109
        self.asked.append((path, params, timeout))
        if isinstance(self.answer, MeshtuiError):
            raise self.answer
        return self.answer


PATH = "/api/v1/namespaces/istio-system/services/http:prometheus:9090/proxy/api/v1/query"


def server(answer: str | MeshtuiError) -> tuple[ServiceServer, Cluster]:
    cluster = Cluster(answer)
    place = PrometheusAddress("istio-system", "prometheus", 9090)
    return ServiceServer(cluster, place, Worker("test")), cluster  # type: ignore[arg-type]


ASKED = {"query": "up", "timeout": "4000ms", "partial_response": "true"}


async def test_a_service_is_asked_through_the_api_server() -> None:
    asked, cluster = server('{"status":"success","data":{"result":[{"value":[1,"2"]}]}}')
    answer = await asked.ask("up", 1.5, 4.0)
    assert [point.value for point in answer.points()] == [2.0]
    assert cluster.asked == [(PATH, {**ASKED, "time": "1.5"}, 4.0)]
    await asked.close()


async def test_a_range_is_asked_there_too_and_its_failures_are_prometheus_own() -> None:
    row = '{"metric":{"le":"1"},"values":[[15,"2"],[30,"NaN"],["x",1]]}'
    asked, cluster = server(f'{{"status":"success","data":{{"result":[{row}]}}}}')
    found = list((await asked.ask_range("up", Over(15, 30, 15), 4.0)).series())
    assert [(dict(labels), [at for at, _ in values]) for labels, values in found] == [
        ({"le": "1"}, [15.0, 30.0])
    ]
    times = {"start": "15", "end": "30", "step": "15s"}
    assert cluster.asked == [(f"{PATH}_range", {**ASKED, **times}, 4.0)]
    cluster.answer = Refused(f"GET {PATH}_range: too many samples")
    with pytest.raises(Unreachable, match=r"9090: too many samples \(a limit of the server\)"):
        await asked.ask_range("up", Over(15, 30, 15), 4.0)
    await asked.close()


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (NotAllowed(f"GET {PATH}: no"), NotAllowed, "no: reading it needs `get` on"),
        (NotFound(f"GET {PATH}: gone"), Unreachable, "gone"),
        (Refused(f"GET {PATH}: too many samples"), Unreachable, "(a limit of the server)"),
        (Unreachable(f"GET {PATH}: query timed out", "busy"), Unreachable, "(too slow)"),
        (Unreachable(f"GET {PATH}: no endpoints", "busy"), Unreachable, "no endpoints"),
        (Unreachable("the server does not answer", "h"), Unreachable, "does not answer: h"),
        ("<html>", Unreachable, "an HTML page"),
    ],
)
async def test_failures_behind_the_api_server(
    error: str | MeshtuiError, kind: type[MeshtuiError], said: str
) -> None:
    asked, _ = server(error)
    with pytest.raises(kind) as caught:
        await asked.ask("up", None, 4.0)
    assert said in str(caught.value)
    assert str(caught.value).startswith("Prometheus istio-system/prometheus:9090")
    await asked.close()
