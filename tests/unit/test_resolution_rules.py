"""Which VirtualService rules, which of its rules count, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.mesh.model import MeshSettings
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.resolution import Client, world
from tests.unit.resolving import PORT, REV, mesh_of, resolved, rules, service, shares, subsets, to

ALL = subsets("v1", "v2", "v3")


def winner(*objects: Any, namespace: str = "a") -> str:
    found = resolved(ALL, *objects, namespace=namespace)
    return found.service.ref.name if found.service else ""


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([("old", 9, {}), ("new", 1, {})], "old"),
        ([("b", 5, {}), ("a", 5, {})], "a"),
        ([("old", 9, {}), ("mine", 1, {"exportTo": ["."]})], "mine"),
        ([("old", 9, {}), ("named", 1, {"exportTo": ["a", "b"]})], "named"),
        ([("old", 9, {}), ("both", 1, {"exportTo": ["a", "*"]})], "old"),
        ([("old", 9, {"exportTo": ["~"]}), ("new", 1, {})], "new"),
        ([("old", 9, {"exportTo": ["b"]}), ("new", 1, {})], "new"),
        ([("wide", 9, {"hosts": ["*.a.svc.cluster.local"]}), ("one", 1, {})], "one"),
        ([("all", 9, {"hosts": ["*.svc.cluster.local"]}),
          ("near", 1, {"hosts": ["*.a.svc.cluster.local"]})], "near"),
        ([("half", 9, {"hosts": ["rev.a"]})], ""),
        ([("edge", 9, {"gateways": ["gate"]}), ("mesh", 1, {})], "mesh"),
        ([("edge", 9, {"gateways": ["gate", "mesh"]}), ("mesh", 1, {})], "edge"),
    ],
)  # fmt: skip
def test_one_virtual_service_rules_a_host(
    others: list[tuple[str, int, dict[str, Any]]], expected: str
) -> None:
    objects = [rules(name, {"route": [to("v1")]}, age=age, **spec) for name, age, spec in others]
    assert winner(*objects) == expected
    assert winner(*reversed(objects)) == expected


def test_a_private_one_of_another_namespace_is_for_its_own_callers() -> None:
    foreign = rules("team", {"route": [to("v2")]}, namespace="b", hosts=[REV], exportTo=["."])
    assert winner(foreign) == ""
    assert winner(foreign, namespace="b") == "team"
    found = resolved(ALL, foreign)
    assert [o.why for o in found.overruled] == ["it is not exported to a"]


def test_an_exact_host_without_a_rule_for_the_caller_is_no_wildcards() -> None:
    mine = rules("mine", {"match": [{"sourceLabels": {"app": "x"}}], "route": [to("v1")]})
    wide = rules("wide", {"route": [to("v2")]}, hosts=["*.a.svc.cluster.local"])
    found = resolved(ALL, mine, wide)
    assert found.service is None
    assert shares(found) == [{"": 1.0}]
    assert sorted(o.why for o in found.overruled) == [
        "another VirtualService names the host more exactly",
        "it has no rule for this client on this port",
    ]


def test_the_next_exact_one_rules_where_the_first_has_no_rule_for_the_caller() -> None:
    first = rules("first", {"match": [{"sourceLabels": {"app": "x"}}], "route": [to("v1")]}, age=9)
    second = rules("second", {"route": [to("v2")]})
    assert shares(resolved(ALL, first, second)) == [{"v2": 1.0}]
    assert shares(resolved(ALL, first, second, app="x")) == [{"v1": 1.0}]


@pytest.mark.parametrize(
    ("match", "everything"),
    [
        ({}, True),
        ({"uri": {"prefix": "/"}}, True),
        ({"uri": {"regex": ".*"}}, True),
        ({"uri": {}}, True),
        ({"uri": {"prefix": "/"}, "ignoreUriCase": True}, True),
        ({"statPrefix": "x"}, True),
        ({"name": "n"}, True),
        ({"port": PORT}, True),
        ({"sourceNamespace": "a"}, True),
        ({"gateways": ["mesh"]}, True),
        ({"uri": {"prefix": ""}}, False),
        ({"uri": {"regex": "/.*"}}, False),
        ({"uri": {"exact": "/"}}, False),
        ({"headers": {"x": {}}}, False),
        ({"headers": {"x": {"regex": "*"}}}, False),
        ({"withoutHeaders": {"x": {}}}, False),
        ({"queryParams": {"x": {}}}, False),
        ({"method": {"exact": "GET"}}, False),
        ({"scheme": {"exact": "http"}}, False),
        ({"authority": {"prefix": ""}}, False),
        ({"headers": {"@request.auth.claims.group": {"exact": "x"}}}, False),
    ],
)
def test_what_takes_everything_as_istiod_has_it(match: dict[str, Any], everything: bool) -> None:
    found = resolved(
        ALL, rules("r", {"match": [match], "route": [to("v1")]}, {"route": [to("v2")]})
    )
    assert shares(found) == ([{"v1": 1.0}] if everything else [{"v1": 1.0}, {"v2": 1.0}])
    assert [u.behind for u in found.unused] == ([True] if everything else [])
    assert found.rest is found.routes[-1]


def test_a_match_that_is_not_for_the_client_says_whom_it_is_for() -> None:
    matches = [
        {"port": 80},
        {"gateways": ["gate"]},
        {"sourceLabels": {"app": "x"}},
        {"sourceNamespace": "b"},
    ]
    found = resolved(
        ALL, rules("r", {"match": matches, "route": [to("v1")]}, {"route": [to("v2")]})
    )
    assert [u.why for u in found.unused] == [
        "it is for port 80",
        "it is for a/gate",
        "it is for callers with app=x",
        "it is for callers in b",
    ]


def test_sources_are_not_asked_where_gateways_are_named() -> None:
    match = {"gateways": ["mesh"], "sourceLabels": {"app": "x"}, "sourceNamespace": "z"}
    assert shares(resolved(ALL, rules("r", {"match": [match], "route": [to("v1")]}))) == [{"v1": 1}]


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        ([to("v1", 0)], {"v1": 1.0}),
        ([to("v1", 1), to("v2", 3)], {"v1": 0.25, "v2": 0.75}),
        ([to("v1", 80), to("v2")], {"v1": 1.0}),
        ([to("v1", 0), to("v2", 100)], {"v2": 1.0}),
    ],
)
def test_weights_are_ratios(routes: list[Any], expected: dict[str, float]) -> None:
    assert shares(resolved(ALL, rules("r", {"route": routes}))) == [expected]


def test_a_destination_that_gets_nothing_is_known() -> None:
    found = resolved(ALL, rules("r", {"route": [to("v1", 0), to("v2", 100)]}))
    assert [t.subset for t in found.routes[0].unused] == ["v1"]


def test_delegated_rules_are_held_by_the_delegate() -> None:
    root = rules("root", {"match": [{"uri": {"prefix": "/a"}}], "delegate": {"name": "leaf"}})
    leaf = rules("leaf", {"route": [to("v1", 60), to("v2", 40)]}, hosts=[])
    found = resolved(ALL, root, leaf)
    (route,) = found.routes
    assert route.holder is not None
    assert route.rule is not None
    assert (route.holder.service.ref.name, route.holder.pointer) == ("leaf", "/spec/http/0")
    assert route.rule.root.service.ref.name == "root"
    assert route.holder.rule is not None
    assert [d.weight for d in route.holder.rule.destinations] == [60, 40]
    assert [
        root.ref.name for root in world(mesh_of(root, leaf)).shared.roots(route.holder.service)
    ] == ["root"]


def test_a_delegate_that_is_not_there_takes_the_whole_rule_with_it() -> None:
    root = rules("root", {"delegate": {"name": "nobody"}}, {"route": [to("v3")]})
    found = resolved(ALL, root)
    assert shares(found) == [{"v3": 1.0}]
    assert [u.why for u in found.unused] == ["its delegate a/nobody is not there"]


@pytest.mark.parametrize(
    ("outer", "inner", "fits"),
    [
        ({"uri": {"prefix": "/a"}}, {"uri": {"prefix": "/a/b"}}, True),
        ({"uri": {"prefix": "/a"}}, {"uri": {"exact": "/ab"}}, True),
        ({"uri": {"prefix": "/a"}}, {"uri": {"regex": "/a.*"}}, False),
        ({"uri": {"regex": "/a.*"}}, {"uri": {"regex": "/a.*"}}, False),
        ({"uri": {"exact": "/a"}}, {"uri": {"exact": "/a"}}, True),
        ({"uri": {"exact": "/a"}}, {"uri": {"prefix": "/a"}}, False),
        ({"headers": {"x": {"exact": "1"}}}, {"headers": {"y": {"exact": "2"}}}, True),
        ({"headers": {"x": {"exact": "1"}}}, {"headers": {"x": {"exact": "2"}}}, False),
        ({"headers": {"x": {}}}, {"headers": {"x": {"exact": "2"}}}, False),
        ({"queryParams": {"x": {"exact": "1"}}}, {"queryParams": {"x": {"exact": "1"}}}, True),
        ({"withoutHeaders": {"x": {"exact": "1"}}}, {"withoutHeaders": {"x": {}}}, False),
        ({"port": PORT}, {}, True),
        ({"port": PORT}, {"port": 80}, False),
        ({"sourceNamespace": "a"}, {}, False),
        ({}, {"sourceNamespace": "a"}, True),
        ({"sourceLabels": {"app": "x"}}, {"sourceLabels": {"app": "y"}}, False),
        ({"gateways": ["mesh"]}, {"gateways": ["mesh", "gate"]}, False),
        ({"gateways": ["mesh", "gate"]}, {"gateways": ["mesh"]}, True),
        ({"ignoreUriCase": True}, {}, False),
    ],
)
def test_a_delegates_match_must_narrow(
    outer: dict[str, Any], inner: dict[str, Any], fits: bool
) -> None:
    root = rules("root", {"match": [outer], "delegate": {"name": "leaf"}}, {"route": [to("v3")]})
    leaf = rules("leaf", {"match": [inner], "route": [to("v1")]}, hosts=[])
    names = [route.targets[0].subset for route in resolved(ALL, root, leaf, app="x").routes]
    assert ("v1" in names) is fits


def test_another_cluster_domain_is_the_meshs() -> None:
    rule = rules("r", {"route": [{"destination": {"host": "rev", "subset": "v1"}}]})
    objects = {
        "services": [service()],
        "virtualservices": [rule],
        "destinationrules": [subsets("v1", host="rev")],
    }
    mesh = parse_mesh(objects, settings=MeshSettings(domain="prod.example"))
    found = world(mesh).view(Client("a")).resolve("rev.a.svc.prod.example", PORT)
    assert found.service is not None
    assert [t.cluster for t in found.routes[0].targets] == [
        "outbound|9080|v1|rev.a.svc.prod.example"
    ]
    assert all(reach.exists for reach in found.reaches.values())
    assert found.virtual_host is not None
    assert "rev.a.svc" in found.virtual_host.domains
