"""Listeners that admit namespaces by labels and kinds, and ListenerSets, beside a real istiod.

`data/listener-sets.json` has the objects, the Service that istiod made of the Gateway, and what the
gateway's Envoy and the routes' status had then.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from meshtui.mesh.exposure import api_routes_to, doors_to
from meshtui.mesh.model import Mesh
from meshtui.mesh.namespaces import Namespace
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.resolution import Client, world
from tests.recorded.cases import API_GATEWAYS, DATA, PLURALS

Obj = dict[str, Any]
PORTS = {number: number for number in (8090, 8091, 8092, 15021)}
GATE = Client("canary-gw", {"gateway.networking.k8s.io/gateway-name": "gate2"}, True, PORTS)


@cache
def recording() -> Obj:
    found: Obj = json.loads((DATA / "listener-sets.json").read_text())
    return found


def mesh(without_namespaces: bool = False, with_status: bool = True) -> Mesh:
    found: dict[str, list[Obj]] = {API_GATEWAYS: []}
    for obj in (*recording()["objects"], *recording()["made"]):
        name, api = obj["metadata"]["name"], str(obj["apiVersion"])
        if not with_status:
            obj = {**obj, "status": {}}
        elif obj["kind"] == "HTTPRoute":
            obj = {**obj, "status": {"parents": recording()["recorded"]["status"][name]}}
        of_api = obj["kind"] == "Gateway" and api.startswith("gateway.")
        plural = API_GATEWAYS if of_api else PLURALS[obj["kind"]]
        found.setdefault(plural, []).append(obj)
    if without_namespaces:
        del found["namespaces"]
        return parse_mesh(found, partial={"namespaces": frozenset()})
    return parse_mesh(found)


KNOWN = (False, True)
"""Whether namespaces can't be read: then the status says which of them are meant."""


@pytest.mark.parametrize("without_namespaces", KNOWN)
def test_the_gateway_has_the_recorded_routes(without_namespaces: bool) -> None:
    tables = world(mesh(without_namespaces)).view(GATE).gateway_tables
    made = {(v.table, v.name): v for vhosts in tables.values() for v in vhosts}
    wanted = {(v["route_config"], v["name"]): v for v in recording()["recorded"]["routes"]}
    assert made.keys() == wanted.keys()
    for key, vhost in wanted.items():
        assert [route.envoy for route in made[key].routes] == vhost["routes"]
        assert list(made[key].domains) == vhost["domains"]


def test_without_a_right_to_namespaces_and_without_a_status_nothing_is_admitted() -> None:
    tables = world(mesh(without_namespaces=True, with_status=False)).view(GATE).gateway_tables
    assert not [v for vhosts in tables.values() for v in vhosts if v.rulings]


def test_the_ways_in_are_named_by_the_object_that_has_the_listener() -> None:
    whole = mesh()
    service = whole.by_host["rev-v1.canary-gw.svc.cluster.local"]
    found = {(str(d.gateway), d.listener, d.hosts, d.port) for d in doors_to(whole, service)}
    assert found == {
        ("Gateway canary-gw/gate2", "blue", ("blue.test",), 8090),
        ("ListenerSet canary-out/more", "more", ("a.more.test",), 8091),
    }


def test_routes_that_are_refused_say_why_as_their_status_does() -> None:
    whole = mesh()
    service = whole.by_host["rev-v1.canary-gw.svc.cluster.local"]
    found = {route.ref.name: route.why for route in api_routes_to(whole, service)}
    assert found == {
        "nokind": "listener grpc-only: routes of kind HTTPRoute are not allowed",
        "notblue": "listener blue: routes of canary-gw are not allowed",
    }
    for name in found:
        (parent,) = recording()["recorded"]["status"][name]
        reasons = {c["type"]: (c["status"], c["reason"]) for c in parent["conditions"]}
        assert reasons["Accepted"] == ("False", "NotAllowedByListeners")


SELECTORS: tuple[tuple[Obj, bool], ...] = (
    ({}, True),
    ({"matchLabels": {"team": "blue"}}, True),
    ({"matchLabels": {"team": "green"}}, False),
    ({"matchLabels": {"kubernetes.io/metadata.name": "shop"}}, True),
    ({"matchExpressions": [{"key": "team", "operator": "In", "values": ["blue"]}]}, True),
    ({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["blue"]}]}, False),
    ({"matchExpressions": [{"key": "x", "operator": "NotIn", "values": ["blue"]}]}, True),
    ({"matchExpressions": [{"key": "team", "operator": "Exists"}]}, True),
    ({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}, False),
    ({"matchExpressions": [{"key": "team", "operator": "Resembles"}]}, False),
)


@pytest.mark.parametrize(("selector", "expected"), SELECTORS)
def test_a_selector_means_namespaces_by_their_labels(selector: Obj, expected: bool) -> None:
    labels = {"team": "blue", "kubernetes.io/metadata.name": "shop"}
    assert Namespace("shop", labels).selected(selector) is expected


def test_a_route_of_a_set_that_is_not_admitted_says_so() -> None:
    whole, more = mesh(), "ListenerSet canary-out/more"
    service = whole.by_host["rev-v1.canary-gw.svc.cluster.local"]
    closed = tuple(replace(gateway, admits="None") for gateway in whole.api_gateways)
    found = {r.why for r in api_routes_to(replace(whole, api_gateways=closed), service)}
    assert f"Gateway canary-gw/gate2 does not admit {more} (allowedListeners)" in found
    found = {r.why for r in api_routes_to(replace(whole, api_gateways=()), service)}
    assert f"there is no Gateway canary-gw/gate2 for {more}" in found
