"""Over a line of 200 ms what counts is how often a change waits for an answer: counted, not timed.

Questions that are asked at once are one round trip.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from meshtui.changes.change import (
    ClearAll,
    Plan,
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
from meshtui.kube.api_request import ApiRequest
from meshtui.kube.exchange import ApiResponse
from meshtui.kube.resources import MESH_RESOURCES, note_served
from meshtui.mesh.model import ServiceKey
from tests.unit.fake_cluster import FakeCluster, mesh_of, policy, routed, session
from tests.unit.objects import route

QUIET = 50
"""Turns of the loop in which nobody asks anything: then everybody waits for an answer."""

ACCEPTED = 3


class Far(FakeCluster):
    """Answers all that were asked at once together, when nobody asks for more."""

    def __init__(self, *objects: Any) -> None:
        super().__init__(*objects)
        self.trips = 0
        self.accepted: list[int] = []
        """The round trips after which writes were answered."""

        self._waiting: list[asyncio.Future[None]] = []
        self._answering: asyncio.Task[None] | None = None

    async def _travel(self) -> None:
        arrived = asyncio.get_running_loop().create_future()
        self._waiting.append(arrived)
        if self._answering is None or self._answering.done():
            self._answering = asyncio.create_task(self._answer())
        await arrived

    async def _answer(self) -> None:
        while self._waiting:
            known = 0
            while known < len(self._waiting):
                known = len(self._waiting)
                for _ in range(QUIET):
                    await asyncio.sleep(0)
            self.trips += 1
            answered, self._waiting = self._waiting, []
            for one in answered:
                if not one.done():
                    one.set_result(None)
            for _ in range(QUIET):
                await asyncio.sleep(0)

    async def get(self, path: str, params: Mapping[str, str] | None = None, **more: Any) -> Any:
        await self._travel()
        return await super().get(path, params, **more)

    async def get_text(
        self, path: str, params: Mapping[str, str] | None = None, **more: Any
    ) -> str:
        await self._travel()
        return await super().get_text(path, params, **more)

    async def port_forward(self, *words: Any, **more: Any) -> Any:
        await self._travel()
        return await super().port_forward(*words, **more)

    async def write(
        self,
        method: str,
        path: str,
        body: Any,
        *,
        params: Mapping[str, str] | None = None,
        **more: Any,
    ) -> ApiResponse:
        await self._travel()
        found = await super().write(method, path, body, params=params, **more)
        if ApiRequest(method, path, params or {}, body).writes and "events" not in path:
            self.accepted.append(self.trips)
        return found


def far() -> Far:
    rule = {
        "name": "all",
        "route": [route("v1", 90), route("v2", 10)],
        "fault": {"abort": {"httpStatus": 503, "percentage": {"value": 10}}},
    }
    return Far(routed(rule), policy("v1", "v2", "v3"))


CHANGES: dict[str, Request] = {
    "shift": Shift({"v2": 25}),
    "promote": Promote("v2"),
    "mirror": SetMirror("v3"),
    "fault": SetFault(abort_http=500, abort_percent=5.0),
    "timeout": SetTimeout(5.0),
    "breaker": SetBreaker(limits={"max_pending": 7}),
    "clear": ClearAll(),
    "rollback": Rollback("v1"),
}


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_is_accepted_after_three_round_trips(
    name: str, verify: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    cluster = far()
    for kind in MESH_RESOURCES:  # as whoever has read the mesh knows
        note_served(cluster, kind)
    opened = session(cluster, verify=verify)
    mesh = mesh_of(cluster)
    plan: Plan = await opened.plan(
        mesh, CHANGES[name], Target(ServiceKey("default", "reviews")), None
    )
    assert not plan.empty and cluster.accepted == []
    planned = cluster.trips
    applying = asyncio.create_task(opened.apply(plan, mesh, None, lambda _: None))
    while not cluster.accepted:
        assert not applying.done(), applying.exception()
        await asyncio.sleep(0)
    applying.cancel()
    await asyncio.gather(applying, return_exceptions=True)
    await opened.close()
    assert planned >= 1 and cluster.accepted[0] <= ACCEPTED, (planned, cluster.accepted)
