"""The runner: killed at each write, steered from elsewhere, interrupted, and the gate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meshtui.canary.events import (
    Asked,
    BackOnStable,
    Edit,
    Edited,
    Gated,
    NotServed,
    Order,
    Pods,
    Revived,
    RunGate,
    Served,
    Shift,
)
from meshtui.canary.machine import Phase, State, advance, begin
from meshtui.canary.plan import plan_of
from meshtui.canary.progress import Measured, Progress, line
from meshtui.canary.stored import StoredRun, from_text, to_text
from meshtui.canary.tally import Counts, Interval
from meshtui.errors import Exit, JournalError
from meshtui.journal import Journal
from meshtui.journal.canaries import CanaryRow
from meshtui.mesh.model import ServiceKey
from meshtui.operations.canary.gate import run_gate
from meshtui.operations.canary.runner import Runner

REVIEWS = ServiceKey("default", "reviews")
READY = Pods(1, 1, frozenset("a"))


class Killed(BaseException):
    """The process is gone at this point."""


class World:
    """A route, its traffic and its journal, which stay when a process is killed."""

    def __init__(self, folder: Path, bad: float = 0.0) -> None:
        self.journal = Journal(folder / "journal.sqlite")
        self.bad = bad
        self.weight = 0.0
        self.written: list[float] = []
        self.now = 0.0
        self.points = 0
        self.kill_at = 0
        self.edits: list[Edited] = []
        self.orders: list[Asked] = []
        self.lines: list[str] = []
        self.away = ""
        self.refuses: list[NotServed] = []
        self.on_pause: Callable[[], None] = lambda: None

    def point(self) -> None:
        """Somewhere the process may be killed."""
        self.points += 1
        if self.points == self.kill_at:
            raise Killed

    def write(self, weight: float) -> None:
        if weight != self.weight:
            self.weight = weight
            self.written.append(weight)

    async def pause(self, seconds: float) -> None:
        self.now += seconds
        self.on_pause()

    def stored(self) -> State | None:
        rows = self.journal.canaries(REVIEWS)
        return from_text(rows[0].state).state if rows else None


class FakeHands:
    def __init__(self, world: World) -> None:
        self.world = world
        self.seen = Measured()
        self.end = world.now

    @property
    def trouble(self) -> str:
        return self.world.away

    async def shift(self, command: Shift) -> Served | NotServed | Edited:
        if self.world.refuses:
            return self.world.refuses.pop(0)
        self.world.point()
        self.world.write(command.weight)
        self.world.point()
        return Served()

    async def roll_back(self) -> BackOnStable | NotServed:
        if self.world.refuses:
            return self.world.refuses.pop(0)
        self.world.point()
        self.world.write(0.0)
        self.world.point()
        return BackOnStable()

    async def gate(self, command: RunGate, state: State) -> Gated:
        return await run_gate(command.command, command.seconds, {"STEP": f"{state.rung.weight:g}"})

    async def begin_counting(self, *, shadow: bool) -> None:
        self.end = self.world.now

    async def count(self, *, shadow: bool) -> Interval | None:
        start, self.end = self.end, self.world.now
        if self.world.away:
            return Interval(start, self.end, problem=self.world.away)
        canary = Counts(1000, 1000 * self.world.bad)
        return Interval(
            start, self.end, canary, Counts(9000, 9) if self.world.weight < 100 else None
        )

    def pods(self) -> Pods | None:
        return READY

    def edited(self) -> Edited | None:
        return self.world.edits.pop(0) if self.world.edits else None

    def note(self, progress: Progress) -> None:
        return None

    async def orders(self) -> tuple[Asked, ...]:
        found, self.world.orders = tuple(self.world.orders), []
        return found

    def save(self, state: State) -> None:
        self.world.point()
        text = to_text(StoredRun(state))
        row = CanaryRow("1", REVIEWS, 1.0, self.world.now, "me", state.over, state.sentence, text)
        self.world.journal.save_canary(row)
        self.world.point()


PLAN: dict[str, Any] = {
    "service": "reviews", "to": "v2", "steps": "20,50,100", "every": "3s", "interval": "1s",
}  # fmt: skip


async def drive(world: World, **more: Any) -> State:
    """One process: a new run, or on from what is stored."""
    stored = world.stored()
    plan = plan_of(PLAN | {key.replace("_", "-"): value for key, value in more.items()})
    first = advance(stored, Revived()) if stored else begin(plan, READY)
    runner = Runner(
        FakeHands(world),
        first[0],
        lambda progress: world.lines.append(line(progress)),
        pause=world.pause,
        clock=lambda: world.now,
        now=lambda: world.now,
    )
    world.interrupt = runner.interrupt  # type: ignore[attr-defined]
    return await runner.run(first)


@pytest.mark.parametrize(
    ("bad", "end", "written"),
    [
        (0.0, (Phase.PROMOTED, Exit.DONE), [20.0, 50.0, 100.0]),
        (0.3, (Phase.ROLLED_BACK, Exit.ROLLED_BACK), [20.0, 0.0]),
    ],
)
async def test_killed_anywhere_it_ends_as_if_it_had_not_been(
    bad: float, end: tuple[Phase, Exit], written: list[float], tmp_path: Path
) -> None:
    """At each write of the journal and of the mesh, before and after it; no step is made twice."""
    for kill_at in range(1, 1000):
        folder = tmp_path / str(kill_at)
        folder.mkdir()
        world = World(folder, bad)
        world.kill_at = kill_at
        try:
            await drive(world)
        except Killed:
            state = await drive(world)
            assert (state.phase, state.exit) == end, kill_at
            assert world.written == written, kill_at
            world.journal.close()
            continue
        assert world.written == written
        assert kill_at > 15
        return
    raise AssertionError("it never ended")


async def test_killed_again_and_again_it_still_ends(tmp_path: Path) -> None:
    world, kills = World(tmp_path), 0
    while True:
        world.kill_at = world.points + 12
        try:
            state = await drive(world)
        except Killed:
            kills += 1
            assert kills < 100
            continue
        assert (state.phase, world.written, kills > 1) == (Phase.PROMOTED, [20, 50, 100], True)
        return


async def test_an_ended_run_is_over_in_the_journal(tmp_path: Path) -> None:
    world = World(tmp_path)
    await drive(world)
    (row,) = world.journal.canaries()
    assert (row.over, row.service, row.sentence[:6]) == (True, REVIEWS, "passed")


async def test_each_interval_is_one_line(tmp_path: Path) -> None:
    world = World(tmp_path)
    await drive(world)
    observed = [text for text in world.lines if "(observing) · errors" in text]
    assert len(observed) == 6  # the last of three in each step ends it
    assert len(world.lines) == len(set(world.lines))
    assert "reviews v2 · 20 % (observing) · errors 0 % of 1,000" in observed[0]
    assert "stable 0.1 % of 9,000" in observed[0]


async def test_an_order_is_followed_within_a_look(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.on_pause = lambda: world.weight == 50 and world.orders.append(Asked(Order.ABORT))
    state = await drive(world)
    assert (state.exit, world.written) == (Exit.ROLLED_BACK, [20, 50, 0])
    assert state.sentence == "aborted by a person"


async def test_held_and_resumed_from_elsewhere(tmp_path: Path) -> None:
    world, held = World(tmp_path), []

    def steer() -> None:
        state = world.stored()
        if state and state.phase is Phase.OBSERVING and not held:
            held.append(world.now)
            world.orders.append(Asked(Order.HOLD))
        elif state and state.phase is Phase.HELD and world.now > held[0] + 60:
            world.orders.append(Asked(Order.RESUME))

    world.on_pause = steer
    assert (await drive(world)).phase is Phase.PROMOTED
    assert world.written == [20, 50, 100]


async def test_interrupted_it_holds_and_another_process_goes_on(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.on_pause = lambda: world.weight == 50 and world.interrupt()  # type: ignore[attr-defined]
    state = await drive(world)
    assert (state.phase, state.exit, world.weight) == (Phase.HELD, None, 50)
    world.on_pause = lambda: world.orders.append(Asked(Order.RESUME))
    assert (await drive(world)).phase is Phase.PROMOTED
    assert world.written == [20, 50, 100]


async def test_interrupted_it_goes_back_where_the_plan_says_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.on_pause = lambda: world.weight == 50 and world.interrupt()  # type: ignore[attr-defined]
    state = await drive(world, on_interrupt="rollback")
    assert (state.exit, world.weight) == (Exit.ROLLED_BACK, 0)


async def test_a_cluster_that_is_away_freezes_and_the_run_goes_on_after_it(tmp_path: Path) -> None:
    world, frozen = World(tmp_path), []

    def weather() -> None:
        world.away = "the API server does not answer" if 2 < world.now < 40 else ""
        state = world.stored()
        frozen.append(state is not None and state.phase is Phase.FROZEN)

    world.on_pause = weather
    assert (await drive(world)).phase is Phase.PROMOTED
    assert any(frozen)
    assert world.written == [20, 50, 100]


async def test_an_edit_that_comes_before_the_write_is_adopted_and_the_step_made(
    tmp_path: Path,
) -> None:
    world = World(tmp_path)
    world.refuses = [NotServed("away", away=True), NotServed("away", away=True)]
    world.edits = [Edited(Edit.UNRELATED, "a header was added")]
    assert (await drive(world)).phase is Phase.PROMOTED
    assert world.written == [20, 50, 100]


async def test_a_rollback_that_is_not_seen_is_tried_again_with_pauses(tmp_path: Path) -> None:
    world = World(tmp_path, bad=0.3)

    def stuck() -> None:
        state = world.stored()
        if state and state.phase is Phase.RETURNING and not world.refuses:
            world.refuses = [NotServed("0 of 1 proxies in sync")]

    world.on_pause = stuck
    world.refuses = []
    state = await drive(world)
    assert state.exit in (Exit.ROLLED_BACK, Exit.FAILED)


@pytest.mark.parametrize("bad", [0.0, 0.3])
async def test_a_journal_that_fails_on_the_way_is_said_and_stops_no_rollback(
    bad: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, bad)
    real = FakeHands.save

    def save(hands: FakeHands, state: State) -> None:
        if world.weight:
            raise JournalError("the journal cannot be used", "free some space")
        real(hands, state)

    monkeypatch.setattr(FakeHands, "save", save)
    state = await drive(world)
    assert state.exit is (Exit.ROLLED_BACK if bad else Exit.DONE)
    assert any("the journal cannot be used" in text for text in world.lines)


async def test_without_a_journal_nothing_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save(hands: FakeHands, state: State) -> None:
        raise JournalError("the journal cannot be used")

    monkeypatch.setattr(FakeHands, "save", save)
    world = World(tmp_path)
    with pytest.raises(JournalError):
        await drive(world)
    assert world.written == []


@pytest.mark.parametrize(
    ("command", "seconds", "passed", "words"),
    [
        ('test "$STEP" = 20', 20, True, ""),
        ("echo first; echo '\x1b[31mno user may log in' >&2; exit 3", 20, False, "status 3, "),
        ("sleep 60", 0.1, False, "no end within 0.1 s"),
        ("no-such-command-here", 20, False, "exit status 127"),
    ],
)
async def test_the_gate_is_a_command_with_a_time_limit(
    command: str, seconds: float, passed: bool, words: str
) -> None:
    gated = await run_gate(command, seconds, {"STEP": "20"})
    assert gated.passed == passed
    assert words in gated.words and "\x1b" not in gated.words


async def test_a_gate_that_fails_goes_back_before_its_step(tmp_path: Path) -> None:
    import asyncio

    world = World(tmp_path)

    async def pause(seconds: float) -> None:
        await asyncio.sleep(0.01)
        world.now += seconds

    world.pause = pause  # type: ignore[method-assign]
    state = await drive(world, gate='test "$STEP" != 50', gate_timeout="1m")
    assert (state.exit, world.written) == (Exit.ROLLED_BACK, [20, 0])
    assert state.sentence == "the gate failed: exit status 1"
