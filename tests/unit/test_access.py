"""Whether policies let a caller in, against what real Envoys answered by the same policies.

Recorded with a real istiod: `good` and `bad` call `server` by mutual TLS, each with a service
account of its name in the namespace `a`; the third is a caller without a proxy.
"""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.mesh.access import ALLOWED, DENIED, MAYBE, Decision, Identity, decide
from meshtui.mesh.authorization import in_force, parse_authorization_policy
from tests.unit.objects import Obj, meta

P = "cluster.local/ns/a/sa/"
CALLERS = (Identity("a", "good"), Identity("a", "bad"), Identity("a", "good", mutual=False))


def source(**terms: list[str]) -> Obj:
    return {"from": [{"source": terms}]}


def operation(**terms: list[str]) -> Obj:
    return {"to": [{"operation": terms}]}


def when(key: str, **values: list[str]) -> Obj:
    return {"when": [{"key": key, **values}]}


RECORDED: list[tuple[Obj, tuple[int, int, int]]] = [
    ({}, (403, 403, 403)),
    ({"action": "ALLOW"}, (403, 403, 403)),
    ({"rules": [{}]}, (200, 200, 200)),
    ({"action": "DENY", "rules": [{}]}, (403, 403, 403)),
    ({"rules": [source(principals=[P + "good"])]}, (200, 403, 403)),
    ({"rules": [source(notPrincipals=[P + "bad"])]}, (200, 403, 200)),
    ({"action": "DENY", "rules": [source(principals=[P + "bad"])]}, (200, 403, 200)),
    ({"action": "DENY", "rules": [source(notPrincipals=[P + "good"])]}, (200, 403, 403)),
    ({"rules": [source(principals=["cluster.local/ns/a/*"])]}, (200, 200, 403)),
    ({"rules": [source(principals=["*/sa/good"])]}, (200, 403, 403)),
    ({"rules": [source(principals=["*"])]}, (200, 200, 403)),
    ({"rules": [source(namespaces=["a"])]}, (200, 200, 403)),
    ({"rules": [source(namespaces=["default"])]}, (403, 403, 403)),
    ({"rules": [source(serviceAccounts=["good"])]}, (200, 403, 403)),
    ({"rules": [source(serviceAccounts=["a/good"])]}, (200, 403, 403)),
    ({"rules": [operation(ports=["9080"])]}, (200, 200, 200)),
    ({"rules": [operation(ports=["81"])]}, (403, 403, 403)),
    ({"action": "DENY", "rules": [operation(notPorts=["81"])]}, (403, 403, 403)),
    ({"rules": [when("source.principal", values=[P + "good"])]}, (200, 403, 403)),
    ({"rules": [when("source.principal", notValues=[P + "good"])]}, (403, 200, 200)),
    ({"rules": [when("source.namespace", values=["a"])]}, (200, 200, 403)),
    ({"rules": [when("destination.port", values=["9080"])]}, (200, 200, 200)),
    (
        {
            "rules": [
                {
                    "from": [
                        {"source": {"principals": [P + "x"]}},
                        {"source": {"principals": [P + "good"]}},
                    ]
                }
            ]
        },
        (200, 403, 403),
    ),
    ({"rules": [source(principals=[P + "good"], namespaces=["default"])]}, (403, 403, 403)),
    ({"action": "AUDIT", "rules": [{}]}, (200, 200, 200)),
    ({"action": "DENY", "rules": [{}], "dry-run": True}, (200, 200, 200)),
]


def policy(name: str = "policy", namespace: str = "a", **spec: Any) -> Obj:
    dry = {"annotations": {"istio.io/dry-run": "true"}} if spec.pop("dry-run", False) else {}
    return {"metadata": meta(name, namespace, **dry), "spec": spec}


def decided(caller: Identity | None, *policies: Obj, port: int = 9080) -> Decision:
    parsed = [parse_authorization_policy(raw) for raw in policies]
    return decide(in_force(parsed, "istio-system", "a", {"app": "server"}), caller, port)


@pytest.mark.parametrize(("spec", "codes"), RECORDED)
def test_what_envoy_answered(spec: Obj, codes: tuple[int, int, int]) -> None:
    raw = policy(**spec)
    found = [decided(caller, raw).answer for caller in CALLERS]
    assert found == [DENIED if code == 403 else ALLOWED for code in codes]


@pytest.mark.parametrize(
    "spec",
    [
        {"rules": [operation(paths=["/a"])]},
        {"rules": [operation(methods=["GET"], ports=["9080"])]},
        {"rules": [source(ipBlocks=["10.0.0.0/8"])]},
        {"rules": [source(requestPrincipals=["*"])]},
        {"rules": [when("request.headers[x]", values=["y"])]},
        {"action": "DENY", "rules": [operation(notPaths=["/a"])]},
        {"action": "CUSTOM", "provider": {"name": "opa"}, "rules": [{}]},
    ],
)
def test_what_telemetry_does_not_tell_leaves_it_open(spec: Obj) -> None:
    assert decided(CALLERS[0], policy(**spec)).answer == MAYBE


def test_what_does_not_fit_is_not_open_because_of_a_path() -> None:
    one = {**source(principals=[P + "bad"]), **operation(paths=["/a"])}
    assert decided(CALLERS[0], policy(rules=[one])).answer == DENIED
    assert decided(CALLERS[0], policy(action="DENY", rules=[one])).answer == ALLOWED


def test_a_caller_that_is_not_known_is_judged_by_what_holds_for_all() -> None:
    assert decided(None, policy(rules=[source(principals=["*"])])).answer == MAYBE
    assert decided(None, policy()).answer == DENIED
    assert decided(None, policy(rules=[{}])).answer == ALLOWED


def test_a_denial_comes_before_what_is_allowed_and_names_its_policy() -> None:
    both = policy("all", rules=[{}]), policy("no", action="DENY", rules=[source(namespaces=["a"])])
    found = decided(CALLERS[0], *both)
    assert (found.answer, [one.ref.name for one in found.by]) == (DENIED, ["no"])


def test_one_of_several_that_allow_is_enough() -> None:
    both = policy("nobody"), policy("good", rules=[source(principals=[P + "good"])])
    assert decided(CALLERS[0], *both).answer == ALLOWED
    found = decided(CALLERS[1], *both)
    assert found.unmatched and [one.ref.name for one in found.by] == ["nobody", "good"]


def test_another_trust_domain() -> None:
    caller = Identity("a", "good", domains=("corp", "old"))
    for name in ("corp", "old", "cluster.local"):
        only = policy(rules=[source(principals=[f"{name}/ns/a/sa/good"])])
        assert decided(caller, only).answer == ALLOWED
    foreign = policy(rules=[source(principals=["else/ns/a/sa/good"])])
    assert decided(caller, foreign).answer == DENIED


def test_which_policies_hold_for_a_workload() -> None:
    others = {"matchLabels": {"app": "other"}}
    raws = [
        policy("own"),
        policy("root", "istio-system"),
        policy("elsewhere", "b"),
        policy("other", selector=others),
        policy("root-other", "istio-system", selector=others),
        policy("waypoint", targetRefs=[{"kind": "Gateway", "name": "w"}]),
    ]
    parsed = [parse_authorization_policy(raw) for raw in raws]
    held = in_force(parsed, "istio-system", "a", {"app": "server"})
    assert {one.ref.name for one in held} == {"own", "root"}
