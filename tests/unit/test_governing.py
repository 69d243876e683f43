"""Which DestinationRules count for whom, and what a change does to callers who have others."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.changes.assemble import creation
from meshtui.changes.breaker_ops import bypassed
from meshtui.changes.build import build_change
from meshtui.changes.change import Change, PolicyRequest, SetBreaker, SetTimeout, Shift, Target
from meshtui.changes.stranding import stranding
from meshtui.mesh.carrying import routes_to
from meshtui.mesh.governing import governed
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.subsets import usable_subsets
from meshtui.operations.change.written_objects import mesh_after
from tests.unit.resolving import PLURALS, REV, made, mesh_of, pod, rules, subsets, to

SPLIT = rules("rev", {"route": [to("v1", 80), to("v2", 20)]}, hosts=[REV])
WILD = subsets("v1", "v2", name="wild", host="*.a.svc.cluster.local")


def caller(namespace: str, number: int) -> dict[str, Any]:
    found = pod("web", "v1", number, namespace)
    found["spec"]["containers"].append({"name": "istio-proxy", "image": "proxyv2"})
    return found


CALLERS = (caller("a", 11), caller("b", 12))
MINE = subsets("v1", name="mine", namespace="b", exportTo=["."])
B = frozenset({("b", "web-v1")})
KEY = ServiceKey("a", "rev")
LIMIT = {"max_connections": 77}


def changed(mesh: Mesh, request: Any, callers: frozenset[tuple[str, str]] | None = None) -> Change:
    return build_change(mesh, request, Target(KEY, callers=callers))


def dangers(mesh: Mesh, change: Change) -> list[str]:
    return [finding.text for finding in stranding(mesh, change) if finding.level == "danger"]


@pytest.mark.parametrize(
    ("objects", "names"),
    [
        ((WILD,), ["v1", "v2"]),
        ((WILD, subsets("v3")), ["v3"]),
        ((subsets("v2", name="z", age=9), subsets("v1", name="a", age=0)), ["v2", "v1"]),
        ((MINE,), ["v1"]),
        ((MINE, subsets("v2")), ["v2", "v1"]),
        ((subsets("v1", host="rev.a"),), []),
    ],
)
def test_the_subsets_of_a_host_are_those_that_callers_have(
    objects: tuple[Any, ...], names: list[str]
) -> None:
    assert [subset.name for subset in usable_subsets(mesh_of(*objects, *CALLERS), REV)] == names


def test_callers_with_rules_of_their_own_are_told_apart() -> None:
    found = governed(mesh_of(subsets("v1", "v2"), MINE, *CALLERS), REV)
    told = {one.whose: [s.name for s in one.rule.subsets] for one in found if one.rule}
    assert told == {"callers in a": ["v1", "v2"], "callers in b": ["v1"]}


def test_weight_for_a_subset_that_some_callers_miss_is_a_danger_that_names_them() -> None:
    mesh = mesh_of(SPLIT, subsets("v1", "v2"), MINE, *CALLERS)
    (text,) = dangers(mesh, changed(mesh, Shift({"v2": 60.0})))
    assert f"defines subset v2 of {REV} for callers in b" in text
    assert "DestinationRule b/mine" in text
    only_v1 = changed(mesh, Shift({"v1": 100.0}))
    assert dangers(mesh, only_v1) == []


def test_callers_that_the_rule_is_not_for_miss_nothing() -> None:
    private = {**SPLIT, "spec": {**SPLIT["spec"], "exportTo": ["."]}}
    mesh = mesh_of(private, subsets("v1", "v2"), MINE, *CALLERS)
    assert dangers(mesh, changed(mesh, Shift({"v2": 60.0}))) == []


def test_a_wildcards_subset_is_one_to_shift_to() -> None:
    mesh = mesh_of(SPLIT, WILD, *CALLERS)
    assert dangers(mesh, changed(mesh, Shift({"v2": 60.0}))) == []


@pytest.mark.parametrize("subset", ["", "v1"])
def test_a_breaker_beside_a_wildcards_rule_keeps_its_subsets_and_policy(subset: str) -> None:
    wild = {**WILD, "spec": {**WILD["spec"], "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}}}
    mesh = mesh_of(SPLIT, wild, *CALLERS)
    request: PolicyRequest = SetBreaker(subset, LIMIT)
    change = changed(mesh, request)
    assert (change.action, change.target.name) == ("create", "rev")
    before, after = (governed(m, REV)[0].rule for m in (mesh, mesh_after(mesh, change)))
    assert before is not None
    assert after is not None
    assert [s.name for s in after.subsets] == [s.name for s in before.subsets]
    assert (after.policy or {})["tls"] == {"mode": "ISTIO_MUTUAL"}
    limited = (after.subset(subset) or after).policy or {}
    assert limited["connectionPool"] == {"tcp": {"maxConnections": 77}}
    assert "it keeps the subsets v1, v2 and policy of DestinationRule a/wild" in change.words[1]
    assert dangers(mesh, change) == []


def test_an_exact_rule_that_takes_a_wildcards_subsets_away_is_a_danger() -> None:
    bare = creation(KEY, "edit", made("DestinationRule", "rev", host=REV), ())
    without = mesh_of(SPLIT, WILD, *CALLERS)
    assert [text.split(": ")[0] for text in dangers(without, bare)] == [
        "rule http[0] of VirtualService a/rev sends traffic there"
    ] * 2


def test_the_breaker_of_two_rules_goes_to_the_one_whose_policy_holds() -> None:
    policy = {"trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 5}}}}
    older = subsets("v1", name="z", age=9, **policy)
    younger = subsets("v2", name="a", age=0, **policy)
    mesh = mesh_of(SPLIT, older, younger, *CALLERS)
    assert changed(mesh, SetBreaker(limits=LIMIT)).target.name == "z"
    assert changed(mesh, SetBreaker("v2", LIMIT)).target.name == "a"


def test_the_breaker_of_callers_with_rules_of_their_own_goes_to_theirs() -> None:
    mesh = mesh_of(SPLIT, subsets("v1", "v2"), MINE, *CALLERS)
    theirs = changed(mesh, SetBreaker(limits=LIMIT), B)
    assert (theirs.target.namespace, theirs.target.name) == ("b", "mine")
    ours = changed(mesh, SetBreaker(limits=LIMIT))
    assert (ours.target.namespace, ours.target.name) == ("a", "rev")
    (finding,) = bypassed(mesh_after(mesh, ours), ours)
    assert finding.level == "warning"
    assert finding.text == "does not reach callers in b: they have DestinationRule b/mine"
    (only,) = bypassed(mesh_after(mesh, ours), ours, B)
    assert only.level == "danger"


def test_a_rule_names_all_the_callers_that_share_it() -> None:
    mesh = mesh_of(SPLIT, subsets("v1", "v2"), *CALLERS)
    (route,) = routes_to(mesh, mesh.by_key[KEY])
    assert route.whose == "callers in a, callers in b"


def test_weights_of_a_headless_service_do_nothing_and_are_refused() -> None:
    headless = made(
        "Service",
        "rev",
        clusterIP="None",
        selector={"app": "rev"},
        ports=[{"name": "http", "port": 9080, "targetPort": 9080}],
    )
    parts = (SPLIT, subsets("v1", "v2"), *CALLERS)
    plain = mesh_of(*parts)
    assert dangers(plain, changed(plain, Shift({"v2": 60.0}))) == []
    plurals: dict[str, list[dict[str, Any]]] = {"services": [headless]}
    for obj in (pod("rev", "v1", 1), pod("rev", "v2", 2), *parts):
        plurals.setdefault(PLURALS[obj["kind"]], []).append(obj)
    mesh = parse_mesh(plurals)
    (text,) = dangers(mesh, changed(mesh, Shift({"v2": 60.0})))
    assert "weights do nothing" in text
    assert dangers(mesh, changed(mesh, SetTimeout(timeout_s=3.0))) == []
