"""Rate limits as EnvoyFilters: which proxies they reach, what they allow, and when none."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.diagnosis.analysis import Finding, analyze
from meshtui.mesh.model import Mesh
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.ratelimits import Bucket, rate_limits
from tests.unit.objects import meta, pod

Obj = dict[str, Any]
HTTP = "type.googleapis.com/envoy.extensions.filters.http"
LOCAL = f"{HTTP}.local_ratelimit.v3.LocalRateLimit"
SETTINGS = {
    "stat_prefix": "http_local_rate_limiter",
    "token_bucket": {"max_tokens": 4, "tokens_per_fill": 2, "fill_interval": "60s"},
    "filter_enabled": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
    "filter_enforced": {"default_value": {"numerator": 500_000, "denominator": "MILLION"}},
}
STRUCT = {
    "@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
    "type_url": LOCAL,
    "value": SETTINGS,
}


def patch(value: Obj, context: str = "SIDECAR_INBOUND", apply_to: str = "HTTP_FILTER") -> Obj:
    return {
        "applyTo": apply_to,
        "match": {"context": context},
        "patch": {"operation": "INSERT_BEFORE", "value": value},
    }


def envoy_filter(*patches: Obj, namespace: str = "default", **labels: str) -> Obj:
    spec: Obj = {"configPatches": list(patches)}
    if labels:
        spec["workloadSelector"] = {"labels": labels}
    return {"metadata": meta("limit", namespace), "spec": spec}


def ingress() -> Obj:
    found = pod("ingress", "v0", namespace="istio-system")
    found["spec"]["containers"] = [{"name": "istio-proxy"}]
    return found


def mesh_with(*filters: Obj) -> Mesh:
    pods = [pod("reviews", "v1"), pod("reviews", "v2"), pod("ratings", "v1"), ingress()]
    mesh = parse_mesh({"pods": pods, "envoyfilters": list(filters)})
    assert mesh.problems == ()
    return mesh


def idle(*filters: Obj) -> list[Finding]:
    return list(analyze(mesh_with(*filters)))


@pytest.mark.parametrize(
    "config",
    [
        STRUCT,
        {"@type": LOCAL, **SETTINGS},
        {
            "@type": LOCAL,
            "statPrefix": "http_local_rate_limiter",
            "tokenBucket": {"maxTokens": 4, "tokensPerFill": 2, "fillInterval": "60s"},
            "filterEnabled": {"defaultValue": {"numerator": 100}},
            "filterEnforced": {"defaultValue": {"numerator": 50, "denominator": "HUNDRED"}},
        },
    ],
)
def test_a_local_limit_in_each_of_its_spellings(config: Obj) -> None:
    value = {"name": "envoy.filters.http.local_ratelimit", "typed_config": config}
    (limit,) = rate_limits(mesh_with(envoy_filter(patch(value), app="reviews")))
    assert (limit.kind, limit.context, limit.scope) == ("local", "SIDECAR_INBOUND", "every request")
    assert limit.workloads == (("default", "reviews-v1"), ("default", "reviews-v2"))
    assert limit.buckets == (Bucket(4, 2, 60.0),)
    assert limit.buckets[0].rps == pytest.approx(1 / 30)
    assert limit.enforced == 50.0
    assert limit.stat_prefix == "http_local_rate_limiter"


def test_a_limit_that_is_not_enforced() -> None:
    config = {"@type": LOCAL, "token_bucket": {"max_tokens": 1, "fill_interval": "1s"}}
    (limit,) = rate_limits(mesh_with(envoy_filter(patch({"typed_config": config}))))
    assert limit.enforced == 0.0


@pytest.mark.parametrize(("switch", "enforced"), [({}, 100.0), ({"default_value": False}, 0.0)])
def test_a_limit_for_connections_acts_unless_it_is_switched_off(
    switch: Obj, enforced: float
) -> None:
    """Envoy: `runtime_enabled` of the network filter is on where it is not set."""
    network = LOCAL.replace("filters.http", "filters.network")
    bucket = {"max_tokens": 5, "tokens_per_fill": 5, "fill_interval": "1s"}
    config = {"@type": network, "stat_prefix": "tcp", "token_bucket": bucket}
    config |= {"runtime_enabled": switch} if switch else {}
    (limit,) = rate_limits(
        mesh_with(envoy_filter(patch({"typed_config": config}, apply_to="NETWORK_FILTER")))
    )
    assert (limit.enforced, limit.scope, limit.limits) == (enforced, "connections", enforced > 0)


def test_a_limit_of_one_route_and_by_descriptor() -> None:
    entries = [{"key": "path", "value": "/a"}]
    descriptors = [{"entries": entries, "token_bucket": {"max_tokens": 1, "fill_interval": "1s"}}]
    config = {"@type": LOCAL, **SETTINGS, "descriptors": descriptors}
    value = {"typed_per_filter_config": {"envoy.filters.http.local_ratelimit": config}}
    found = patch(value, "GATEWAY", "HTTP_ROUTE")
    vhost = {"name": "shop.example:80", "route": {"name": "checkout"}}
    found["match"]["routeConfiguration"] = {"vhost": vhost}
    (limit,) = rate_limits(mesh_with(envoy_filter(found, namespace="istio-system")))
    assert limit.scope == "route checkout"
    assert [bucket.descriptor for bucket in limit.buckets] == ["", "path=/a"]
    assert limit.workloads == (("istio-system", "ingress-v0"),)


EXTERNAL = {
    "@type": f"{HTTP}.ratelimit.v3.RateLimit",
    "domain": "productpage",
    "failure_mode_deny": True,
    "rate_limit_service": {"grpc_service": {"envoy_grpc": {"cluster_name": "limiter"}}},
}


def test_an_external_service_and_where_it_is() -> None:
    address = {"address": "ratelimit.default.svc.cluster.local", "port_value": 8081}
    endpoint = {"endpoint": {"address": {"socket_address": address}}}
    assignment = {"endpoints": [{"lb_endpoints": [endpoint]}]}
    cluster = {"name": "limiter", "load_assignment": assignment}
    limits = envoy_filter(
        patch({"name": "envoy.ratelimit", "typed_config": EXTERNAL}, "GATEWAY"),
        patch(cluster, "GATEWAY", "CLUSTER"),
        patch({"rate_limits": [{"actions": []}]}, "GATEWAY", "VIRTUAL_HOST"),
        namespace="istio-system",
        app="ingress",
    )
    service, told = rate_limits(mesh_with(limits))
    assert (service.kind, service.domain, service.deny_on_failure) == (
        "external",
        "productpage",
        True,
    )
    assert service.service == "ratelimit.default.svc.cluster.local:8081"
    assert (told.kind, told.scope) == ("descriptors", "virtual host any")
    assert idle(limits) == []


def test_istios_own_name_of_the_service() -> None:
    name = {"cluster_name": "outbound|8081||ratelimit.default.svc.cluster.local"}
    config = {**EXTERNAL, "rate_limit_service": {"grpc_service": {"envoy_grpc": name}}}
    (limit,) = rate_limits(mesh_with(envoy_filter(patch({"typed_config": config}))))
    assert limit.service == "ratelimit.default.svc.cluster.local:8081"


LIMIT = {"typed_config": STRUCT}


class TestIdle:
    def test_a_selector_that_finds_nothing(self) -> None:
        (found,) = idle(envoy_filter(patch(LIMIT), app="reveiws"))
        assert (found.code, found.severity, found.field) == (
            "idle-rate-limit",
            "warning",
            "spec.workloadSelector",
        )
        assert found.effect.startswith("No pod with a proxy in default has the labels app=reveiws")
        assert found.same_as == ("IST0127", "KIA0004")

    def test_pods_of_another_namespace(self) -> None:
        (found,) = idle(envoy_filter(patch(LIMIT), namespace="prod", app="reviews"))
        assert found.field == "spec.workloadSelector"

    def test_the_root_namespace_reaches_all(self) -> None:
        assert idle(envoy_filter(patch(LIMIT), namespace="istio-system", app="reviews")) == []

    def test_a_context_that_none_of_the_proxies_has(self) -> None:
        (found,) = idle(envoy_filter(patch(LIMIT, "GATEWAY"), app="reviews"))
        assert found.field == "spec.configPatches[0].match.context"
        assert found.effect.startswith("It is for gateways, and none of the 2 proxies is one")

    def test_other_filters_and_other_ways_to_select(self) -> None:
        lua = {"typed_config": {"@type": f"{HTTP}.lua.v3.Lua"}}
        assert idle(envoy_filter(patch(lua), app="gone")) == []
        attached = envoy_filter(patch(LIMIT))
        attached["metadata"]["namespace"] = "prod"
        attached["spec"]["targetRefs"] = [{"kind": "Gateway", "name": "waypoint"}]
        assert idle(attached) == []

    def test_pods_that_may_not_be_read(self) -> None:
        objects = {"envoyfilters": [envoy_filter(patch(LIMIT), app="reviews")]}
        assert not analyze(parse_mesh(objects, partial={"pods": frozenset({"prod"})}))
        assert analyze(parse_mesh(objects, partial={"pods": frozenset({"default"})}))
