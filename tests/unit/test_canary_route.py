"""What somebody else changed of what a run relies on, and what the run makes of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from meshtui.canary.events import Edit
from meshtui.canary.route import edited, find_route, mirrored, percent_of, read_route_facts
from meshtui.changes.change import Target
from meshtui.mesh.model import Mesh
from meshtui.mesh.parse import parse_mesh
from tests.unit.objects import Obj, destination_rule, meta, pod, route, service, virtual_service
from tests.unit.test_mesh import REVIEWS

VERSIONS = ("v1", "v2")
Objects = dict[str, list[Obj]]


def objects() -> Objects:
    testers = {
        "name": "testers",
        "match": [{"headers": {"a": {"exact": "b"}}}],
        "route": [route("v1")],
    }
    ordinary = {"name": "all", "route": [route("v1", 95), route("v2", 5)]}
    later: Obj = {"name": "later", "match": [{"port": 9}], "route": [route("v1")]}
    return {
        "services": [service("reviews")],
        "pods": [pod("reviews", v, number=i) for i, v in enumerate(VERSIONS, 1)],
        "virtualservices": [virtual_service("reviews", testers, ordinary, later)],
        "destinationrules": [destination_rule("reviews", VERSIONS)],
    }


def parsed(found: Objects) -> Mesh:
    return parse_mesh({kind: tuple(items) for kind, items in found.items()})


def rules(found: Objects) -> list[Obj]:
    http: list[Obj] = found["virtualservices"][0]["spec"]["http"]
    return http


def weigh(v1: int, v2: int) -> Callable[[Objects], Any]:
    return lambda found: rules(found)[1].update(route=[route("v1", v1), route("v2", v2)])


CASES: dict[str, tuple[Callable[[Objects], Any], Edit | None, str]] = {
    "nothing": (lambda found: None, None, ""),
    "weight": (weigh(70, 30), Edit.WEIGHT, "from 5 to 30 %"),
    "weight to none": (weigh(100, 0), Edit.WEIGHT, "from 5 to 0 %"),
    "destination taken out": (
        lambda found: rules(found)[1].update(route=[route("v1")]), Edit.WEIGHT, "from 5 to 0 %",
    ),
    "rule added ahead": (
        lambda found: rules(found).insert(0, {"name": "new", "route": [route("v1")]}),
        Edit.MATCH, "ahead",
    ),
    "rule ahead taken away": (lambda found: rules(found).pop(0), Edit.MATCH, "ahead"),
    "rule added behind": (
        lambda found: rules(found).append({"name": "new", "route": [route("v1")]}),
        Edit.UNRELATED, "was edited",
    ),
    "match added": (
        lambda found: rules(found)[1].update(match=[{"uri": {"prefix": "/x"}}]),
        Edit.MATCH, "matches",
    ),
    "fault set": (
        lambda found: rules(found)[1].update(
            fault={"abort": {"httpStatus": 503, "percentage": {"value": 10}}}
        ),
        Edit.MATCH, "fault",
    ),
    "timeout set": (lambda found: rules(found)[1].update(timeout="3s"), Edit.UNRELATED, "edited"),
    "subset label": (
        lambda found: found["destinationrules"][0]["spec"]["subsets"][1].update(
            labels={"version": "v3"}
        ),
        Edit.LABELS, "subset v2",
    ),
    "service selector": (
        lambda found: found["services"][0]["spec"].update(selector={"app": "other"}),
        Edit.LABELS, "service reviews.default",
    ),
    "rule gone": (lambda found: rules(found).pop(1), Edit.REMOVED, "gone"),
    "object gone": (lambda found: found["virtualservices"].clear(), Edit.REMOVED, "gone"),
    "object made anew": (
        lambda found: found["virtualservices"][0]["metadata"].update(uid="another"),
        Edit.REMOVED, "gone",
    ),
    "another controller": (
        lambda found: found["virtualservices"][0]["metadata"].update(
            labels={"app.kubernetes.io/managed-by": "flagger"}
        ),
        Edit.DRIVER, "Flagger drives",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_edit_is_known_for_what_it_is(name: str) -> None:
    change, edit, words = CASES[name]
    before = objects()
    mesh = parsed(before)
    located, facts = find_route(mesh, Target(REVIEWS), "v2")
    after = copy.deepcopy(before)
    change(after)
    changed = parsed(after)
    service = changed.by_key.get(REVIEWS) or located.service
    found = edited(facts, read_route_facts(changed, service, facts), "bob")
    if edit is None:
        assert found is None
        return
    assert found is not None
    assert found.edit is edit
    assert words in found.words
    assert found.words.endswith(" by bob") or edit is Edit.REMOVED


def test_a_rule_that_moved_is_followed() -> None:
    before = objects()
    _, facts = find_route(parsed(before), Target(REVIEWS), "v2")
    rules(before).insert(0, {"name": "first", "match": [{"port": 7}], "route": [route("v1")]})
    mesh = parsed(before)
    now = read_route_facts(mesh, mesh.by_key[REVIEWS], facts)
    assert now is not None
    assert (now.index, percent_of(now), mirrored(now)) == (2, 5.0, False)


def test_the_canary_may_be_a_service_of_its_own() -> None:
    found = objects()
    found["services"].append(service("reviews-next"))
    entry = {"destination": {"host": "reviews-next"}, "weight": 20}
    rules(found)[1].update(route=[{"destination": {"host": "reviews"}, "weight": 80}, entry])
    _, facts = find_route(parsed(found), Target(REVIEWS), "reviews-next")
    assert (facts.subset, percent_of(facts)) == ("", 20.0)


def http_route() -> Objects:
    """The same service by an HTTPRoute, whose backends are services."""

    def to(name: str, weight: int | None = None) -> Obj:
        found: Obj = {"name": f"reviews-{name}", "port": 9080}
        return found if weight is None else {**found, "weight": weight}

    testers = {"matches": [{"headers": [{"name": "a", "value": "b"}]}], "backendRefs": [to("v1")]}
    ordinary = {"backendRefs": [to("v1", 95), to("v2", 5)]}
    return {
        "services": [
            service("reviews"),
            *(service(f"reviews-{v}", app="reviews", version=v) for v in VERSIONS),
        ],
        "pods": [pod("reviews", v, number=i) for i, v in enumerate(VERSIONS, 1)],
        "httproutes": [
            {
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "HTTPRoute",
                "metadata": meta("reviews"),
                "spec": {
                    "parentRefs": [{"group": "", "kind": "Service", "name": "reviews"}],
                    "rules": [testers, ordinary],
                },
            }
        ],
    }


def its_rules(found: Objects) -> list[Obj]:
    own: list[Obj] = found["httproutes"][0]["spec"]["rules"]
    return own


HTTP_CASES: dict[str, tuple[Callable[[Objects], Any], Edit | None, str]] = {
    "nothing": (lambda found: None, None, ""),
    "weight": (
        lambda found: its_rules(found)[1]["backendRefs"][1].update(weight=95),
        Edit.WEIGHT, "from 5 to 50 %",
    ),
    "backend taken out": (
        lambda found: its_rules(found)[1]["backendRefs"].pop(1), Edit.WEIGHT, "from 5 to 0 %",
    ),
    "match added": (
        lambda found: its_rules(found)[1].update(
            matches=[{"path": {"type": "Exact", "value": "/x"}}]
        ),
        Edit.REMOVED, "HTTPRoute default/reviews is gone",
    ),
    "rule ahead taken away": (lambda found: its_rules(found).pop(0), Edit.MATCH, "ahead"),
    "rule ahead changed": (
        lambda found: its_rules(found)[0].update(matches=[{"method": "POST"}]), Edit.MATCH, "ahead",
    ),
    "timeout set": (
        lambda found: its_rules(found)[1].update(timeouts={"request": "3s"}),
        Edit.UNRELATED, "HTTPRoute default/reviews was edited",
    ),
    "backend's selector": (
        lambda found: found["services"][2]["spec"].update(selector={"app": "other"}),
        Edit.LABELS, "service reviews-v2.default",
    ),
    "object gone": (lambda found: found["httproutes"].clear(), Edit.REMOVED, "gone"),
    "object made anew": (
        lambda found: found["httproutes"][0]["metadata"].update(uid="another"),
        Edit.REMOVED, "gone",
    ),
    "another controller": (
        lambda found: found["httproutes"][0]["metadata"].update(
            labels={"app.kubernetes.io/managed-by": "flagger"}
        ),
        Edit.DRIVER, "Flagger drives",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HTTP_CASES)
def test_each_edit_of_an_http_route_is_known_for_what_it_is(name: str) -> None:
    change, edit, words = HTTP_CASES[name]
    before = http_route()
    located, facts = find_route(parsed(before), Target(REVIEWS), "reviews-v2")
    assert (facts.kind, facts.index, percent_of(facts)) == ("HTTPRoute", 1, 5.0)
    after = copy.deepcopy(before)
    change(after)
    changed = parsed(after)
    service = changed.by_key.get(REVIEWS) or located.service
    found = edited(facts, read_route_facts(changed, service, facts), "bob")
    assert (found.edit if found else None) is edit
    assert found is None or words in found.words


def test_a_rule_of_an_http_route_that_moved_is_followed() -> None:
    before = http_route()
    _, facts = find_route(parsed(before), Target(REVIEWS), "reviews-v2")
    its_rules(before).insert(
        0, {"matches": [{"method": "PUT"}], "backendRefs": [{"name": "reviews-v1", "port": 9080}]}
    )
    mesh = parsed(before)
    now = read_route_facts(mesh, mesh.by_key[REVIEWS], facts)
    assert now is not None
    assert (now.index, percent_of(now), mirrored(now)) == (2, 5.0, False)
