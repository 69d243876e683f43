"""Resolution against what a real istiod made of the same objects, case by case."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from meshtui.mesh.request import Request
from meshtui.mesh.resolution import Resolution, Route, View, VirtualHost, world
from meshtui.mesh.resolution.requests import answering, takes
from meshtui.mesh.resolution.routes import reached
from tests.recorded.cases import GATEWAY, Case, all_names, load

Obj = dict[str, Any]

NOT_HELD = {
    "dele-timeout": "the API server refused an object, and nothing was recorded",
    "e-timeout-zero": "the API server refused an object, and nothing was recorded",
}
"""Cases whose recording can't be compared, with the reason."""

CASES = [name for name in all_names() if name not in NOT_HELD]
GROUND = (".default", ".istio-system")
"""Hosts that stood in the cluster beside the cases, and were not recorded."""


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return load(request.param)


def view_of(case: Case) -> View:
    return world(case.mesh).view(case.client)


def recorded_hosts(case: Case) -> list[Obj]:
    """Without those that Envoy had from before, where it refused the new routes."""
    return [] if case.recorded.get("envoy_refused") else case.recorded["routes"]


class TestVirtualHosts:
    def test_each_recorded_one_is_made_with_its_domains_and_routes(self, case: Case) -> None:
        view = view_of(case)
        for recorded in recorded_hosts(case):
            made = sidecar_host(view, recorded["route_config"], recorded["name"])
            assert made is not None, recorded["name"]
            assert sorted(made.domains) == sorted(recorded["domains"])
            assert [route.envoy for route in made.routes] == recorded["routes"]

    def test_no_rule_of_the_case_makes_another(self, case: Case) -> None:
        known = {(host["route_config"], host["name"]) for host in recorded_hosts(case)}
        known |= {("80", name) for name in case.recorded.get("same_routes_also_on_port_80", ())}
        view = view_of(case)
        for port in sorted({80, *world(case.mesh).shared.registry.ports}):
            table = view.table(port)
            for made in table.virtual_hosts() if table else ():
                ground = made.name.rpartition(f".svc.{case.domain}:")[0].endswith(GROUND)
                if not view.speaks_http(port) and ":" not in made.table:
                    continue
                if made.rulings and not ground and not case.recorded.get("envoy_refused"):
                    assert (made.table, made.name) in known

    def test_the_same_rules_stand_on_port_80(self, case: Case) -> None:
        view = view_of(case)
        for name in case.recorded.get("same_routes_also_on_port_80", ()):
            made = sidecar_host(view, "80", name)
            assert made is not None, name
            assert made.routes

    def test_those_that_a_sidecar_hides_are_gone(self, case: Case) -> None:
        for gone in case.recorded.get("virtual_hosts_gone", ()):
            table, _, name = gone.partition(" ")
            assert sidecar_host(view_of(case), table, name) is None


def sidecar_host(view: View, table: str, name: str) -> VirtualHost | None:
    host, _, port = name.rpartition(":")
    found = view.table(int(port))
    assert found is not None
    return found.sniffed(host) if ":" in table else found.virtual_host(host)


class TestClusters:
    def test_each_recorded_one_is_made_with_its_policy(self, case: Case) -> None:
        assert_clusters(view_of(case), case.recorded["clusters"])

    def test_those_that_a_sidecar_hides_are_gone(self, case: Case) -> None:
        for name in case.recorded.get("clusters_gone", ()):
            reach = view_of(case).reach(name)
            assert not reach.exists
            assert reach.missing

    def test_routes_to_clusters_that_are_not_there_say_why(self, case: Case) -> None:
        view = view_of(case)
        recorded = {cluster["name"] for cluster in case.recorded["clusters"]}
        hosts = {name.split("|")[3] for name in recorded}
        for vhost in recorded_hosts(case):
            for name in cluster_names(vhost["routes"]):
                reach = view.reach(name)
                if name.split("|")[3] in hosts:
                    assert reach.exists is (name in recorded), name
                assert reach.exists or reach.missing

    def test_the_endpoints_are_the_recorded_ones(self, case: Case) -> None:
        view = view_of(case)
        for name, recorded in case.recorded["endpoints"].items():
            found = view.reach(name).endpoints
            assert not found.unknown
            cluster = view.reach(name).cluster
            assert cluster is not None
            # a name is resolved by the proxy itself, and an address that callers choose is none
            made = [] if cluster.by_address else [str(endpoint) for endpoint in found.found]
            made = [entry.replace("localhost", "127.0.0.1") for entry in made]
            assert sorted(made) == sorted(recorded)


def cluster_names(routes: Iterable[Obj]) -> Iterable[str]:
    for route in routes:
        action = route.get("route", {})
        if "cluster" in action:
            yield action["cluster"]
        for entry in action.get("weighted_clusters", {}).get("clusters", ()):
            yield entry["name"]
        for mirror in action.get("request_mirror_policies", ()):
            yield mirror["cluster"]


def assert_clusters(view: View, recorded: list[Obj]) -> None:
    """Each is made as recorded, and of their hosts no other."""
    wanted = {cluster["name"]: cluster for cluster in recorded}
    made = {}
    for host in sorted({name.split("|")[3] for name in wanted}):
        made |= view.clusters(host)
    assert sorted(made) == sorted(wanted)
    for name, cluster in wanted.items():
        assert made[name].envoy == {key: cluster[key] for key in cluster if key not in DNS_DETAILS}


DNS_DETAILS = frozenset({"load_assignment", "dns_lookup_family"})
"""How a name is resolved, which endpoints are compared by."""


class TestGateway:
    def test_its_virtual_hosts_are_the_recorded_ones(self, case: Case) -> None:
        if "gateway" not in case.recorded:
            return
        view = world(case.mesh).view(GATEWAY)
        made = {}
        for vhosts in view.gateway_tables.values():
            made |= {(v.table, v.name): v for v in vhosts}
        recorded = {(v["route_config"], v["name"]): v for v in case.recorded["gateway"]["routes"]}
        made = {k: v for k, v in made.items() if v.domains != ("*",) or k in recorded}
        assert sorted(made) == sorted(recorded)
        for key, vhost in recorded.items():
            assert sorted(made[key].domains) == sorted(vhost["domains"])
            assert [route.envoy for route in made[key].routes] == vhost.get("routes", [])
            assert made[key].requires_tls is (vhost.get("require_tls") == "ALL")

    def test_its_clusters_are_the_recorded_ones(self, case: Case) -> None:
        if "gateway" in case.recorded:
            view = world(case.mesh).view(GATEWAY)
            assert_clusters(view, case.recorded["gateway"]["clusters"])

    def test_its_connections_go_where_they_were_recorded(self, case: Case) -> None:
        if "gateway" not in case.recorded:
            return
        view = world(case.mesh).view(GATEWAY)
        made = [as_recorded(chain) for door in view.doors.doors for chain in view.door_chains(door)]
        listeners = case.recorded["gateway"].get("listeners", ())
        assert made == [chain for listener in listeners for chain in tcp_chains(listener)]


class TestConnections:
    def test_go_where_they_were_recorded(self, case: Case) -> None:
        view = view_of(case)
        recorded = [
            chain for found in case.recorded.get("listeners", ()) for chain in tcp_chains(found)
        ]
        hosts = {name.split("|")[3] for chain in recorded for name in chain_clusters(chain)}
        made = []
        for host in view.shared.registry.hosts:
            for port in host.ports:
                if host.name in hosts:
                    made += [as_recorded(chain) for chain in view.chains(host.name, port.number)]
        assert sorted(made, key=str) == sorted(recorded, key=str)


def as_recorded(chain: Any) -> Obj:
    weighted = [{"name": t.cluster, "weight": t.weight} for t in chain.targets]
    single = len(chain.targets) == 1 and chain.targets[0].share == 1.0
    proxy = {"cluster": chain.targets[0].cluster} if single else {"clusters": weighted}
    return {"server_names": list(chain.server_names), **proxy}


def tcp_chains(listener: Obj) -> Iterable[Obj]:
    """The chains that are TCP and lead to a service."""
    for chain in listener["filter_chains"]:
        proxy = chain.get("tcp_proxy")
        if proxy and proxy.get("cluster") != "PassthroughCluster":
            names = (chain["match"] or {}).get("server_names", [])
            yield {"server_names": names, **proxy.get("weighted_clusters", proxy)}


def chain_clusters(chain: Obj) -> Iterable[str]:
    if "cluster" in chain:
        yield chain["cluster"]
    for entry in chain.get("clusters", ()):
        yield entry["name"]


class TestRequests:
    def test_each_takes_the_recorded_route_with_the_recorded_effect(self, case: Case) -> None:
        if case.recorded.get("envoy_refused"):
            return
        for recorded in case.recorded["requests"]:
            asked = recorded["request"]
            table, _, name = recorded["virtual_host"].partition(" ")
            vhosts = served(case, table, bool(asked.get("gateway")))
            request = request_of(case, asked)
            vhost = answering(vhosts, request)
            if vhost is None:
                assert name in ("allow_any", "block_all", "none"), recorded
                continue
            assert vhost.name == name
            taken = next((r for r in reached(vhost.routes) if takes(r, request).holds), None)
            index = vhost.routes.index(taken) if taken else None
            assert index == recorded["route"]
            assert effect(vhost, taken) == recorded["effect"]


def served(case: Case, table: str, gateway: bool) -> Sequence[VirtualHost]:
    if gateway:
        return world(case.mesh).view(GATEWAY).gateway_tables.get(table, ())
    mine = view_of(case).table(int(table))
    return mine.virtual_hosts() if mine else []


def request_of(case: Case, asked: Obj) -> Request:
    host = asked.get("host") or f"{case.recorded['service'].partition('.')[0]}:9080"
    return Request(
        method=asked.get("method", "GET"),
        path=asked.get("path", "/"),
        authority=host,
        headers=tuple(asked.get("headers", {}).items()),
    )


def effect(vhost: VirtualHost, route: Route | None) -> Any:
    if vhost.requires_tls:
        return "require_tls ALL: 301"
    if route is None:
        return "404"
    if route.targets:
        return weights(route)
    for kind, words in (("redirect", "redirect"), ("direct_response", "direct")):
        if kind in route.envoy:
            return f"{words} {json.dumps(route.envoy[kind], sort_keys=True)}"
    return "nothing"


def weights(route: Route) -> dict[str, int]:
    found: dict[str, int] = {}
    for target in route.targets:
        single = len(route.targets) + len(route.unused) == 1
        found[target.cluster] = found.get(target.cluster, 0) + (100 if single else target.weight)
    return found


def test_only_what_can_not_be_compared_is_left_out() -> None:
    assert {name for name in all_names() if load(name).refused} == set(NOT_HELD)


def test_every_case_is_resolved_without_an_error() -> None:
    """Also those that the API server or the webhook refuses: they may stand in an old cluster."""
    for name in all_names():
        case = load(name)
        view = world(case.mesh).view(case.client)
        for host in world(case.mesh).shared.registry.by_name:
            answer = view.resolve(host, 9080)
            assert isinstance(answer, Resolution)
            assert not answer.unread
