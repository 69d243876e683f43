"""Istio's objects in, Envoy's resources out: the translation by itself, without a proxy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.lab.control import durations, hosts, protocols
from meshtui.lab.control.action import Where, route_action
from meshtui.lab.control.clusters import assignment, cluster, upstreams
from meshtui.lab.control.fault import per_filter
from meshtui.lab.control.gateways import gateway_routes, http_servers, servers_of
from meshtui.lab.control.match import applies, route_match
from meshtui.lab.control.reading import destination_rule_of, pod_of, service_of, virtual_service_of
from meshtui.lab.control.resources import configure
from meshtui.lab.control.retry import retry_policy
from meshtui.lab.control.routing import sidecar_routes
from meshtui.lab.control.scope import Scope, Sight
from meshtui.lab.control.world import MALFORMED, Config, Pod, Port, Proxy, Service, World

Obj = dict[str, Any]
FQDN = "reviews.default.svc.cluster.local"


def service(name: str, *ports: int, namespace: str = "default") -> Service:
    made = tuple(Port(port, "http", port) for port in ports or (9080,))
    host = f"{name}.{namespace}.svc.cluster.local"
    return Service(namespace, name, host, made, {"app": name}, ("10.0.0.1",))


def pod(version: str, ip: str, ready: bool = True) -> Pod:
    labels = {"app": "reviews", "version": version}
    return Pod("default", f"reviews-{version}", ip, labels, f"reviews-{version}", ready)


def rule(name: str, spec: Obj, namespace: str = "default") -> Config:
    return Config(namespace, name, spec)


PROXY = Proxy("default", "pp", "productpage-v1", {"app": "productpage"}, "1", "2", "3", (9080,))
GATEWAY = replace(PROXY, pod="gw", namespace="istio-system", labels={"istio": "gw"}, gateway=True)
WORLD = World(services=(service("reviews"), service("ratings")))


def scope_of(world: World, proxy: Proxy = PROXY) -> Scope:
    return Sight(world).of(proxy)


def routes_of(*rules: Obj, world: World = WORLD, proxy: Proxy = PROXY) -> list[Obj]:
    """The routes of `reviews` under these rules."""
    config = rule("reviews", {"hosts": ["reviews"], "http": list(rules)})
    made = sidecar_routes(scope_of(replace(world, virtual_services=(config,)), proxy), 9080)
    found = {host["name"]: host["routes"] for host in made["virtual_hosts"]}
    routes: list[Obj] = found[f"{FQDN}:9080"]
    return routes


def to(subset: str = "", **more: Any) -> Obj:
    return {"destination": {"host": "reviews", **({"subset": subset} if subset else {})}, **more}


# Names


def test_short_names_belong_to_the_objects_namespace() -> None:
    assert hosts.qualify("reviews", "a") == "reviews.a.svc.cluster.local"
    assert hosts.qualify("reviews.b", "a") == "reviews.b"
    assert hosts.qualify("*", "a") == "*"


def test_the_most_specific_host_wins() -> None:
    patterns = ["*", "*.cluster.local", "*.default.svc.cluster.local", FQDN]
    assert hosts.best_match(patterns, FQDN) == FQDN
    assert hosts.best_match(patterns[:3], FQDN) == patterns[2]
    assert hosts.best_match(["*.org"], FQDN) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1.5s", "1.5s"), ("100ms", "0.1s"), ("1h2m", "3720s"), ("0s", "0s"), ("1m30s", "90s")],
)
def test_durations(text: str, expected: str) -> None:
    assert durations.envoy(text) == expected


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", None, 3, "1s "])
def test_what_is_no_duration(text: Any) -> None:
    with pytest.raises(ValueError, match="duration"):
        durations.envoy(text)


# Matches


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (None, {"prefix": "/"}),
        ({"uri": {"exact": "/a"}}, {"path": "/a", "case_sensitive": True}),
        (
            {"uri": {"prefix": "/a"}, "ignoreUriCase": True},
            {"prefix": "/a", "case_sensitive": False},
        ),
        ({"uri": {"regex": "/a.*"}}, {"safe_regex": {"regex": "/a.*"}, "case_sensitive": True}),
        (
            {"method": {"exact": "GET"}},
            {
                "prefix": "/",
                "case_sensitive": True,
                "headers": [{"name": ":method", "string_match": {"exact": "GET"}}],
            },
        ),
        (
            {"headers": {"x-a": {}}},
            {
                "prefix": "/",
                "case_sensitive": True,
                "headers": [{"name": "x-a", "present_match": True}],
            },
        ),
        (
            {"withoutHeaders": {"x-a": {"prefix": "b"}}},
            {
                "prefix": "/",
                "case_sensitive": True,
                "headers": [
                    {
                        "name": "x-a",
                        "string_match": {"prefix": "b"},
                        "invert_match": True,
                        "treat_missing_header_as_empty": True,
                    }
                ],
            },
        ),
        (
            {"queryParams": {"q": {"exact": "1"}}},
            {
                "prefix": "/",
                "case_sensitive": True,
                "query_parameters": [{"name": "q", "string_match": {"exact": "1"}}],
            },
        ),
    ],
)
def test_matches(match: Obj | None, expected: Obj) -> None:
    assert route_match(match) == expected


@pytest.mark.parametrize("expression", ["(", "a(?=b)", "(a)\\1", "a++"])
def test_what_re2_refuses_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="expression"):
        route_match({"uri": {"regex": expression}})


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({"sourceLabels": {"app": "productpage"}}, True),
        ({"sourceLabels": {"app": "details"}}, False),
        ({"sourceNamespace": "other"}, False),
        ({"port": 9080}, True),
        ({"port": 80}, False),
        ({"gateways": ["mesh"]}, True),
        ({"gateways": ["bookinfo-gateway"]}, False),
    ],
)
def test_who_a_match_is_for(match: Obj, expected: bool) -> None:
    assert applies(match, PROXY, "mesh", 9080) is expected


# Routes


def test_one_route_for_each_match_entry() -> None:
    found = routes_of(
        {
            "name": "main",
            "match": [{"name": "a", "uri": {"exact": "/a"}}, {"uri": {"exact": "/b"}}],
            "route": [to("v1")],
        },
        {"route": [to("v2")]},
        {"name": "never", "route": [to("v3")]},
    )
    assert [route.get("name") for route in found] == ["main.a", "main", None]
    assert found[0]["route"]["cluster"] == f"outbound|9080|v1|{FQDN}"
    path = "/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews"
    assert found[0]["metadata"] == {"filter_metadata": {"istio": {"config": path}}}


def test_destinations_without_weight_are_left_out() -> None:
    (route,) = routes_of({"route": [to("v1", weight=100), to("v2", weight=0), to("v3")]})
    clusters = route["route"]["weighted_clusters"]["clusters"]
    assert clusters == [{"name": f"outbound|9080|v1|{FQDN}", "weight": 100}]


def test_the_weight_of_a_single_destination_says_nothing() -> None:
    (route,) = routes_of({"route": [to("v1", weight=0)]})
    assert route["route"]["cluster"] == f"outbound|9080|v1|{FQDN}"


def test_a_service_with_several_ports_keeps_the_listeners() -> None:
    world = replace(WORLD, services=(service("reviews", 9080, 9090),))
    (route,) = routes_of({"route": [to()]}, world=world)
    assert route["route"]["cluster"] == f"outbound|9080||{FQDN}"
    where = Where(world.service, lambda host: None, 9080)
    chosen = {"route": [{"destination": {"host": FQDN, "port": {"number": 9090}}}]}
    assert route_action(chosen, where)["route"]["cluster"] == f"outbound|9090||{FQDN}"


@pytest.mark.parametrize(
    ("mirror", "share"),
    [
        ({"mirror": {"host": "reviews"}}, {"numerator": 100, "denominator": "HUNDRED"}),
        (
            {"mirror": {"host": "reviews"}, "mirrorPercentage": {"value": 5}},
            {"numerator": 50000, "denominator": "MILLION"},
        ),
        (
            {"mirror": {"host": "reviews"}, "mirror_percent": 5},
            {"numerator": 5, "denominator": "HUNDRED"},
        ),
        (
            {"mirrors": [{"destination": {"host": "reviews"}, "percentage": {"value": 0.5}}]},
            {"numerator": 5000, "denominator": "MILLION"},
        ),
        ({"mirror": {"host": "reviews"}, "mirrorPercentage": {"value": 0}}, None),
    ],
)
def test_mirrors(mirror: Obj, share: Obj | None) -> None:
    (route,) = routes_of({"route": [to("v1")], **mirror})
    policies = route["route"].get("request_mirror_policies", [])
    assert [p["runtime_fraction"]["default_value"] for p in policies] == ([share] if share else [])


def test_faults_are_millionths() -> None:
    fault = {
        "delay": {"fixedDelay": "3s", "percentage": {"value": 0.1}},
        "abort": {"httpStatus": 503, "percentage": {"value": 10}},
    }
    found = per_filter({"fault": fault})["envoy.filters.http.fault"]
    assert found["delay"] == {
        "fixed_delay": "3s",
        "percentage": {"numerator": 1000, "denominator": "MILLION"},
    }
    assert found["abort"]["http_status"] == 503
    unstated = per_filter({"fault": {"abort": {"httpStatus": 503}}})
    assert "percentage" not in unstated["envoy.filters.http.fault"]["abort"]


def test_retries() -> None:
    usual = retry_policy(None)
    assert usual is not None
    assert usual["num_retries"] == 2
    assert "retriable_status_codes" not in usual
    assert retry_policy({"attempts": 0}) is None
    chosen = retry_policy({"attempts": 3, "retryOn": "5xx,503", "perTryTimeout": "2s"})
    assert chosen is not None
    assert chosen["retry_on"] == "5xx,retriable-status-codes"
    assert (chosen["retriable_status_codes"], chosen["per_try_timeout"]) == ([503], "2s")


def test_timeouts_are_off_unless_set() -> None:
    (unset,) = routes_of({"route": [to()]})
    (chosen,) = routes_of({"route": [to()], "timeout": "10s"})
    assert (unset["route"]["timeout"], chosen["route"]["timeout"]) == ("0s", "10s")


def test_rules_that_cannot_be_read_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    found = routes_of(
        {"route": [to("v1")], "timeout": "soon"},
        {"match": [{"headers": {"a\nb": {"exact": "x"}}}], "route": [to("v1")]},
        {"route": [to("v1")], "headers": {"request": {"set": {"bad name": "x"}}}},
        {"route": [to("v1")], "timeout": "99999999999h"},
        {"name": "good", "route": [to("v2")]},
    )
    assert [route["name"] for route in found] == ["good"]
    assert capsys.readouterr().err.count("skipped") == 4


# Virtual hosts


def test_domains_depend_on_the_clients_namespace() -> None:
    def domains(proxy: Proxy) -> list[str]:
        made = sidecar_routes(scope_of(WORLD, proxy), 9080)["virtual_hosts"]
        return next(list(h["domains"]) for h in made if h["name"] == f"{FQDN}:9080")

    absolute, near, short = [FQDN, f"{FQDN}."], "reviews.default", "reviews"
    assert domains(PROXY) == [*absolute, short, f"{near}.svc", near, "10.0.0.1"]
    other = replace(PROXY, namespace="other")
    assert domains(other) == [*absolute, near, f"{near}.svc", "10.0.0.1"]


def test_a_virtual_service_for_a_gateway_only_leaves_the_mesh_alone() -> None:
    spec = {"hosts": ["reviews"], "gateways": ["gw"], "http": [{"route": [to("v3")]}]}
    world = replace(WORLD, virtual_services=(rule("reviews", spec),))
    hosts_made = {h["name"]: h for h in sidecar_routes(scope_of(world), 9080)["virtual_hosts"]}
    (route,) = hosts_made[f"{FQDN}:9080"]["routes"]
    assert (route["name"], route["route"]["cluster"]) == ("default", f"outbound|9080||{FQDN}")


def test_exports_hide_a_virtual_service() -> None:
    spec = {"hosts": [FQDN], "exportTo": ["."], "http": [{"name": "mine", "route": [to("v3")]}]}
    world = replace(WORLD, virtual_services=(rule("reviews", spec),))
    for namespace, name in (("default", "mine"), ("other", "default")):
        client = replace(PROXY, namespace=namespace)
        made = sidecar_routes(scope_of(world, client), 9080)["virtual_hosts"]
        found = next(h for h in made if h["name"] == f"{FQDN}:9080")
        assert found["routes"][0]["name"] == name


def test_the_gateway_ends_at_its_services_target_port() -> None:
    front = Service("istio-system", "gw", "gw.x", (Port(80, "http2", 8080),), {"istio": "gw"})
    server = {"port": {"number": 80, "protocol": "HTTP"}, "hosts": ["*"]}
    gateway = rule("front", {"selector": {"istio": "gw"}, "servers": [server]})
    spec = {
        "hosts": ["shop.example.com"],
        "gateways": ["front"],
        "http": [{"route": [{"destination": {"host": "reviews"}}]}],
    }
    world = replace(
        WORLD,
        services=(*WORLD.services, front),
        gateways=(gateway,),
        virtual_services=(rule("shop", spec),),
    )
    assert _gateway_hosts(world) == {"http.8080": [["shop.example.com"]]}
    empty = _gateway_hosts(replace(world, virtual_services=()))
    assert empty == {"http.8080": [["*"]]}


def _gateway_hosts(world: World) -> dict[str, list[list[str]]]:
    """The domains of the virtual hosts of each of the gateway's route tables."""
    sight = Sight(world)
    scope = sight.of(GATEWAY)
    servers = http_servers(servers_of(world.gateways, scope))
    made = {name: gateway_routes(sight, scope, name, found) for name, found in servers.items()}
    return {name: [h["domains"] for h in table["virtual_hosts"]] for name, table in made.items()}


# Clusters


def test_subsets_of_several_rules_are_joined_and_the_first_policy_wins() -> None:
    first = rule(
        "a",
        {
            "host": "reviews",
            "subsets": [{"name": "v1", "labels": {"version": "v1"}}],
            "trafficPolicy": {"loadBalancer": {"simple": "RANDOM"}},
        },
    )
    second = rule(
        "b",
        {
            "host": FQDN,
            "subsets": [
                {"name": "v1", "labels": {"version": "other"}},
                {"name": "v2", "labels": {"version": "v2"}},
            ],
            "trafficPolicy": {"loadBalancer": {"simple": "ROUND_ROBIN"}},
        },
    )
    world = replace(WORLD, destination_rules=(first, second))
    found = upstreams(scope_of(world))[:3]
    assert [(u.subset, dict(u.labels)) for u in found] == [
        ("", {}),
        ("v1", {"version": "v1"}),
        ("v2", {"version": "v2"}),
    ]
    made = {u.name: cluster(u, world) for u in found}
    assert made[f"outbound|9080|v2|{FQDN}"]["lb_policy"] == "RANDOM"


def test_endpoints_are_the_ready_pods_of_the_subset() -> None:
    spec = {"host": "reviews", "subsets": [{"name": "v2", "labels": {"version": "v2"}}]}
    pods = (pod("v1", "127.0.0.1"), pod("v2", "127.0.0.2"), pod("v2", "127.0.0.3", ready=False))
    world = replace(WORLD, pods=pods, destination_rules=(rule("r", spec),))
    found = {u.subset: assignment(u, world) for u in upstreams(scope_of(world))[:2]}

    def addresses(subset: str) -> list[str]:
        return [
            e["endpoint"]["address"]["socket_address"]["address"]
            for locality in found[subset]["endpoints"]
            for e in locality["lb_endpoints"]
        ]

    assert addresses("") == ["127.0.0.1", "127.0.0.2"]
    assert addresses("v2") == ["127.0.0.2"]


def test_the_subsets_of_a_headless_service_choose_nothing() -> None:
    spec = {"host": "reviews", "subsets": [{"name": "v2", "labels": {"version": "v2"}}]}
    headless = replace(service("reviews"), addresses=(), headless=True)
    world = World(
        services=(headless,),
        pods=(pod("v1", "127.0.0.1"), pod("v2", "127.0.0.2")),
        destination_rules=(rule("r", spec),),
    )
    counts = {
        u.subset: len(assignment(u, world)["endpoints"][0]["lb_endpoints"])
        for u in upstreams(scope_of(world))
    }
    assert counts == {"": 2, "v2": 2}


def test_a_port_by_name_is_the_pods_own() -> None:
    named = replace(service("reviews"), ports=(Port(80, "http", "web"),))
    old = replace(pod("v1", "127.0.0.1"), ports={"web": 8080})
    new = replace(pod("v2", "127.0.0.2"), ports={"web": 9090})
    lacking = pod("v3", "127.0.0.3")
    world = World(services=(named,), pods=(old, new, lacking))
    found = world.endpoints(named, named.ports[0])
    assert [(e.ip, e.port) for e in found] == [("127.0.0.1", 8080), ("127.0.0.2", 9090)]


@pytest.mark.parametrize(
    ("name", "app_protocol", "protocol"),
    [
        ("http", "", "HTTP"),
        ("http2-web", "", "HTTP2"),
        ("grpc-web-x", "", "GRPC-WEB"),
        ("tcp-db", "", "TCP"),
        ("tls", "", "TLS"),
        ("main", "", "AUTO"),
        ("", "", "AUTO"),
        ("tcp", "http", "HTTP"),
        ("http", "kubernetes.io/h2c", "HTTP2"),
        ("http", "example.com/own", "AUTO"),
    ],
)
def test_a_ports_protocol(name: str, app_protocol: str, protocol: str) -> None:
    assert protocols.of_port(9080, name, "TCP", app_protocol) == protocol


def test_limits_and_ejection() -> None:
    policy = {
        "connectionPool": {
            "tcp": {"maxConnections": 3, "connectTimeout": "30ms"},
            "http": {"http1MaxPendingRequests": 4, "maxRequestsPerConnection": 5},
        },
        "outlierDetection": {
            "consecutive5xxErrors": 0,
            "consecutiveGatewayErrors": 2,
            "minHealthPercent": 40,
        },
    }
    world = replace(
        WORLD, destination_rules=(rule("r", {"host": "reviews", "trafficPolicy": policy}),)
    )
    made = cluster(upstreams(scope_of(world))[0], world)
    (limits,) = made["circuit_breakers"]["thresholds"]
    assert (limits["max_connections"], limits["max_pending_requests"]) == (3, 4)
    assert limits["max_requests"] == 4294967295
    assert made["connect_timeout"] == "0.03s"
    assert made["outlier_detection"] == {
        "enforcing_success_rate": 0,
        "consecutive_5xx": 0,
        "enforcing_consecutive_5xx": 0,
        "consecutive_gateway_failure": 2,
        "enforcing_consecutive_gateway_failure": 100,
    }
    assert made["common_lb_config"]["healthy_panic_threshold"] == {"value": 40.0}


# Anything at all

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "v1", "5s", "*", "a b"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = (
    "match", "route", "destination", "host", "weight", "fault", "delay", "abort", "percentage",
    "retries", "timeout", "mirror", "mirrors", "rewrite", "headers", "request", "redirect", "uri",
    "corsPolicy", "directResponse", "subsets", "name", "labels", "trafficPolicy", "loadBalancer",
    "connectionPool", "tcp", "http", "outlierDetection", "portLevelSettings", "consistentHash",
)  # fmt: skip
LIKE_ISTIO = st.recursive(
    JSON,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(http=LIKE_ISTIO, hosts_given=JSON, policy=LIKE_ISTIO, subsets_given=LIKE_ISTIO)
def test_no_object_stops_the_translation(
    http: Any, hosts_given: Any, policy: Any, subsets_given: Any
) -> None:
    meta = {"name": "x", "namespace": "default"}
    specs = (
        (virtual_service_of, {"hosts": hosts_given or ["reviews"], "http": http}),
        (
            destination_rule_of,
            {"host": "reviews", "trafficPolicy": policy, "subsets": subsets_given},
        ),
    )
    found: list[tuple[Config, ...]] = []
    for read, spec in specs:
        try:
            found.append((read({"metadata": meta, "spec": spec}),))
        except MALFORMED:
            found.append(())
    world = replace(WORLD, virtual_services=found[0], destination_rules=found[1])
    configure(world, [PROXY])


def test_pods_and_services_are_read() -> None:
    found = pod_of(
        {
            "metadata": {
                "name": "reviews-v1-abc-xyz",
                "namespace": "default",
                "labels": {"pod-template-hash": "abc"},
                "ownerReferences": [{"kind": "ReplicaSet", "name": "reviews-v1-abc"}],
            },
            "status": {"podIP": "1.2.3.4", "conditions": [{"type": "Ready", "status": "True"}]},
        }
    )
    assert (found.workload, found.ready) == ("reviews-v1", True)
    made = service_of(
        {
            "metadata": {"name": "x", "namespace": "n"},
            "spec": {
                "clusterIP": "None",
                "ports": [
                    {"port": 80, "name": "http-web", "targetPort": 8080},
                    {"port": 3306, "name": "tcp-db"},
                ],
            },
        }
    )
    assert [(p.number, p.target, p.http) for p in made.ports] == [
        (80, 8080, True),
        (3306, 3306, False),
    ]
    assert made.addresses == ()
