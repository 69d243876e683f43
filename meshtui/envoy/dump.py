"""Envoy's config dump, read into facts. What is missing or foreign in it reads as absent.

Takes the answers to `/config_dump?resource=…` and to `/config_dump` alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from meshtui.envoy.actions import parse_destinations, parse_mirrors, parse_retries
from meshtui.envoy.matches import parse_match
from meshtui.envoy.routes import ProxyRoute
from meshtui.mesh import read
from meshtui.mesh.effects import answer_of, fault_of, headers_of, rewrites_of
from meshtui.mesh.model import Json
from meshtui.mesh.quantity import seconds

_ENVOYS_TIMEOUT_S = 15.0
ROUTE_CONFIGS = ("dynamic_route_configs", "static_route_configs")
_OWNER = re.compile(r"/apis/networking\.istio\.io/[^/]+/namespaces/([^/]+)/virtual-service/([^/]+)")


def parse_routes(dump: Any) -> tuple[ProxyRoute, ...]:
    """Every route of every virtual host, in the order the proxy tries them."""
    return tuple(
        route
        for config in resources(dump, ROUTE_CONFIGS)
        for config in [read.obj(config, "route_config")]
        for vhost in read.objects(config, "virtual_hosts")
        for route in routes_of(
            read.text(config, "name"),
            read.text(vhost, "name"),
            read.texts(vhost, "domains"),
            read.objects(vhost, "routes"),
        )
    )


def resources(dump: Any, kinds: tuple[str, ...]) -> Iterator[Json]:
    """The entries asked for by `resource=`, or those inside the sections of a whole dump."""
    for config in read.objects(dump, "configs"):
        sections = [kind for kind in kinds if kind in config]
        if not sections:
            yield config
        for kind in sections:
            yield from read.objects(config, kind)


def refusal(entry: Json) -> str:
    """Why Envoy refused the newest version of a resource, in its own words."""
    state = read.obj(entry, "error_state")
    return read.text(state, "details") or ("it says no more" if state else "")


def routes_of(
    config: str, vhost: str, domains: tuple[str, ...], routes: Iterable[Json]
) -> Iterator[ProxyRoute]:
    """Routes of a virtual host of a RouteConfiguration."""
    return (_route(config, vhost, domains, route) for route in routes)


def _route(config: str, vhost: str, domains: tuple[str, ...], route: Json) -> ProxyRoute:
    action = read.obj(route, "route")
    return ProxyRoute(
        config=config,
        vhost=vhost,
        domains=domains,
        name=read.text(route, "name"),
        match=parse_match(read.obj(route, "match")),
        destinations=parse_destinations(action),
        mirrors=parse_mirrors(action),
        fault=fault_of(route),
        timeout_s=_timeout(action),
        retries=parse_retries(action),
        virtual_service=_owner(route),
        terminal=_terminal(route),
        rewrites=rewrites_of(action),
        cluster_header=read.text(action, "cluster_header"),
        answer=answer_of(route),
        headers=headers_of(route),
        raw=route,
    )


def _timeout(action: Json) -> float | None:
    """Envoy's default is 15 s; "0s", which istiod writes for no timeout, switches it off."""
    if not action:
        return None
    return (seconds(read.text(action, "timeout", f"{_ENVOYS_TIMEOUT_S:g}s")) or 0.0) or None


def _owner(route: Json) -> tuple[str, str] | None:
    path = read.text(read.obj(route, "metadata", "filter_metadata", "istio"), "config")
    match = _OWNER.fullmatch(path)
    return (match[1], match[2]) if match else None


def _terminal(route: Json) -> str:
    if "redirect" in route:
        return "redirect"
    return "direct response" if "direct_response" in route else ""
