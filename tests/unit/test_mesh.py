from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.cli.documents.services import rule_document
from meshtui.kube.resources import CONFIG_MAPS, MESH_RESOURCES, SERVICES
from meshtui.mesh.carrying import ordinary, rivals, routes_to
from meshtui.mesh.hosts import full_host, short_host, split_host
from meshtui.mesh.judging import state_of
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.parse import parse_mesh, parse_pod
from meshtui.mesh.quantity import go_duration, human_duration, seconds
from meshtui.mesh.routing import find_service
from meshtui.mesh.signals import Sample, Signals, VersionKey
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.view import service_views
from tests.unit.objects import meta, pod, reviews, route, service, virtual_service

REVIEWS = ServiceKey("default", "reviews")


def only(views: Any, name: str = "reviews") -> Any:
    return next(view for view in views if view.key.name == name)


@pytest.mark.parametrize(
    ("host", "full"),
    [
        ("reviews", "reviews.shop.svc.cluster.local"),
        ("Reviews", "reviews.shop.svc.cluster.local"),
        ("reviews.other.svc.cluster.local", "reviews.other.svc.cluster.local"),
        ("api.example.com", "api.example.com"),
        ("*.example.com", "*.example.com"),
        ("*", "*"),
        ("", ""),
    ],
)
def test_short_names_resolve_in_the_namespace_of_their_object(host: str, full: str) -> None:
    assert full_host(host, "shop") == full


def test_hosts_of_the_cluster_name_a_service() -> None:
    assert split_host("reviews.shop.svc.cluster.local") == ServiceKey("shop", "reviews")
    assert split_host("api.example.com") is None
    assert short_host("reviews.shop.svc.cluster.local", "shop") == "reviews"
    assert short_host("reviews.shop.svc.cluster.local", "x") == "reviews.shop"


@pytest.mark.parametrize(
    ("text", "value"),
    [("10s", 10.0), ("1h30m", 5400.0), ("200ms", 0.2), ("1.5s", 1.5), ("", None), ("5", None)],
)
def test_go_durations(text: str, value: float | None) -> None:
    assert seconds(text) == value


@given(st.integers(1, 10_000_000))
def test_a_duration_is_read_back_as_it_was_written(milliseconds: int) -> None:
    assert seconds(go_duration(milliseconds / 1000)) == pytest.approx(milliseconds / 1000)


def test_durations_for_people() -> None:
    assert [human_duration(s) for s in (5, 65, 3600, 90000)] == ["5s", "1m05s", "1h00m", "1d01h"]


KEYS = [
    "metadata",
    "spec",
    "status",
    "http",
    "route",
    "weight",
    "name",
    "match",
    "hosts",
    "destination",
    "host",
    "subset",
    "subsets",
    "labels",
    "fault",
    "delay",
    "uri",
    "mirrors",
    "percentage",
    "value",
    "conditions",
    "containers",
    "ports",
    "port",
]
json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=25,
)


@given(st.lists(json, max_size=3), st.lists(json, max_size=3), st.lists(json, max_size=3))
def test_no_object_is_strange_enough_to_stop_the_reading(vs: Any, drs: Any, pods: Any) -> None:
    named = {"metadata": {"name": "x", "namespace": "default"}}
    shaped = [{**o, **named} if isinstance(o, dict) else o for o in vs]
    mesh = parse_mesh(
        {
            "virtualservices": shaped,
            "destinationrules": drs,
            "pods": pods,
            "services": [service("x"), *pods],
        }
    )
    service_views(mesh, None)


def test_an_object_without_a_name_is_said_and_the_rest_stands() -> None:
    mesh = parse_mesh({"services": [{"spec": {}}, service("reviews")]})
    assert [s.key for s in mesh.services] == [REVIEWS]
    assert mesh.problems == ("services: an object without a name was left out",)


@pytest.mark.parametrize(
    "plural", [kind.key for kind in MESH_RESOURCES if kind not in (CONFIG_MAPS, SERVICES)]
)
def test_what_is_left_out_of_each_kind_is_a_problem(plural: str) -> None:
    nameless = {"metadata": {"namespace": "default"}}
    assert parse_mesh({plural: [nameless]}).problems == (
        f"{plural}: an object without a name was left out",
    )


def test_a_malformed_rule_keeps_its_neighbours_places() -> None:
    raw = virtual_service("reviews", {"route": [route("v1")]})
    raw["spec"]["http"].insert(0, "what is this")
    (vs,) = parse_mesh({"virtualservices": [raw]}).virtual_services
    assert [(rule.index, len(rule.destinations)) for rule in vs.rules] == [(0, 0), (1, 1)]


def test_a_gateways_star_is_not_the_services_own_rule() -> None:
    gateway = {
        "metadata": meta("outside"),
        "spec": {
            "hosts": ["*"],
            "gateways": ["gw"],
            "http": [{"route": [{"destination": {"host": "reviews"}}]}],
        },
    }
    objects = {"services": [service("reviews")], "virtualservices": [gateway]}
    mesh = parse_mesh(objects)
    outside = routes_to(mesh, mesh.services[0])
    assert [(r.service.ref.name, r.edge, r.carries) for r in outside] == [("outside", True, False)]
    own = virtual_service("reviews", {"route": [route("v1")]})
    mesh = parse_mesh({**objects, "virtualservices": [gateway, own]})
    both = routes_to(mesh, mesh.services[0])
    assert [(r.service.ref.name, r.edge) for r in both] == [("reviews", False), ("outside", True)]
    assert ordinary(both) == both[0]


def test_delegates_speak_for_their_root() -> None:
    root = virtual_service("reviews", {"delegate": {"name": "inner"}})
    inner = {"metadata": meta("inner"), "spec": {"http": [{"route": [route("v1"), route("v2")]}]}}
    mesh = parse_mesh({"services": [service("reviews")], "virtualservices": [root, inner]})
    found = ordinary(routes_to(mesh, mesh.services[0]))
    assert found is not None
    assert found.service.ref.name == "inner"


@pytest.mark.parametrize(
    ("roots", "leaf", "asked"),
    [
        ([[]], [], "any request"),
        ([["/a"]], [], "uri ^ /a"),
        ([["/a"]], ["/a/b"], "uri ^ /a/b"),
        ([["/a", "/c"]], [], "uri ^ /a or uri ^ /c"),
        ([["/a"], ["/c"]], [], "uri ^ /a or uri ^ /c"),
        ([["/a"], []], [], "any request"),
    ],
)
def test_a_delegates_rule_asks_for_what_its_roots_ask_for(
    roots: list[list[str]], leaf: list[str], asked: str
) -> None:
    handed = [
        {"match": [{"uri": {"prefix": path}} for path in paths], "delegate": {"name": "inner"}}
        for paths in roots
    ]
    root = virtual_service("reviews", *handed)
    rule = {"match": [{"uri": {"prefix": path}} for path in leaf], "route": [route("v1")]}
    inner = {"metadata": meta("inner"), "spec": {"http": [rule]}}
    mesh = parse_mesh({"services": [service("reviews")], "virtualservices": [root, inner]})
    (found,) = (r for r in routes_to(mesh, mesh.services[0]) if r.service.ref.name == "inner")
    assert found.match_text == asked
    shown = rule_document(found, ordinary=True)["match"]
    assert shown == (None if asked == "any request" else asked)


def test_services_are_found_by_short_dotted_and_full_name() -> None:
    mesh = parse_mesh({"services": [service("reviews"), service("reviews", "other")]})
    for name in ("reviews.other", "reviews.other.svc.cluster.local"):
        found = find_service(mesh, name, "default")
        assert found is not None
        assert found.key == ServiceKey("other", "reviews")


def sample(**signals: Signals) -> Sample:
    versions = {VersionKey(REVIEWS, name): value for name, value in signals.items()}
    total = Signals(
        requests=sum(s.requests for s in signals.values()),
        error_ratio=max((s.error_ratio or 0 for s in signals.values()), default=None),
    )
    return Sample(0, "test", 10, caller=versions, caller_totals={REVIEWS: total})


def test_weight_stands_beside_the_measured_share() -> None:
    mesh = reviews({"route": [route("v1", 3), route("v3", 1)]})
    measured = sample(
        v1=Signals(70, error_ratio=0.0), v3=Signals(30, error_ratio=0.3), unknown=Signals(10)
    )
    view = only(service_views(mesh, measured))
    rows = {v.version: (v.weight, v.percent, v.share, v.state) for v in view.versions}
    assert rows == {
        "v1": (3, 75.0, 0.7, "ok"),
        "v2": (0, 0.0, 0.0, "no traffic"),
        "v3": (1, 25.0, 0.3, "failing"),
        "unknown": (None, None, None, "no traffic"),
    }


def test_unknown_no_traffic_and_only_errors_never_look_alike() -> None:
    limits = Thresholds()
    assert state_of(None, limits) == "unknown"
    assert state_of(Signals(), limits) == "no traffic"
    assert state_of(Signals(5, error_ratio=1.0), limits) == "only errors"
    assert state_of(Signals(500, error_ratio=0.2), limits) == "failing"
    assert state_of(Signals(500, error_ratio=0.01), limits) == "degraded"


def test_a_source_read_once_knows_nothing_yet() -> None:
    mesh = reviews({"route": [route("v1")]})
    (_, view) = service_views(mesh, Sample(0, "test", 0.0))
    assert {v.state for v in view.versions} == {"unknown"}


def test_one_destination_without_a_subset_tells_versions_apart_only_where_there_is_one() -> None:
    rule = {"route": [{"destination": {"host": "reviews"}}]}
    several = only(service_views(reviews(rule), None))
    assert {v.weight for v in several.versions} == {None}
    single = only(service_views(reviews(rule, versions=["v1"]), None))
    assert [v.weight for v in single.versions] == [100]


def test_pods_that_are_not_ready_are_counted_apart() -> None:
    mesh = parse_mesh(
        {
            "services": [service("reviews")],
            "pods": [pod("reviews", "v1"), pod("reviews", "v1", ready=False, number=2)],
        }
    )
    (row,) = service_views(mesh, None)[0].versions
    assert (row.version, row.subset, row.pods, row.pods_ready) == ("v1", "", 2, 1)


@pytest.mark.parametrize("key", ["containerStatuses", "initContainerStatuses"])
def test_restarts_of_the_proxy_are_told_apart_from_those_of_the_application(key: str) -> None:
    raw = pod("reviews", "v1")
    raw["status"][key] = [
        {"name": "reviews", "restartCount": 4},
        {"name": "istio-proxy", "restartCount": 2},
    ]
    assert parse_pod(raw).proxy_restarts == 2
    assert parse_pod(pod("reviews", "v1")).proxy_restarts == 0


def test_callers_who_get_different_rules_are_told_apart() -> None:
    only_x = {"match": [{"sourceLabels": {"app": "x"}}], "route": [route("v1")]}
    rules = virtual_service("reviews", only_x, {"route": [route("v2")]})
    objects = {
        "services": [service("reviews")],
        "virtualservices": [rules],
        "pods": [pod("x", "v1"), pod("y", "v1", number=2), pod("y", "v1", number=3)],
    }
    mesh = parse_mesh(objects)
    routes = routes_to(mesh, mesh.services[0])
    x, y = frozenset({("default", "x-v1")}), frozenset({("default", "y-v1")})
    assert [(r.callers, r.rest) for r in routes] == [(x, True), (y, True)]
    assert rivals(routes) == (routes[1], routes[0])
    assert rivals(routes, y) == (routes[1],)
    assert ordinary(routes, x) == routes[0]
