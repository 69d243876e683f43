"""`proxy routes|clusters|endpoints|listeners`: what a pod's proxy really does."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from meshtui.cli import opening, output
from meshtui.envoy import proxy
from meshtui.envoy.endpoints import Endpoint
from meshtui.envoy.routes import ProxyRoute
from meshtui.errors import Exit, NotFound
from meshtui.mesh.model import Mesh, Pod
from meshtui.mesh.text import clean


async def show(arguments: argparse.Namespace) -> int:
    form = opening.form(arguments)
    async with opening.session(arguments) as opened:
        mesh = await opened.read_mesh()
        pod = find_pod(mesh, arguments.pod, opened.cluster.namespace)
        cluster = opened.cluster
        match arguments.what:
            case "routes":
                routes = await proxy.read_routes(cluster, pod)
                _routes(pod, routes, form)
            case "clusters":
                names = sorted(await proxy.read_cluster_names(cluster, pod))
                _clusters(pod, names, form)
            case "endpoints":
                _endpoints(pod, await proxy.read_endpoints(cluster, pod), form)
            case _:
                listeners = await proxy.read_listeners(cluster, pod)
                rows = [(x.name, x.address, str(x.port), " ".join(x.routes)) for x in listeners]
                _print(pod, "listeners", [asdict(x) for x in listeners], form)
                if form == "table":
                    output.table(("LISTENER", "ADDRESS", "PORT", "ROUTES"), rows, right=[2])
    return Exit.DONE


def find_pod(mesh: Mesh, name: str, namespace: str) -> Pod:
    """A pod by name, `NAME.NAMESPACE` or `NAMESPACE/NAME`; or a workload's first ready pod."""
    places = [(namespace, name)]
    if "/" in name:
        first, _, rest = name.partition("/")
        places.insert(0, (first, rest))
    if "." in name:
        rest, _, last = name.rpartition(".")
        places.append((last, rest))
    proxies = [pod for pod in mesh.pods if pod.sidecar]
    for place in places:
        for pod in proxies:
            if (pod.namespace, pod.name) == place:
                return pod
        mine = [pod for pod in proxies if (pod.namespace, pod.workload) == place]
        if mine:
            return next((pod for pod in mine if pod.serving), mine[0])
    elsewhere = [pod for pod in proxies if name in (pod.name, pod.workload)]
    if elsewhere:
        hint = f"did you mean {elsewhere[0].namespace}/{name}?"
    else:
        hint = "`kubectl get pods -A` lists them"
    raise NotFound(f"no pod or workload {name} with a proxy in namespace {namespace}", hint)


def _print(pod: Pod, what: str, entries: list[Any], form: str) -> None:
    if form != "table":
        output.data({"namespace": pod.namespace, "pod": pod.name, what: entries}, form)


def _routes(pod: Pod, routes: tuple[ProxyRoute, ...], form: str) -> None:
    _print(pod, "routes", [route_json(route) for route in routes], form)
    if form != "table":
        return
    rows = [
        (
            route.config,
            route.vhost,
            route.match.text,
            _where(route),
            ", ".join(f"{m.label} {m.percent:g}%" for m in route.mirrors) or "-",
            str(route.fault or "-"),
            f"{route.timeout_s:g}s" if route.timeout_s else "-",
            str(route.retries or "-"),
            "/".join(route.virtual_service) if route.virtual_service else "-",
        )
        for route in routes
    ]
    header = ("ROUTE", "HOST", "MATCH", "DESTINATIONS", "MIRROR", "FAULT", "TIMEOUT", "RETRIES")
    output.table((*header, "VIRTUAL SERVICE"), rows)


def _where(route: ProxyRoute) -> str:
    if route.terminal:
        return route.terminal
    if len(route.destinations) == 1:
        return _target(route.destinations[0])
    total = route.total_weight or 1
    return ", ".join(f"{_target(d)} {100 * d.weight / total:.4g}%" for d in route.destinations)


def _target(destination: Any) -> str:
    host = destination.host or destination.cluster
    return f"{host}/{destination.subset}" if destination.subset else host


def route_json(route: ProxyRoute) -> dict[str, Any]:
    """One entry of the proxy's route table, in order; times in seconds."""
    found = asdict(route)
    found["match"] = {"text": route.match.text, **asdict(route.match)}
    found["virtual_service"] = "/".join(route.virtual_service) if route.virtual_service else None
    return found


def _clusters(pod: Pod, names: list[str], form: str) -> None:
    _print(pod, "clusters", names, form)
    if form == "table":
        for name in names:
            output.line(clean(name))


def _endpoints(pod: Pod, endpoints: tuple[Endpoint, ...], form: str) -> None:
    _print(pod, "endpoints", [asdict(endpoint) for endpoint in endpoints], form)
    if form == "table":
        rows = [
            (e.cluster.raw, e.address, str(e.port), _health(e), str(e.requests), str(e.errors))
            for e in endpoints
        ]
        header = ("CLUSTER", "ADDRESS", "PORT", "HEALTH", "REQUESTS", "ERRORS")
        output.table(header, rows, right=[2, 4, 5])


def _health(endpoint: Endpoint) -> str:
    return "ejected" if endpoint.ejected else endpoint.health
