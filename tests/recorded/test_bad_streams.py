"""TCPRoutes and TLSRoutes whose backends or parents are wrong, beside a real istiod.

`data/bad-streams.json` has the objects, what the gateway's and a caller's Envoy had, and the status
of each route.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from meshtui.diagnosis.analysis import analyze
from meshtui.envoy.compare_chains import compare_port
from meshtui.envoy.listeners import ProxyListener, parse_listeners
from meshtui.mesh.model import Mesh
from meshtui.mesh.resolution import Client, world
from meshtui.mesh.resolution.idle_routes import unserved
from meshtui.mesh.touched_ports import PortChains, TouchedPort, ports_of
from tests.recorded.cases import DATA, mesh_of

Obj = dict[str, Any]
SPACE = "routes-a"
CLIENT = Client(SPACE, {"app": "client", "version": "v1"})
SERVED = {number: number for number in (80, 9443, *range(9001, 9007))}
GATE = Client(SPACE, {"gateway.networking.k8s.io/gateway-name": "gate"}, True, SERVED)


@cache
def recording() -> Obj:
    found: Obj = json.loads((DATA / "bad-streams.json").read_text())
    return found


@cache
def mesh() -> Mesh:
    return mesh_of(recording()["objects"], {})


def listeners(who: str) -> tuple[ProxyListener, ...]:
    entries = recording()["recorded"]["proxies"][who]
    return parse_listeners({"configs": [{"dynamic_listeners": entries}]})


def ports(who: str) -> list[PortChains]:
    view = world(mesh()).view(GATE if who == "gate" else CLIENT)
    return [port for port in ports_of(view, [s.host for s in mesh().services]) if port.chains]


@pytest.mark.parametrize("who", ["gate", "client"])
def test_the_recorded_listeners_are_in_sync(who: str) -> None:
    found = ports(who)
    assert len(found) == {"gate": 6, "client": 6}[who]
    for port in found:
        verdict = compare_port(TouchedPort(port, port), listeners(who))
        assert verdict.in_sync, verdict.differences


def test_no_other_listener_was_recorded() -> None:
    assert {one.port for one in listeners("gate")} == {port.port for port in ports("gate")}


def test_shares_of_what_is_no_backend_go_to_a_cluster_that_is_not_there() -> None:
    nowhere = {
        port.port: target.share
        for port in ports("gate")
        for chain in port.chains
        for target in chain.targets
        if target.cluster == "UnknownService"
    }
    assert nowhere == {9001: 0.5, 9004: 0.5, 9005: 1.0, 9443: 0.5}


def test_what_the_status_says_is_found_and_nothing_else() -> None:
    said = {
        name
        for name, parents in recording()["recorded"]["status"].items()
        for parent in parents
        for one in parent["conditions"]
        if one["status"] == "False"
    }
    found = {f"{one.object.kind} {one.object.name}" for one in analyze(mesh())}
    own = {name for name in found if name.split()[0] in ("TCPRoute", "TLSRoute")}
    assert own == said


def test_why_a_route_is_served_by_nobody() -> None:
    found = {r.ref.name: unserved(mesh(), r) for r in mesh().stream_routes if r.at_gateways}
    assert {name: why for name, why in found.items() if why} == {
        "badname": "istiod takes none of its rules: a Service is named by its name, not by its "
        "host",
        "tbad": "istiod takes none of its rules: a Service is named by its name, not by its host",
        "nolistener": "no listener of Gateway routes-a/gate is meant: it is for listener zzz",
        "wrongkind": "listener http: routes of kind TCPRoute are not allowed",
    }
