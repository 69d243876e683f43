"""Which way to a proxy is tried, and for how long a refusal counts."""

from __future__ import annotations

import pytest

from meshtui.envoy.admin import admin_get, transport_to
from meshtui.envoy.admin_transports import (
    AGAIN_S,
    EXEC,
    MOST,
    NEITHER_S,
    PORT_FORWARD,
    AdminTransports,
)
from meshtui.errors import MeshtuiError, NotAllowed, NotFound, Refused, Unreachable
from meshtui.kube.failures import Unauthenticated


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ways(clock: Clock) -> AdminTransports:
    return AdminTransports(clock)


def test_a_port_forward_comes_first(ways: AdminTransports) -> None:
    assert ways.open("shop") == (PORT_FORWARD, EXEC)


def test_a_refused_way_is_left_out_in_its_namespace_for_some_minutes(
    ways: AdminTransports, clock: Clock
) -> None:
    ways.refuse(PORT_FORWARD, "shop")
    assert ways.open("shop") == (EXEC,)
    assert ways.open("bank") == (PORT_FORWARD, EXEC)
    clock.now += AGAIN_S
    assert ways.open("shop") == (PORT_FORWARD, EXEC)


def test_where_both_are_refused_both_are_tried_again_soon(
    ways: AdminTransports, clock: Clock
) -> None:
    for _ in range(2):
        ways.refuse(PORT_FORWARD, "shop")
        ways.refuse(EXEC, "shop")
        assert ways.open("shop") == ()
        clock.now += NEITHER_S
        assert ways.open("shop") == (PORT_FORWARD, EXEC)


def test_only_so_many_namespaces_are_remembered(ways: AdminTransports) -> None:
    for number in range(MOST + 1):
        ways.refuse(PORT_FORWARD, f"n{number}")
    assert ways.open("n0") == (PORT_FORWARD, EXEC)
    assert ways.open("n1") == ways.open(f"n{MOST}") == (EXEC,)


class Guarded:
    """A cluster that answers each way with an error, and counts the tries."""

    server = "https://test"

    def __init__(self, forward: MeshtuiError, by_exec: MeshtuiError) -> None:
        self._errors = {PORT_FORWARD: forward, EXEC: by_exec}
        self.tried: list[str] = []

    async def port_forward(self, *_: object, **__: object) -> None:
        self._fail(PORT_FORWARD)

    async def upgrade(self, *_: object, **__: object) -> None:
        self._fail(EXEC)

    def _fail(self, way: str) -> None:
        self.tried.append(way)
        raise self._errors[way]


async def ask(cluster: Guarded, error: type[MeshtuiError], said: str = "") -> None:
    with pytest.raises(error, match=said):
        await admin_get(cluster, "shop", "p", "/x")  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [NotFound, Unreachable, Refused, Unauthenticated])
async def test_only_a_missing_right_leads_to_exec(error: type[MeshtuiError]) -> None:
    cluster = Guarded(error("here"), NotAllowed("there"))
    await ask(cluster, error, "here")
    assert cluster.tried == [PORT_FORWARD]


async def test_the_way_is_remembered_and_an_error_there_is_told() -> None:
    cluster = Guarded(NotAllowed("no"), NotFound("gone"))
    await ask(cluster, NotFound, "gone")
    await ask(cluster, NotFound, "gone")
    assert cluster.tried == [PORT_FORWARD, EXEC, EXEC]
    assert transport_to(cluster, "shop") == EXEC  # type: ignore[arg-type]


async def test_where_neither_is_allowed_the_api_server_is_not_asked_in_vain() -> None:
    cluster = Guarded(NotAllowed("no"), NotAllowed("no"))
    for _ in range(3):
        await ask(cluster, NotAllowed, "neither port-forward to nor exec in shop/p")
    assert cluster.tried == [PORT_FORWARD, EXEC]
