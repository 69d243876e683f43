"""An object edited by hand: only what was typed is written, and it is told rightly."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from meshtui.changes.change import Change, Target
from meshtui.changes.edit import edited
from meshtui.changes.locate import HostSubset, locate
from meshtui.changes.not_reached import beyond, rollback_rules, rules_touched
from meshtui.changes.patch import apply
from meshtui.changes.stranding import stranding
from meshtui.errors import NotFound, Refused, Usage
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.operations.change.edit import find_editable, service_of
from tests.unit.objects import reviews, route
from tests.unit.test_canary_route import http_route

REVIEWS = ServiceKey("default", "reviews")
TESTERS = {"name": "testers", "match": [{"uri": {"prefix": "/t"}}], "route": [route("v2")]}
ALL = {"name": "all", "route": [route("v1", 90), route("v2", 10), route("v3", 0)]}
Typing = Callable[[dict[str, Any]], None]


def mesh() -> Mesh:
    return reviews(copy.deepcopy(TESTERS), copy.deepcopy(ALL))


def typed(what: Typing, into: Mesh | None = None) -> Change:
    into = into or mesh()
    (vs,) = into.virtual_services
    after = copy.deepcopy(dict(vs.raw))
    what(after)
    change = edited(into, vs, REVIEWS, after)
    assert apply(vs.raw, change.patch)["spec"] == after["spec"]
    assert apply(apply(vs.raw, change.patch), change.inverse) == vs.raw
    return change


def test_nothing_typed_is_no_change() -> None:
    assert typed(lambda raw: None).empty


def test_a_weight_typed_is_a_patch_of_that_weight() -> None:
    def type_weights(raw: dict[str, Any]) -> None:
        for entry, weight in zip(raw["spec"]["http"][1]["route"], (80, 20, 0), strict=True):
            entry["weight"] = weight

    change = typed(type_weights)
    assert [op["path"] for op in change.patch] == [
        "/spec/http/1/route/0/weight",
        "/spec/http/1/route/1/weight",
    ]
    assert str(change.rule) == "all"
    assert change.words == ("v1 90 → 80 %", "v2 10 → 20 %")


def test_a_host_added_is_not_told_as_a_rule() -> None:
    change = typed(lambda raw: raw["spec"].update(hosts=["reviews.default.svc.cluster.local"]))
    assert [op["path"] for op in change.patch] == ["/spec/hosts/0"]
    assert change.words == ("fields of the rule that have no short name change; see the diff",)


def test_all_rules_taken_away_is_still_a_change_that_goes_back() -> None:
    assert typed(lambda raw: raw["spec"].update(http=[])).spec_after["http"] == []
    assert "http" not in typed(lambda raw: raw["spec"].pop("http")).spec_after


def test_a_field_below_the_spec_that_is_no_list_of_rules_may_go() -> None:
    into = mesh()
    (vs,) = into.virtual_services
    vs.raw["spec"]["future"] = {"x": 1, "y": 2}  # type: ignore[index]
    change = typed(lambda raw: raw["spec"]["future"].pop("x"), into)
    assert change.patch == ({"op": "remove", "path": "/spec/future/x"},)


def test_a_danger_in_any_rule_is_found_though_another_was_typed_in_first() -> None:
    def type_both(raw: dict[str, Any]) -> None:
        raw["spec"]["http"][0]["timeout"] = "3s"
        raw["spec"]["http"][1]["route"][0]["destination"]["subset"] = "v9"

    (finding,) = stranding(mesh(), typed(type_both))
    assert finding.level == "danger"
    assert "no DestinationRule defines subset v9" in finding.text


def test_weights_that_sum_to_nothing_are_a_danger() -> None:
    def type_zeros(raw: dict[str, Any]) -> None:
        for entry in raw["spec"]["http"][1]["route"]:
            entry["weight"] = 0

    assert [
        "all weights of rule all are 0" in f.text for f in stranding(mesh(), typed(type_zeros))
    ] == [True]


def test_a_version_that_gains_its_share_by_others_losing_theirs_is_looked_at() -> None:
    into = reviews({"route": [route("v1", 90), route("v9", 10)]})
    change = typed(lambda raw: raw["spec"]["http"][0]["route"][0].update(weight=0), into)
    assert [finding.level for finding in stranding(into, change)] == ["danger"]


@pytest.mark.parametrize(
    "what",
    [
        lambda raw: raw["metadata"].update(name="other"),
        lambda raw: raw["metadata"].update(namespace="other"),
        lambda raw: raw.update(kind="DestinationRule"),
        lambda raw: raw.pop("spec"),
        lambda raw: raw.update(spec=[]),
        lambda raw: raw.update(metadata=None),
    ],
)
def test_another_object_is_refused(what: Typing) -> None:
    with pytest.raises(Refused):
        typed(what)


def test_only_the_spec_is_taken_over() -> None:
    assert typed(lambda raw: raw["metadata"].update(labels={"a": "b"})).empty


def test_a_rollback_of_an_http_route_says_which_of_its_rules_it_does_not_reach() -> None:
    raw = http_route()
    mirror = {"requestMirror": {"backendRef": {"name": "reviews-v1", "port": 9080}}}
    modifier = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x"]}}
    rules = raw["httproutes"][0]["spec"]["rules"]
    rules[1]["filters"] = [modifier, {"type": "RequestMirror", **mirror}]
    found = parse_mesh({kind: tuple(items) for kind, items in raw.items()})
    located = locate(found, Target(REVIEWS))
    assert located.rule.index == 1
    v1, v2 = (HostSubset(f"reviews-{v}.default.svc.cluster.local", "") for v in ("v1", "v2"))
    assert beyond(located, v1) == ()
    (left,) = beyond(located, v2)
    assert "100 % to reviews-v1" in left.words
    assert rules_touched({"rules": rules}, {"rules": rules[:1]}) == 1
    (own,) = rollback_rules(found, located, v2)
    (whole,) = rollback_rules(found, located, v2, (left,))
    for change, untouched in ((own, True), (whole, False)):
        after = apply(located.owner.raw, change.patch)["spec"]["rules"]
        assert after[1]["filters"] == [modifier]
        assert [entry["weight"] for entry in after[1]["backendRefs"]] == [0, 100]
        assert (after[0] == rules[0]) is untouched
    assert located.owner.raw["spec"]["rules"] == rules


def test_a_backends_weight_typed_into_an_http_route() -> None:
    objects = {kind: tuple(items) for kind, items in http_route().items()}
    found = parse_mesh(objects)
    (owner,) = found.http_routes
    for words in ("reviews", "route/reviews", "httproute/reviews.default"):
        assert find_editable(found, words, "default") is owner
    after = copy.deepcopy(dict(owner.raw))
    after["spec"]["rules"][1]["backendRefs"][1]["weight"] = 95
    after["spec"]["rules"][1]["timeouts"] = {"request": "3s"}
    change = edited(found, owner, service_of(found, owner), after)
    assert change.service == REVIEWS
    assert [op["path"] for op in change.patch] == [
        "/spec/rules/1/backendRefs/1/weight",
        "/spec/rules/1/timeouts",
    ]
    assert "reviews-v2 5 → 50 %" in change.words
    assert apply(owner.raw, change.patch)["spec"] == after["spec"]
    assert apply(apply(owner.raw, change.patch), change.inverse) == owner.raw
    with pytest.raises(Usage, match="route/NAME"):
        find_editable(found, "gw/reviews", "default")
    with pytest.raises(NotFound, match="no HTTPRoute"):
        find_editable(found, "route/nobody", "default")
