"""Objects with anything at all in any place of theirs: there is always an answer."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from meshtui.mesh.model import Mesh
from meshtui.mesh.request import Request
from meshtui.mesh.resolution import world
from meshtui.mesh.resolution.requests import answering, takes
from tests.recorded.cases import GATEWAY, Case, Obj, load, mesh_of, names

JUNK: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    10**400,
    1.5,
    float("nan"),
    "",
    "x",
    "*",
    "outbound|80||x",
    "\x00\x1b[2J",
    "a" * 5000,
    [],
    [None],
    [[]],
    [{}],
    {},
    {"x": None},
    {"host": 1},
    {"exact": {}},
)
Path = tuple[Any, ...]


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Each place in a value, the value itself first."""
    yield path
    entries: Any = ()
    if isinstance(value, dict):
        entries = value.items()
    elif isinstance(value, list):
        entries = enumerate(value)
    for key, inner in entries:
        yield from places(inner, (*path, key))


def put(obj: Obj, path: Path, junk: Any) -> None:
    inner: Any = obj
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = junk


@st.composite
def spoiled(draw: st.DrawFn) -> tuple[Case, Mesh]:
    """A recorded case with junk in up to three places of its objects."""
    case = load(draw(st.sampled_from(names())))
    own = copy.deepcopy(list(case.objects))
    for _ in range(draw(st.integers(1, 3))):
        obj = draw(st.sampled_from(own))
        found = list(places(obj.get("spec", {}), ("spec",)))
        put(obj, draw(st.sampled_from(found)), copy.deepcopy(draw(st.sampled_from(JUNK))))
    return case, mesh_of((*case.base, *own), case.recorded.get("created") or {})


@given(spoiled())
@settings(max_examples=150, deadline=None)
def test_anything_in_any_place_is_resolved(found: tuple[Case, Mesh]) -> None:
    case, mesh = found
    whole = world(mesh)
    request = Request(authority="rev.or-a:9080", headers=(("x-a", "1"),))
    for client in (case.client, GATEWAY):
        view = whole.view(client)
        vhosts = [vhost for several in view.gateway_tables.values() for vhost in several]
        for port in (80, 9080):
            table = view.table(port)
            vhosts += table.virtual_hosts() if table else []
        for vhost in vhosts:
            for route in vhost.routes:
                takes(route, request)
        answering(vhosts, request)
        for door in view.doors.doors:
            view.door_chains(door)
        for host in whole.shared.registry.by_name:
            view.resolve(host, 9080)
            assert all(cluster.envoy for cluster in view.clusters(host).values())
