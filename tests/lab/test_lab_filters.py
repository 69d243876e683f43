"""What the lab's control plane makes of EnvoyFilters: by itself, and in real Envoys."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from meshtui.lab.client import Answer
from meshtui.lab.contract import Obj
from meshtui.lab.control.reading import complain, envoy_filter_of
from meshtui.lab.control.resources import configure
from meshtui.lab.control.world import Config, Proxy, World
from tests.lab import ratelimits
from tests.lab.harness import Mesh, statuses, to, until
from tests.lab.ratelimits import ONE, direct, limited, merge, struct
from tests.lab.test_lab_translation import WORLD, rule

HTTP = "type.googleapis.com/envoy.extensions.filters.http"
NAME = "envoy.filters.http.local_ratelimit"
LIMIT = {"@type": f"{HTTP}.local_ratelimit.v3.LocalRateLimit", "stat_prefix": "limiter"}
INSERTED = {"name": NAME, "typed_config": LIMIT}
MERGED = {"typed_per_filter_config": {NAME: LIMIT}}
MANAGER = "envoy.filters.network.http_connection_manager"
ROUTER = {"filter": {"name": MANAGER, "subFilter": {"name": "envoy.filters.http.router"}}}

SIDECAR = Proxy("default", "pp", "productpage-v1", {"app": "productpage"}, "1", "2", "3", (9080,))
GATEWAY = replace(
    SIDECAR, namespace="istio-system", pod="gw", labels={"istio": "gw"}, ports=(), gateway=True
)


def patch(kind: str, value: Any, context: str = "ANY", **match: Any) -> Obj:
    operation = "INSERT_BEFORE" if kind == "HTTP_FILTER" else "MERGE"
    return {
        "applyTo": kind,
        "match": {"context": context, **match},
        "patch": {"operation": operation, "value": value},
    }


def insert(context: str = "ANY", **listener: Any) -> Obj:
    return patch("HTTP_FILTER", INSERTED, context, listener={"filterChain": ROUTER, **listener})


def envoy_filter(*patches: Any, namespace: str = "default", **labels: str) -> Config:
    spec: Obj = {"configPatches": list(patches)}
    spec |= {"workloadSelector": {"labels": labels}} if labels else {}
    return envoy_filter_of({"metadata": {"namespace": namespace, "name": "limit"}, "spec": spec})


def filtered(*found: Config, proxy: Proxy = SIDECAR) -> list[str]:
    """The listeners that got the filter, right before the router."""
    server = {"port": {"number": 8080, "protocol": "HTTP"}, "hosts": ["*"]}
    gateway = rule("door", {"selector": {"istio": "gw"}, "servers": [server]}, "istio-system")
    world: World = replace(WORLD, envoy_filters=found, gateways=(gateway,))
    ((_, listeners),) = configure(world, [proxy]).listeners.items()
    return [listener["name"] for listener in listeners if _names(listener)[-2:-1] == [NAME]]


def _names(listener: Obj) -> list[str]:
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return [found["name"] for found in manager["http_filters"]]


@pytest.mark.parametrize(
    ("context", "listeners"),
    [
        ("SIDECAR_INBOUND", ["virtualInbound"]),
        ("SIDECAR_OUTBOUND", ["0.0.0.0_9080"]),
        ("ANY", ["0.0.0.0_9080", "virtualInbound"]),
        ("GATEWAY", []),
    ],
)
def test_the_context_chooses_the_listeners(context: str, listeners: list[str]) -> None:
    assert filtered(envoy_filter(insert(context))) == listeners


def test_a_gateway_is_limited_in_its_own_context() -> None:
    found = envoy_filter(insert("GATEWAY"), namespace="istio-system")
    assert filtered(found, proxy=GATEWAY) == ["0.0.0.0_8080"]
    assert filtered(envoy_filter(insert("SIDECAR_INBOUND"), namespace="istio-system")) == [
        "virtualInbound"
    ]


def test_namespaces_and_labels_choose_the_proxies() -> None:
    own = insert("SIDECAR_INBOUND")
    assert filtered(envoy_filter(own, app="productpage")) == ["virtualInbound"]
    assert filtered(envoy_filter(own, app="reviews")) == []
    assert filtered(envoy_filter(own, namespace="prod")) == []
    assert filtered(envoy_filter(own, namespace="istio-system", app="productpage")) == [
        "virtualInbound"
    ]


def test_what_is_attached_by_target_refs_is_for_no_proxy_here() -> None:
    attached = envoy_filter(insert())
    attached.spec["targetRefs"] = [{"kind": "Gateway", "name": "waypoint"}]
    assert filtered(attached) == []


def test_a_filter_that_is_inserted_first_stands_before_all_others() -> None:
    first = insert()
    first["patch"]["operation"] = "INSERT_FIRST"
    world: World = replace(WORLD, envoy_filters=(envoy_filter(first),))
    ((_, listeners),) = configure(world, [SIDECAR]).listeners.items()
    assert all(_names(listener)[0] == NAME for listener in listeners)


def test_a_port_chooses_the_listener() -> None:
    assert filtered(envoy_filter(insert("SIDECAR_OUTBOUND", portNumber=80))) == []
    assert filtered(envoy_filter(insert("SIDECAR_OUTBOUND", portNumber=9080))) == ["0.0.0.0_9080"]


def outbound_hosts(*patches: Obj) -> dict[str, Obj]:
    world = replace(WORLD, envoy_filters=(envoy_filter(*patches),))
    ((_, (configuration,)),) = configure(world, [SIDECAR]).routes.items()
    return {host["name"]: host for host in configuration["virtual_hosts"]}


def test_routes_and_virtual_hosts_carry_what_is_merged_into_them() -> None:
    name = "reviews.default.svc.cluster.local:9080"
    vhost = {"name": name, "route": {"action": "ROUTE"}}
    hosts = outbound_hosts(
        patch("HTTP_ROUTE", MERGED, "SIDECAR_OUTBOUND", routeConfiguration={"vhost": vhost})
    )
    assert hosts[name]["routes"][0]["typed_per_filter_config"] == {NAME: LIMIT}
    assert "typed_per_filter_config" not in hosts["allow_any"]["routes"][0]
    hosts = outbound_hosts(
        patch("VIRTUAL_HOST", MERGED | {"rate_limits": [{"actions": []}]}, "SIDECAR_OUTBOUND")
    )
    assert hosts[name]["rate_limits"] == hosts["allow_any"]["rate_limits"] == [{"actions": []}]


def test_the_routes_of_an_inbound_listener_are_merged_into_as_well() -> None:
    vhost = {"name": "inbound|http|9080"}
    found = patch("HTTP_ROUTE", MERGED, "SIDECAR_INBOUND", routeConfiguration={"vhost": vhost})
    world = replace(WORLD, envoy_filters=(envoy_filter(found),))
    ((_, listeners),) = configure(world, [SIDECAR]).listeners.items()
    manager = listeners[-1]["filter_chains"][0]["filters"][0]["typed_config"]
    (host,) = manager["route_config"]["virtual_hosts"]
    assert host["routes"][0]["typed_per_filter_config"] == {NAME: LIMIT}


LUA = {"name": "lua", "typed_config": {"@type": f"{HTTP}.lua.v3.Lua"}}


@pytest.mark.parametrize(
    "other",
    [
        patch("HTTP_FILTER", LUA),
        patch("CLUSTER", {"name": "limiter"}),
        patch("HTTP_ROUTE", {"typed_per_filter_config": {"lua": {"@type": "Lua"}}}),
        patch("HTTP_ROUTE", "text"),
        patch("HTTP_FILTER", INSERTED, listener="text"),
        {"applyTo": "HTTP_FILTER"},
        None,
    ],
)
def test_what_the_lab_does_not_know_is_named_and_disturbs_nothing(
    other: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    complain.cache_clear()
    assert filtered(envoy_filter(other, insert("SIDECAR_INBOUND"))) == ["virtualInbound"]
    said = capsys.readouterr().err
    assert "EnvoyFilter default/limit configPatches[0] ignored: the lab knows local" in said


BARE: Obj = {"stat_prefix": "http_local_rate_limiter"}
SHAPES = [
    pytest.param(
        [
            ratelimits.insert("SIDECAR_INBOUND", direct(BARE)),
            merge("HTTP_ROUTE", "SIDECAR_INBOUND", {"name": "inbound|http|9080"}, struct(ONE)),
        ],
        id="route",
    ),
    pytest.param(
        [
            ratelimits.insert("SIDECAR_INBOUND", struct(BARE)),
            merge("VIRTUAL_HOST", "SIDECAR_INBOUND", {"name": "inbound|http|9080"}, direct(ONE)),
        ],
        id="virtual host",
    ),
]


@pytest.mark.parametrize("patches", SHAPES)
def test_limits_of_a_route_hold_in_a_real_proxy(mesh: Mesh, patches: list[Obj]) -> None:
    mesh.route({"route": [to("v1")]})
    with limited(mesh, ratelimits.envoy_filter(*patches, app="reviews")):
        assert statuses(mesh.send(5)) == {429: 5}
    assert statuses(mesh.send(5)) == {200: 5}


def test_a_limit_at_the_gateway_holds_in_a_real_proxy(mesh: Mesh) -> None:
    mesh.route({"route": [to("v1")]})
    limit = ratelimits.envoy_filter(
        ratelimits.insert("GATEWAY", direct(ONE)), namespace="istio-system", istio="ingressgateway"
    )
    with limited(mesh, limit, ratelimits.through_the_gateway):
        assert statuses(mesh.lab.send(5, "/productpage")) == {429: 5}
        assert statuses(mesh.send(5)) == {200: 5}


def test_a_gateways_virtual_host_goes_by_the_gateways_port(mesh: Mesh) -> None:
    """Istio's documentation limits `*:80`: the Gateway's port, not that of its pod."""
    mesh.route({"route": [to("v1")]})
    limit = ratelimits.envoy_filter(
        ratelimits.insert("GATEWAY", direct(BARE)),
        merge("VIRTUAL_HOST", "GATEWAY", {"name": "*:80"}, struct(ONE)),
        namespace="istio-system",
        istio="ingressgateway",
    )
    with limited(mesh, limit, ratelimits.through_the_gateway):
        assert statuses(mesh.lab.send(3, "/productpage")) == {429: 3}


def test_a_pod_that_keeps_its_connections_is_limited_too(mesh: Mesh) -> None:
    """Applications hold on to connections: a new filter has to reach those as well."""
    mesh.route({"route": [to("v1")]})
    assert statuses(mesh.lab.send(20, "/productpage")) == {200: 20}
    limit = ratelimits.envoy_filter(ratelimits.insert("SIDECAR_OUTBOUND"), app="productpage")
    with limited(mesh, limit):
        mesh.lab.send(20, "/productpage")
        mesh.lab.reset()
        mesh.lab.send(20, "/productpage")
        assert mesh.lab.counts().get("reviews-v1", {}).get("requests", 0) == 0
    until(lambda: all(_has_reviews(page) for page in mesh.lab.send(8, "/productpage")))


def _has_reviews(page: Answer) -> bool:
    return page.status == 200 and '"version"' in json.dumps(page.body.get("reviews"))
