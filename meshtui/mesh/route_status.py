"""What a controller has written into the status of a route of the Gateway API."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.gateway_api import HttpRoute
from meshtui.mesh.istio import Json

ACCEPTED, RESOLVED, PROGRAMMED = "Accepted", "ResolvedRefs", "Programmed"
_TYPES = (ACCEPTED, RESOLVED, PROGRAMMED)
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class RouteCondition:
    """A condition of a route at one of its parents. `status` is True, False or Unknown."""

    parent: str
    type: str
    status: str
    reason: str = ""
    message: str = ""

    def __str__(self) -> str:
        reason = f", {self.reason}" if self.reason else ""
        message = f": {self.message[:_LONGEST]}" if self.message else ""
        return f"{self.parent}: {self.type} is {self.status}{reason}{message}"


def route_conditions(route: HttpRoute) -> tuple[RouteCondition, ...]:
    """Those of all parents, of the types that say whether the route works."""
    return tuple(
        condition
        for entry in read.objects(read.obj(route.raw, "status"), "parents")
        for condition in _of_parent(entry)
    )


def _of_parent(entry: Json) -> Iterator[RouteCondition]:
    parent = _title(read.obj(entry, "parentRef"))
    for condition in read.objects(entry, "conditions"):
        if (kind := read.text(condition, "type")) in _TYPES:
            status, reason = read.text(condition, "status"), read.text(condition, "reason")
            message = read.text(condition, "message")
            yield RouteCondition(parent, kind, status or "Unknown", reason, message)


def _title(parent: Json) -> str:
    names = (read.text(parent, "namespace"), read.text(parent, "name"))
    section = read.text(parent, "sectionName")
    kind = read.text(parent, "kind") or "Gateway"
    return f"{kind} {'/'.join(filter(None, names))}{f' listener {section}' if section else ''}"


def route_troubles(route: HttpRoute) -> tuple[RouteCondition, ...]:
    """The conditions that are not met: what the controller says is wrong."""
    return tuple(one for one in route_conditions(route) if one.status != "True")


def is_accepted(route: HttpRoute) -> bool:
    """Whether some parent has accepted it, by its status."""
    return any((one.type, one.status) == (ACCEPTED, "True") for one in route_conditions(route))
