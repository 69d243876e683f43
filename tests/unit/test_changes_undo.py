from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from meshtui.changes.build import build_change
from meshtui.changes.change import Change, SetFault, Shift, Target
from meshtui.changes.patch import apply
from meshtui.changes.undo import Record, undo_operations
from meshtui.mesh.model import ServiceKey
from tests.unit.objects import reviews, route
from tests.unit.strategies import virtual_services
from tests.unit.test_changes_properties import planned, requests

TARGET = Target(ServiceKey("default", "reviews"))
SPECIAL = {"match": [{"headers": {"end-user": {"exact": "j"}}}], "route": [route("v2")]}


def record(change: Change) -> Record:
    return Record("c1", change.rule, change.inverse, change.spec_before, change.spec_after)


def shifted(**more: Any) -> Change:
    rule = {"route": [route("v1", 90), route("v2", 10)], **more}
    return build_change(reviews(rule), Shift({"v2": 50}), TARGET)


def undone(change: Change, now: dict[str, Any]) -> Any:
    operations, differences = undo_operations(record(change), now)
    return apply({"spec": now}, operations)["spec"], [str(d) for d in differences]


def test_an_untouched_object_goes_back_to_what_it_was() -> None:
    change = shifted()
    assert undone(change, dict(change.spec_after)) == (change.spec_before, [])


def test_a_field_that_somebody_else_added_stays() -> None:
    change = shifted()
    now = copy.deepcopy(dict(change.spec_after))
    now["http"][0]["timeout"] = "3s"
    back, differences = undone(change, now)
    assert differences == []
    assert back["http"][0] == {**change.spec_before["http"][0], "timeout": "3s"}


def test_a_rule_put_above_does_not_send_the_undo_to_the_wrong_rule() -> None:
    change = shifted()
    now = copy.deepcopy(dict(change.spec_after))
    now["http"].insert(0, SPECIAL)
    back, differences = undone(change, now)
    assert differences == []
    assert back["http"] == [SPECIAL, change.spec_before["http"][0]]


def test_a_weight_that_somebody_else_set_is_a_difference_and_nothing_is_done() -> None:
    change = shifted()
    now = copy.deepcopy(dict(change.spec_after))
    now["http"][0]["route"][1]["weight"] = 70
    back, differences = undone(change, now)
    assert back == now
    assert differences == ["/spec/http/0/route/1/weight: was 10, we left 50, now 70"]


def test_a_targeted_fault_is_taken_away_though_the_rule_below_changed() -> None:
    base = {"route": [route("v1", 90), route("v2", 10)]}
    change = build_change(reviews(base), SetFault(abort_http=503, header=("x", "1")), TARGET)
    now = copy.deepcopy(dict(change.spec_after))
    now["http"][1]["route"][0]["weight"] = 1
    back, differences = undone(change, now)
    assert differences == []
    assert back["http"] == [{"route": [route("v1", 1), route("v2", 10)]}]


def test_a_rule_that_is_gone_is_a_difference() -> None:
    change = shifted()
    _, differences = undone(change, {"hosts": ["reviews"], "http": [SPECIAL]})
    assert differences


@given(virtual_services(), requests, st.booleans())
def test_undo_restores_and_keeps_what_others_did_elsewhere(
    raw: dict[str, Any], request: Any, elsewhere: bool
) -> None:
    change = planned(raw, request)
    now = copy.deepcopy(dict(change.spec_after))
    if elsewhere:
        now["exportTo"] = ["."]
    back, differences = undone(change, now)
    expected = {**change.spec_before, **({"exportTo": ["."]} if elsewhere else {})}
    assert differences == []
    assert back == expected
