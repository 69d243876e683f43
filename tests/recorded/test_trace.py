"""Trace against what real requests did in the recorded meshes: by the objects and by the proxy."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from meshtui.envoy.agree import agreement
from meshtui.envoy.listeners import ProxyListener, parse_listeners
from meshtui.envoy.trace import Followed
from meshtui.envoy.trace import trace as follow
from meshtui.envoy.trace_connections import trace_connection
from meshtui.envoy.virtual_hosts import RouteTable, parse_tables
from meshtui.mesh.decision import Decision
from meshtui.mesh.request import Request
from meshtui.mesh.trace import Caller, trace
from tests.recorded.cases import GATEWAY, Case, all_names, load

Obj = dict[str, Any]

NOT_HELD = {
    name: "the API server refused an object, and nothing was recorded"
    for name in all_names()
    if load(name).refused
} | {
    name: "the client's Envoy refused the routes and kept those it had before"
    for name in all_names()
    if load(name).recorded.get("envoy_refused")
}
"""Cases that can't be compared, with the reason."""

CASES = [name for name in all_names() if name not in NOT_HELD]


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return load(request.param)


def caller_of(case: Case, asked: Obj) -> Caller:
    if asked.get("gateway"):
        return Caller(GATEWAY, asked.get("port", 8080))
    name, _, namespace = asked.get("to", case.recorded["service"]).partition(".")
    named = "host" in asked and "to" not in asked
    host = "" if named else case.host(f"{name}.{namespace}")
    return Caller(case.client, asked.get("port", 9080), host)


def request_of(case: Case, asked: Obj) -> Request:
    host = asked.get("host") or f"{case.recorded['service'].partition('.')[0]}:9080"
    return Request(
        method=asked.get("method", "GET"),
        path=asked.get("path", "/"),
        authority=host,
        headers=tuple(asked.get("headers", {}).items()),
    )


def shares(found: Decision) -> dict[str, float]:
    """Each cluster with its part of the requests."""
    sums: dict[str, float] = {}
    for to in found.effects.destinations:
        cluster = to.cluster or f"outbound|{to.port}|{to.subset}|{to.host}"
        sums[cluster] = sums.get(cluster, 0.0) + to.percent
    return {cluster: round(percent, 3) for cluster, percent in sums.items()}


def recorded_shares(effect: dict[str, int]) -> dict[str, float]:
    total = sum(effect.values())
    return {cluster: round(100 * weight / total, 3) for cluster, weight in effect.items()}


def assert_effect(found: Decision, recorded: Any) -> None:
    if isinstance(recorded, dict):
        assert shares(found) == recorded_shares(recorded)
    elif recorded == "404":
        assert found.taken is None
        assert any("404 (NR)" in note for note in found.notes)
    elif recorded.startswith("require_tls"):
        assert found.effects.answer == "redirects with 301 to scheme https"
    else:
        word, _, text = recorded.partition(" ")
        envoy = found.route.envoy if found.route else {}
        key = {"redirect": "redirect", "direct": "direct_response"}[word]
        if found.host == BLOCK_ALL["name"]:
            envoy = BLOCK_ALL["routes"][0]
        assert envoy[key] == json.loads(text)
        assert found.effects.answer


class TestByTheObjects:
    def test_each_recorded_request_goes_where_it_went(self, case: Case) -> None:
        for recorded in case.recorded["requests"]:
            asked = recorded["request"]
            found = trace(case.mesh, request_of(case, asked), caller_of(case, asked))
            assert found.sure, found
            assert_effect(found, recorded["effect"])
            table, _, name = recorded["virtual_host"].partition(" ")
            if found.taken is not None:
                assert found.host in {name, name.rpartition(":")[0], *domains(case, asked, name)}
            assert found.table in (table, own_table(case, asked))
            assert_live(found, recorded.get("live") or {})


def domains(case: Case, asked: Obj, name: str) -> Iterable[str]:
    """Those of a recorded virtual host of the gateway, which may have several."""
    if asked.get("gateway"):
        for vhost in case.recorded["gateway"]["routes"]:
            if vhost["name"] == name:
                yield from vhost["domains"]


def own_table(case: Case, asked: Obj) -> str:
    """The table of a service whose port says no protocol, by the recorded listeners."""
    name = f"{case.host(str(asked.get('to')))}:{asked.get('port', 9080)}"
    for listener in case.recorded.get("listeners", ()):
        if name in [chain.get("http") for chain in listener["filter_chains"]]:
            return name
    return ""


def assert_live(found: Decision, live: Obj) -> None:
    """What the request really got does not contradict what trace says of it."""
    flags = str(live.get("flags") or "-").split(",")
    missing = [note for note in found.notes if "(NC)" in note]
    if "NC" in flags:
        assert missing
    if "NR" in flags:
        assert found.taken is None
    if live.get("route") and found.route is not None and found.route.name != "default":
        assert (live["route"] == "-" and not found.route.name) or live["route"] == found.route.name
    if live.get("cluster") and str(live["cluster"]).startswith("outbound"):
        assert live["cluster"] in shares(found)


ALLOW_ANY: Obj = {
    "name": "allow_any",
    "domains": ["*"],
    "routes": [
        {
            "name": "allow_any",
            "match": {"prefix": "/"},
            "route": {"cluster": "PassthroughCluster", "timeout": "0s"},
        }
    ],
}
"""Istio's own virtual host, which stands in each table of a sidecar and was not recorded."""

BLOCK_ALL: Obj = {
    "name": "block_all",
    "domains": ["*"],
    "routes": [{"name": "block_all", "match": {"prefix": "/"}, "direct_response": {"status": 502}}],
}
"""The same where only what is registered may be called."""


def tables_of(case: Case, gateway: bool) -> tuple[RouteTable, ...]:
    """The recorded routes, read as a config dump has them."""
    found: dict[str, list[Obj]] = {} if gateway else {"9080": [], "80": []}
    routes = case.recorded["gateway"]["routes"] if gateway else case.recorded["routes"]
    for vhost in routes:
        found.setdefault(vhost["route_config"], []).append(vhost)
    rest = BLOCK_ALL if case.recorded.get("outbound") == "REGISTRY_ONLY" else ALLOW_ANY
    dump = [
        {
            "route_config": {
                "name": name,
                "ignore_port_in_host_matching": True,
                "virtual_hosts": [*vhosts, *(() if gateway or ":" in name else (rest,))],
            }
        }
        for name, vhosts in found.items()
    ]
    return parse_tables({"configs": dump})


class TestByTheProxy:
    def test_each_recorded_request_goes_where_it_went(self, case: Case) -> None:
        for recorded in in_recorded_hosts(case):
            asked = recorded["request"]
            followed = follow_recorded(case, asked)
            found = followed.decision
            assert found.sure, found
            name = recorded["virtual_host"].partition(" ")[2]
            if found.taken is not None:
                assert found.host == name
            if isinstance(recorded["effect"], dict):
                assert shares(found) == recorded_shares(recorded["effect"])
            elif recorded["effect"] == "404":
                assert found.taken is None
            else:
                assert found.effects.answer
            if recorded["route"] is not None and "require_tls" not in recorded["effect"]:
                assert len(found.above) == recorded["route"]

    def test_it_agrees_with_the_objects(self, case: Case) -> None:
        for asked in [r["request"] for r in in_recorded_hosts(case)] + more_requests(case):
            intent = trace(case.mesh, request_of(case, asked), caller_of(case, asked))
            agrees, differences = agreement(intent, follow_recorded(case, asked, intent.table))
            assert agrees, (asked, differences)


NOT_RECORDED = "http.8080 *:8080"
"""The virtual host of the Bookinfo that stood beside the cases at the gateway."""


def in_recorded_hosts(case: Case) -> list[Obj]:
    return [r for r in case.recorded["requests"] if r["virtual_host"] != NOT_RECORDED]


def follow_recorded(case: Case, asked: Obj, table: str = "") -> Followed:
    gateway, port = bool(asked.get("gateway")), asked.get("port", 9080)
    request = request_of(case, asked)
    if not gateway:
        table = table or own_table(case, asked) or str(port)
    elif not table:
        table = f"http.{asked.get('port', 8080)}"
    return follow(tables_of(case, gateway), request, gateway=gateway, table=table)


def more_requests(case: Case) -> list[Obj]:
    """Three for each case: another path, another method, and headers that its rules ask for."""
    hosts = [r["request"] for r in in_recorded_hosts(case)] or [{}]
    first = {k: v for k, v in hosts[0].items() if k in ("host", "port", "to", "gateway")}
    asked = sorted({name for obj in case.objects for name in header_names(obj)})
    paths = sorted({path for obj in case.objects for path in uri_paths(obj)})
    return [
        {**first, "path": (paths or ["/nowhere"])[-1] + "/deeper?x=1"},
        {**first, "path": (paths or ["/"])[0], "method": "POST"},
        {**first, "headers": dict.fromkeys(asked, "1")},
    ]


def header_names(obj: Obj) -> Iterable[str]:
    for rule in obj.get("spec", {}).get("http", ()):
        for match in rule.get("match", ()):
            yield from (*match.get("headers", {}), *match.get("withoutHeaders", {}))


def uri_paths(obj: Obj) -> Iterable[str]:
    for rule in obj.get("spec", {}).get("http", ()):
        for match in rule.get("match", ()):
            yield from (path for path in match.get("uri", {}).values() if path.startswith("/"))


CONNECTIONS = {
    "tcp-http-rule-on-tcp": ("raw.or-a", 9090, "http"),
    "tcp-match-port": ("raw.or-a", 9090, "http"),
    "tls-sni": ("sec.or-a.test", 443, "https"),
    "tls-sni-other": ("other.or-a.test", 443, "https"),
}
"""Cases with listeners that pass connections on: the name, the port and the scheme to ask for."""


class TestConnections:
    @pytest.mark.parametrize("name", CONNECTIONS)
    def test_go_where_the_recorded_listeners_send_them(self, name: str) -> None:
        case = load(name)
        host, port, scheme = CONNECTIONS[name]
        request = Request(authority=f"{host}:{port}", scheme=scheme)
        called = "sec.or-a.test" if scheme == "https" else ""
        intent = trace(case.mesh, request, Caller(case.client, port, called))
        addresses = [listener["name"].rpartition("_")[0] for listener in case.recorded["listeners"]]
        followed = trace_connection(listeners_of(case), request, port, addresses)
        assert shares(followed.decision)
        assert agreement(intent, followed) == (True, ()), intent

    def test_what_no_listener_is_for_is_up_to_the_outbound_policy(self) -> None:
        case = load("tcp-match-port")
        request = Request(authority="raw.or-a:7777")
        intent = trace(case.mesh, request, Caller(case.client, 7777))
        followed = trace_connection(listeners_of(case), request, 7777, ())
        assert shares(followed.decision) == {"PassthroughCluster": 100}
        assert agreement(intent, followed) == (True, ())


def listeners_of(case: Case) -> tuple[ProxyListener, ...]:
    """The recorded listeners as a config dump has them, and Istio's own for what is left."""
    rest: Obj = {
        "name": "virtualOutbound",
        "filter_chains": [{"match": None, "tcp_proxy": {"cluster": "PassthroughCluster"}}],
    }
    made = []
    for recorded in (*case.recorded["listeners"], rest):
        address, _, port = recorded["name"].rpartition("_")
        socket = {"address": address or "0.0.0.0", "port_value": int(port) if address else 15001}
        listener = {
            "name": recorded["name"],
            "address": {"socket_address": socket},
            "filter_chains": [
                {
                    "filter_chain_match": chain["match"] or {},
                    "filters": [{"typed_config": {"@type": TCP_PROXY, **chain["tcp_proxy"]}}],
                }
                for chain in recorded["filter_chains"]
            ],
        }
        made.append({"active_state": {"listener": listener}})
    return parse_listeners({"configs": [{"dynamic_listeners": made}]})


TCP_PROXY = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
