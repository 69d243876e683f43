"""Each verb on each rule of the composed meshes: what the clients' routes become is what it says.

The resolution, which is held to a real istiod's routes, is asked before and after.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from meshtui.changes.build import build_change
from meshtui.changes.change import (
    Change,
    Promote,
    Request,
    SetFault,
    SetMirror,
    SetTimeout,
    Shift,
    Target,
)
from meshtui.changes.checks import shared_hosts
from meshtui.changes.consequences import consequences
from meshtui.changes.locate import labels_of, locate
from meshtui.changes.patch import apply
from meshtui.changes.stranding import stranding
from meshtui.errors import Refused
from meshtui.mesh.carrying import Route, traffic_to
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.resolution import Client, VirtualHost, world
from meshtui.operations.change.written_objects import mesh_after, object_of
from tests.recorded.analyzed import whole_mesh
from tests.recorded.cases import CLIENT_LABELS, GATEWAY, load, names

REV = ServiceKey("or-a", "rev")
CLIENTS = (Client("or-a", CLIENT_LABELS), Client("or-b", CLIENT_LABELS))
Tables = dict[tuple[str, str, str], list[Any]]


def tables(mesh: Mesh) -> Tables:
    """The routes of each virtual host, as both clients and the gateway have them."""
    found: Tables = {}
    for who, vhost in virtual_hosts(mesh):
        found[who, vhost.table, vhost.name] = [route.envoy for route in vhost.routes]
    return found


def virtual_hosts(mesh: Mesh) -> Iterator[tuple[str, VirtualHost]]:
    whole = world(mesh)
    for client in CLIENTS:
        for port in whole.shared.registry.ports:
            table = whole.view(client).table(port)
            for vhost in table.virtual_hosts() if table else ():
                if vhost.host is not None:
                    yield client.namespace, vhost
    for vhosts in whole.view(GATEWAY).gateway_tables.values():
        yield from (("gateway", vhost) for vhost in vhosts)


def requests_for(labels: list[str]) -> Iterator[Request]:
    yield SetTimeout(7.0)
    yield SetFault(abort_http=418)
    if len(labels) > 1:
        yield Shift({labels[0]: 33, labels[1]: 67})
        yield Promote(labels[-1])
        yield SetMirror(labels[0], 50)


def place_of(route: Route) -> str:
    ref = route.service.ref
    return f"{ref.kind}/{ref.namespace}/{ref.name}/{route.rule.index}"


def changes(mesh: Mesh) -> Iterator[Change]:
    """What is not refused, of all rules that carry some client's traffic."""
    for route in traffic_to(mesh, mesh.by_key[REV]).routes:
        if not route.carries or route.elsewhere or route.rule.protocol != "http":
            continue
        target = Target(REV, place_of(route))
        labels = dict.fromkeys(labels_of(locate(mesh, target)))
        for request in requests_for(list(labels)):
            try:
                yield build_change(mesh, request, target)
            except Refused:
                continue


@pytest.mark.parametrize("name", names("composed"))
def test_a_change_alters_routes_names_whose_and_can_be_taken_back(name: str) -> None:
    mesh = whole_mesh(load(name))
    before = tables(mesh)
    for change in changes(mesh):
        then = mesh_after(mesh, change)
        after = tables(then)
        altered = {key for key in before | after if before.get(key) != after.get(key)}
        found = (*consequences(mesh, then, change), *stranding(mesh, change))
        assert altered or change.empty or any(one.level == "danger" for one in found), change.words
        said = " ".join(one.text for one in (*found, *shared_hosts(mesh, change)))
        hosts = {vhost.rpartition(":")[0] for _, _, vhost in altered}
        for host in hosts - {mesh.by_key[REV].host}:
            assert host in said or "*" in said, (change.words, said)
        item = object_of(mesh, change.target)
        assert item is not None
        assert apply(apply(item.raw, change.patch), change.inverse) == item.raw


def test_most_rules_take_most_verbs() -> None:
    """So that the test above is no test of nothing."""
    some = names("composed")[::8]
    assert sum(len(list(changes(whole_mesh(load(name))))) for name in some) > 5 * len(some)
