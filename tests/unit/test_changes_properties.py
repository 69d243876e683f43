"""Whatever a VirtualService holds, a change touches what it means to and can be taken back."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from meshtui.changes.build import build_change
from meshtui.changes.change import (
    ClearFault,
    ClearMirror,
    Promote,
    Request,
    Rollback,
    SetFault,
    SetMirror,
    Shift,
    Target,
)
from meshtui.changes.patch import apply, tokens
from meshtui.errors import MeshtuiError
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.parse_rules import parse_virtual_service
from tests.unit.objects import destination_rule, pod, service
from tests.unit.strategies import SUBSETS, virtual_services

TARGET = Target(ServiceKey("default", "reviews"))

subsets = st.sampled_from(SUBSETS)
requests = st.one_of(
    st.builds(Shift, st.dictionaries(subsets, st.integers(0, 100).map(float), min_size=1)),
    st.builds(Promote, subsets),
    st.builds(Rollback, subsets),
    st.builds(SetMirror, subsets, st.sampled_from([0.5, 50.0, 100.0])),
    st.just(ClearMirror()),
    st.builds(
        SetFault,
        delay_s=st.sampled_from([None, 0.2, 3.0]),
        abort_http=st.sampled_from([503, 429]),
        header=st.sampled_from([None, ("x-chaos", "1")]),
    ),
    st.just(ClearFault()),
)


def mesh_of(raw: dict[str, Any]) -> Any:
    return parse_mesh(
        {
            "services": [service("reviews")],
            "pods": [pod("reviews", v, number=i) for i, v in enumerate(SUBSETS)],
            "virtualservices": [raw],
            "destinationrules": [destination_rule("reviews", SUBSETS)],
        }
    )


def planned(raw: dict[str, Any], request: Request) -> Any:
    try:
        return build_change(mesh_of(raw), request, TARGET)
    except MeshtuiError:
        assume(False)


@given(virtual_services(), requests)
def test_the_inverse_restores_the_spec(raw: dict[str, Any], request: Request) -> None:
    original = copy.deepcopy(raw)
    change = planned(raw, request)
    changed = apply(raw, change.patch)
    assert raw == original
    assert changed["spec"] == change.spec_after
    assert apply(changed, change.inverse) == original


@given(virtual_services(), requests)
def test_only_the_rule_that_is_meant_changes(raw: dict[str, Any], request: Request) -> None:
    change = planned(raw, request)
    changed = apply(raw, change.patch)
    for operation in change.patch:
        assert tokens(operation["path"])[:2] == ["spec", "http"]
    before, after = copy.deepcopy(raw["spec"]), copy.deepcopy(changed["spec"])
    rules_before, rules_after = before.pop("http"), after.pop("http")
    assert before == after
    if len(rules_before) == len(rules_after):
        different = [i for i, rule in enumerate(rules_before) if rule != rules_after[i]]
        assert different in ([], [change.rule.index])


@given(virtual_services(), requests)
def test_fields_that_are_not_meant_survive(raw: dict[str, Any], request: Request) -> None:
    change = planned(raw, request)
    if len(change.spec_after["http"]) != len(raw["spec"]["http"]):
        return
    index = change.rule.index
    before, after = raw["spec"]["http"][index], change.spec_after["http"][index]
    touched = {
        "route",
        "mirror",
        "mirrors",
        "mirrorPercentage",
        "mirrorPercent",
        "mirror_percent",
        "fault",
    }
    for key in {*before, *after} - touched:
        assert before.get(key) == after.get(key)
    for old, new in zip(before["route"], after["route"], strict=False):
        assert {k: v for k, v in old.items() if k != "weight"} == {
            k: v for k, v in new.items() if k != "weight"
        }


@given(virtual_services(), subsets, st.integers(0, 100))
def test_one_weight_is_met_and_the_sum_is_kept(
    raw: dict[str, Any], subset: str, percent: int
) -> None:
    change = planned(raw, Shift({subset: float(percent)}))
    rule = parse_virtual_service({**raw, "spec": change.spec_after}).rules[change.rule.index]
    old = parse_virtual_service(raw).rules[change.rule.index]
    asked = [rule.percent(d) for d in rule.destinations if d.subset == subset]
    if len(rule.destinations) > 1:
        assert abs(sum(asked) - percent) < 1e-9
    if old.total_weight > 0 and (old.total_weight * percent) % 100 == 0:
        assert rule.total_weight == old.total_weight


@given(virtual_services(), subsets)
def test_a_rollback_leaves_stable_alone_with_no_mirror_and_no_fault(
    raw: dict[str, Any], stable: str
) -> None:
    change = planned(raw, Rollback(stable))
    rule = parse_virtual_service({**raw, "spec": change.spec_after}).rules[change.rule.index]
    assert [d.subset for d in rule.destinations if d.weight > 0] == [stable]
    assert rule.mirrors == ()
    assert rule.fault is None
