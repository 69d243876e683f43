"""Every verb on valid objects: the change is valid, is only what it says, and goes back."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from meshtui.changes.breaker_ops import FIELDS
from meshtui.changes.build import build_change
from meshtui.changes.change import (
    Change,
    ClearBreaker,
    ClearTimeout,
    SetBreaker,
    SetFault,
    SetTimeout,
)
from meshtui.changes.edit import difference
from meshtui.changes.patch import apply
from meshtui.changes.stranding import stranding
from meshtui.errors import MeshtuiError
from meshtui.mesh.parse import parse_mesh
from tests.unit.crd import complaints
from tests.unit.objects import pod, service
from tests.unit.strategies import (
    SUBSETS,
    destination_rules,
    json_values,
    valid_virtual_services,
)
from tests.unit.test_changes_properties import TARGET, mesh_of, planned, requests

subsets = st.sampled_from(["", *SUBSETS])
durations = st.sampled_from(["1s", "500ms", "1m30s"])
limits = st.fixed_dictionaries(
    {},
    optional={
        name: durations if name in ("interval", "base_ejection") else st.integers(0, 100)
        for name in FIELDS
    },
)
breakers = st.one_of(st.builds(SetBreaker, subsets, limits), st.builds(ClearBreaker, subsets))
timeouts = st.one_of(
    st.builds(
        SetTimeout,
        timeout_s=st.sampled_from([None, 0.001, 2.5, 3600.0]),
        attempts=st.sampled_from([None, 0, 3]),
        per_try_s=st.sampled_from([None, 0.25]),
        retry_on=st.sampled_from([None, "5xx,reset"]),
    ),
    st.just(ClearTimeout()),
)
grpc_faults = st.builds(SetFault, abort_grpc=st.sampled_from(["UNAVAILABLE", "INTERNAL"]))
of_rules = st.one_of(requests, timeouts, grpc_faults)


def breaking(raw: dict[str, Any], request: Any) -> Change:
    mesh = parse_mesh(
        {
            "services": [service("reviews")],
            "pods": [pod("reviews", v, number=i) for i, v in enumerate(SUBSETS)],
            "destinationrules": [raw],
        }
    )
    try:
        return build_change(mesh, request, TARGET)
    except MeshtuiError:
        assume(False)
        raise


@given(valid_virtual_services(), of_rules)
def test_each_verb_leaves_a_valid_virtual_service(raw: dict[str, Any], request: Any) -> None:
    change = planned(raw, request)
    assert complaints(apply(raw, change.patch)) == []
    assert apply(apply(raw, change.patch), change.inverse) == raw


@given(destination_rules(), breakers)
def test_each_breaker_leaves_a_valid_destination_rule(raw: dict[str, Any], request: Any) -> None:
    change = breaking(raw, request)
    changed = apply(raw, change.patch)
    assert complaints(changed) == []
    assert changed["spec"] == change.spec_after
    assert apply(changed, change.inverse) == raw


@given(destination_rules(), breakers)
def test_a_breaker_changes_one_policy_and_of_it_two_parts(
    raw: dict[str, Any], request: Any
) -> None:
    change = breaking(raw, request)
    before, after = copy.deepcopy(raw["spec"]), copy.deepcopy(dict(change.spec_after))
    for spec in (before, after):
        named = [s for s in spec.get("subsets", ()) if s["name"] == request.subset]
        holder = named[0] if request.subset else spec
        policy = holder.setdefault("trafficPolicy", {})
        for part in ("connectionPool", "outlierDetection"):
            policy.pop(part, None)
    assert before == after


@given(destination_rules(), subsets, limits)
def test_a_breaker_holds_each_limit_that_was_asked_for(
    raw: dict[str, Any], subset: str, asked: dict[str, Any]
) -> None:
    change = breaking(raw, SetBreaker(subset, asked))
    if subset:
        (holder,) = [s for s in change.spec_after["subsets"] if s["name"] == subset]
    else:
        holder = change.spec_after
    for name, value in asked.items():
        found = holder["trafficPolicy"]
        for step in FIELDS[name]:
            found = found[step]
        assert found == value


@given(valid_virtual_services(), timeouts)
def test_a_timeout_changes_one_rules_timeout_and_retries(raw: dict[str, Any], request: Any) -> None:
    change = planned(raw, request)
    assert change.rule is not None
    after = copy.deepcopy(dict(change.spec_after))
    for spec in (before := copy.deepcopy(raw["spec"]), after):
        for key in ("timeout", "retries"):
            spec["http"][change.rule.index].pop(key, None)
    assert before == after


@given(valid_virtual_services(), of_rules)
def test_nothing_is_said_to_be_stranded_where_all_versions_are_ready(
    raw: dict[str, Any], request: Any
) -> None:
    change = planned(raw, request)
    found = [f.text for f in stranding(mesh_of(raw), change)]
    assert [text for text in found if "are 0" not in text] == []


@given(valid_virtual_services(), valid_virtual_services())
def test_the_difference_of_two_specs_leads_from_one_to_the_other(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    operations = difference(before["spec"], after["spec"], "spec")
    assert apply({"spec": before["spec"]}, operations) == {"spec": after["spec"]}


@given(json_values, json_values)
def test_the_difference_of_any_two_values_leads_from_one_to_the_other(
    before: Any, after: Any
) -> None:
    changed = apply({"spec": before}, difference(before, after, "spec"))["spec"]
    assert same_json(changed, after)


@given(json_values)
def test_what_is_alike_has_no_difference(value: Any) -> None:
    assert difference(value, copy.deepcopy(value), "spec") == ()


def same_json(one: Any, other: Any) -> bool:
    """Equal as JSON is: true is not 1, but 1.0 is."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def test_one_and_true_are_different() -> None:
    assert difference({"a": [1]}, {"a": [True]}) == (
        {"op": "replace", "path": "/a/0", "value": True},
    )
