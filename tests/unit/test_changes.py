from __future__ import annotations

from typing import Any

import pytest

from meshtui.changes.build import build_change
from meshtui.changes.change import (
    Change,
    ClearFault,
    ClearMirror,
    Promote,
    Rollback,
    SetFault,
    SetMirror,
    Shift,
    Target,
)
from meshtui.errors import Conflict, NotFound, Refused, Usage
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from tests.unit.objects import (
    destination_rule,
    meta,
    pod,
    reviews,
    route,
    service,
    virtual_service,
)

REVIEWS = ServiceKey("default", "reviews")


def change(mesh: Mesh, request: Any, rule: str = "") -> Change:
    return build_change(mesh, request, Target(REVIEWS, rule))


def weights(of: Change) -> dict[str, int]:
    return {d["subset"] or d["host"]: d["weight"] for d in of.after["destinations"]}


def test_one_weight_given_the_others_share_the_rest_in_proportion() -> None:
    mesh = reviews({"route": [route("v1", 60), route("v2", 30), route("v3", 10)]})
    assert weights(change(mesh, Shift({"v3": 40}))) == {"v1": 40, "v2": 20, "v3": 40}


def test_the_weights_named_leave_nothing_for_the_others() -> None:
    mesh = reviews({"route": [route("v1", 50), route("v2", 30), route("v3", 20)]})
    shifted = change(mesh, Shift({"v1": 80, "v3": 20}))
    assert weights(shifted) == {"v1": 80, "v2": 0, "v3": 20}
    assert shifted.patch == (
        {"op": "replace", "path": "/spec/http/0/route/0/weight", "value": 80},
        {"op": "replace", "path": "/spec/http/0/route/1/weight", "value": 0},
    )
    assert shifted.words == ("v1 50 → 80 %", "v2 30 → 0 %")


def test_a_destination_that_is_not_in_the_route_is_added_spelled_like_its_sibling() -> None:
    first = {"destination": {"host": "reviews", "subset": "v1", "port": {"number": 9080}}}
    shifted = change(reviews({"route": [first]}), Shift({"v3": 10}))
    assert shifted.patch == (
        {"op": "add", "path": "/spec/http/0/route/0/weight", "value": 90},
        {
            "op": "add",
            "path": "/spec/http/0/route/-",
            "value": {
                "destination": {"host": "reviews", "port": {"number": 9080}, "subset": "v3"},
                "weight": 10,
            },
        },
    )


@pytest.mark.parametrize(
    ("present", "asked", "expected"),
    [
        ((900, 100), {"v2": 20}, (800, 200)),
        ((1, 1), {"v2": 20}, (80, 20)),
        ((1, 1), {"v1": 3, "v2": 1}, (75, 25)),
        ((50, 50), {"v1": 1, "v2": 2}, (1, 2)),
        ((99, 1), {"v2": 0.5}, (995, 5)),
        ((0, 0), {"v2": 30}, (70, 30)),
        ((100, 0), {"v1": 30}, (30, 70)),
    ],
)
def test_weights_are_ratios(
    present: tuple[int, int], asked: dict[str, float], expected: tuple[int, int]
) -> None:
    mesh = reviews({"route": [route("v1", present[0]), route("v2", present[1])]})
    assert tuple(weights(change(mesh, Shift(asked))).values()) == expected


def test_what_is_so_already_is_an_empty_change() -> None:
    mesh = reviews({"route": [route("v1", 90), route("v2", 10)]})
    assert change(mesh, Shift({"v2": 10})).empty
    assert change(reviews({"route": [route("v1")]}), Promote("v1")).empty
    assert change(mesh, ClearMirror()).empty
    assert change(mesh, ClearFault()).empty


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"v9": 10.0}, NotFound, "there are: v1, v2, v3"),
        ({"v1": 80.0, "v2": 40.0}, Usage, "more than 100"),
        ({"v1": -1.0}, Usage, "^v1=.*: a weight is 0 or more"),
        ({"v1": float("nan")}, Usage, "^v1=.*: a weight is 0 or more"),
        ({"v1": 0.0, "v2": 0.0, "v3": 0.0}, Refused, "all weights would be 0"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    asked: dict[str, float], error: type[Exception], words: str
) -> None:
    mesh = reviews({"route": [route("v1", 90), route("v2", 10)]})
    with pytest.raises(error, match=words):
        change(mesh, Shift(asked))


def test_a_rest_that_nobody_takes_is_refused_with_what_to_write() -> None:
    mesh = reviews({"route": [route("v1", 100), route("v2", 0), route("v3", 0)]})
    with pytest.raises(Refused) as refused:
        change(mesh, Shift({"v1": 80.0}))
    assert refused.value.what == "20 % is left over and v2, v3 have no weight to share it by"
    assert refused.value.hint == "say who takes it, as in v2=20 v3=0"
    assert not change(mesh, Shift({"v1": 80.0, "v2": 20.0, "v3": 0.0})).empty


def test_the_only_destination_takes_everything() -> None:
    with pytest.raises(Refused, match="takes everything"):
        change(reviews({"route": [route("v1")]}), Shift({"v1": 50}))


def test_the_ordinary_rule_is_the_catch_all_whatever_stands_above_it() -> None:
    special = {"match": [{"headers": {"end-user": {"exact": "j"}}}], "route": [route("v2")]}
    mesh = reviews(special, {"route": [route("v1", 90), route("v3", 10)]})
    assert change(mesh, Promote("v3")).patch[0]["path"] == "/spec/http/1/route/0/weight"
    assert change(mesh, Promote("v3"), rule="0").patch[0]["path"].startswith("/spec/http/0/")


def test_a_version_label_means_the_subset_that_selects_it() -> None:
    mesh = parse_mesh(
        {
            "services": [service("reviews")],
            "pods": [pod("reviews", "v1"), pod("reviews", "v2", number=2)],
            "virtualservices": [
                virtual_service("reviews", {"route": [route("stable", 90), route("canary", 10)]})
            ],
            "destinationrules": [
                {
                    "metadata": meta("reviews"),
                    "spec": {
                        "host": "reviews",
                        "subsets": [
                            {"name": "stable", "labels": {"version": "v1"}},
                            {"name": "canary", "labels": {"version": "v2"}},
                        ],
                    },
                }
            ],
        }
    )
    assert weights(change(mesh, Shift({"v2": 30}))) == {"stable": 70, "canary": 30}


def test_traffic_can_go_to_another_host() -> None:
    mesh = reviews({"route": [route("v1", 100)]})
    shifted = change(mesh, Shift({"ratings": 5}))
    assert shifted.patch[-1]["value"] == {
        "destination": {"host": "ratings.default.svc.cluster.local"},
        "weight": 5,
    }


def test_the_older_spelling_of_a_mirrors_percentage_is_replaced() -> None:
    rule = {
        "route": [route("v1")],
        "mirror": {"host": "reviews", "subset": "v2"},
        "mirror_percent": 9,
    }
    mirrored = change(reviews(rule), SetMirror("v2", 50))
    assert mirrored.spec_after["http"][0] == {
        "route": [route("v1")],
        "mirror": {"host": "reviews", "subset": "v2"},
        "mirrorPercentage": {"value": 50},
    }


def test_a_second_mirror_keeps_the_first() -> None:
    rule = {
        "route": [route("v1")],
        "mirror": {"host": "ratings"},
        "mirrorPercentage": {"value": 25},
    }
    mirrored = change(reviews(rule), SetMirror("v2", 50))
    assert mirrored.spec_after["http"][0] == {
        "route": [route("v1")],
        "mirrors": [
            {"destination": {"host": "ratings"}, "percentage": {"value": 25}},
            {"destination": {"host": "reviews", "subset": "v2"}, "percentage": {"value": 50}},
        ],
    }
    assert change(reviews(rule), ClearMirror()).spec_after["http"][0] == {"route": [route("v1")]}


def test_a_fault_part_that_is_not_asked_for_stays() -> None:
    rule = {"route": [route("v1")], "fault": {"delay": {"fixedDelay": "3s"}}}
    faulty = change(reviews(rule), SetFault(abort_http=503, abort_percent=10))
    assert faulty.spec_after["http"][0]["fault"] == {
        "delay": {"fixedDelay": "3s"},
        "abort": {"httpStatus": 503, "percentage": {"value": 10}},
    }
    assert faulty.expires_s == 900


def test_a_targeted_fault_is_a_rule_of_its_own_and_goes_away_as_one() -> None:
    base = {"name": "all", "route": [route("v1", 90), route("v2", 10)], "timeout": "5s"}
    mesh = reviews(base)
    faulty = change(mesh, SetFault(abort_http=503, header=("X-Chaos", "true")))
    inserted, kept = faulty.spec_after["http"]
    assert kept == base
    assert inserted["match"] == [{"headers": {"x-chaos": {"exact": "true"}}}]
    assert inserted["route"] == base["route"]
    now = parse_mesh(
        {
            "services": [service("reviews")],
            "virtualservices": [{"metadata": meta("reviews"), "spec": faulty.spec_after}],
        }
    )
    assert change(now, ClearFault()).spec_after["http"] == [base]
    assert change(now, Rollback("v1")).spec_after["http"] == [
        {**base, "route": [route("v1", 100), route("v2", 0)]}
    ]


def test_another_object_under_the_same_name_is_a_conflict() -> None:
    mesh = reviews({"route": [route("v1", 90), route("v2", 10)]})
    with pytest.raises(Conflict):
        build_change(mesh, Promote("v2"), Target(REVIEWS, uid="uid-of-yesterday"))


def test_a_service_without_a_rule_is_pointed_to_adopt() -> None:
    mesh = parse_mesh({"services": [service("reviews")]})
    with pytest.raises(Refused, match="meshtui adopt reviews"):
        change(mesh, Promote("v1"))


def test_an_unknown_service_is_answered_with_those_there_are() -> None:
    with pytest.raises(NotFound, match="there are: ratings, reviews"):
        build_change(reviews(), Promote("v1"), Target(ServiceKey("default", "cart")))
    with pytest.raises(NotFound, match=r"did you mean reviews\?"):
        build_change(reviews(), Promote("v1"), Target(ServiceKey("default", "review")))


def test_several_destination_rules_of_one_host_are_joined() -> None:
    mesh = parse_mesh(
        {
            "services": [service("reviews")],
            "virtualservices": [virtual_service("reviews", {"route": [route("v1")]})],
            "destinationrules": [
                destination_rule("reviews", ["v1"]),
                {**destination_rule("reviews", ["v2"]), "metadata": meta("more")},
            ],
        }
    )
    assert weights(change(mesh, Shift({"v2": 5}))) == {"v1": 95, "v2": 5}


def test_a_rule_is_named_by_its_index_as_lists_show_it() -> None:
    special = {"match": [{"headers": {"end-user": {"exact": "j"}}}], "route": [route("v2")]}
    mesh = reviews(special, {"route": [route("v1", 90), route("v3", 10)]})
    for rule in ("1", "http[1]"):
        assert change(mesh, Promote("v3"), rule).patch[0]["path"].startswith("/spec/http/1/")
