"""Callers that no rule is for: their share of a service's traffic takes Istio's default route."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.changes.change import Target
from meshtui.changes.locate import emergency_target, locate
from meshtui.errors import Refused
from meshtui.mesh.carrying import Unruled, ordinary, rivals, traffic_to
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.view import service_views

Obj = dict[str, Any]
KEY = ServiceKey("shop", "cart")
TESTERS, ORDINARY = ("test", "probe"), ("shop", "front")


def pod(namespace: str, workload: str, number: int = 0) -> Obj:
    labels = {"app": workload}
    meta = {"name": f"{workload}-{number}", "namespace": namespace, "labels": labels}
    meta["ownerReferences"] = [{"kind": "StatefulSet", "name": workload, "controller": True}]
    return {
        "metadata": meta,
        "spec": {"containers": [{"name": "app"}, {"name": "istio-proxy"}]},
        "status": {"phase": "Running"},
    }


DESTINATION: Obj = {"destination": {"host": "cart.shop.svc.cluster.local"}, "weight": 100}
SERVICE: Obj = {
    "metadata": {"name": "cart", "namespace": "shop"},
    "spec": {"ports": [{"name": "http", "port": 80}], "selector": {"app": "cart"}},
}


def mesh(ordinary_callers: int) -> Mesh:
    """One private rule for the testers of another namespace, and callers without one."""
    rule = {
        "metadata": {"name": "mine", "namespace": "test"},
        "spec": {
            "hosts": ["cart.shop.svc.cluster.local"],
            "exportTo": ["."],
            "http": [{"route": [DESTINATION]}],
        },
    }
    callers = [pod("shop", "front", n) for n in range(ordinary_callers)]
    objects = {"services": [SERVICE], "virtualservices": [rule]}
    return parse_mesh({**objects, "pods": [pod("test", "probe"), *callers]})


def test_who_has_no_rule_is_known() -> None:
    found = traffic_to(mesh(3), mesh(3).by_key[KEY])
    assert found.unruled == Unruled(frozenset({ORDINARY}), 3)
    assert [route.callers for route in found.routes] == [frozenset({TESTERS})]


@pytest.mark.parametrize(
    ("callers", "named", "ruled"),
    [
        (3, None, False),
        (1, None, True),
        (1, frozenset({ORDINARY}), False),
        (3, frozenset({TESTERS}), True),
        (3, frozenset({TESTERS, ORDINARY}), False),
        (1, frozenset({TESTERS, ORDINARY}), True),
        (3, frozenset({ORDINARY, ("elsewhere", "unknown")}), False),
        (3, frozenset({("elsewhere", "unknown")}), False),
    ],
)
def test_the_ordinary_traffic_is_that_of_those_who_call(
    callers: int, named: frozenset[tuple[str, str]] | None, ruled: bool
) -> None:
    found = traffic_to(mesh(callers), mesh(callers).by_key[KEY])
    assert (ordinary(found.routes, named, found.unruled) is not None) is ruled


def test_the_table_shows_no_weights_that_most_callers_do_not_get() -> None:
    (view,) = service_views(mesh(3), None)
    assert view.route is None and view.usual is None
    assert [row.percent for row in view.versions] == [None] * len(view.versions)
    (view,) = service_views(mesh(1), None)
    assert view.route is not None


def test_a_verb_names_the_rule_that_is_for_others() -> None:
    with pytest.raises(Refused) as refused:
        locate(mesh(3), Target(KEY))
    assert "takes no rule: mine/0 is for" in str(refused.value)
    assert locate(mesh(3), Target(KEY, "mine/0")).owner.ref.name == "mine"


def test_an_emergency_takes_the_rule_that_there_is() -> None:
    target = emergency_target(mesh(3), Target(KEY))
    assert locate(mesh(3), target).owner.ref.name == "mine"


def test_a_rule_that_answers_itself_is_named() -> None:
    answer = {"name": "closed", "directResponse": {"status": 503}}
    testers = {"match": [{"sourceLabels": {"app": "nobody"}}], "route": [DESTINATION]}
    rule = {
        "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {"hosts": ["cart"], "http": [testers, answer]},
    }
    objects = {"services": [SERVICE], "virtualservices": [rule], "pods": [pod("shop", "front")]}
    with pytest.raises(Refused, match=r"rule closed answers the requests to cart\.shop itself"):
        locate(parse_mesh(objects), Target(KEY))


def test_callers_with_conditions_only_count_beside_those_with_a_catch_all() -> None:
    some = {"match": [{"uri": {"prefix": "/"}, "method": {"exact": "GET"}}]}
    public = {
        "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {"hosts": ["cart"], "http": [{**some, "route": [DESTINATION]}]},
    }
    private = {
        "metadata": {"name": "mine", "namespace": "test"},
        "spec": {
            "hosts": ["cart.shop.svc.cluster.local"],
            "exportTo": ["."],
            "http": [{"route": [DESTINATION]}],
        },
    }
    pods = [pod("test", "probe"), pod("shop", "front"), pod("shop", "front", 1)]
    objects = {"services": [SERVICE], "virtualservices": [public, private], "pods": pods}
    found = parse_mesh(objects)
    routes = traffic_to(found, found.by_key[KEY]).routes
    assert [route.service.ref.name for route in rivals(routes)] == ["cart", "mine"]
    assert [r.service.ref.name for r in rivals(routes, frozenset({ORDINARY}))] == ["cart"]
    assert [r.service.ref.name for r in rivals(routes, frozenset({TESTERS}))] == ["mine"]
    with pytest.raises(Refused, match="several rules carry the traffic"):
        locate(found, Target(KEY))


def test_what_is_the_rest_for_some_callers_is_not_for_others() -> None:
    everything = {"match": [{"uri": {"prefix": "/api"}}, {"sourceNamespace": "test"}]}
    last = {"destination": {"host": "cart.shop.svc.cluster.local"}, "weight": 100}
    rule = {
        "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {
            "hosts": ["cart"],
            "http": [{**everything, "route": [DESTINATION]}, {"route": [last]}],
        },
    }
    pods = [pod("test", "probe"), pod("shop", "front")]
    found = parse_mesh({"services": [SERVICE], "virtualservices": [rule], "pods": pods})
    routes = traffic_to(found, found.by_key[KEY]).routes
    assert [(route.rule.index, route.rest, route.rest_of) for route in routes] == [
        (0, True, frozenset({TESTERS})),
        (1, True, frozenset({ORDINARY})),
    ]
    for callers, index in ((TESTERS, 0), (ORDINARY, 1)):
        (only,) = rivals(routes, frozenset({callers}))
        assert only.rule.index == index
    assert len(rivals(routes)) == 2


def test_the_pods_of_all_callers_of_a_rule_count_against_those_without_one() -> None:
    rule = {
        "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {
            "hosts": ["cart.shop.svc.cluster.local"],
            "exportTo": ["test", "shop"],
            "http": [{"route": [DESTINATION]}],
        },
    }
    pods = [pod("test", "probe"), pod("test", "probe", 1), pod("shop", "front")]
    pods += [pod("shop", "front", 1), *(pod("other", "batch", n) for n in range(3))]
    two = {"ports": [{"name": "http", "port": 80}, {"name": "http-b", "port": 81}]}
    service = {**SERVICE, "spec": {**SERVICE["spec"], **two}}
    found = parse_mesh({"services": [service], "virtualservices": [rule], "pods": pods})
    traffic = traffic_to(found, found.by_key[KEY])
    assert [route.pods for route in traffic.routes] == [4]
    assert traffic.unruled.pods == 3
    assert ordinary(traffic.routes, None, traffic.unruled) is not None
