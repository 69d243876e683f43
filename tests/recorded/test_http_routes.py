"""HTTPRoutes and GRPCRoutes of the mesh against what a real istiod made of them, case by case."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.envoy.agree import agreement
from meshtui.envoy.trace import trace as follow
from meshtui.envoy.virtual_hosts import parse_tables
from meshtui.mesh.request import Request
from meshtui.mesh.resolution import Client, world
from meshtui.mesh.trace import Caller, trace
from tests.recorded.cases import CLIENT_LABELS, Case, load, names
from tests.recorded.test_trace import recorded_shares, shares

Obj = dict[str, Any]

OTHER_KINDS = "their connections are in test_connections"
NOT_HELD = {
    name: OTHER_KINDS
    for name in names("gateway-api")
    if name.startswith("m-")
    and any(obj["kind"] in ("TCPRoute", "TLSRoute") for obj in load(name, "gateway-api").objects)
}
"""Cases that can't be compared, with the reason."""

GROUND = "gate-istio."
"""The Service of the gateway, which istiod makes and no case holds."""

CASES = [name for name in names("gateway-api") if name.startswith("m-") and name not in NOT_HELD]


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return load(request.param, "gateway-api")


def test_each_client_has_the_recorded_virtual_hosts(case: Case) -> None:
    for namespace, recorded in case.recorded["proxies"].items():
        if namespace not in ("gw-a", "gw-b"):
            continue
        view = world(case.mesh).view(Client(namespace, CLIENT_LABELS))
        for vhost in recorded["routes"]:
            host, _, port = vhost["route_config"].rpartition(":")
            name = vhost["name"].rpartition(":")[0]
            table = view.table(int(port))
            assert table is not None
            made = table.sniffed(host) if host else table.virtual_host(name)
            if vhost["name"] == "(none)":
                assert made is None
                continue
            if name.startswith(GROUND):
                continue
            assert made is not None, vhost["name"]
            assert sorted(made.domains) == sorted(vhost["domains"])
            assert [route.envoy for route in made.routes] == vhost["routes"], namespace


def test_each_client_has_the_recorded_clusters(case: Case) -> None:
    for namespace, recorded in case.recorded["proxies"].items():
        if namespace in ("gw-a", "gw-b"):
            view = world(case.mesh).view(Client(namespace, CLIENT_LABELS))
            for cluster in recorded["clusters"]:
                found = view.reach(cluster["name"]).cluster
                assert found is not None, cluster["name"]
                assert found.envoy == cluster


# Requests

ALLOW_ANY: Obj = {
    "name": "allow_any",
    "domains": ["*"],
    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "PassthroughCluster"}}],
}


def asked_of(case: Case) -> list[Obj]:
    """What clients in the mesh really requested over HTTP, with the route that took it."""
    return [
        found
        for found in case.recorded["requests"]
        if found["request"].get("who") in ("gw-a", "gw-b") and "virtual_host" in found
    ]


def dump_of(case: Case, namespace: str) -> Obj:
    """The recorded routes of a client, as a config dump has them."""
    tables: dict[str, list[Obj]] = {}
    for vhost in case.recorded["proxies"][namespace]["routes"]:
        if vhost["name"] != "(none)":
            tables.setdefault(vhost["route_config"], []).append(vhost)
    return {
        "configs": [
            {
                "route_config": {
                    "name": name,
                    "ignore_port_in_host_matching": True,
                    "virtual_hosts": [*vhosts, *([] if ":" in name else [ALLOW_ANY])],
                }
            }
            for name, vhosts in tables.items()
        ]
    }


def test_each_recorded_request_goes_where_it_went(case: Case) -> None:
    for found in asked_of(case):
        asked, effect = found["request"], found["effect"]
        table, _, name = str(found["virtual_host"]).partition(" ")
        host, _, port = name.rpartition(":")
        request = Request(
            method=asked.get("method", "GET"),
            path=asked.get("path", "/"),
            authority=f"{host}:{port}",
            headers=tuple(asked.get("headers", {}).items()),
        )
        client = Client(asked["who"], CLIENT_LABELS)
        intent = trace(case.mesh, request, Caller(client, int(port), host))
        tables = parse_tables(dump_of(case, asked["who"]))
        actual = follow(tables, request, gateway=False, table=table)
        assert intent.sure, intent
        if isinstance(effect, dict):
            assert shares(intent) == shares(actual.decision) == recorded_shares(effect), asked
        elif effect == "404":
            assert intent.taken is None and actual.decision.taken is None
        else:
            assert intent.effects.answer == actual.decision.effects.answer != ""
        assert agreement(intent, actual) == (True, ()), asked
        mirrors = sorted((to.host, to.percent) for to in intent.effects.mirrors)
        assert mirrors == sorted((to.host, to.percent) for to in actual.decision.effects.mirrors)
        assert intent.effects.timeout_s == actual.decision.effects.timeout_s


def test_requests_are_compared_in_most_cases() -> None:
    counts = [len(asked_of(load(name, "gateway-api"))) for name in CASES]
    assert sum(counts) > 60 and sum(map(bool, counts)) > len(CASES) // 2
