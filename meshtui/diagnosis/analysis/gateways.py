"""VirtualServices at Gateways: the Gateway is there, has a proxy, and lets the host in."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.diagnosis.analysis.finding import ERROR, WARNING, Finding
from meshtui.diagnosis.analysis.lookup import rule_path
from meshtui.mesh import read
from meshtui.mesh.model import Gateway, Mesh, VirtualService
from meshtui.mesh.resolution.gateways import admitted, with_namespace
from meshtui.mesh.resolution.names import MESH, gateway_name, labels_in


def missing_gateway(mesh: Mesh) -> Iterator[Finding]:
    """A Gateway that is named, by a VirtualService or one of its matches, and does not exist."""
    for service in mesh.virtual_services:
        for path, name in _named(service):
            if name != MESH and _is_missing(mesh, name, service.ref.namespace):
                yield Finding(
                    "missing-gateway",
                    ERROR,
                    service.ref,
                    path,
                    f"Gateway {name} does not exist: the routes meant for it are served nowhere.",
                    f"Create it, or correct the name{_elsewhere(mesh, name)}.",
                    ("IST0101", "KIA1102"),
                )


def _named(service: VirtualService) -> Iterator[tuple[str, str]]:
    for index, name in enumerate(service.gateways):
        yield f"spec.gateways[{index}]", name
    for rule in service.rules:
        for at, match in enumerate(rule.matches):
            for index, name in enumerate(match.gateways):
                if name not in service.gateways:
                    yield f"{rule_path(rule)}.match[{at}].gateways[{index}]", name


def _is_missing(mesh: Mesh, name: str, namespace: str) -> bool:
    home = gateway_name(name, namespace).partition("/")[0]
    return mesh.knows("gateways", home) and _find(mesh, name, namespace) is None


def _find(mesh: Mesh, name: str, namespace: str) -> Gateway | None:
    home, _, short = gateway_name(name, namespace).partition("/")
    return mesh.gateways_by_place.get((home, short))


def _elsewhere(mesh: Mesh, name: str) -> str:
    short = name.rpartition("/")[2]
    found = next((g.ref for g in mesh.gateways if g.ref.name == short), None)
    return f" (there is {found.namespace}/{found.name})" if found else ""


def idle_gateway(mesh: Mesh) -> Iterator[Finding]:
    """A Gateway whose selector finds no pod, in any namespace: it configures no proxy."""
    if not mesh.knows("pods"):
        return
    for gateway in mesh.gateways:
        if gateway.selector and not _has_pods(mesh, gateway):
            labels = ", ".join(f"{key}={value}" for key, value in gateway.selector.items())
            yield Finding(
                "idle-gateway",
                ERROR,
                gateway.ref,
                "spec.selector",
                f"No pod has the labels {labels}: nothing listens for this Gateway.",
                "Correct the selector to the labels of the ingress gateway's pods, or start them.",
                ("IST0101", "KIA0302"),
            )


def _has_pods(mesh: Mesh, gateway: Gateway) -> bool:
    return any(labels_in(gateway.selector, pod.labels) for pod in mesh.pods)


def host_not_admitted(mesh: Mesh) -> Iterator[Finding]:
    """A VirtualService none of whose hosts a Gateway lets in, or a host that none does.

    Of a VirtualService that is in the mesh too, a host may be meant for the mesh alone.
    """
    for service in mesh.virtual_services:
        names = [name for name in service.gateways if name != MESH]
        found = {name: _find(mesh, name, service.ref.namespace) for name in names}
        gateways = {name: gateway for name, gateway in found.items() if gateway is not None}
        shut = [name for name, gateway in gateways.items() if _is_shut(gateway, service)]
        for name in shut:
            yield _shut_out(service, name, gateways[name])
        if gateways and len(gateways) == len(found) and not shut and not service.in_mesh:
            yield from _stray_hosts(service, list(gateways.values()))


def _hosts(service: VirtualService) -> tuple[tuple[str, str], ...]:
    """The VirtualService's hosts as written, each with its full name."""
    written = read.texts(read.obj(service.raw, "spec"), "hosts")
    return tuple(zip(written, service.hosts, strict=False))


def _is_shut(gateway: Gateway, service: VirtualService) -> bool:
    hosts = _hosts(service)
    return bool(hosts) and not any(_lets_in(gateway, service, host) for host in hosts)


def _lets_in(gateway: Gateway, service: VirtualService, host: tuple[str, str]) -> bool:
    names = [name.lower() for name in host]
    for server in gateway.servers:
        hosts = [with_namespace(found.lower(), gateway.ref.namespace) for found in server.hosts]
        if admitted(hosts, names, service.ref.namespace):
            return True
    return False


def _shut_out(service: VirtualService, name: str, gateway: Gateway) -> Finding:
    hosts = ", ".join(written for written, _ in _hosts(service))
    return Finding(
        "host-not-admitted",
        WARNING if service.in_mesh else ERROR,
        service.ref,
        f"spec.gateways[{service.gateways.index(name)}]",
        f"{gateway.ref} lets in none of the hosts ({hosts}): these routes are not served there.",
        f"Add the host to a server of the Gateway (it has {', '.join(gateway.hosts) or 'none'}).",
        ("IST0132",),
    )


def _stray_hosts(service: VirtualService, gateways: list[Gateway]) -> Iterator[Finding]:
    for index, host in enumerate(_hosts(service)):
        if not any(_lets_in(gateway, service, host) for gateway in gateways):
            yield Finding(
                "host-not-admitted",
                WARNING,
                service.ref,
                f"spec.hosts[{index}]",
                f"No Gateway of this VirtualService lets {host[0]} in: it is served nowhere.",
                "Add the host to a server of the Gateway, or remove it here.",
                ("IST0132",),
            )
