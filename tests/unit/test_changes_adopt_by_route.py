"""Adopting a service by the Gateway API: Services and HTTPRoutes from its pods, or a refusal."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.changes.adopt_by_route import adopt_by_route
from meshtui.changes.patch import apply
from meshtui.errors import NotFound, Refused
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.operations.change.written_objects import mesh_after
from tests.unit.objects import Obj, destination_rule, meta, pod, service, virtual_service

REVIEWS = ServiceKey("default", "reviews")


def versions(*names: str) -> list[Obj]:
    return [pod("reviews", name, number=number) for number, name in enumerate(names, 1)]


def mesh_of(*pods: Obj, spec: Obj | None = None, **others: list[Obj]) -> Mesh:
    own = service("reviews")
    own["spec"] |= spec or {}
    services = [own, *others.pop("services", [])]
    return parse_mesh({"services": services, "pods": list(pods), **others})


def bodies(mesh: Mesh, stable: str = "") -> list[dict[str, Any]]:
    return [change.patch[0]["value"] for change in adopt_by_route(mesh, REVIEWS, stable).changes]


def weights(route_body: Obj) -> dict[str, int]:
    (rule,) = route_body["spec"]["rules"]
    return {backend["name"]: backend["weight"] for backend in rule["backendRefs"]}


def test_each_version_keeps_the_share_of_its_ready_pods() -> None:
    pods = [*versions("v1", "v2", "v2", "v3"), pod("reviews", "v3", number=9, ready=False)]
    *services, route_body = bodies(mesh_of(*pods))
    assert [body["metadata"]["name"] for body in services] == [
        "reviews-v1",
        "reviews-v2",
        "reviews-v3",
    ]
    assert services[1]["spec"]["selector"] == {"app": "reviews", "version": "v2"}
    assert weights(route_body) == {"reviews-v1": 1, "reviews-v2": 2, "reviews-v3": 1}
    (parent,) = route_body["spec"]["parentRefs"]
    assert parent == {"group": "", "kind": "Service", "name": "reviews"}


def test_where_no_pod_is_ready_each_version_gets_the_same() -> None:
    pods = [pod("reviews", name, ready=False) for name in ("v1", "v2")]
    assert weights(bodies(mesh_of(*pods))[-1]) == {"reviews-v1": 1, "reviews-v2": 1}


def test_a_named_version_gets_everything() -> None:
    mesh = mesh_of(*versions("v1", "v2"))
    assert weights(bodies(mesh, "v2")[-1]) == {"reviews-v1": 0, "reviews-v2": 100}
    with pytest.raises(NotFound, match="there are: v1, v2"):
        bodies(mesh, "v9")


def test_ports_are_those_of_the_service_and_each_http_port_has_its_route() -> None:
    ports = [
        {"name": "http", "port": 80, "targetPort": "web"},
        {"name": "api", "port": 9080, "targetPort": 8080, "appProtocol": "grpc"},
        {"name": "tcp-raw", "port": 9777, "protocol": "TCP"},
    ]
    made, first, second = bodies(mesh_of(*versions("v1"), spec={"ports": ports}))
    assert made["spec"]["ports"] == [{"protocol": "TCP", **port} for port in ports]
    assert [r["metadata"]["name"] for r in (first, second)] == ["reviews-80", "reviews-9080"]
    assert [r["spec"]["parentRefs"][0]["port"] for r in (first, second)] == [80, 9080]
    assert [r["spec"]["rules"][0]["backendRefs"][0]["port"] for r in (first, second)] == [80, 9080]


def test_one_http_port_among_others_is_named() -> None:
    ports = [{"name": "http", "port": 80}, {"name": "tcp-raw", "port": 9777}]
    *_, route_body = bodies(mesh_of(*versions("v1"), spec={"ports": ports}))
    assert route_body["metadata"]["name"] == "reviews"
    assert route_body["spec"]["parentRefs"][0]["port"] == 80


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"clusterIP": "None"}, "headless"),
        ({"type": "ExternalName", "externalName": "x.example"}, "ExternalName"),
        ({"ports": [{"name": "tcp-raw", "port": 9777}]}, r"no HTTP port \(9777 tcp-raw\)"),
        ({"ports": []}, r"no HTTP port \(none\)"),
    ],
)
def test_what_can_have_no_httproute_is_refused_with_the_reason(spec: Obj, words: str) -> None:
    with pytest.raises(Refused, match=words):
        bodies(mesh_of(*versions("v1"), spec=spec))


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["v" * 62], "name of 70 characters"),
        (["x" * 500], "name of 71 characters"),
        (["v1.0", "v1-0"], "one Service's name"),
    ],
)
def test_versions_that_make_no_name_are_refused(names: list[str], words: str) -> None:
    with pytest.raises(Refused, match=words):
        bodies(mesh_of(*versions(*names)))


@pytest.mark.parametrize("name", ["..", "\x1b[2J", "Ünïcode", "-", "a/../b", "V_1.2"])
def test_whatever_a_label_holds_the_name_is_one(name: str) -> None:
    made, _ = bodies(mesh_of(*versions(name)))
    suffix = made["metadata"]["name"].removeprefix("reviews-")
    assert suffix and set(suffix) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert made["spec"]["selector"]["version"] == name


def test_a_service_whose_name_can_have_no_suffix_is_refused() -> None:
    own = service("1st")
    mesh = parse_mesh({"services": [own], "pods": [pod("1st", "v1")]})
    with pytest.raises(Refused, match="1st-v1 is no name"):
        adopt_by_route(mesh, ServiceKey("default", "1st"))


def test_a_service_of_a_version_that_is_there_is_used() -> None:
    there = service("reviews-v1", app="reviews", version="v1")
    made = bodies(mesh_of(*versions("v1", "v2"), services=[there]))
    assert [body["metadata"]["name"] for body in made] == ["reviews-v2", "reviews"]
    other = service("reviews-v1", app="reviews", version="v7")
    with pytest.raises(Refused, match="is there and selects app=reviews, version=v7"):
        bodies(mesh_of(*versions("v1"), services=[other]))
    there["spec"]["ports"] = [{"name": "http", "port": 1234}]
    with pytest.raises(Refused, match="has no port 9080"):
        bodies(mesh_of(*versions("v1"), services=[there]))


def test_beside_rules_nothing_is_made() -> None:
    rule = {"route": [{"destination": {"host": "reviews"}}]}
    ruled = mesh_of(*versions("v1"), virtualservices=[virtual_service("reviews", rule)])
    with pytest.raises(
        Refused, match="VirtualService default/reviews already: an HTTPRoute beside"
    ):
        bodies(ruled)


def route_of(name: str, *rules: list[Obj], parent: Obj | None = None, **extra: Any) -> Obj:
    """An HTTPRoute of the service; each rule is its backends."""
    return {
        "kind": "HTTPRoute",
        "metadata": meta(name),
        "spec": {
            "parentRefs": [{"group": "", "kind": "Service", "name": "reviews"} | (parent or {})],
            "rules": [{"backendRefs": backends, **extra} for backends in rules],
        },
    }


def patched(mesh: Mesh, stable: str = "") -> list[dict[str, Any]]:
    """The rules of the routes that are there, as they are with the adoption."""
    changes = adopt_by_route(mesh, REVIEWS, stable).changes
    return [change.spec_after["rules"] for change in changes if change.action == "patch"]


WHOLE = {"name": "reviews", "port": 9080}


def test_a_backend_of_all_pods_becomes_one_for_each_version() -> None:
    filtered = {**WHOLE, "filters": [{"type": "RequestHeaderModifier"}]}
    theirs = route_of("theirs", [filtered], [{"name": "ratings", "port": 9080}], [WHOLE])
    mesh = mesh_of(*versions("v1", "v1", "v2"), httproutes=[theirs])
    *services, route_change = adopt_by_route(mesh, REVIEWS).changes
    assert [change.target.name for change in services] == ["reviews-v1", "reviews-v2"]
    assert route_change.words == (
        "HTTPRoute default/theirs, rule rules[0], rules[2]: reviews becomes"
        " reviews-v1 66.7 %, reviews-v2 33.3 %",
    )
    (rules,) = patched(mesh)
    assert rules[0]["backendRefs"] == [
        {**filtered, "name": "reviews-v1", "weight": 2},
        {**filtered, "name": "reviews-v2", "weight": 1},
    ]
    assert rules[1]["backendRefs"] == [{"name": "ratings", "port": 9080}]
    assert [backend["weight"] for backend in rules[2]["backendRefs"]] == [2, 1]
    assert (
        apply(route_change.spec_after, [*map(below_spec, route_change.inverse)]) == theirs["spec"]
    )
    assert [b["weight"] for b in patched(mesh, "v2")[0][2]["backendRefs"]] == [0, 100]
    for change in adopt_by_route(mesh, REVIEWS).changes:
        mesh = mesh_after(mesh, change)
    with pytest.raises(Refused, match="its backends are the versions: shift"):
        adopt_by_route(mesh, REVIEWS)


def below_spec(operation: dict[str, Any]) -> dict[str, Any]:
    return {**operation, "path": operation["path"].removeprefix("/spec")}


def test_a_route_that_lacks_versions_gets_them_with_weight_zero() -> None:
    there = service("old", app="reviews", version="v1")
    only = {"name": "old", "port": 9080, "filters": [{"type": "RequestHeaderModifier"}]}
    mesh = mesh_of(
        *versions("v1", "v2", "v3"), services=[there], httproutes=[route_of("theirs", [only])]
    )
    *services, route_change = adopt_by_route(mesh, REVIEWS).changes
    assert [change.target.name for change in services] == ["reviews-v2", "reviews-v3"]
    assert route_change.words[0].endswith("reviews-v2, reviews-v3 added with weight 0")
    (rules,) = patched(mesh)
    assert rules[0]["backendRefs"] == [
        only,
        {"name": "reviews-v2", "port": 9080, "weight": 0},
        {"name": "reviews-v3", "port": 9080, "weight": 0},
    ]


def test_each_port_has_its_own_route_that_is_changed() -> None:
    ports = [{"name": "http", "port": 80}, {"name": "http-b", "port": 81}]
    routes = [
        route_of(f"at-{p}", [{"name": "reviews", "port": p}], parent={"port": p}) for p in (80, 81)
    ]
    mesh = mesh_of(*versions("v1", "v2"), spec={"ports": ports}, httproutes=routes)
    first, second = patched(mesh)
    assert [backend["port"] for backend in first[0]["backendRefs"]] == [80, 80]
    assert [backend["port"] for backend in second[0]["backendRefs"]] == [81, 81]


@pytest.mark.parametrize(
    ("backends", "words"),
    [
        ([WHOLE, {"name": "ratings", "port": 9080}], "sends to all its pods beside other backends"),
        ([], "its backends are the versions"),
    ],
)
def test_what_can_not_be_split_is_refused(backends: list[Obj], words: str) -> None:
    mesh = mesh_of(*versions("v1"), httproutes=[route_of("theirs", backends)])
    with pytest.raises(Refused) as refused:
        adopt_by_route(mesh, REVIEWS)
    assert words in str(refused.value)


def test_a_policy_that_the_new_services_do_not_get_is_named() -> None:
    policies = [destination_rule("reviews", ("v1",))]
    found = adopt_by_route(mesh_of(*versions("v1"), destinationrules=policies), REVIEWS).cautions
    assert [c.level for c in found] == ["info", "warning"]
    assert "do not count for requests to the new Services" in found[1].text


def test_the_mesh_with_what_is_made_has_the_services_and_their_route() -> None:
    mesh = mesh_of(*versions("v1", "v2"))
    for change in adopt_by_route(mesh, REVIEWS).changes:
        assert change.inverse == ({"op": "remove", "path": ""},)
        mesh = mesh_after(mesh, change)
    assert [s.key.name for s in mesh.services] == ["reviews", "reviews-v1", "reviews-v2"]
    assert mesh.http_routes[0].backends == (
        "reviews-v1.default.svc.cluster.local",
        "reviews-v2.default.svc.cluster.local",
    )
    with pytest.raises(Refused, match="HTTPRoute default/reviews already"):
        adopt_by_route(mesh, REVIEWS)
