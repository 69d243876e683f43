"""Proxies against the objects, case by case: what istiod sent is in sync, what is stale is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from meshtui.envoy.cluster_facts import cluster_differences
from meshtui.envoy.compare import ABSENT, IN_SYNC, OLD, compare_host
from meshtui.envoy.virtual_hosts import ProxyHost
from meshtui.mesh.resolution import VirtualHost, world
from meshtui.mesh.resolution.routes import reached
from tests.recorded.cases import GATEWAY, Case, all_names, load
from tests.recorded.mutations import stale
from tests.recorded.test_resolution import recorded_hosts, sidecar_host, view_of

CASES = [name for name in all_names() if not load(name).refused]
Both = tuple[VirtualHost, ProxyHost]


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return load(request.param)


def both(case: Case) -> Iterator[Both]:
    """Each virtual host as it is expected, and as the proxy of the recording had it."""
    for recorded in recorded_hosts(case):
        made = sidecar_host(view_of(case), recorded["route_config"], recorded["name"])
        assert made is not None
        yield made, proxy_host(recorded)
    if "gateway" in case.recorded:
        tables = world(case.mesh).view(GATEWAY).gateway_tables
        hosts = {(v.table, v.name): v for vhosts in tables.values() for v in vhosts}
        for recorded in case.recorded["gateway"]["routes"]:
            yield hosts[recorded["route_config"], recorded["name"]], proxy_host(recorded)


def proxy_host(recorded: dict[str, Any]) -> ProxyHost:
    return ProxyHost(
        recorded["route_config"],
        recorded["name"],
        tuple(recorded["domains"]),
        tuple(recorded.get("routes", ())),
        recorded.get("require_tls") == "ALL",
    )


def live(asked: VirtualHost) -> int:
    """How many of its routes a request can reach."""
    return len(reached(asked.routes))


def state(asked: VirtualHost, actual: ProxyHost) -> str:
    return compare_host(asked, actual).verdict().state


def test_what_was_recorded_is_in_sync(case: Case) -> None:
    for asked, actual in both(case):
        found = compare_host(asked, actual).verdict()
        assert found.differences == ()
        assert found.state == IN_SYNC


def test_no_stale_field_is_in_sync(case: Case) -> None:
    for asked, actual in both(case):
        for place in range(live(asked)):
            for what, other in stale(dict(actual.routes[place])):
                routes = (*actual.routes[:place], other, *actual.routes[place + 1 :])
                assert state(asked, replace(actual, routes=routes)) == OLD, (place, what)


def test_no_stale_list_of_routes_is_in_sync(case: Case) -> None:
    catch_all = {"match": {"prefix": "/"}, "route": {"cluster": "outbound|9080||elsewhere"}}
    narrow = {**catch_all, "match": {"prefix": "/only-in-the-proxy"}}
    for asked, actual in both(case):
        count, routes = live(asked), actual.routes
        others = [
            routes[:p] + routes[p + 1 :] for p in range(count) if routes[p] not in routes[p + 1 :]
        ]
        others += [(*routes[:p], catch_all, *routes[p:]) for p in range(count)]
        others += [(*routes[:p], narrow, *routes[p:]) for p in range(count)]
        others += [
            (*routes[:p], routes[p + 1], routes[p], *routes[p + 2 :])
            for p in range(count - 1)
            if routes[p] != routes[p + 1]
        ]
        for other in others:
            assert state(asked, replace(actual, routes=tuple(other))) in (OLD, ABSENT)


def test_a_host_that_is_gone_or_takes_only_tls_is_not_in_sync(case: Case) -> None:
    for asked, actual in both(case):
        turned = replace(actual, requires_tls=not actual.requires_tls)
        assert state(asked, turned) == OLD
        assert compare_host(asked, None).verdict().state == ABSENT
        assert compare_host(None, actual).verdict().state == OLD


class TestClusters:
    """The clusters of the recording against those that the objects make."""

    def test_recorded_ones_are_in_sync_and_stale_ones_are_not(self, case: Case) -> None:
        view = view_of(case)
        for raw in case.recorded["clusters"]:
            asked = view.reach(raw["name"]).cluster
            assert asked is not None
            assert cluster_differences(asked, raw) == ()
            for what, other in stale_clusters(raw):
                assert cluster_differences(asked, other), what


NOT_ISTIOS = (
    "enforcing_success_rate",
    "enforcing_local_origin_success_rate",
    "enforcing_consecutive_local_origin_failure",
)
"""What istiod always writes so, whatever the objects say."""


def stale_clusters(raw: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each limit altered, outlier detection turned on or off, another way of balancing."""
    (limits,) = raw["circuit_breakers"]["thresholds"]
    for key, value in limits.items():
        if isinstance(value, int):
            yield key, {**raw, "circuit_breakers": {"thresholds": [{**limits, key: value - 1}]}}
    outlier = raw.get("outlier_detection")
    yield "no ejection", {**raw, "outlier_detection": None if outlier else {"interval": "3s"}}
    for key, value in (outlier or {}).items():
        if key not in NOT_ISTIOS:
            other = "77s" if isinstance(value, str) else int(value) + 1
            yield key, {**raw, "outlier_detection": {**(outlier or {}), key: other}}
    yield "lb_policy", {**raw, "lb_policy": "MAGLEV" if raw.get("lb_policy") != "MAGLEV" else "X"}
    yield "timeout", {**raw, "connect_timeout": "77s"}
