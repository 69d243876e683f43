"""Config dumps in the shape istiod's resources have in Envoy's answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.envoy.clusternames import ClusterName, parse_cluster_name
from meshtui.envoy.dump import parse_routes
from meshtui.envoy.endpoints import parse_endpoints
from meshtui.envoy.listeners import FilterChain, ProxyListener, parse_listeners
from meshtui.envoy.proxy import count_rejected, sidecar_route_names
from meshtui.envoy.routes import (
    ANY_PATH,
    HeaderMatch,
    ProxyRoute,
    RouteDestination,
    RouteMatch,
    RouteMirror,
)
from meshtui.mesh.model import Fault, Retries, StringMatch

HOST = "reviews.default.svc.cluster.local"
TYPE = "type.googleapis.com/envoy"


def cluster(subset: str = "", host: str = HOST) -> str:
    return f"outbound|9080|{subset}|{host}"


def owner(path: str = "/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews"):
    return {"filter_metadata": {"istio": {"config": path}}}


WEIGHTED = {
    "match": {
        "prefix": "/",
        "case_sensitive": True,
        "headers": [{"name": "end-user", "string_match": {"exact": "jason"}}],
    },
    "route": {
        "weighted_clusters": {
            "clusters": [
                {"name": cluster("v1"), "weight": 90},
                {"name": cluster("v3"), "weight": 10},
            ],
            "total_weight": 100,
        },
        "timeout": "2.500s",
        "max_grpc_timeout": "2.500s",
        "retry_policy": {
            "retry_on": "connect-failure,refused-stream,retriable-status-codes",
            "num_retries": 3,
            "per_try_timeout": "0.250s",
            "retriable_status_codes": [503],
            "host_selection_retry_max_attempts": "5",
        },
        "request_mirror_policies": [
            {
                "cluster": cluster("v2"),
                "runtime_fraction": {
                    "default_value": {"numerator": 50000, "denominator": "MILLION"}
                },
            },
            {"cluster": cluster("v4"), "runtime_fraction": {"default_value": {"numerator": 100}}},
            {"cluster": cluster("v5")},
        ],
    },
    "metadata": owner(),
    "decorator": {"operation": f"{HOST}:9080/*"},
    "typed_per_filter_config": {
        "envoy.filters.http.fault": {
            "@type": f"{TYPE}.extensions.filters.http.fault.v3.HTTPFault",
            "delay": {
                "percentage": {"numerator": 100000, "denominator": "MILLION"},
                "fixed_delay": "7s",
            },
            "abort": {
                "percentage": {"numerator": 500, "denominator": "MILLION"},
                "http_status": 503,
            },
        }
    },
    "name": "jason.first",
}
PLAIN = {
    "match": {"prefix": "/"},
    "route": {
        "cluster": cluster(),
        "timeout": "0s",
        "retry_policy": {"retry_on": "connect-failure", "num_retries": 2},
    },
    "name": "default",
}


def dump(*routes: dict[str, Any], config: str = "9080", whole: bool = False) -> dict[str, Any]:
    entry = {
        "version_info": "2026-01-01T00:00:00Z/7",
        "route_config": {
            "@type": f"{TYPE}.config.route.v3.RouteConfiguration",
            "name": config,
            "virtual_hosts": [
                {
                    "name": f"{HOST}:9080",
                    "domains": [HOST, "reviews", "reviews.default.svc", "10.96.0.7"],
                    "routes": list(routes),
                    "include_request_attempt_count": True,
                }
            ],
            "validate_clusters": False,
        },
        "last_updated": "2026-01-01T00:00:00.000Z",
    }
    if whole:
        section = {"@type": f"{TYPE}.admin.v3.RoutesConfigDump", "dynamic_route_configs": [entry]}
        return {"configs": [{"@type": f"{TYPE}.admin.v3.BootstrapConfigDump"}, section]}
    kind = f"{TYPE}.admin.v3.RoutesConfigDump.DynamicRouteConfig"
    return {"configs": [{"@type": kind, **entry}]}


def one(**changed: Any) -> ProxyRoute:
    (route,) = parse_routes(dump(PLAIN | changed))
    return route


def test_everything_a_route_can_say() -> None:
    (route,) = parse_routes(dump(WEIGHTED))
    assert route == ProxyRoute(
        config="9080",
        vhost=f"{HOST}:9080",
        domains=(HOST, "reviews", "reviews.default.svc", "10.96.0.7"),
        name="jason.first",
        match=RouteMatch(headers=(HeaderMatch("end-user", StringMatch("exact", "jason")),)),
        destinations=(
            RouteDestination(cluster("v1"), HOST, "v1", 9080, 90),
            RouteDestination(cluster("v3"), HOST, "v3", 9080, 10),
        ),
        mirrors=(
            RouteMirror(cluster("v2"), HOST, "v2", 9080, 5.0),
            RouteMirror(cluster("v4"), HOST, "v4", 9080, 100.0),
            RouteMirror(cluster("v5"), HOST, "v5", 9080, 100.0),
        ),
        fault=Fault(
            delay_s=7.0, delay_percent=10.0, abort_http=503, abort_percent=pytest.approx(0.05)
        ),
        timeout_s=2.5,
        retries=Retries(3, 0.25, "connect-failure,refused-stream,503"),
        virtual_service=("default", "reviews"),
    )
    assert route.port == 9080
    assert route.match.text == "header end-user = jason"


def test_a_route_istio_makes_by_itself() -> None:
    route = one()
    assert route.virtual_service is None
    assert route.timeout_s is None
    assert route.destinations == (RouteDestination(cluster(), HOST, "", 9080),)
    assert route.match.text == "any request"


def test_a_whole_dump_reads_the_same() -> None:
    assert parse_routes(dump(WEIGHTED, PLAIN, whole=True)) == parse_routes(dump(WEIGHTED, PLAIN))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "/apis/networking.istio.io/v1alpha3/namespaces/a/virtual-service/b-c.d",
            ("a", "b-c.d"),
        ),
        ("/apis/networking.istio.io/v1/namespaces/a/virtual-service/b", ("a", "b")),
        ("/apis/networking.istio.io/v1/namespaces/a/destination-rule/b", None),
        ("/apis/gateway.networking.k8s.io/v1/namespaces/a/http-route/b", None),
        ("nonsense", None),
    ],
)
def test_whose_rule_it_is(path: str, expected: tuple[str, str] | None) -> None:
    assert one(metadata=owner(path)).virtual_service == expected


@pytest.mark.parametrize(
    ("match", "path"),
    [
        ({"prefix": "/api"}, StringMatch("prefix", "/api")),
        ({"path": "/login"}, StringMatch("exact", "/login")),
        ({"safe_regex": {"regex": "/v[0-9]+"}}, StringMatch("regex", "/v[0-9]+")),
        ({"path_separated_prefix": "/a"}, StringMatch("path prefix", "/a")),
        ({"connect_matcher": {}}, StringMatch("connect_matcher")),
        ({}, ANY_PATH),
    ],
)
def test_paths(match: dict[str, Any], path: StringMatch) -> None:
    assert one(match=match).match.path == path


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"string_match": {"prefix": "a"}}, HeaderMatch("x", StringMatch("prefix", "a"))),
        (
            {"string_match": {"safe_regex": {"regex": "a+"}}},
            HeaderMatch("x", StringMatch("regex", "a+")),
        ),
        ({"exact_match": "a"}, HeaderMatch("x", StringMatch("exact", "a"))),
        ({"safe_regex_match": {"regex": "a"}}, HeaderMatch("x", StringMatch("regex", "a"))),
        ({"present_match": True}, HeaderMatch("x", StringMatch("present"))),
        ({"present_match": False}, HeaderMatch("x", StringMatch("present"), invert=True)),
        (
            {"string_match": {"exact": "a"}, "invert_match": True},
            HeaderMatch("x", StringMatch("exact", "a"), invert=True),
        ),
        ({"range_match": {"start": "1"}}, HeaderMatch("x", StringMatch("range", "1..0"))),
    ],
)
def test_headers(header: dict[str, Any], expected: HeaderMatch) -> None:
    assert one(match={"prefix": "/", "headers": [{"name": "X", **header}]}).match.headers == (
        expected,
    )


def test_query_parameters_and_case() -> None:
    match = one(
        match={
            "prefix": "/a",
            "case_sensitive": False,
            "query_parameters": [
                {"name": "q", "string_match": {"exact": "1"}},
                {"name": "p", "present_match": True},
            ],
        }
    ).match
    assert match.query == (("p", StringMatch("present")), ("q", StringMatch("exact", "1")))
    assert match.ignore_case


def test_answers_of_the_proxys_own() -> None:
    (redirect, direct) = parse_routes(
        dump(
            {"match": {"prefix": "/"}, "redirect": {"path_redirect": "/x"}},
            {"match": {"prefix": "/"}, "direct_response": {"status": 418}},
        )
    )
    assert (redirect.terminal, direct.terminal) == ("redirect", "direct response")
    assert redirect.timeout_s is None


def test_rewrites_and_clusters_by_header() -> None:
    route = one(
        route={
            "cluster_header": "x-to",
            "prefix_rewrite": "/new",
            "host_rewrite_literal": "other",
            "regex_rewrite": {"pattern": {"regex": "^/a"}, "substitution": "/b"},
        }
    )
    assert route.rewrite == "prefix → /new, path ^/a → /b, host → other"
    assert (route.cluster_header, route.destinations) == ("x-to", ())
    assert route.timeout_s == 15.0


def test_a_grpc_abort_is_told_by_name() -> None:
    fault = {"abort": {"percentage": {"numerator": 5}, "grpc_status": 14}}
    route = one(typed_per_filter_config={"envoy.filters.http.fault": fault})
    assert route.fault == Fault(abort_grpc="UNAVAILABLE", abort_percent=5.0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (cluster("v1"), ClusterName(cluster("v1"), "outbound", 9080, "v1", HOST)),
        (
            f"outbound_.9080_.v1_.{HOST}",
            ClusterName(f"outbound_.9080_.v1_.{HOST}", "outbound", 9080, "v1", HOST),
        ),
        ("inbound|9080||", ClusterName("inbound|9080||", "inbound", 9080)),
        (
            f"inbound-vip|9080|http|{HOST}",
            ClusterName(f"inbound-vip|9080|http|{HOST}", "inbound-vip", 9080, "", HOST),
        ),
        (
            f"inbound-vip|9080|http/v1|{HOST}",
            ClusterName(f"inbound-vip|9080|http/v1|{HOST}", "inbound-vip", 9080, "v1", HOST),
        ),
        ("BlackHoleCluster", ClusterName("BlackHoleCluster")),
        ("a|b|c|d", ClusterName("a|b|c|d")),
        ("", ClusterName("")),
    ],
)
def test_cluster_names(name: str, expected: ClusterName) -> None:
    assert parse_cluster_name(name) == expected


def test_listeners() -> None:
    rds = {"typed_config": {"rds": {"route_config_name": "9080"}}}
    inline = {"typed_config": {"route_config": {"name": "inbound|9080||"}}}
    listener = {
        "name": "0.0.0.0_9080",
        "address": {"socket_address": {"address": "0.0.0.0", "port_value": 9080}},
        "filter_chains": [{"filters": [rds]}, {"filters": [rds, inline]}],
    }
    assert parse_listeners(
        {"configs": [{"name": "x", "active_state": {"listener": listener}}]}
    ) == (
        ProxyListener(
            "0.0.0.0_9080",
            "0.0.0.0",
            9080,
            ("9080", "inbound|9080||"),
            chains=(FilterChain(), FilterChain()),
        ),
    )


def test_endpoints_tell_health_and_ejection() -> None:
    def host(ip: str, **changed: Any) -> dict[str, Any]:
        return {
            "address": {"socket_address": {"address": ip, "port_value": 9080}},
            "stats": [
                {"name": "rq_total", "type": "COUNTER", "value": "12345678901"},
                {"name": "rq_error", "value": "3"},
                {"name": "rq_active", "type": "GAUGE"},
            ],
            "health_status": {"eds_health_status": "HEALTHY"},
            "weight": 1,
        } | changed

    ejected = {"eds_health_status": "HEALTHY", "failed_outlier_check": True}
    status = {
        "cluster_statuses": [
            {
                "name": cluster("v1"),
                "host_statuses": [
                    host("10.0.0.1"),
                    host("10.0.0.2", health_status=ejected),
                    host("10.0.0.3", health_status={"eds_health_status": "DRAINING"}),
                    host("x", address={"pipe": {"path": "/tmp/s"}}, health_status={}),
                ],
            },
            {"name": "xds-grpc"},
        ]
    }
    one, two, three, four = parse_endpoints(status)
    assert (one.cluster.subset, one.address, one.port) == ("v1", "10.0.0.1", 9080)
    assert (one.requests, one.errors, one.active) == (12345678901, 3, 0)
    assert (one.usable, two.usable, two.ejected) == (True, False, True)
    assert three.health == "draining"
    assert (four.address, four.health) == ("/tmp/s", "healthy")


def test_rejected_updates_are_added_up() -> None:
    text = (
        "cluster_manager.cds.update_rejected: 1\n"
        "http.outbound_0.0.0.0_9080;.rds.9080.update_rejected: 2\n"
        "listener_manager.lds.update_rejected: No recorded values\nnonsense\n"
    )
    assert count_rejected(text) == 3


def test_names_of_a_sidecars_route_tables() -> None:
    assert sidecar_route_names([9080, 80, 80]) == "(.*:)?(80|9080)"


KEYS = (
    *("configs", "route_config", "virtual_hosts", "routes", "match", "route", "name", "headers"),
    *("weighted_clusters", "clusters", "timeout", "retry_policy", "metadata", "filter_metadata"),
    *("istio", "config", "prefix", "weight", "cluster_statuses", "host_statuses", "address"),
    *("socket_address", "health_status", "stats"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS) | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_survived(value: Any) -> None:
    parse_routes(dump({"match": value, "route": value, "metadata": value, "name": value}))
    for parse in (parse_routes, parse_listeners, parse_endpoints):
        parse(value)
        parse({"configs": [value], "cluster_statuses": [value, {"host_statuses": [value]}]})
