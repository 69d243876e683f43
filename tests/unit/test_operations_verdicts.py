"""Which clients count in a verdict: those that should serve the change, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.changes.build import build_change
from meshtui.changes.change import Plan, SetBreaker, Shift, Target
from meshtui.changes.outcome import GONE, NOT_MEANT, WITHOUT, Outcome, ProxyVerdict, outcome_of
from meshtui.errors import NotFound
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import Sample
from meshtui.operations.change.proxy_checks import question_of
from meshtui.operations.change.verdicts import verdict_of
from meshtui.operations.change.written_objects import mesh_after
from tests.unit.fake_cluster import FakeCluster, mesh_of, policy, routed, session
from tests.unit.objects import Obj, destination_rule, pod, route, service, virtual_service

SERVER = {"hosts": ["*"], "port": {"number": 80, "name": "http", "protocol": "HTTP"}}
KEY = ServiceKey("default", "reviews")


def client(name: str, namespace: str = "default") -> Obj:
    return pod(name, "v1", namespace=namespace)


def gateway() -> Obj:
    found = pod("edge", "v1", namespace="istio-system")
    found["metadata"]["labels"] |= {"istio": "ingressgateway"}
    found["spec"] = {
        "containers": [{"name": "istio-proxy", "args": ["proxy", "router"], "image": "proxyv2"}]
    }
    return found


def mesh(**of_rule: Any) -> Mesh:
    rule = {"route": [route("v1", 90), route("v2", 10)]}
    door = {"selector": {"istio": "ingressgateway"}, "servers": [SERVER]}
    return parse_mesh(
        {
            "services": [service("reviews")],
            "pods": [*map(client, ("near",)), client("far", "other"), gateway()],
            "virtualservices": [virtual_service("reviews", rule, **of_rule)],
            "destinationrules": [destination_rule("reviews", ("v1", "v2"))],
            "gateways": [{"metadata": {"name": "door", "namespace": "default"}, "spec": door}],
        }
    )


async def verdicts(before: Mesh, request: Shift | SetBreaker) -> dict[str, ProxyVerdict]:
    change = build_change(before, request, Target(KEY))
    ask = question_of(FakeCluster(), before, mesh_after(before, change), change)
    assert ask is not None
    return {p.labels["app"]: await ask(p) for p in before.pods}


async def test_a_gateway_is_not_meant_by_a_rule_for_the_mesh() -> None:
    found = await verdicts(mesh(), Shift({"v2": 30}))
    assert found["edge"].state == NOT_MEANT
    assert found["edge"].detail.endswith("is not for this gateway")
    assert found["near"].state == found["far"].state == "out of reach"


async def test_a_caller_is_not_meant_by_a_rule_for_gateways() -> None:
    found = await verdicts(mesh(gateways=["door"]), Shift({"v2": 30}))
    assert found["near"].state == NOT_MEANT
    assert found["near"].detail.endswith("is for gateways only")


async def test_a_caller_that_cannot_see_the_rule_counts() -> None:
    found = await verdicts(mesh(exportTo=["."]), Shift({"v2": 30}))
    assert found["far"].state == WITHOUT and "not exported to other" in found["far"].detail
    assert found["edge"].state == NOT_MEANT


def verdict(state: str, pod: str = "a") -> ProxyVerdict:
    return ProxyVerdict("default", pod, state)


@pytest.mark.parametrize(
    ("states", "verified", "sentence"),
    [
        (("in sync", "in sync", NOT_MEANT), True, "2 of 2 proxies in sync in 0 ms"),
        (("in sync", "in sync", GONE), True, "2 of 2 proxies in sync in 0 ms"),
        (("in sync", WITHOUT), True, "1 of 2 proxies in sync in 0 ms"),
        (("in sync", "old", GONE), False, "written; 1 of 2 proxies in sync"),
        ((GONE, NOT_MEANT), None, "it concerns none of the proxies that were asked"),
        ((GONE, "out of reach"), None, "the one proxy that it concerns could not be asked"),
        ((NOT_MEANT,), False, "it concerns none of the proxies that were asked"),
    ],
)
def test_what_several_proxies_come_to(
    states: tuple[str, ...], verified: bool | None, sentence: str
) -> None:
    proxies = tuple(verdict(state, str(number)) for number, state in enumerate(states))
    change = build_change(mesh(), Shift({"v2": 30}), Target(KEY))
    outcome = Outcome("1", Plan(change), True, proxies, verified=verdict_of(proxies))
    assert outcome.verified is verified
    assert sentence in outcome.sentence


def test_of_several_parts_a_proxy_does_as_well_as_where_it_does_worst() -> None:
    def worst(*states: str) -> str:
        change = build_change(mesh(), Shift({"v2": 30}), Target(KEY))
        parts = [Outcome("1", Plan(change), True, (verdict(state),)) for state in states]
        return outcome_of("1", Plan(change), parts).proxies[0].state

    assert worst(NOT_MEANT, "in sync") == worst("in sync", NOT_MEANT) == "in sync"
    assert worst(NOT_MEANT, "old") == worst("old", NOT_MEANT, "in sync") == "old"
    assert worst("in sync", GONE) == GONE


class Ending(FakeCluster):
    """A pod that ends as soon as its proxy is asked."""

    async def port_forward(self, namespace: str, name: str, *words: Any, **more: Any) -> Any:
        if "v1" in name:
            self.ended.add(name)
            raise NotFound(f"no pod {name}")
        return await super().port_forward(namespace, name, *words, **more)


async def test_a_pod_that_ends_while_it_is_asked_is_not_counted(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    rule = {"route": [route("v1", 90), route("v2", 10)]}
    cluster = Ending(routed(rule), policy("v1", "v2"))
    before = mesh_of(cluster)
    opened = session(cluster, verify=True, wait_s=0.0)
    sample = Sample(
        0.0, "", 60.0, clients={KEY: frozenset((p.namespace, p.workload) for p in before.pods)}
    )
    plan = await opened.plan(before, Shift({"v2": 30}), Target(KEY), sample)
    outcome = await opened.apply(plan, before, sample, lambda _: None)
    states = {proxy.pod: proxy.state for proxy in outcome.proxies}
    assert {state for name, state in states.items() if "v1" in name} == {GONE}
    assert outcome.checked == 0 and len(outcome.counted) == len(states) - 1
