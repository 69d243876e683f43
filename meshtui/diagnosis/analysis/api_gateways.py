"""What the status of a Gateway or of a ListenerSet says does not work."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.diagnosis.analysis.finding import ERROR, INFO, WARNING, Finding
from meshtui.mesh import read
from meshtui.mesh.gateway_status import objects_with_status, status_troubles
from meshtui.mesh.model import Mesh
from meshtui.mesh.route_status import ACCEPTED


def unready_listener(mesh: Mesh) -> Iterator[Finding]:
    """A listener without its certificate, of a protocol that is not served, or in conflict."""
    for ref, raw in objects_with_status(mesh):
        spec = [read.text(one, "name") for one in read.objects(read.obj(raw, "spec"), "listeners")]
        troubles: dict[str, list[str]] = {}
        for one in status_troubles(ref, raw):
            if one.listener:
                troubles.setdefault(one.listener, []).append(one.words)
        for name, words in troubles.items():
            yield Finding(
                "unready-listener",
                ERROR,
                ref,
                f"spec.listeners[{spec.index(name)}]",
                f"Listener {name} does not work: {'; '.join(words)}.",
                "Correct the listener, or make what it names.",
            )


def unready_gateway(mesh: Mesh) -> Iterator[Finding]:
    """One that is not accepted, or not in the proxies."""
    yield from (one for one in _gateways(mesh) if one.severity != INFO)


def gateway_without_address(mesh: Mesh) -> Iterator[Finding]:
    """Where nothing gives addresses to Services from outside it is meant so."""
    yield from (one for one in _gateways(mesh) if one.severity == INFO)


def _gateways(mesh: Mesh) -> Iterator[Finding]:
    for ref, raw in objects_with_status(mesh):
        for trouble in status_troubles(ref, raw):
            if trouble.listener:
                continue
            waiting = trouble.addressless
            rejected = trouble.type == ACCEPTED and trouble.status == "False"
            yield Finding(
                "gateway-without-address" if waiting else "unready-gateway",
                INFO if waiting else ERROR if rejected else WARNING,
                ref,
                "status.conditions",
                f"Its status says that it does not work whole: {trouble.words}.",
                "Give its Service an address, or ask for the cluster's own."
                if waiting
                else "Do what the status says.",
            )
