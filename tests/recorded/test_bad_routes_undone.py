"""What went bad of a route since its weights were changed is said before they are put back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from meshtui.changes.build import build_change
from meshtui.changes.change import Caution, Change, Shift, Target
from meshtui.changes.consequences import consequences
from meshtui.changes.stranding import stranding
from meshtui.journal import Entry, Status
from meshtui.mesh.gateway_api import ALL_ROUTE_KINDS, API_GROUP, STREAM_KINDS, ReferenceGrant
from meshtui.mesh.model import Json, Mesh, Ref
from meshtui.mesh.parse_listeners import parse_reference_grant
from meshtui.operations.change import undo
from meshtui.operations.change.written_objects import mesh_after
from tests.recorded.test_bad_routes import (
    GATE,
    PARENTS,
    PARTS,
    SERVICE,
    Obj,
    mesh_with,
    only,
    route,
    second,
    services,
)


def without_service(*names: str) -> Callable[[Mesh], Mesh]:
    def gone(mesh: Mesh) -> Mesh:
        kept = tuple(one for one in mesh.services if one.key.name not in names)
        return replace(mesh, services=kept)

    return gone


def without_gateways(mesh: Mesh) -> Mesh:
    return replace(mesh, api_gateways=())


def without_grants(mesh: Mesh) -> Mesh:
    return replace(mesh, reference_grants=())


def entry_of(made: Change) -> Entry:
    return Entry(
        id="20261128-120000-aaaa",
        created=0.0,
        who="a",
        host="h",
        pid=1,
        context="c",
        verb=made.verb,
        service=made.service,
        target=made.target,
        rule=made.rule,
        words=made.words,
        patch=made.patch,
        inverse=made.inverse,
        before=made.before,
        after=made.after,
        spec_before=made.spec_before,
        spec_after=made.spec_after,
        resource_version="7",
        status=Status.VERIFIED,
    )


async def said_of_undo(
    monkeypatch: pytest.MonkeyPatch, sound: Mesh, spoil: Callable[[Mesh], Mesh], made: Change
) -> tuple[Caution, ...]:
    """What is said of taking a change back, once the mesh that it left was spoilt."""
    now = spoil(mesh_after(sound, made))

    async def raw_now(_: object, __: Ref) -> Json:
        return only(now).raw

    monkeypatch.setattr(undo, "read_raw", raw_now)
    back, now = await undo.undo_change(None, now, entry_of(made))  # type: ignore[arg-type]
    assert back.patch
    found = consequences(now, mesh_after(now, back), back)
    return tuple(one for one in (*stranding(now, back), *found) if one.level == "danger")


def drained(mesh: Mesh, kind: str, place: str) -> Change:
    """All to the second version: the way back sends to the first again."""
    at = services(mesh, kind)[1 if place == GATE else 0]
    return build_change(mesh, Shift({f"{PARTS[kind][1]}-v2": 100}), Target(at.key))


@pytest.mark.parametrize("place", PARENTS)
@pytest.mark.parametrize("kind", ALL_ROUTE_KINDS)
async def test_a_backend_that_is_gone(
    kind: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound, name = mesh_with(kind, place), PARTS[kind][1]
    made = drained(sound, kind, place)
    assert not await said_of_undo(monkeypatch, sound, lambda mesh: mesh, made)
    spoil = without_service(f"{name}-v1")
    texts = [c.text for c in await said_of_undo(monkeypatch, sound, spoil, made)]
    effect = "gets no connection" if kind in STREAM_KINDS else "answers 500"
    host = f"{name}-v1.gw-a.svc.cluster.local"
    assert f"host {host} does not exist: traffic to it {effect}" in texts


@pytest.mark.parametrize("place", PARENTS)
@pytest.mark.parametrize("kind", ALL_ROUTE_KINDS)
async def test_a_parent_that_is_gone(
    kind: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = mesh_with(kind, place)
    spoil = without_gateways if place == GATE else without_service(PARTS[kind][1])
    said = await said_of_undo(monkeypatch, sound, spoil, drained(sound, kind, place))
    assert any("no client has a" in c.text or "has no effect" in c.text for c in said), said


@pytest.mark.parametrize("kind", ["HTTPRoute", "TCPRoute"])
async def test_a_grant_that_is_gone(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = mesh_with(kind, GATE)
    far: Obj = {"name": "pay", "namespace": "gw-b", "port": 9080}
    owner = route(kind, GATE, second(**far))
    grant = granting(kind)
    sound = replace(
        sound,
        http_routes=(owner,) if kind == "HTTPRoute" else (),
        stream_routes=(owner,) if kind == "TCPRoute" else (),
        reference_grants=(grant,),
    )
    at = services(sound, kind)[1]
    made = build_change(sound, Shift({f"{PARTS[kind][1]}-v1": 100}), Target(at.key))
    assert not await said_of_undo(monkeypatch, sound, lambda mesh: mesh, made)
    said = await said_of_undo(monkeypatch, sound, without_grants, made)
    assert any(("500" if kind == "HTTPRoute" else "closed") in c.text for c in said), said


def granting(kind: str) -> ReferenceGrant:
    raw = {
        "metadata": {"name": "g", "namespace": "gw-b"},
        "spec": {
            "from": [{"group": API_GROUP, "kind": kind, "namespace": "gw-a"}],
            "to": [{"group": "", "kind": SERVICE}],
        },
    }
    return parse_reference_grant(raw)
