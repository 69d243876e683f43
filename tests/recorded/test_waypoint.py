"""Waypoints: what the resolution of a caller in the mesh says of what a real one was sent.

A waypoint's clusters and tables have names of their own; what they hold is what its namespace's
callers are told by the same rules. `NOT_HELD` names the cases in which a waypoint does otherwise.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from meshtui.mesh.resolution import Client, View, world
from tests.recorded.cases import Case, load, names

Obj = dict[str, Any]
NOT_HELD = {
    "w-consumer": "nothing changes at a waypoint, and a caller in the mesh would have the route",
    "w-httproute-and-vs": "a waypoint has both, HTTPRoutes first; a caller has one of them",
    "w-httproute-part-and-vs": "a waypoint has both, HTTPRoutes first; a caller has one of them",
    "w-opt-out": "nothing was sent for a Service that opts out; that is the waypoint's own choice",
    "w-tcp": "TCPRoutes are not resolved yet",
    "w-vs-other-ns": "a waypoint ignores it, and a caller in the mesh would have it",
}
ELSEWHERE = frozenset({("w-vs-gateways", "inbound-vip|9070|http|two.gw-w.svc.cluster.local")})
"""Here a destination without a port takes its service's only port, the listener's in the mesh."""

CASES = [name for name in names("waypoint") if name not in NOT_HELD]
WAYPOINT = re.compile(r"inbound-vip\|(\d+)\|(?:http|tcp)(?:/([^|]*))?\|(.*)")


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return load(request.param, "waypoint")


def view_of(case: Case) -> View:
    return world(case.mesh).view(Client("gw-w"))


def as_a_caller(value: Any) -> Any:
    """With clusters as callers in the mesh call them."""
    if isinstance(value, dict):
        return {key: as_a_caller(part) for key, part in value.items()}
    if isinstance(value, list):
        return [as_a_caller(part) for part in value]
    found = WAYPOINT.fullmatch(value) if isinstance(value, str) else None
    return f"outbound|{found[1]}|{found[2] or ''}|{found[3]}" if found else value


def test_a_waypoints_routes_are_those_of_its_services(case: Case) -> None:
    for name, chain in case.recorded["filter_chains"].items():
        found = WAYPOINT.fullmatch(name)
        if found is None or "route_config" not in chain or (case.name, name) in ELSEWHERE:
            continue
        table = view_of(case).table(int(found[1]))
        assert table is not None
        made = table.virtual_host(found[3]) or table.sniffed(found[3])
        assert made is not None, name
        (vhost,) = chain["route_config"]["virtual_hosts"]
        assert [route.envoy for route in made.routes] == as_a_caller(vhost["routes"]), name


def test_its_clusters_have_the_policies_and_endpoints_of_its_services(case: Case) -> None:
    view = view_of(case)
    for name, recorded in case.recorded["clusters"].items():
        reach = view.reach(as_a_caller(name))
        assert reach.cluster is not None, name
        for fact in ("lb_policy", "circuit_breakers", "outlier_detection"):
            assert reach.cluster.envoy.get(fact) == recorded.get(fact), (name, fact)
    for name, recorded in case.recorded["endpoints"].items():
        found = [str(endpoint) for endpoint in view.reach(as_a_caller(name)).endpoints.found]
        assert sorted(found) == sorted(recorded), name


def test_only_known_cases_are_left_out() -> None:
    assert len(names("waypoint")) == 18
    assert set(NOT_HELD) < set(names("waypoint"))
