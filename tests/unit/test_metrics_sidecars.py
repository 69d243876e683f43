"""Reading a mesh of sidecars that come, go, hang and restart, by a clock that is given."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from meshtui.errors import MeshtuiError, NotAllowed, NotFound, Unreachable
from meshtui.mesh.model import Mesh, Pod, ServiceKey
from meshtui.mesh.signals import VersionKey
from meshtui.metrics.focus import FEW
from meshtui.metrics.sidecar_reader import TRIED, Limits
from meshtui.metrics.sidecars import SidecarSource

V1 = VersionKey(ServiceKey("default", "reviews"), "v1")
LABELS = (
    'reporter="source",source_workload="{client}",source_workload_namespace="default",'
    'destination_service_name="reviews",destination_service_namespace="default",'
    'destination_version="v1",request_protocol="http",response_code="{code}"'
)

Answer = Callable[[int], Awaitable[str]]


def stats(count: float, client: str = "productpage", code: str = "200") -> str:
    labels = LABELS.format(client=client, code=code)
    buckets = "".join(
        f'istio_request_duration_milliseconds_bucket{{{labels},le="{bound}"}} {count}\n'
        for bound in ("10", "+Inf")
    )
    return f"istio_requests_total{{{labels}}} {count}\n{buckets}"


def pod(name: str = "a", **changed: object) -> Pod:
    facts = {"ip": "10.0.0.1", "phase": "Running", "proxy_container": "istio-proxy"} | changed
    return Pod("default", name, **facts)  # type: ignore[arg-type]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class FakeCluster:
    """Answers for each pod with text, or with a failure; `asked` are the pod and port pairs."""

    def __init__(self) -> None:
        self.answers: dict[str, str | MeshtuiError | Answer] = {}
        self.asked: list[tuple[str, int]] = []
        self.at_once = self.most_at_once = 0

    async def get_text(
        self,
        path: str,
        params: dict[str, str],
        *,
        timeout: float,  # noqa: ASYNC109
    ) -> str:
        assert path.endswith("/proxy/stats/prometheus")
        assert params == {
            "usedonly": "",
            "filter": r"istio_requests_total|istio_request_duration|istio_tcp_"
            r"|rbac\.denied|jwt_authn\.denied",
        }
        name, port = path.split("/")[6].split(":")
        self.asked.append((name, int(port)))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(0)
            answer = self.answers[name]
            if callable(answer):
                return await answer(int(port))
            if isinstance(answer, MeshtuiError):
                raise answer
            return answer
        finally:
            self.at_once -= 1


class Bench:
    """A source on a fake cluster; `tick` moves the clock and samples."""

    def __init__(self, *pods: Pod, **limits: float) -> None:
        self.clock, self.cluster = Clock(), FakeCluster()
        self.mesh = Mesh(pods=pods or (pod(),))
        self.source = SidecarSource(
            self.cluster,  # type: ignore[arg-type]
            Limits(**limits),  # type: ignore[arg-type]
            clock=self.clock,
            now=lambda: 5.0,
        )

    async def tick(self, seconds: float, **answers: str | MeshtuiError | Answer):
        self.clock.now += seconds
        self.cluster.answers |= answers
        return await self.source.sample(self.mesh)


async def test_the_first_reading_has_clients_and_no_rates() -> None:
    sample = await Bench().tick(0, a=stats(100))
    assert (sample.window_s, sample.caller, sample.read, sample.failed) == (0.0, {}, 1, 0)
    assert sample.clients == {V1.service: frozenset({("default", "productpage")})}
    assert (sample.time, sample.source) == (5.0, "sidecars")


async def test_rates_are_differences_over_true_seconds() -> None:
    bench = Bench()
    await bench.tick(0, a=stats(100))
    sample = await bench.tick(2.5, a=stats(150))
    signals = sample.caller[V1]
    assert (sample.window_s, signals.requests, signals.rps) == (2.5, 50.0, 20.0)
    assert signals.p50_ms == 5.0
    assert sample.caller_totals[V1.service] == signals


async def test_the_window_slides() -> None:
    bench = Bench(window_s=6)
    for second in range(0, 20, 2):
        sample = await bench.tick(2, a=stats(100 + second**2))
    assert sample.window_s == 6.0
    assert sample.caller[V1].requests == 18**2 - 12**2


async def test_samples_rarer_than_the_window_speak_of_the_time_between() -> None:
    bench = Bench(window_s=5)
    await bench.tick(0, a=stats(0.0))
    await bench.tick(60, a=stats(60))
    sample = await bench.tick(60, a=stats(180))
    assert (sample.window_s, sample.caller[V1].rps) == (60.0, 2.0)


async def test_a_restart_inside_the_window_loses_nothing() -> None:
    bench = Bench()
    await bench.tick(0, a=stats(100))
    await bench.tick(2, a=stats(110))
    await bench.tick(2, a=stats(4))
    sample = await bench.tick(2, a=stats(9))
    assert sample.caller[V1].requests == 10 + 4 + 5


async def test_a_series_that_appears_later_counts_from_zero() -> None:
    bench = Bench()
    await bench.tick(0, a=stats(100))
    sample = await bench.tick(2, a=stats(100) + stats(3, code="503"))
    assert sample.caller[V1].codes == {"503": 3.0}


async def test_an_idle_mesh_has_a_window_and_no_traffic() -> None:
    bench = Bench()
    await bench.tick(0, a=stats(100))
    sample = await bench.tick(2, a=stats(100))
    assert (sample.window_s, sample.caller) == (2.0, {})


async def test_statistics_without_envoys_part_are_no_reset() -> None:
    bench = Bench()
    await bench.tick(0, a=stats(100_000))
    await bench.tick(2, a="istio_agent_something 1\n")
    sample = await bench.tick(2, a=stats(100_010))
    assert sample.caller[V1].requests == 10.0


async def test_a_proxy_that_fails_stands_until_it_is_too_old() -> None:
    bench = Bench(pod("a"), pod("b"), window_s=10)
    await bench.tick(0, a=stats(0.0), b=stats(0.0))
    await bench.tick(2, a=stats(2), b=stats(20))
    sample = await bench.tick(2, a=stats(4), b=Unreachable("connection refused"))
    assert sample.caller[V1].rps == 11.0
    assert (sample.read, sample.failed) == (1, 1)
    assert sample.problems == ("default/b: connection refused",)
    for count in range(3, 10):
        sample = await bench.tick(2, a=stats(2 * count))
    assert sample.caller[V1].rps == 1.0


async def test_a_sample_says_since_when_its_oldest_count_may_be() -> None:
    bench = Bench(pod("a"), pod("b"), window_s=20)
    gone = Unreachable("gone")
    first = await bench.tick(0, a=gone, b=stats(0.0))
    assert first.since == first.time
    await bench.tick(5, a=gone, b=stats(50))
    await bench.tick(1, a=stats(0.0), b=gone)
    sample = await bench.tick(4, a=stats(40), b=gone)
    assert sample.time - sample.window_s == sample.time - 5
    assert sample.since == sample.time - 10
    assert replace(sample, began=None).since == sample.time - sample.window_s


async def test_a_proxy_that_comes_back_after_long_is_new() -> None:
    bench = Bench(pod("a"), pod("b"), window_s=4)
    await bench.tick(0, a=stats(0.0), b=stats(0.0))
    for _ in range(5):
        await bench.tick(2, b=Unreachable("gone"))
    assert (await bench.tick(2, b=stats(1000))).caller == {}
    assert (await bench.tick(2, b=stats(1010))).caller[V1].requests == 10.0


async def test_a_pod_that_is_gone_is_forgotten() -> None:
    bench = Bench(pod("a"), pod("b"))
    await bench.tick(0, a=stats(0.0), b=stats(0.0, client="other"))
    bench.mesh = Mesh(pods=(pod("a"), pod("b", ip="10.0.0.9"), pod("plain", proxy_container="")))
    sample = await bench.tick(2, a=stats(2), b=stats(50))
    assert sample.caller[V1].requests == 2.0
    assert sample.failed == 0


async def test_a_pod_that_vanishes_meanwhile_is_no_failure() -> None:
    bench = Bench(pod("a"), pod("b"), pod("c", deleting=True))
    sample = await bench.tick(0, a=stats(1), b=NotFound("pod b"), c=Unreachable("refused"))
    assert (sample.read, sample.failed, sample.problems) == (1, 0, ())


async def test_when_nobody_answers_the_signals_are_unknown() -> None:
    bench = Bench(pod("a"), pod("b"), pod("c"))
    with pytest.raises(Unreachable, match=r"none of 3 .*default/b and 1 more: refused; .*odd"):
        await bench.tick(
            0, a=Unreachable("odd"), b=Unreachable("refused"), c=Unreachable("refused")
        )


async def test_of_a_large_mesh_out_of_reach_a_few_are_tried_until_one_answers() -> None:
    names = [f"p{number}" for number in range(FEW + 50)]
    bench = Bench(*(pod(name, ip=f"10.0.{n >> 8}.{n & 255}") for n, name in enumerate(names)))
    everyone = dict.fromkeys(names, Unreachable("connection refused"))
    none = f"none of {len(names)} sidecars could be read .*and {len(names) - 1} more: connection"
    with pytest.raises(Unreachable, match=none):
        await bench.tick(0, **everyone)
    assert {name for name, _ in bench.cluster.asked} == set(names)
    tried: list[set[str]] = []
    for _ in range(2):
        bench.cluster.asked.clear()
        with pytest.raises(Unreachable, match=none):
            await bench.tick(2)
        tried.append({name for name, _ in bench.cluster.asked})
    assert [len(those) for those in tried] == [TRIED, TRIED]
    assert not tried[0] & tried[1], "each has its turn"
    found = await bench.tick(2, **dict.fromkeys(names, stats(100)))
    assert (found.read, found.failed) == (TRIED, len(names) - TRIED)
    assert found.problems[0].endswith("connection refused")
    bench.cluster.asked.clear()
    found = await bench.tick(2)
    assert (found.read, found.failed) == (len(names), 0), "one answered: now all are asked"


async def test_a_small_mesh_out_of_reach_is_asked_as_a_whole() -> None:
    bench = Bench(pod("a"), pod("b", ip="10.0.0.2"))
    for _ in range(2):
        bench.cluster.asked.clear()
        with pytest.raises(Unreachable):
            await bench.tick(2, a=Unreachable("no"), b=Unreachable("no"))
        assert {name for name, _ in bench.cluster.asked} == {"a", "b"}


async def test_the_same_reason_is_told_once_whatever_the_pods_are_called() -> None:
    away = replace(pod("b", ip="10.0.0.2"), namespace="other")
    bench = Bench(pod("a", ip="10.0.0.1"), away, pod("c"))
    refused = {
        p.name: Unreachable(
            f"GET /namespaces/{p.namespace}/pods/{p.name}:15020/proxy: "
            f"dial tcp {p.ip}:15020: refused"
        )
        for p in bench.mesh.pods[:2]
    }
    sample = await bench.tick(0, c=stats(1), **refused)
    assert sample.problems == (
        "default/a and 1 more: GET /namespaces/…/pods/…:15020/proxy: dial tcp …:15020: refused",
    )


async def test_when_none_may_be_read_it_says_what_is_missing() -> None:
    bench = Bench()
    with pytest.raises(NotAllowed, match="pods/proxy"):
        await bench.tick(0, a=NotAllowed("403"))
    assert bench.cluster.asked == [("a", 15020)]


async def test_a_mesh_without_sidecars_says_so() -> None:
    sample = await Bench(pod(proxy_container="")).tick(0)
    assert (sample.read, sample.problems) == (0, ("no running pod has a sidecar",))


async def test_pods_that_are_not_read_yet_are_not_said_to_have_no_sidecar() -> None:
    bench = Bench()
    bench.mesh = Mesh(partial={"pods": frozenset()})
    sample = await bench.tick(0)
    assert sample.problems == ("which pods there are is not known",)


async def only_envoy(port: int) -> str:
    if port == 15020:
        raise Unreachable("refused")
    return stats(7)


async def test_envoys_own_port_is_tried_and_remembered() -> None:
    bench = Bench()
    await bench.tick(0, a=only_envoy)
    await bench.tick(2)
    assert bench.cluster.asked == [("a", 15020), ("a", 15090), ("a", 15090)]


async def agent_hangs(port: int) -> str:
    if port == 15020:
        await asyncio.Event().wait()
    return stats(7)


async def test_a_port_that_hangs_costs_one_timeout_and_then_the_other_is_asked() -> None:
    bench = Bench(pod("a"), pod("b"), pod_timeout_s=0.01)
    sample = await bench.tick(0, a=agent_hangs, b=stats(1))
    assert sample.problems == ("default/a: no answer in 0.01 s",)
    assert (await bench.tick(2)).failed == 0


async def test_the_deadline_ends_a_sample() -> None:
    pods = [pod(f"p{number}") for number in range(6)]
    bench = Bench(*pods, deadline_s=0.05, pod_timeout_s=60, concurrency=2)
    answers = {p.name: agent_hangs for p in pods[1:]}
    sample = await bench.tick(0, p0=stats(1), **answers)
    assert (sample.read, sample.failed) == (1, 5)
    assert sample.problems == ("default/p1 and 4 more: not read within 0.05 s",)
    assert bench.cluster.at_once == 0


async def test_requests_at_a_time_are_bounded() -> None:
    pods = [pod(f"p{number}") for number in range(40)]
    bench = Bench(*pods, concurrency=4)
    await bench.tick(0, **{p.name: stats(1) for p in pods})
    assert bench.cluster.most_at_once == 4


async def test_samples_at_once_wait_for_each_other() -> None:
    bench = Bench()
    bench.cluster.answers["a"] = stats(5)
    await asyncio.gather(bench.source.sample(bench.mesh), bench.source.sample(bench.mesh))
    assert bench.cluster.most_at_once == 1


async def test_large_statistics_are_read_beside_the_loop() -> None:
    filler = "envoy_other{} 1\n" * 20_000
    bench = Bench()
    await bench.tick(0, a=filler + stats(5))
    assert (await bench.tick(1, a=filler + stats(6))).caller[V1].requests == 1.0


async def test_closing_forgets() -> None:
    bench = Bench()
    await bench.tick(0, a=stats(5))
    await bench.source.close()
    assert (await bench.tick(1, a=stats(6))).window_s == 0.0


DENIED = (
    'envoy_http_rbac{{authz_enforce_result="allowed",http_conn_manager_prefix="{0}"}} 7\n'
    'envoy_http_rbac{{authz_enforce_result="denied",http_conn_manager_prefix="{0}"}} {1}\n'
)
"""As Envoy 1.40 wrote it under istiod; the older form has the listener in the name."""

OLDER = 'envoy_http_inbound_0_0_0_0_9080_rbac{authz_enforce_result="denied"} {}\n'
SERVED = (
    'istio_requests_total{{reporter="{reporter}",source_workload="web",'
    'source_workload_namespace="default",destination_service_name="reviews",'
    'destination_service_namespace="default",destination_version="v1",'
    'destination_workload="reviews-v1",destination_workload_namespace="default",'
    'request_protocol="http",response_code="{code}"}} {count}\n'
)


def answers(reporter: str, ok: int, forbidden: int) -> str:
    return SERVED.format(reporter=reporter, code=200, count=ok) + SERVED.format(
        reporter=reporter, code=403, count=forbidden
    )


@pytest.mark.parametrize(
    ("denied", "refused"),
    [
        (DENIED.format("inbound_0.0.0.0_9080", "{}"), 40.0),
        (OLDER, 40.0),
        (DENIED.format("outbound_0.0.0.0_8080", "{}"), 0.0),
        ("", 0.0),
    ],
)
async def test_what_the_proxies_denied_counts_as_refused(denied: str, refused: float) -> None:
    bench = Bench(pod("web", workload="web"), pod("reviews", workload="reviews-v1"))

    def server(number: int, forbidden: int) -> str:
        return answers("destination", 50, forbidden) + denied.replace("{}", str(number))

    await bench.tick(0, web=answers("source", 50, 10), reviews=server(3, 10))
    sample = await bench.tick(2, web=answers("source", 50, 60), reviews=server(43, 60))
    assert sample.caller[V1].codes["403"] == 50
    assert sample.caller[V1].refused == sample.server[V1].refused == refused
    assert sample.caller_totals[V1.service].refused == refused
    assert sample.caller[V1].error_ratio == 0.0
    assert dict(sample.denied) == ({("default", "reviews-v1"): 40.0} if refused else {})


JWT = 'envoy_http_jwt_authn_denied{http_conn_manager_prefix="inbound_0.0.0.0_9080"} %d\n'
"""As an Envoy 1.40 under istiod wrote it once `proxyStatsMatcher` named it."""


async def test_tokens_that_the_proxies_refused_count_as_refused_where_they_count_them() -> None:
    bench = Bench(pod("web", workload="web"), pod("reviews", workload="reviews-v1"))

    def side(reporter: str, ok: int, refused: int) -> str:
        return answers(reporter, ok, refused).replace('"403"', '"401"')

    other = JWT.replace("inbound_0.0.0.0_9080", "outbound_0.0.0.0_8080") % 90
    await bench.tick(0, web=side("source", 50, 10), reviews=side("destination", 50, 10) + JWT % 3)
    sample = await bench.tick(
        2, web=side("source", 50, 60), reviews=side("destination", 50, 60) + JWT % 43 + other
    )
    assert sample.caller[V1].refused == sample.server[V1].refused == 40
    assert dict(sample.tokens) == {("default", "reviews-v1"): 40.0}
    assert dict(sample.denied) == {}


async def test_no_more_is_refused_than_was_answered() -> None:
    bench = Bench(pod("web", workload="web"), pod("reviews", workload="reviews-v1"))
    many = DENIED.format("inbound_0.0.0.0_9080", 900)
    none = DENIED.format("inbound_0.0.0.0_9080", 0)
    await bench.tick(0, web=answers("source", 5, 1), reviews=answers("destination", 5, 1) + none)
    sample = await bench.tick(
        2, web=answers("source", 5, 11), reviews=answers("destination", 5, 11) + many
    )
    assert sample.caller[V1].refused == 10


EDGE = (
    'istio_requests_total{{reporter="source",source_workload="ingress",'
    'source_workload_namespace="default",destination_service_name="{service}",'
    'destination_service_namespace="default",destination_version="v1",'
    'destination_workload="{service}-v1",destination_workload_namespace="default",'
    'request_protocol="http",response_code="{code}"}} {count}\n'
)


async def test_what_a_gateway_sent_on_is_counted_by_gateway() -> None:
    """Whichever service it was for; what other callers sent is no gateway's."""
    ingress = pod("ingress", workload="ingress", gateway=True)
    bench = Bench(ingress, pod("web", workload="web"))

    def edge(pages: int, carts: int, failed: int) -> str:
        return (
            EDGE.format(service="page", code=200, count=pages)
            + EDGE.format(service="cart", code=200, count=carts)
            + EDGE.format(service="cart", code=503, count=failed)
        )

    await bench.tick(0, ingress=edge(1, 1, 1), web=answers("source", 1, 1))
    sample = await bench.tick(2, ingress=edge(31, 61, 11), web=answers("source", 90, 1))
    ((client, sent),) = sample.sent.items()
    assert client == ("default", "ingress")
    assert (sent.requests, sent.rps, sent.error_ratio) == (100, 50, 0.1)


LOOKS_ALIKE = 'envoy_x_istio_requests_total{a="b"} 7\n'
EMPTY_AGENT = "go_goroutines 7\n"


@pytest.mark.parametrize(
    ("agent", "envoy", "trouble"),
    [
        ("<html><body>Sign in", "<html><body>Sign in", "something else than statistics"),
        ("", "", "answers an empty text"),
        (stats(math.nan), stats(math.inf), "counters of requests that are no numbers"),
        (Unreachable("refused"), LOOKS_ALIKE, "refused"),
        (Unreachable("refused"), "", "refused"),
        ("<html>", LOOKS_ALIKE, "something else than statistics"),
        (EMPTY_AGENT, "", ""),  # idle: both say so
        (EMPTY_AGENT, LOOKS_ALIKE, ""),
    ],
)
async def test_what_holds_no_counts_is_not_read_as_no_traffic(
    agent: str | MeshtuiError, envoy: str | MeshtuiError, trouble: str
) -> None:
    async def answer(port: int) -> str:
        found = agent if port == 15020 else envoy
        if isinstance(found, MeshtuiError):
            raise found
        return found

    bench = Bench(pod("web", workload="web"), pod("reviews", workload="reviews-v1"))
    await bench.tick(0, web=answer, reviews=answers("destination", 5, 0))
    sample = await bench.tick(2, web=answer, reviews=answers("destination", 25, 0))
    assert (sample.unread == {("default", "web")}) is bool(trouble)
    assert trouble in " ".join(sample.problems) and bool(sample.problems) is bool(trouble)
