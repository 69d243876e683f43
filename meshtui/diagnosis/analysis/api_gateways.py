"""What the status of a Gateway or of a ListenerSet says does not work."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.diagnosis.analysis.finding import ERROR, INFO, WARNING, Finding
from meshtui.mesh import read
from meshtui.mesh.istio import Json, Ref
from meshtui.mesh.model import Mesh
from meshtui.mesh.route_status import ACCEPTED, PROGRAMMED, RESOLVED

_CONFLICTED = "Conflicted"
_NO_ADDRESS = "AddressNotAssigned"
_LONGEST = 200


def unready_listener(mesh: Mesh) -> Iterator[Finding]:
    """A listener without its certificate, of a protocol that is not served, or in conflict."""
    for ref, raw in _objects(mesh):
        spec = [read.text(one, "name") for one in read.objects(read.obj(raw, "spec"), "listeners")]
        for listener in read.objects(read.obj(raw, "status"), "listeners"):
            name = read.text(listener, "name")
            troubles = [_words(one) for one in _unmet(listener)]
            if troubles and name in spec:
                yield Finding(
                    "unready-listener",
                    ERROR,
                    ref,
                    f"spec.listeners[{spec.index(name)}]",
                    f"Listener {name} does not work: {'; '.join(troubles)}.",
                    "Correct the listener, or make what it names.",
                )


def unready_gateway(mesh: Mesh) -> Iterator[Finding]:
    """One that is not accepted, or not in the proxies."""
    yield from (one for one in _gateways(mesh) if one.severity != INFO)


def gateway_without_address(mesh: Mesh) -> Iterator[Finding]:
    """Where nothing gives addresses to Services from outside it is meant so."""
    yield from (one for one in _gateways(mesh) if one.severity == INFO)


def _gateways(mesh: Mesh) -> Iterator[Finding]:
    for ref, raw in _objects(mesh):
        for condition in _unmet(read.obj(raw, "status")):
            waiting = read.text(condition, "reason") == _NO_ADDRESS
            rejected = read.text(condition, "type") == ACCEPTED
            yield Finding(
                "gateway-without-address" if waiting else "unready-gateway",
                INFO if waiting else ERROR if rejected else WARNING,
                ref,
                "status.conditions",
                f"Its status says that it does not work whole: {_words(condition)}.",
                "Give its Service an address, or ask for the cluster's own."
                if waiting
                else "Do what the status says.",
            )


def _objects(mesh: Mesh) -> Iterator[tuple[Ref, Json]]:
    for gateway in mesh.api_gateways:
        yield gateway.ref, gateway.raw
    for one in mesh.listener_sets:
        yield one.ref, one.raw


def _unmet(status: Json) -> Iterator[Json]:
    """What a listener has in conflict is bad where it is so, all else where it is not."""
    for condition in read.objects(status, "conditions"):
        kind, value = read.text(condition, "type"), read.text(condition, "status")
        unmet = kind in (ACCEPTED, PROGRAMMED, RESOLVED) and value == "False"
        if unmet or (kind == _CONFLICTED and value == "True"):
            yield condition


def _words(condition: Json) -> str:
    kind, value = read.text(condition, "type"), read.text(condition, "status")
    reason, message = read.text(condition, "reason"), read.text(condition, "message")
    return f"{kind} is {value}, {reason}: {message[:_LONGEST].rstrip('.')}"
