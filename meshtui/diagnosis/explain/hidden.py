"""The Sidecar that keeps a caller's proxy from seeing a host."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.diagnosis.explain.scope import VersionScope, listed, route_destinations
from meshtui.mesh.hosts import short_host
from meshtui.mesh.model import Ref
from meshtui.mesh.resolution import Client, View, world

MOST = 2


def hidden_hosts(scope: VersionScope) -> list[str]:
    """A sentence for each Sidecar that hides where requests should go from who calls, or may."""
    if not scope.mesh.sidecars:
        return []
    found: dict[tuple[Ref, str], list[str]] = {}
    hosts = dict.fromkeys(
        (scope.view.service.host, *(dest.host for dest in route_destinations(scope)))
    )
    for name, view in _callers(scope):
        sidecar = view.scope.sidecar
        for host in hosts:
            if sidecar is not None and host in scope.mesh.by_host and view.host(host) is None:
                found.setdefault((sidecar.ref, host), []).append(name)
    return [
        f"{ref.kind} {ref.namespace}/{ref.name} hides {short_host(host, scope.namespace)} from "
        f"{listed(dict.fromkeys(names))}: their proxies have no route and no cluster of it, and "
        "send its requests on as unknown (PassthroughCluster, BlackHoleCluster)."
        for (ref, host), names in list(found.items())[:MOST]
    ]


def _callers(scope: VersionScope) -> Iterator[tuple[str, View]]:
    """Those that telemetry names, else all that may call from the service's namespace."""
    whole = world(scope.mesh)
    if scope.callers:
        for caller in scope.callers:
            home = f".{caller.namespace}" if caller.namespace != scope.namespace else ""
            client = Client(caller.namespace, caller.labels)
            yield f"{caller.workload}{home}", whole.view(client)
        return
    for group in whole.callers:
        if group.client.namespace == scope.namespace and not group.client.gateway:
            name = group.pods[0].workload if group.pods else str(group.client)
            yield name, whole.view(group.client)
