"""A load from its question to its end: whom it hits, and what comes of it second by second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import field
from typing import TYPE_CHECKING

from meshtui.dataclass import dataclass
from meshtui.mesh.model import Mesh, Service
from meshtui.mesh.signals import Sample
from meshtui.operations.look.trace import Question
from meshtui.operations.request.load import choose, load_targets, run_load
from meshtui.operations.request.load_counters import CallerCounters, Counted, services_of
from meshtui.operations.request.load_plan import LoadPlan, Tally
from meshtui.operations.request.load_target import LoadTarget

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

EVERY_S = 2.0
"""How often the caller's proxy is read meanwhile."""


@dataclass(frozen=True, slots=True)
class ReadyLoad:
    """A load that waits for a yes: all that it will hit is known."""

    service: Service
    target: LoadTarget
    plan: LoadPlan


@dataclass(frozen=True, slots=True)
class LoadState:
    """`tally` is of all, `part` of the last second. Not `over` while it runs; `stopped` where it
    ended before its time, by the person's wish."""

    ready: ReadyLoad
    tally: Tally = field(default_factory=Tally)
    part: Tally = field(default_factory=Tally)
    counted: Counted = field(default_factory=Counted)
    over: bool = False
    stopped: bool = False


async def prepare_load(
    cluster: Cluster,
    mesh: Mesh,
    question: Question,
    plan: LoadPlan,
    sample: Sample | None,
    timeout_s: float,
) -> ReadyLoad:
    """Nothing is sent yet. Raises Usage for more than one may ask for, NotFound and Refused where
    nobody can make it, NotAllowed, Unreachable.
    """
    plan.validate()
    targets = load_targets(mesh, question, sample, timeout_s)
    return ReadyLoad(question.service, await choose(cluster, targets, plan), plan)


async def loading(
    cluster: Cluster, mesh: Mesh, ready: ReadyLoad, stop: asyncio.Event
) -> AsyncGenerator[LoadState]:
    """A state each second, and one when it is over, with all that was counted until then.

    It ends early where `stop` is set; one that is closed stops, too. Errors as `run_load`.
    """
    counters = _counters(cluster, mesh, ready)
    await counters.begin()
    reading = asyncio.create_task(_again_and_again(counters))
    tally = Tally()
    try:
        async with aclosing(run_load(cluster, ready.target, ready.plan, stop)) as parts:
            async for part in parts:
                tally += part
                yield LoadState(ready, tally, part, counters.latest)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    counted = await counters.end()
    early = stop.is_set() and tally.seconds < ready.plan.seconds
    yield LoadState(ready, tally, Tally(), counted, over=True, stopped=early)


async def _again_and_again(counters: CallerCounters) -> None:
    while True:
        await asyncio.sleep(EVERY_S)
        await counters.read()


def _counters(cluster: Cluster, mesh: Mesh, ready: ReadyLoad) -> CallerCounters:
    odds = ready.target.traced.intent.effects.destinations
    services = services_of((one.host for one in odds), mesh, ready.service)
    wanted = [(one.host, one.subset) for one in odds]
    return CallerCounters(cluster, mesh, ready.target.pod, services, wanted)
