"""TCP and TLS rules against what a real istiod gave the clients: chains, verdicts, verbs."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from meshtui.canary.route import find_route
from meshtui.changes.adopt import adopt
from meshtui.changes.blast import blast_radius
from meshtui.changes.build import build_change
from meshtui.changes.change import (
    Change,
    ClearAll,
    Promote,
    Rollback,
    RuleRequest,
    SetFault,
    SetMirror,
    SetTimeout,
    Shift,
    Target,
)
from meshtui.changes.consequences import consequences
from meshtui.changes.patch import apply
from meshtui.changes.stream_rules import open_connections
from meshtui.diagnosis.analysis import analyze
from meshtui.envoy.agree import agreement
from meshtui.envoy.compare import ABSENT, IN_SYNC, OLD
from meshtui.envoy.compare_chains import (
    compare_port,
    refused_listeners,
    unanswered_ends,
    unreachable_ends,
)
from meshtui.envoy.listeners import ProxyListener, parse_listeners
from meshtui.envoy.trace_connections import trace_connection
from meshtui.errors import Refused
from meshtui.mesh.carrying import ordinary, traffic_to
from meshtui.mesh.model import Mesh, ServiceKey, VirtualService
from meshtui.mesh.request import Request
from meshtui.mesh.resolution import Client, View, world
from meshtui.mesh.touched_ports import PortChains, TouchedPort, ports_of, touched_ports
from meshtui.mesh.trace import Caller, trace
from meshtui.mesh.view import service_views
from meshtui.operations.change.written_objects import mesh_after
from tests.recorded.cases import CLIENT_LABELS, GATEWAY, Case, load, names
from tests.recorded.test_http_routes_at_gateways import GATE
from tests.recorded.test_resolution import tcp_chains

Obj = dict[str, Any]
SPACE = "st-a"
CLIENTS = {
    "client": Client(SPACE, {"app": "client", "version": "v1"}),
    "raw-v1": Client(SPACE, {"app": "raw", "version": "v1"}),
}
STREAMS = names("streams")
RAW = ServiceKey(SPACE, "raw")
TCP_PROXY = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"


def of(name: str) -> Case:
    return load(name, "streams")


def listeners_of(dump: list[Obj]) -> tuple[ProxyListener, ...]:
    return parse_listeners({"configs": [{"dynamic_listeners": dump}]})


def ports(view: View) -> list[PortChains]:
    """All ports of the case's own hosts on which connections are passed on."""
    hosts = [h.name for h in view.shared.registry.hosts if h.namespace == view.client.namespace]
    return list(ports_of(view, hosts))


@pytest.mark.parametrize("who", CLIENTS)
@pytest.mark.parametrize("name", STREAMS)
def test_the_recorded_listeners_are_in_sync(name: str, who: str) -> None:
    case = of(name)
    listeners = listeners_of(case.recorded["proxies"][who])
    found = ports(world(case.mesh).view(CLIENTS[who]))
    assert found
    for port in found:
        assert compare_port(TouchedPort(port, port), listeners).differences == (), port.title


CORPUS = [(name, folder) for folder in ("istio", "composed") for name in names(folder)]


@pytest.mark.parametrize(("name", "folder"), CORPUS)
def test_the_corpus_s_listeners_are_in_sync(name: str, folder: str) -> None:
    case = load(name, folder)
    listeners = listeners_of([as_dumped(one) for one in case.recorded.get("listeners") or ()])
    assert_in_sync(world(case.mesh).view(case.client), listeners, hosts_behind(listeners))


ROUTES = [
    name
    for name in names("gateway-api")
    if name.startswith(("c-", "m-tcp", "m-tls", "m-vs-tcp")) and not name.endswith("on-http")
]


@pytest.mark.parametrize("name", ROUTES)
def test_the_listeners_of_routes_of_connections_are_in_sync(name: str) -> None:
    """VirtualServices beside TCPRoutes and TLSRoutes, by callers of two namespaces."""
    case = load(name, "gateway-api")
    asked = [one["request"] for one in case.recorded["requests"] if one["request"].get("tcp")]
    assert asked
    for request in asked:
        recorded = case.recorded["proxies"][request["who"]]["listeners"]
        view = world(case.mesh).view(Client(request["who"], CLIENT_LABELS))
        found = ports_of(view, [f"{request['to']}.svc.cluster.local"])
        (port,) = (one for one in found if one.port == request["port"])
        for listener in listeners_of([as_dumped(one) for one in recorded]):
            there = replace(port, addresses=(listener.address,))
            assert compare_port(TouchedPort(there, there), (listener,)).differences == ()


@pytest.mark.parametrize(("name", "listener"), {"g-tcp-two": 9000, "g-tls-pass": 9443}.items())
def test_the_listeners_of_gateways_are_in_sync(name: str, listener: int) -> None:
    case = load(name, "gateway-api")
    recorded = [as_dumped(one) for one in case.recorded["proxies"]["gate"]["listeners"]]
    found = [port for port in ports_of(world(case.mesh).view(GATE), ()) if port.chains]
    assert [port.port for port in found] == [listener]
    for port in found:
        verdict = compare_port(TouchedPort(port, port), listeners_of(recorded))
        assert verdict.differences == ()


EDGES = [
    name
    for name in names("istio")
    if any(map(list, map(tcp_chains, load(name).recorded.get("gateway", {}).get("listeners", ()))))
]


@pytest.mark.parametrize("name", EDGES)
def test_the_listeners_of_istio_s_gateways_are_in_sync(name: str) -> None:
    case = load(name)
    listeners = listeners_of([as_dumped(one) for one in case.recorded["gateway"]["listeners"]])
    found = [port for port in ports_of(world(case.mesh).view(GATEWAY), ()) if port.chains]
    assert found
    for port in found:
        assert compare_port(TouchedPort(port, port), listeners).differences == ()


def test_a_shift_at_a_gateway_touches_its_listener() -> None:
    case = load("gw-tcp")
    service = next(s for s in case.mesh.services if s.key.name == "rev")
    ruler = next(v.ref for v in case.mesh.virtual_services if "tcp" in v.raw["spec"])
    target = Target(service.key, f"{ruler.name}/tcp[0]")
    made = build_change(case.mesh, Shift({"v2": 70}), target)
    old, new = (world(m).view(GATEWAY) for m in (case.mesh, mesh_after(case.mesh, made)))
    (touched,) = touched_ports(old, new, made.target)
    listeners = listeners_of([as_dumped(one) for one in case.recorded["gateway"]["listeners"]])
    (text,) = compare_port(touched, listeners).differences
    assert text.endswith("connections go to v1 80 %, v2 20 %, asked v1 30 %, v2 70 %")


@pytest.mark.parametrize("name", ["m-tcp-on-http", "c-tcp-on-http"])
def test_rules_of_connections_have_no_effect_on_an_http_port(name: str) -> None:
    case = load(name, "gateway-api")
    view = world(case.mesh).view(Client("gw-a", CLIENT_LABELS))
    assert not list(ports_of(view, ["rev.gw-a.svc.cluster.local"]))
    with pytest.raises(Refused, match="port 9080 is HTTP: TCP rules do nothing there"):
        build_change(case.mesh, Promote("rev-v2"), Target(ServiceKey("gw-a", "rev")))


def assert_in_sync(view: View, listeners: tuple[ProxyListener, ...], hosts: list[str]) -> None:
    known = {(one.address, one.port) for one in listeners if one.chains}
    for port in ports_of(view, hosts):
        if any((address, port.port) in known for address in port.addresses or ("0.0.0.0",)):
            assert compare_port(TouchedPort(port, port), listeners).differences == (), port.title


def hosts_behind(listeners: tuple[ProxyListener, ...]) -> list[str]:
    chains = [chain for one in listeners for chain in one.chains]
    return [name.split("|")[3] for c in chains for name, _ in c.clusters if name.count("|") == 3]


def as_dumped(recorded: Obj) -> Obj:
    """A listener of the corpus as a config dump has it."""
    address, _, port = recorded["name"].rpartition("_")
    listener = {
        "name": recorded["name"],
        "address": {"socket_address": {"address": address, "port_value": int(port)}},
        "filter_chains": [
            {
                "filter_chain_match": chain["match"] or {},
                "filters": [{"typed_config": {"@type": TCP_PROXY, **chain["tcp_proxy"]}}],
            }
            for chain in recorded["filter_chains"]
            if chain.get("tcp_proxy")
        ],
    }
    return {"name": recorded["name"], "active_state": {"listener": listener}}


class TestDifferences:
    @pytest.mark.parametrize("name", STREAMS)
    def test_any_other_chain_is_seen(self, name: str) -> None:
        """Weights, clusters, names, networks, conditions and chains, each changed alone."""
        case = of(name)
        view = world(case.mesh).view(CLIENTS["client"])
        for port in ports(view):
            own = {f"{address}_{port.port}" for address in port.addresses or ("0.0.0.0",)}
            dump = case.recorded["proxies"]["client"]
            for what, changed in mutations(dump, own, port.title):
                verdict = compare_port(TouchedPort(port, port), listeners_of(changed))
                assert verdict.state in (OLD, ABSENT), (name, port.title, what)
                assert verdict.differences

    def test_a_listener_that_was_refused_is_told(self) -> None:
        case = of("subset-weights")
        (port,) = ruled(case)
        dump = copy.deepcopy(case.recorded["proxies"]["client"])
        for entry in dump:
            entry["error_state"] = {"details": "no good"}
        words = refused_listeners([TouchedPort(port, port)], listeners_of(dump))
        assert words == ("the proxy refused a newer listener: no good",)

    def test_without_a_listener_there_is_nothing_of_it(self) -> None:
        (port,) = ruled(of("subset-weights"))
        assert compare_port(TouchedPort(port, port), ()).state == ABSENT

    def test_what_should_be_gone_is_still_there(self) -> None:
        case = of("entry-names")
        listeners = listeners_of(case.recorded["proxies"]["client"])
        (port,) = ruled(case)
        assert compare_port(TouchedPort(port, None), listeners).state == OLD
        assert compare_port(TouchedPort(port, None), ()).state == IN_SYNC

    def test_a_cluster_that_is_not_there_is_never_in_sync(self) -> None:
        case = of("no-such-subset")
        view = world(case.mesh).view(CLIENTS["client"])
        (port,) = ruled(case)
        raw = f"raw.{SPACE}.svc.cluster.local"
        counts = {f"outbound|9090||{raw}": 2}
        missing = unreachable_ends([port], view, counts | {f"outbound|9090|v1|{raw}": 1})
        assert len(missing) == 1
        assert missing[0].startswith("50 % of the connections go to v9, and the proxy has no clus")
        both = {f"outbound|9090|{v}|{raw}": n for v, n in (("v1", 1), ("v9", 0))}
        assert not unreachable_ends([port], view, both)
        assert unanswered_ends([port], view, both) == (
            "v9 has no endpoint in the proxy: what is sent there is closed",
        )


def ruled(case: Case) -> list[PortChains]:
    found = ports(world(case.mesh).view(CLIENTS["client"]))
    return [port for port in found if port.rules]


def mutations(dump: list[Obj], names: set[str], title: str) -> Iterator[tuple[str, list[Obj]]]:
    """The listeners of some names, each time with one thing changed in the chains of a host."""
    for at, entry in enumerate(dump):
        listener = entry["active_state"]["listener"]
        if entry["name"] not in names or "raw_buffer" in str(listener):
            continue
        shared = entry["name"].startswith("0.0.0.0")
        for kind in ("filter_chains", "default_filter_chain"):
            chains = listener.get(kind) or []
            for place in range(len(chains)) if isinstance(chains, list) else (None,):
                for what, edit in EDITS.items():
                    changed = copy.deepcopy(dump)
                    there = changed[at]["active_state"]["listener"]
                    chain = there[kind] if place is None else there[kind][place]
                    if "Passthrough" in str(chain) or (shared and what == "surplus"):
                        continue
                    if shared and title not in names_in(chain):
                        continue
                    if edit(there, chain):
                        yield f"{what} in {kind} {place}", changed


def names_in(chain: Obj) -> list[str]:
    return list(chain.get("filter_chain_match", {}).get("server_names", ()))


def _weights(_: Obj, chain: Obj) -> bool:
    for entry in chain["filters"]:
        for cluster in entry["typed_config"].get("weighted_clusters", {}).get("clusters", ()):
            cluster["weight"] += 7
            return True
    return False


def _cluster(_: Obj, chain: Obj) -> bool:
    for entry in chain["filters"]:
        typed = entry["typed_config"]
        if "cluster" in typed:
            typed["cluster"] = "outbound|9090||raw-v9.st-a.svc.cluster.local"
            return True
        if "weighted_clusters" in typed:
            typed["weighted_clusters"]["clusters"].pop()
            return True
    return False


def _name(_: Obj, chain: Obj) -> bool:
    match = chain.setdefault("filter_chain_match", {})
    match["server_names"] = [*match.get("server_names", ()), "more.test"]
    return True


def _network(_: Obj, chain: Obj) -> bool:
    match = chain.setdefault("filter_chain_match", {})
    more = {"address_prefix": "10.9.9.0", "prefix_len": 24}
    match["prefix_ranges"] = [*match.get("prefix_ranges", ()), more]
    return True


def _condition(_: Obj, chain: Obj) -> bool:
    chain.setdefault("filter_chain_match", {})["source_ports"] = [1]
    return True


def _gone(listener: Obj, chain: Obj) -> bool:
    if chain is listener.get("default_filter_chain"):
        del listener["default_filter_chain"]
    else:
        listener["filter_chains"].remove(chain)
    return True


def _surplus(listener: Obj, chain: Obj) -> bool:
    more = copy.deepcopy(chain)
    more.setdefault("filter_chain_match", {})["server_names"] = ["surplus.test"]
    listener["filter_chains"].append(more)
    return True


EDITS = {
    "weights": _weights,
    "cluster": _cluster,
    "name": _name,
    "network": _network,
    "condition": _condition,
    "gone": _gone,
    "surplus": _surplus,
}


TRACED = {
    "subset-weights": ("raw", 9090, ""),
    "two-ports": ("two", 9092, ""),
    "subnets": ("raw", 9090, ""),
    "tls-names": ("sec", 9443, "a.sec.st-a.svc.cluster.local"),
    "tcp-on-tls": ("sec", 9443, "anything.test"),
    "http-on-tcp": ("raw", 9090, ""),
    "mixed": ("mixed", 9094, ""),
    "no-such-subset": ("raw", 9090, ""),
}
"""A service, its port and the server name asked for, if any."""


class TestTrace:
    @pytest.mark.parametrize("name", TRACED)
    def test_a_connection_goes_where_the_recorded_listener_sends_it(self, name: str) -> None:
        service, port, sni = TRACED[name]
        assert traced(name, service, port, sni)

    @pytest.mark.parametrize("sni", ["", "other.test"])
    def test_a_name_that_no_rule_has_is_up_to_the_outbound_policy(self, sni: str) -> None:
        assert traced("tls-names", "sec", 9443, sni) == ["PassthroughCluster"]


def traced(name: str, service: str, port: int, sni: str) -> list[str]:
    """Where the objects and the recorded listener agree that a connection goes."""
    case = of(name)
    key = case.mesh.by_key[ServiceKey(SPACE, service)]
    request = Request(authority=sni or service, scheme="https" if sni else "http")
    intent = trace(case.mesh, request, Caller(CLIENTS["client"], port, key.host))
    listeners = listeners_of(case.recorded["proxies"]["client"])
    followed = trace_connection(listeners, request, port, key.addresses)
    assert agreement(intent, followed) == (True, ()), intent
    return [to.cluster or to.label for to in followed.decision.effects.destinations]


def change(case: Case, request: Any, service: str = "raw", rule: str = "") -> Change:
    return build_change(case.mesh, request, Target(ServiceKey(SPACE, service), rule))


class TestVerbs:
    def test_a_shift_writes_the_weights_of_the_tcp_rule_alone(self) -> None:
        made = change(of("subset-weights"), Shift({"v2": 10}))
        assert made.patch == (
            {"op": "replace", "path": "/spec/tcp/0/route/0/weight", "value": 90},
            {"op": "replace", "path": "/spec/tcp/0/route/1/weight", "value": 10},
        )
        assert str(made.rule) == "tcp[0]"
        assert blast_radius(made, 30.0) == "moves 40 % ≈ 12 connections/s"
        assert [caution.level for caution in open_connections(made)] == ["warning"]

    def test_the_tls_rule_is_shifted_by_its_list(self) -> None:
        made = change(of("tls-names"), Shift({"raw-v2": 60}), "sec", "sec/tls[0]")
        assert [step["path"] for step in made.patch] == [
            "/spec/tls/0/route/0/weight",
            "/spec/tls/0/route/1/weight",
        ]

    @pytest.mark.parametrize(
        ("request_", "patched"),
        [(Promote("v2"), [0, 100]), (Rollback("v1", "named"), [100, 0])],
    )
    def test_all_connections_go_to_one_version(
        self, request_: RuleRequest, patched: list[int]
    ) -> None:
        case = of("subset-weights")
        made = change(case, request_)
        raw = ruler(case.mesh).raw
        after = apply(raw, made.patch)
        assert [entry["weight"] for entry in after["spec"]["tcp"][0]["route"]] == patched
        assert apply(after, made.inverse) == raw

    @pytest.mark.parametrize(
        ("request_", "words"),
        [
            (SetMirror("v2"), "a mirror needs requests"),
            (SetFault(abort_http=503), "a fault needs requests"),
            (SetTimeout(3.0), "a timeout and retries need requests"),
        ],
    )
    def test_what_needs_requests_is_refused(self, request_: RuleRequest, words: str) -> None:
        with pytest.raises(Refused, match=rf"passes TCP connections on, and {words}"):
            change(of("subset-weights"), request_)

    def test_there_is_nothing_to_clear(self) -> None:
        assert change(of("subset-weights"), ClearAll()).empty

    def test_a_canary_is_refused(self) -> None:
        with pytest.raises(Refused, match="a canary is judged by requests"):
            find_route(of("subset-weights").mesh, Target(RAW), "v2")

    @pytest.mark.parametrize(
        ("name", "service", "rule", "words"),
        [
            ("tcp-on-http", "web", "tcp[0]", "port 9096 is HTTP: TCP rules do nothing there"),
            ("tcp-on-tls", "sec", "tcp[0]", "port 9443 is TLS: TCP rules do nothing there"),
            ("tls-on-tcp", "raw", "tls[0]", "port 9090 is TCP: TLS rules do nothing there"),
            ("http-on-tcp", "raw", "http[0]", "port 9090 is TCP: HTTP rules do nothing there"),
        ],
    )
    def test_a_rule_of_the_wrong_kind_is_refused(
        self, name: str, service: str, rule: str, words: str
    ) -> None:
        for named in ("", rule):
            with pytest.raises(Refused, match=words):
                change(of(name), Shift({"raw-v1": 30}), service, named)

    def test_each_port_has_its_own_rule(self) -> None:
        with pytest.raises(Refused, match=r"two/tcp\[0\] for .*port 9091.*; two/tcp\[1\] for"):
            change(of("two-ports"), Shift({"raw-v1": 30}), "two")
        made = change(of("two-ports"), Shift({"raw-v1": 40}), "two", "two/tcp[1]")
        assert [step["path"] for step in made.patch] == [
            "/spec/tcp/1/route/0/weight",
            "/spec/tcp/1/route/1/weight",
        ]

    def test_connections_beside_requests_are_named(self) -> None:
        made = change(of("mixed"), Promote("web"), "mixed")
        assert str(made.rule) == "http[0]"
        made = change(of("mixed"), Promote("raw-v2"), "mixed", "mixed/tcp[0]")
        assert [step["path"] for step in made.patch] == [
            "/spec/tcp/0/route/0/weight",
            "/spec/tcp/0/route/1/weight",
        ]

    def test_a_tcp_service_is_adopted_by_a_tcp_rule(self) -> None:
        made = adopt(of("subset-weights").mesh, ServiceKey(SPACE, "two")).routes
        assert made.words == ("VirtualService is made: all connections to v1",)
        assert made.spec_after["tcp"] == [
            {
                "route": [
                    {"destination": {"host": "two", "subset": "v1"}, "weight": 100},
                    {"destination": {"host": "two", "subset": "v2"}, "weight": 0},
                ]
            }
        ]

    def test_a_tls_service_is_not_adopted(self) -> None:
        with pytest.raises(Refused, match=r"no HTTP port and no TCP port \(9443 tls-sec\)"):
            adopt(of("subset-weights").mesh, ServiceKey(SPACE, "sec"))


class TestRows:
    @pytest.mark.parametrize(
        ("name", "service", "weights"),
        [
            ("subset-weights", "raw", {"v1": 50, "v2": 50}),
            ("zero-and-single", "raw", {"raw-v2": 75, "raw-v1": 0, "two": 25}),
            ("tls-names", "sec", {"raw-v1": None, "raw-v2": 100}),
            ("source-labels", "raw", {"raw-v2": 100}),
            ("mixed", "mixed", {"web": 100}),
            ("http-on-tcp", "raw", {"v1": None, "v2": None}),
            ("tcp-on-http", "web", {"v1": None, "v2": None}),
        ],
    )
    def test_have_the_weights_of_the_rule(
        self, name: str, service: str, weights: dict[str, int | None]
    ) -> None:
        (view,) = (v for v in service_views(of(name).mesh, None) if v.key.name == service)
        shown = {row.label: row.percent for row in view.versions}
        for label, percent in weights.items():
            if percent is not None or label in shown:
                assert shown[label] == percent, shown

    def test_why_a_rule_carries_nothing(self) -> None:
        found = {}
        for name, service in (("first-of-two", "raw"), ("two-ports-one-rule", "two")):
            traffic = traffic_to(of(name).mesh, of(name).mesh.by_key[ServiceKey(SPACE, service)])
            found[name] = [route.unused for route in traffic.routes]
        assert found == {
            "first-of-two": ["", "an earlier rule takes its connections on port 9090"],
            "two-ports-one-rule": [""],
        }

    def test_the_older_ruler_has_the_rule(self) -> None:
        mesh = of("two-rulers").mesh
        route = ordinary(traffic_to(mesh, mesh.by_key[RAW]).routes)
        assert route is not None
        assert route.service.ref.name == "z-old"


class TestTouched:
    def test_a_change_touches_the_ports_of_its_rules(self) -> None:
        case = of("subset-weights")
        old, new = views(case.mesh, change(case, Promote("v2")))
        (touched,) = touched_ports(old, new, ruler(case.mesh).ref)
        listeners = listeners_of(case.recorded["proxies"]["client"])
        assert compare_port(touched, listeners).differences == (
            "raw:9090: connections go to v1 50 %, v2 50 %, asked v2 100 %",
        )

    def test_connections_that_lead_nowhere_are_told_before(self) -> None:
        case = of("subset-weights")
        made = change(case, Shift({"raw-v2": 30}))
        assert found(case.mesh, made) == []
        raw = ruler(case.mesh).raw
        after = apply(
            raw,
            [{"op": "replace", "path": "/spec/tcp/0/route/1/destination/subset", "value": "v9"}],
        )
        (text,) = (c for c in found(case.mesh, edited(case.mesh, after)) if "would be closed" in c)
        assert text.startswith(f"50 % of the connections to raw.{SPACE}.svc.cluster.local:9090")


def views(mesh: Mesh, made: Change) -> tuple[View, View]:
    after = mesh_after(mesh, made)
    return world(mesh).view(CLIENTS["client"]), world(after).view(CLIENTS["client"])


def found(mesh: Mesh, made: Change) -> list[str]:
    return [caution.text for caution in consequences(mesh, mesh_after(mesh, made), made)]


def edited(mesh: Mesh, after: Obj) -> Change:
    from meshtui.changes.edit import edited as edit

    return edit(mesh, ruler(mesh), RAW, after)


def ruler(mesh: Mesh) -> VirtualService:
    return next(v for v in mesh.virtual_services if v.ref.name == "raw")


@pytest.mark.parametrize("name", [*STREAMS, *(f"gateway-api/{name}" for name in ROUTES)])
def test_each_case_is_analyzed(name: str) -> None:
    folder, _, own = name.rpartition("/")
    mesh = load(own, folder or "streams").mesh
    found = {one.code for one in analyze(mesh) if one.object.namespace == SPACE}
    assert ("host-conflict" in found) is (name in CONFLICTS), found


CONFLICTS = {"two-rulers", "route-and-older-rule"}
"""Cases with a VirtualService that another one, or a TCPRoute, takes the connections of."""


class TestRoutes:
    """A TCPRoute is shifted and rolled back as a VirtualService's rule is."""

    def test_a_shift_writes_the_backends_weights(self) -> None:
        made = change(of("route-weights"), Shift({"raw-v2": 60}))
        assert made.target.kind == "TCPRoute"
        assert made.patch == (
            {"op": "replace", "path": "/spec/rules/0/backendRefs/0/weight", "value": 40},
            {"op": "replace", "path": "/spec/rules/0/backendRefs/1/weight", "value": 60},
        )

    def test_a_new_backend_is_a_service(self) -> None:
        made = change(of("route-two-rules"), Shift({"raw-v1": 30}))
        assert made.patch[-1] == {
            "op": "add",
            "path": "/spec/rules/0/backendRefs/-",
            "value": {"name": "raw-v1", "port": 9090, "weight": 30},
        }

    def test_a_change_touches_the_port(self) -> None:
        case = of("route-weights")
        made = change(case, Promote("raw-v2"))
        (touched,) = touched_ports(*views(case.mesh, made), made.target)
        listeners = listeners_of(case.recorded["proxies"]["client"])
        assert compare_port(touched, listeners).differences == (
            "raw:9090: connections go to raw-v1 80 %, raw-v2 20 %, asked raw-v2 100 %",
        )

    def test_what_needs_requests_is_refused(self) -> None:
        with pytest.raises(Refused, match="passes TCP connections on, and a fault needs requests"):
            change(of("route-weights"), SetFault(abort_http=503))

    def test_the_newer_of_two_has_no_say(self) -> None:
        mesh = of("route-two").mesh
        traffic = traffic_to(mesh, mesh.by_key[RAW])
        assert {route.service.ref.name: route.unused for route in traffic.routes} == {
            "z-old": "",
            "a-new": "an earlier rule takes its connections on port 9090",
        }

    @pytest.mark.parametrize(
        ("name", "kind"),
        [("route-and-older-rule", "TCPRoute"), ("route-and-private-rule", "VirtualService")],
    )
    def test_who_rules_is_changed(self, name: str, kind: str) -> None:
        assert change(of(name), Shift({"two": 30})).target.kind == kind

    def test_a_service_with_a_route_is_not_adopted(self) -> None:
        with pytest.raises(Refused, match="is routed by TCPRoute st-a/raw already"):
            adopt(of("route-weights").mesh, RAW)
