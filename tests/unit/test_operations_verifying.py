"""Asking the proxies: again while it may help, and no longer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshtui.changes.change import Shift, Target
from meshtui.changes.outcome import ProxyVerdict
from meshtui.errors import NotAllowed, Unreachable
from meshtui.mesh.model import Pod, ServiceKey
from meshtui.operations.change import verify as verifying
from meshtui.operations.change.verify import QUICK, SPARING, CheckPace, Clients, verify
from meshtui.operations.options import Options
from meshtui.operations.session import Session
from tests.unit.fake_cluster import FakeCluster, mesh_of, policy, routed
from tests.unit.objects import reviews, route

KEY = ServiceKey("default", "reviews")

(POD,) = reviews(versions=["v1"]).pods


class Proxy:
    """Answers with one verdict after the other; the last one stays."""

    def __init__(self, *verdicts: ProxyVerdict) -> None:
        self.verdicts = list(verdicts)
        self.asked = 0

    async def __call__(self, pod: Pod) -> ProxyVerdict:
        self.asked += 1
        return self.verdicts.pop(0) if len(self.verdicts) > 1 else self.verdicts[0]


def verdict(state: str, *, final: bool = False) -> ProxyVerdict:
    return ProxyVerdict(POD.namespace, POD.name, state, "", final)


async def test_a_proxy_that_is_old_is_asked_until_it_is_in_sync() -> None:
    proxy = Proxy(verdict("old"), verdict("out of reach"), verdict("in sync"))
    (found,), _ = await verify(proxy, Clients((POD,)))
    assert (found.state, proxy.asked) == ("in sync", 3)


async def test_who_may_not_ask_is_told_at_once() -> None:
    proxy = Proxy(verdict("out of reach", final=True))
    (found,), seconds = await verify(proxy, Clients((POD,)))
    assert (found.state, proxy.asked) == ("out of reach", 1)
    assert seconds < 5


async def test_a_proxy_that_stays_old_is_given_up_when_time_is_up() -> None:
    proxy = Proxy(verdict("old"))
    (found,), _ = await verify(proxy, Clients((POD,)), wait_s=0.1)
    assert found.state == "old" and proxy.asked > 1


class Time:
    """Passes only while somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        monkeypatch.setattr(verifying.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(verifying.asyncio, "sleep", self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


async def test_where_a_question_starts_a_program_there_are_fewer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Time(monkeypatch)

    async def asked(pace: CheckPace) -> int:
        proxy = Proxy(verdict("old"))
        await verify(proxy, Clients((POD,)), wait_s=10.0, pace=lambda _: pace)
        return proxy.asked

    assert await asked(QUICK) > 20
    assert await asked(SPARING) <= 8


async def test_a_proxy_is_asked_once_more_when_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    passing = Time(monkeypatch)

    async def ask(_: Pod) -> ProxyVerdict:
        return verdict("in sync" if passing.now >= 1010.0 else "old")

    (found,), seconds = await verify(ask, Clients((POD,)), wait_s=10.0, pace=lambda _: SPARING)
    assert (found.state, seconds) == ("in sync", 10.0)


def test_pauses_grow_up_to_the_longest() -> None:
    assert [SPARING.pause_s(asked) for asked in (1, 2, 3, 4, 5000)] == [0.5, 1.0, 2.0, 2.0, 2.0]


class Closed(FakeCluster):
    """Nobody may port-forward, and exec never comes to an end."""

    execs = 0

    async def port_forward(self, *words: Any, **more: Any) -> Any:
        raise NotAllowed("no right on pods/portforward")

    async def upgrade(self, *words: Any, **more: Any) -> Any:
        self.execs += 1
        raise Unreachable("exec breaks off")


async def test_a_change_is_looked_for_sparingly_by_exec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    cluster = Closed(routed({"route": [route("v1", 90), route("v2", 10)]}), policy("v1", "v2"))
    opened = Session(cluster, Options(wait_s=0.4))
    mesh = mesh_of(cluster)
    plan = await opened.plan(mesh, Shift({"v2": 30}), Target(KEY), None)
    outcome = await opened.apply(plan, mesh, None, lambda _: None)
    assert {proxy.state for proxy in outcome.proxies} == {"out of reach"}
    once_for_refusals = once_for_the_change = len(mesh.pods)
    assert cluster.execs == once_for_refusals + once_for_the_change
