"""A change that was not seen in time is asked about until it is, or is no longer the question."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from meshtui.changes.build import build_change
from meshtui.changes.change import Plan, Shift, Target
from meshtui.changes.outcome import Outcome, ProxyVerdict
from meshtui.errors import Unreachable
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.operations.change import unverified as unseen
from meshtui.operations.change.unverified import UnverifiedChanges
from tests.unit.objects import reviews, route

REVIEWS = ServiceKey("default", "reviews")
MESH = reviews({"route": [route("v1", 90), route("v2", 10)]})
CHANGE = build_change(MESH, Shift({"v2": 30}), Target(REVIEWS))
OLD = Outcome(
    "c1", Plan(CHANGE), True, (ProxyVerdict("default", "p", "old"),), 10.0, verified=False
)
TAKEN_UP = replace(OLD, proxies=(ProxyVerdict("default", "p", "in sync"),), verified=True)


class Answers:
    """An applier that looks again and finds what it is told."""

    def __init__(self, *found: Outcome | Exception | None) -> None:
        self.left = list(found)

    async def verify_again(self, *_: Any) -> Outcome | None:
        found = self.left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


async def asked(
    outcome: Outcome, *found: Outcome | Exception | None
) -> tuple[UnverifiedChanges, Answers]:
    applier: Any = Answers(*found)
    settled = asyncio.Event()
    waiting = UnverifiedChanges(applier, settled.set)
    waiting.note(outcome)
    task = asyncio.create_task(waiting.run(lambda: (Mesh(), None)))
    async with asyncio.timeout(5):
        await settled.wait()
    task.cancel()
    return waiting, applier


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unseen, "AGAIN_S", 0.0)


async def test_it_is_asked_about_until_the_proxies_have_it() -> None:
    waiting, _ = await asked(OLD, OLD, Unreachable("no answer"), TAKEN_UP)
    assert waiting.seen == {REVIEWS: "change c1 is in the proxies now: 1 of 1 in sync"}


async def test_an_object_that_was_changed_since_ends_the_question() -> None:
    waiting, _ = await asked(OLD, None)
    assert "was changed since" in waiting.seen[REVIEWS]


async def test_what_was_verified_is_not_asked_about() -> None:
    waiting = UnverifiedChanges(Answers(), lambda: None)  # type: ignore[arg-type]
    waiting.note(OLD)
    waiting.note(TAKEN_UP)
    task = asyncio.create_task(waiting.run(lambda: (Mesh(), None)))
    await asyncio.sleep(0.01)
    task.cancel()
    assert waiting.seen == {}
