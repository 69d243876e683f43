"""The README's table of what each kind of route has, tried: what it refuses is refused, no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from meshtui.changes.adopt import adopt
from meshtui.changes.adopt_by_route import adopt_by_route
from meshtui.changes.build import build_change
from meshtui.changes.change import (
    Change,
    Promote,
    Rollback,
    SetBreaker,
    SetFault,
    SetMirror,
    SetTimeout,
    Shift,
    Target,
)
from meshtui.errors import Refused
from meshtui.mesh.gateway_api import ALL_ROUTE_KINDS
from meshtui.mesh.model import Mesh, ServiceKey
from tests.recorded.test_bad_routes import PARTS, SERVICE, mesh_with, services
from tests.unit.objects import reviews, route
from tests.unit.test_readme import rows_of_the_gateway_api

COLUMNS = {
    "VirtualService": 1,
    "HTTPRoute": 2,
    "GRPCRoute": 3,
    "TCPRoute": 4,
    "TLSRoute": 4,
}
Tried = Callable[[Mesh, ServiceKey, str], object]


def asking(request: Callable[[str], Any]) -> Tried:
    def tried(mesh: Mesh, key: ServiceKey, version: str) -> Change:
        return build_change(mesh, request(version), Target(key))

    return tried


def adopting(mesh: Mesh, key: ServiceKey, _: str) -> object:
    """By what rules it already; a pod of a version that it has not is there."""
    owners = (*mesh.http_routes, *mesh.stream_routes)
    return adopt_by_route(mesh, key) if owners else adopt(mesh, key)


VERBS: dict[str, Tried] = {
    "shift": asking(lambda version: Shift({version: 20})),
    "promote": asking(Promote),
    "rollback": asking(Rollback),
    "mirror": asking(lambda version: SetMirror(version, 10)),
    "timeout": asking(lambda _: SetTimeout(2.0)),
    "fault": asking(lambda _: SetFault(abort_http=503)),
    "breaker": asking(lambda _: SetBreaker(limits={"max_connections": 3})),
    "adopt": adopting,
}


def cell(verb: str, kind: str) -> str:
    (row,) = [row for row in rows_of_the_gateway_api() if f"`{verb}`" in row[0]]
    return row[COLUMNS[kind]]


def mesh_of(kind: str) -> tuple[Mesh, ServiceKey, str]:
    """A service that a rule of this kind splits; adopting finds a version that the rule lacks."""
    if kind == "VirtualService":
        rule = {"route": [route("v1", 50), route("v2", 50)]}
        return reviews(rule), ServiceKey("default", "reviews"), "v1"
    mesh = mesh_with(kind, SERVICE)
    return mesh, services(mesh, kind)[0].key, f"{PARTS[kind][1]}-v1"


def with_third(mesh: Mesh, key: ServiceKey) -> Mesh:
    """A pod of the service more, of a version of its own; and all of them have one."""
    selector = dict(mesh.by_key[key].selector)
    own = [pod for pod in mesh.pods if selector.items() <= dict(pod.labels).items()]
    labels = {**own[0].labels, "version": "v9"}
    third = replace(own[0], name="third", labels=labels)
    return replace(mesh, pods=(*mesh.pods, third))


@pytest.mark.parametrize("kind", ["VirtualService", *ALL_ROUTE_KINDS])
@pytest.mark.parametrize("verb", VERBS)
def test_what_the_table_refuses_is_refused_and_nothing_else(verb: str, kind: str) -> None:
    mesh, key, version = mesh_of(kind)
    if verb == "adopt":
        mesh = with_third(mesh, key)
    if cell(verb, kind).startswith("refused"):
        with pytest.raises(Refused) as refused:
            VERBS[verb](mesh, key, version)
        assert len(str(refused.value)) > 20
    else:
        assert VERBS[verb](mesh, key, version)
