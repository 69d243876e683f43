"""Breakers, clusters and listeners as Envoy tells of them, in istioctl's columns."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.envoy.clusters import parse_configured
from meshtui.envoy.endpoints import parse_endpoints
from meshtui.envoy.listeners import FilterChain, parse_listeners
from meshtui.envoy.proxy import clusters_path, endpoints_path, sidecar_listener_names, stats_path
from meshtui.envoy.stats import Pressure, parse_stats, stats_filter
from meshtui.operations.proxies.proxy_reads import joined

HOST = "reviews.default.svc.cluster.local"
V1 = f"outbound|9080|v1|{HOST}"
BREAKER = "circuit_breakers.default"


def stats(**values: object) -> dict[str, Any]:
    """Statistics of the cluster of v1; `__` stands for a dot."""
    named = {f"cluster.{V1}.{key.replace('__', '.')}": value for key, value in values.items()}
    return {"stats": [{"name": name, "value": value} for name, value in named.items()]}


def test_gauges_and_overflows_of_a_cluster_whose_name_holds_dots_and_bars() -> None:
    document = stats(
        upstream_rq_active=12,
        upstream_cx_active=4,
        upstream_rq_pending_active=3,
        upstream_rq_pending_overflow=30,
        upstream_rq_active_overflow=1,
        upstream_cx_overflow=2,
        circuit_breakers__default__cx_open=1,
        circuit_breakers__default__rq_open=0,
    )
    found = parse_stats(document)[V1]
    assert found.active == {"requests": 12, "connections": 4, "pending": 3}
    assert found.overflows == {"pending": 30, "requests": 1, "connections": 2}
    assert (found.turned_away, found.open) == (31, ("connections",))


def test_what_is_not_kept_is_not_known_rather_than_none() -> None:
    assert parse_stats(stats(upstream_rq_active=0))[V1].turned_away is None
    assert parse_stats(stats(upstream_rq_pending_overflow=0))[V1].turned_away == 0
    assert parse_stats({"stats": []}) == {}


def test_a_name_that_ends_with_istiods_delimiter_is_the_clusters() -> None:
    entry = {"name": f"cluster.{V1};.upstream_rq_active", "value": 5}
    assert parse_stats({"stats": [entry]}) == {V1: Pressure({"requests": 5})}


@pytest.mark.parametrize("value", [-1, "7", None, True, 1e300, float("nan"), [], {}])
def test_a_value_that_is_no_count_is_left_out(value: object) -> None:
    assert parse_stats(stats(upstream_rq_active=value)) == {}


def test_statistics_are_asked_for_by_the_name_of_the_cluster_and_of_the_kind() -> None:
    wanted = re.compile(stats_filter([V1]))
    assert wanted.search(f"cluster.{V1}.upstream_rq_active")
    assert wanted.search(f"cluster.{V1};.{BREAKER}.rq_open")
    assert not wanted.search(f"cluster.{V1}.upstream_rq_total")
    assert not wanted.search("cluster.outbound|9080|v1|other.upstream_rq_active")
    assert "usedonly" not in stats_path([V1])
    assert stats_path().startswith("/stats?usedonly&format=json&filter=")
    assert len(stats_path(f"{V1}{n}" for n in range(5000))) < 1000


def test_clusters_in_istioctls_columns() -> None:
    rule = "/apis/networking.istio.io/v1/namespaces/default/destination-rule/reviews"
    v1 = {
        "name": V1,
        "type": "EDS",
        "alt_stat_name": "reviews_v1",
        "circuit_breakers": {"thresholds": [{"max_connections": 100, "max_requests": 50}]},
        "outlier_detection": {"consecutive_5xx": 3, "base_ejection_time": "30s"},
        "metadata": {"filter_metadata": {"istio": {"config": rule}}},
    }
    dump = {"configs": [{"cluster": v1}, {"cluster": {"name": "BlackHoleCluster"}}, 3, {}]}
    black_hole, found = parse_configured(dump)
    assert (black_hole.limits.name.raw, black_hole.type) == ("BlackHoleCluster", "STATIC")
    assert found.limits.name.subset == "v1"
    assert (found.type, found.stat_name) == ("EDS", "reviews_v1")
    assert found.destination_rule == ("default", "reviews")
    assert found.limits.thresholds["max_requests"] == 50
    assert found.limits.outlier == {"consecutive_5xx": 3, "base_ejection_time": 30}


@pytest.mark.parametrize(
    ("named", "counted"),
    [(None, V1), (V1, V1), (f"{V1};", f"{V1};"), ("reviews_v1", "reviews_v1")],
)
def test_a_clusters_statistics_are_found_by_its_own_name_for_them(
    named: str | None, counted: str
) -> None:
    """A newer istiod names them apart from the cluster, with a delimiter at the end."""
    cluster = {"name": V1, **({"alt_stat_name": named} if named else {})}
    configured = parse_configured({"configs": [{"cluster": cluster}]})
    entry = {"name": f"cluster.{counted}.upstream_rq_pending_overflow", "value": 7}
    assert re.search(stats_filter([configured[0].stat_name]), str(entry["name"]))
    (seen,) = joined(configured, parse_stats({"stats": [entry]}))
    assert seen.pressure is not None
    assert seen.pressure.turned_away == 7


def test_warming_clusters_of_a_whole_dump_take_no_traffic_yet() -> None:
    entry = {"cluster": {"name": V1}}
    warming = {"cluster": {"name": "outbound|80||warming"}}
    whole = {
        "configs": [{"dynamic_active_clusters": [entry], "dynamic_warming_clusters": [warming]}]
    }
    assert [found.limits.name.raw for found in parse_configured(whole)] == [V1]


def test_endpoints_with_what_is_under_way_and_where_they_are() -> None:
    host = {
        "address": {"socket_address": {"address": "10.0.0.1", "port_value": 9080}},
        "stats": [
            {"name": "cx_active", "type": "GAUGE", "value": "4"},
            {"name": "rq_pending_active", "type": "GAUGE", "value": "2"},
        ],
        "weight": 7,
        "priority": 1,
        "locality": {"region": "eu", "zone": "eu-1"},
    }
    older = {"address": {"socket_address": {"address": "10.0.0.2"}}, "locality": "x"}
    status = {"cluster_statuses": [{"name": V1, "host_statuses": [host, older]}]}
    one, two = parse_endpoints(status)
    assert (one.connections, one.pending, one.weight, one.priority) == (4, 2, 7, 1)
    assert (one.locality, two.locality, two.pending) == ("eu/eu-1", "", None)


MANAGER = "type.googleapis.com/x.v3.HttpConnectionManager"
TCP = "type.googleapis.com/x.v3.TcpProxy"


def chain(typed: dict[str, Any], **match: Any) -> dict[str, Any]:
    return {"filter_chain_match": match, "filters": [{"typed_config": typed}]}


def inline(*domains: str) -> dict[str, Any]:
    route = {"match": {"prefix": "/"}, "route": {"cluster": "inbound|9080||"}}
    hosts = {"virtual_hosts": [{"domains": list(domains), "routes": [route]}]}
    return {"@type": MANAGER, "route_config": hosts}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            chain({"@type": MANAGER, "rds": {"route_config_name": "9080"}}),
            FilterChain("ALL", "Route: 9080"),
        ),
        (
            chain({"@type": TCP, "cluster": "PassthroughCluster"}, destination_port=15001),
            FilterChain("Addr: *:15001", "PassthroughCluster"),
        ),
        (
            chain(
                {"@type": TCP, "cluster": V1},
                prefix_ranges=[{"address_prefix": "10.0.0.1", "prefix_len": 32}],
                destination_port=80,
            ),
            FilterChain("Addr: 10.0.0.1/32:80", f"Cluster: {V1}"),
        ),
        (
            chain(inline("*"), transport_protocol="tls", application_protocols=["istio", "x"]),
            FilterChain("Trans: tls; App: istio,x", "Cluster: inbound|9080||"),
        ),
        (
            chain(inline("a", "b"), server_names=["one", "two"]),
            FilterChain("SNI: one,two", "Inline Route: a/b"),
        ),
        (
            chain({}, application_protocols=["http/1.0", "http/1.1", "h2c"]),
            FilterChain("App: HTTP", "Non-HTTP/Non-TCP"),
        ),
    ],
)
def test_filter_chains_in_istioctls_words(raw: dict[str, Any], expected: FilterChain) -> None:
    listener = {"name": "x", "filter_chains": [raw], "traffic_direction": "OUTBOUND"}
    (found,) = parse_listeners({"configs": [{"active_state": {"listener": listener}}]})
    assert (found.chains, found.direction) == ((expected,), "outbound")


def test_questions_are_about_one_host() -> None:
    assert clusters_path(HOST).endswith("%5C%7Creviews%5C.default%5C.svc%5C.cluster%5C.local")
    assert "mask=cluster.name,cluster.alt_stat_name" in clusters_path(HOST)
    assert "name_regex" not in clusters_path()
    assert endpoints_path(HOST).startswith(
        "/clusters?format=json&filter=%5E%28outbound%7Cinbound-vip%29"
    )
    assert endpoints_path() == "/clusters?format=json"
    assert re.fullmatch(sidecar_listener_names([9080]), "10.96.0.1_9080")


KEYS = (
    *("configs", "cluster", "name", "stats", "value", "metadata", "listener", "active_state"),
    *("filter_chains", "filters", "typed_config", "locality"),
)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(KEYS),
                inner,
                max_size=3,
            )
        ),
        max_leaves=15,
    )
)
def test_any_json_is_survived(value: Any) -> None:
    for parse in (parse_stats, parse_configured, parse_listeners, parse_endpoints):
        parse(value)
        parse({"configs": [{"cluster": value, "listener": value}], "stats": [value]})
