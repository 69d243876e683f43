"""One run of the autopilot: events go into the pure machine, what it wants is done."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from meshtui.canary.events import (
    Asked,
    BackOnStable,
    Command,
    Counted,
    Edited,
    Event,
    Gated,
    Interrupted,
    NotServed,
    Pods,
    Revived,
    RollBack,
    RunGate,
    Served,
    Shift,
)
from meshtui.canary.machine import WATCHING, Next, Phase, State, advance
from meshtui.canary.progress import Measured, Progress, progress_of
from meshtui.canary.tally import Interval
from meshtui.errors import JournalError

LOOK_S = 0.25
"""How often pods, edits and orders are looked at, in seconds."""

_BACKOFF_S, _MOST_BACKOFF_S = 0.5, 30.0


class Hands(Protocol):
    """What a run can see and do; `operations/canary/hands.py` on a real cluster."""

    @property
    def trouble(self) -> str:
        """Why the cluster cannot be seen just now; empty where it can."""
        ...

    @property
    def seen(self) -> Measured: ...

    async def shift(self, command: Shift) -> Served | NotServed | Edited: ...

    async def roll_back(self) -> BackOnStable | NotServed: ...

    async def gate(self, command: RunGate, state: State) -> Gated: ...

    async def begin_counting(self, *, shadow: bool) -> None: ...

    async def count(self, *, shadow: bool) -> Interval | None: ...

    def pods(self) -> Pods | None: ...

    def edited(self) -> Edited | None: ...

    def note(self, progress: Progress) -> None:
        """Where the run is now, for whoever asks from elsewhere."""
        ...

    async def orders(self) -> tuple[Asked | Edited, ...]:
        """What other terminals ask, and that somebody else drives now. Never raises."""
        ...

    def save(self, state: State) -> None:
        """Durably, before anything follows from it. Raises `JournalError`."""
        ...


class Runner:
    """Runs until the end, or until it is interrupted and on hold."""

    def __init__(
        self,
        hands: Hands,
        state: State,
        show: Callable[[Progress], None],
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.state = state
        self._hands = hands
        self._show = show
        self._pause = pause
        self._clock = clock
        self._now = now
        self._commands: tuple[Command, ...] = ()
        self._counted_at = float("-inf")
        self._interrupted = False
        self._left = False
        self._unsaved = ""
        self._gate: asyncio.Task[Gated] | None = None
        self._shown: tuple[object, ...] = ()

    def interrupt(self) -> None:
        """The process is asked to end."""
        self._interrupted = True

    @property
    def progress(self) -> Progress:
        found = progress_of(self.state, self._hands.seen, self._now())
        words = "; ".join(filter(None, (found.trouble, self._unsaved)))
        return replace(found, trouble=words)

    async def run(self, first: Next) -> State:
        """`first` is what `begin` gave, or a stored state with what `Revived` wants."""
        try:
            self._hands.save(first[0])
            self._apply(first)
            while not (self.state.over or self._left):
                if self._commands:
                    await self._carry_out()
                else:
                    await self._pause(LOOK_S)
                await self._observe()
        finally:
            await self._end_gate()
        return self.state

    def _apply(self, result: Next) -> None:
        before = self.state
        self.state, self._commands = result
        if self.state != before or result[1]:
            self._save()
        self._report()

    def _save(self) -> None:
        """A journal that fails on the way stops no rollback; a step is refused without one."""
        try:
            self._hands.save(self.state)
            self._unsaved = ""
        except JournalError as error:
            self._unsaved = str(error)

    def _give(self, event: Event) -> None:
        before = self.state
        self._apply(advance(before, event))
        waits = self.state.phase is Phase.GATE and self._gate is None
        if not self._commands and (waits or self.state.phase is Phase.SHIFTING):
            # What was wanted is wanted still, on what was adopted.
            _, self._commands = advance(self.state, Revived())

    def _report(self, *, counted: bool = False) -> None:
        """At each interval, and where the run says something new."""
        state_key: tuple[object, ...] = (self.state.phase, self.state.index, self.state.exit)
        state_key += (
            () if self.state.phase in WATCHING else (self.state.sentence, self.state.trouble)
        )
        if counted or state_key != self._shown:
            self._shown = state_key
            progress = self.progress
            self._hands.note(progress)
            self._show(progress)

    # What the machine wants

    async def _carry_out(self) -> None:
        command, *rest = self._commands
        self._commands = tuple(rest)
        if self.state.tries and not await self._wait_again(command):
            return
        match command:
            case Shift():
                event: Event = await self._hands.shift(command)
                if isinstance(event, Served):
                    await self._hands.begin_counting(shadow=command.shadow)
                    self._counted_at = self._clock()
                self._give(event)
            case RollBack():
                await self._end_gate()
                self._give(await self._hands.roll_back())
            case RunGate():
                await self._end_gate()
                self._gate = asyncio.create_task(self._hands.gate(command, self.state))

    async def _wait_again(self, command: Command) -> bool:
        """The time between two tries; False where something else is wanted by then."""
        until = self._clock() + min(_BACKOFF_S * 2.0 ** min(self.state.tries, 10), _MOST_BACKOFF_S)
        asked = self.state
        while self._clock() < until:
            await self._pause(LOOK_S)
            await self._orders()
            if self.state is not asked or self._left:
                return False
        return True

    async def _end_gate(self) -> None:
        if self._gate is not None:
            self._gate.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._gate
            self._gate = None

    # What happens

    async def _observe(self) -> None:
        await self._orders()
        await self._gate_ended()
        if not self._hands.trouble:
            edited = self._hands.edited()
            if edited is not None:
                self._give(edited)
            pods = self._hands.pods()
            if pods is not None and pods != self.state.pods:
                self._give(pods)
        if not self.state.over and not self._commands:
            await self._count()

    async def _orders(self) -> None:
        if self._interrupted and not self._left:
            self._interrupted = False
            self._give(Interrupted())
            self._left = self.state.phase is Phase.HELD
        if self._left or self.state.over:
            return
        for order in await self._hands.orders():
            await self._end_gate()
            self._give(order)

    async def _gate_ended(self) -> None:
        if self._gate is not None and self._gate.done():
            gate, self._gate = self._gate, None
            self._give(gate.result())

    async def _count(self) -> None:
        state = self.state
        if (
            not state.counted
            or self._clock() - self._counted_at < state.plan.interval_s - LOOK_S / 2
        ):
            return
        self._counted_at = self._clock()
        interval = await self._hands.count(shadow=state.rung.shadow)
        if interval is None:
            return
        shown = self._shown
        self._give(Counted(interval))
        if self._shown == shown:
            self._report(counted=True)
