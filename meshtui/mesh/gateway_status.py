"""What the status of a Gateway or of a ListenerSet says does not work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.ambient import Place, waypoint_named
from meshtui.mesh.istio import Json, Ref
from meshtui.mesh.model import Mesh, Service
from meshtui.mesh.route_status import ACCEPTED, PROGRAMMED, RESOLVED

_CONFLICTED = "Conflicted"
_NO_ADDRESS = "AddressNotAssigned"
_LONGEST = 200
_SLOT = "_gateway_troubles"


@dataclass(frozen=True, slots=True)
class GatewayTrouble:
    """A condition that is not met, of the whole object or of one `listener`."""

    ref: Ref
    type: str
    status: str
    reason: str = ""
    message: str = ""
    listener: str = ""

    @property
    def addressless(self) -> bool:
        """Where nothing gives addresses to Services from outside it is meant so."""
        return self.reason == _NO_ADDRESS

    @property
    def words(self) -> str:
        """`Programmed is False, AddressNotAssigned: …`."""
        reason = f", {self.reason}" if self.reason else ""
        message = f": {self.message[:_LONGEST].rstrip('.')}" if self.message else ""
        return f"{self.type} is {self.status}{reason}{message}"

    def __str__(self) -> str:
        listener = f" listener {self.listener}" if self.listener else ""
        return f"{self.ref}{listener}: {self.words}"


def status_troubles(ref: Ref, raw: Json) -> tuple[GatewayTrouble, ...]:
    """Those of the object, then those of the listeners that it still has."""
    status = read.obj(raw, "status")
    names = {read.text(one, "name") for one in read.objects(read.obj(raw, "spec"), "listeners")}
    found = list(_unmet(ref, status, ""))
    for listener in read.objects(status, "listeners"):
        name = read.text(listener, "name")
        if name in names:
            found += _unmet(ref, listener, name)
    return tuple(found)


def _unmet(ref: Ref, status: Json, listener: str) -> Iterator[GatewayTrouble]:
    """What a listener has in conflict is bad where it is so, all else where it is not.

    Unknown is what no controller has looked at.
    """
    for condition in read.objects(status, "conditions"):
        kind, value = read.text(condition, "type"), read.text(condition, "status")
        unmet = kind in (ACCEPTED, PROGRAMMED, RESOLVED) and value != "True"
        if unmet or (kind == _CONFLICTED and value == "True"):
            reason, message = read.text(condition, "reason"), read.text(condition, "message")
            yield GatewayTrouble(ref, kind, value or "Unknown", reason, message, listener)


def objects_with_status(mesh: Mesh) -> Iterator[tuple[Ref, Json]]:
    yield from ((one.ref, one.raw) for one in mesh.api_gateways)
    yield from ((one.ref, one.raw) for one in mesh.listener_sets)


def troubles_at(mesh: Mesh, ref: Ref, listener: str = "") -> tuple[GatewayTrouble, ...]:
    """Of one Gateway or ListenerSet; with `listener` of it and of this listener alone."""
    found = _troubles_by_object(mesh).get((ref.kind, ref.namespace, ref.name), ())
    return tuple(
        one for one in found if not (listener and one.listener) or one.listener == listener
    )


def _troubles_by_object(mesh: Mesh) -> Mapping[tuple[str, str, str], tuple[GatewayTrouble, ...]]:
    """Of those of the Gateway API that have some, worked out once for a snapshot."""
    found = mesh.__dict__.get(_SLOT)
    if found is None:
        every = ((ref, status_troubles(ref, raw)) for ref, raw in objects_with_status(mesh))
        found = {(ref.kind, ref.namespace, ref.name): some for ref, some in every if some}
        mesh.__dict__[_SLOT] = found
    troubles: Mapping[tuple[str, str, str], tuple[GatewayTrouble, ...]] = found
    return troubles


def proxy_troubles(mesh: Mesh, gateway: Place) -> tuple[GatewayTrouble, ...]:
    """Of the Gateway that a proxy serves, and of the ListenerSets that are added to it."""
    known = mesh.api_gateways_by_place.get(gateway)
    if known is None:
        return ()
    added = (one.ref for one in mesh.listener_sets if one.gateway == gateway)
    return tuple(one for ref in (known.ref, *added) for one in troubles_at(mesh, ref))


def waypoint_troubles(mesh: Mesh, service: Service) -> tuple[GatewayTrouble, ...]:
    """Of the waypoint that a service asks for, where it is there."""
    wanted = waypoint_named(mesh, service)
    gateway = mesh.api_gateways_by_place.get(wanted) if wanted else None
    return troubles_at(mesh, gateway.ref) if gateway is not None else ()


def worth_saying(troubles: Iterable[GatewayTrouble]) -> tuple[GatewayTrouble, ...]:
    """Each once, without those that only lack an address."""
    return tuple(one for one in dict.fromkeys(troubles) if not one.addressless)
