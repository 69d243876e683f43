"""EnvoyFilters with local rate limits, as Istio's documentation writes them, put into a lab."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.lab.harness import Mesh, Obj, statuses, until

NAME = "envoy.filters.http.local_ratelimit"
TYPE = "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
MANAGER = "envoy.filters.network.http_connection_manager"
PREFIX = "http_local_rate_limiter"
_ALL = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}

ONE: Obj = {
    "stat_prefix": PREFIX,
    "token_bucket": {"max_tokens": 1, "tokens_per_fill": 1, "fill_interval": "600s"},
    "filter_enabled": _ALL,
    "filter_enforced": _ALL,
}
"""One request, and none after it."""


def struct(settings: Obj) -> Obj:
    """The settings as most of the documentation wraps them."""
    wrapper = "type.googleapis.com/udpa.type.v1.TypedStruct"
    return {"@type": wrapper, "type_url": TYPE, "value": settings}


def direct(settings: Obj) -> Obj:
    return {"@type": TYPE, **settings}


def insert(context: str, config: Obj | None = None) -> Obj:
    """The filter, before the others of the connection manager."""
    return {
        "applyTo": "HTTP_FILTER",
        "match": {"context": context, "listener": {"filterChain": {"filter": {"name": MANAGER}}}},
        "patch": {
            "operation": "INSERT_BEFORE",
            "value": {"name": NAME, "typed_config": config or struct(ONE)},
        },
    }


def merge(kind: str, context: str, vhost: Obj, config: Obj) -> Obj:
    """The settings for one virtual host or one of its routes."""
    return {
        "applyTo": kind,
        "match": {"context": context, "routeConfiguration": {"vhost": vhost}},
        "patch": {
            "operation": "MERGE",
            "value": {"typed_per_filter_config": {NAME: config}},
        },
    }


def envoy_filter(*patches: Obj, namespace: str = "default", **labels: str) -> Obj:
    return {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": {"name": "limit", "namespace": namespace},
        "spec": {"workloadSelector": {"labels": labels}, "configPatches": list(patches)},
    }


def through_the_mesh(mesh: Mesh) -> set[int]:
    return set(statuses(mesh.send(8, "/probe")))


def through_the_gateway(mesh: Mesh) -> set[int]:
    return set(statuses(mesh.lab.send(2, "/productpage")))


@contextmanager
def limited(
    mesh: Mesh, limit: Obj, probe: Callable[[Mesh], set[int]] = through_the_mesh
) -> Iterator[None]:
    """The limit is in force, and used up, for as long as the context lasts.

    A connection that was there before serves one more request as it was, and closes then.
    """
    home = f"/apis/networking.istio.io/v1alpha3/namespaces/{limit['metadata']['namespace']}"
    mesh.api.call("POST", f"{home}/envoyfilters", limit)
    try:
        until(lambda: probe(mesh) == {429}, what="the rate limit")
        yield
    finally:
        mesh.api.call("DELETE", f"{home}/envoyfilters/{limit['metadata']['name']}")
        until(lambda: 429 not in probe(mesh), what="no rate limit")
