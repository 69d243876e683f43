"""What a person should know of a whole object before one service's change: hosts and headless."""

from __future__ import annotations

import pytest

from meshtui.changes.build import build_change
from meshtui.changes.change import (
    Promote,
    Request,
    Rollback,
    SetBreaker,
    SetFault,
    SetMirror,
    SetTimeout,
    Shift,
    Target,
)
from meshtui.changes.checks import shared_hosts
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.resolution import Client, world
from meshtui.mesh.view import service_views
from tests.unit.resolving import REV, made, mesh_of, pod, rules, service, to

KEY = ServiceKey("a", "rev")
EXT = "ext.example.com"


def entry() -> dict[str, object]:
    ports = [{"number": 9080, "name": "http", "protocol": "HTTP"}]
    return made("ServiceEntry", "ext", hosts=[EXT], ports=ports, resolution="DNS")


def split(**spec: object) -> Mesh:
    subsets = [{"name": v, "labels": {"version": v}} for v in ("v1", "v2")]
    return mesh_of(
        service(),
        pod("rev", "v1", 1),
        pod("rev", "v2", 2),
        made("DestinationRule", "rev", host="rev", subsets=subsets),
        rules("rev", {"route": [to("v1", 90), to("v2", 10)]}, **spec),
        entry(),
    )


@pytest.mark.parametrize(
    "request_",
    [
        Shift({"v2": 30}),
        Promote("v2"),
        Rollback("v1"),
        SetMirror("v2"),
        SetFault(delay_s=1.0),
        SetTimeout(3.0),
    ],
)
def test_each_verb_names_the_other_hosts_of_the_object(request_: Request) -> None:
    mesh = split(hosts=["rev", "rev.example.com", "*.shop.example.com"])
    (found,) = shared_hosts(mesh, build_change(mesh, request_, Target(KEY)))
    assert "rules rev.example.com, *.shop.example.com too" in found.text


def test_other_spellings_of_the_service_and_policies_are_no_other_hosts() -> None:
    mesh = split(hosts=["rev", "rev.a", "rev.a.svc", REV])
    assert shared_hosts(mesh, build_change(mesh, Shift({"v2": 30}), Target(KEY))) == ()
    breaker = SetBreaker(limits={"max_connections": 10})
    assert shared_hosts(mesh, build_change(mesh, breaker, Target(KEY))) == ()


@pytest.mark.parametrize("name", [EXT, "EXT.example.com"])
@pytest.mark.parametrize("there", [True, False])
def test_a_host_of_a_service_entry_is_a_destination_by_its_whole_name(
    name: str, there: bool
) -> None:
    routes = [to("v1", 90), to("v2", 10), *([to(host=EXT, weight=0)] if there else [])]
    mesh = mesh_of(*_objects(split()), rules("rev", {"route": routes}))
    for request in (Shift({name: 60.0}), Promote(name), Rollback(name)):
        after = build_change(mesh, request, Target(KEY)).after
        percents = {d["host"]: d["weight"] for d in after["destinations"]}
        assert percents[EXT] == (60 if isinstance(request, Shift) else 100)
    mirror = build_change(mesh, SetMirror(name), Target(KEY)).after["mirrors"]
    assert [m["host"] for m in mirror] == [EXT]


def _objects(mesh: Mesh) -> list[dict[str, object]]:
    subsets = [{"name": v, "labels": {"version": v}} for v in ("v1", "v2")]
    policy = made("DestinationRule", "rev", host="rev", subsets=subsets)
    return [service(), pod("rev", "v1", 1), pod("rev", "v2", 2), policy, entry()]


def test_the_table_says_that_weights_of_a_headless_service_do_nothing() -> None:
    subsets = [{"name": v, "labels": {"version": v}} for v in ("v1", "v2")]
    mesh = mesh_of(
        service("peers", clusterIP="None"),
        made("DestinationRule", "peers", host="peers", subsets=subsets),
        rules("peers", {"route": [to(v, 50, host="peers") for v in ("v1", "v2")]}, hosts=["peers"]),
    )
    assert _marks(mesh, "peers") == ("headless: weights do nothing",)
    assert _marks(split(), "rev") == ()


def _marks(mesh: Mesh, name: str) -> tuple[str, ...]:
    return next(view.marks for view in service_views(mesh, None) if view.key.name == name)


def test_an_object_that_is_not_made_yet_is_the_youngest() -> None:
    old = rules("old", {"name": "old", "route": [to("v1")]})
    new = rules("new", {"name": "new", "route": [to("v2")]})
    del new["metadata"]["creationTimestamp"]
    mesh = mesh_of(service(), pod("rev", "v1", 1), old, new)
    ruling = world(mesh).view(Client("a", {})).resolve(REV, 9080).service
    assert ruling is not None and ruling.ref.name == "old"
