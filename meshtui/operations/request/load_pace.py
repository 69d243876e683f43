"""When how many requests of a load go out, where a program is started for a batch of them. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import field

from meshtui.dataclass import dataclass
from meshtui.operations.request.load_plan import BEHIND_S, LoadPlan

TICK_S = 0.4
"""A batch has what is due until the next one: to start a program is most of what it costs."""

ROUNDS = 4
"""As many requests at least has a batch on each connection, where so many are due: to start more
programs where answers are slow would make them slower."""

SPREAD = 1.5
"""The part of a tick that a batch should be done in is one to so much."""

_GRACE_S = 5.0


@dataclass(frozen=True, slots=True)
class Batch:
    """So many requests over so many connections; `slot` is its place among those that run."""

    slot: int
    requests: int
    connections: int


@dataclass(slots=True)
class _Running:
    left: int
    connections: int
    until: float


@dataclass(slots=True)
class Pace:
    """The plan, and what of it is under way. `now` is in seconds of any clock."""

    plan: LoadPlan
    begun: float
    slots: int
    most: int
    timeout_s: float
    serial: bool = False
    sent: int = 0
    late: int = 0
    stopped: bool = False
    running: dict[int, _Running] = field(default_factory=dict)
    mean_s: float = 0.0
    """Of the last answers' times; 0 where none is known."""

    @property
    def under_way(self) -> int:
        return sum(one.left for one in self.running.values())

    def ended(self, now: float) -> bool:
        """Nothing is under way, and nothing will be."""
        return not self.running and not self._open(now)

    def next_at(self, now: float) -> float:
        """When the next batch may be due."""
        ticks = int((now - self.begun) / TICK_S + 1e-6) + 1
        return self.begun + ticks * TICK_S

    def batches(self, now: float) -> Iterator[Batch]:
        """What is to be started now."""
        while self._open(now):
            free = self.plan.connections - sum(r.connections for r in self.running.values())
            due = self._due(now)
            slot = next((n for n in range(self.slots) if n not in self.running), None)
            if free <= 0 or due <= 0 or slot is None:
                return
            batch = self._batch(slot, due, free)
            self.late += self._late(now, batch.requests)
            self.sent += batch.requests
            rounds = -(-batch.requests // batch.connections)
            until = now + rounds * self.timeout_s + _GRACE_S
            self.running[slot] = _Running(batch.requests, batch.connections, until)
            yield batch

    def came(self, slot: int, seconds: float | None) -> bool:
        """An answer of the batch in that slot; False where none is waited for."""
        running = self.running.get(slot)
        if running is None:
            return False
        if seconds is not None:
            self.mean_s = seconds if not self.mean_s else 0.9 * self.mean_s + 0.1 * seconds
        running.left -= 1
        if running.left <= 0:
            del self.running[slot]
        return True

    def lost(self, now: float) -> int:
        """Requests of batches from which nothing will come any more: their time is over."""
        over = [slot for slot, one in self.running.items() if now >= one.until]
        return sum(self.running.pop(slot).left for slot in over)

    def _open(self, now: float) -> bool:
        in_time = now - self.begun < self.plan.seconds
        return in_time and not self.stopped and self.sent < self.plan.requests

    def _due(self, now: float) -> int:
        """Until the next tick, and no more than are asked for."""
        until = self.next_at(now) - self.begun
        return min(int(until * self.plan.rate + 1e-6), self.plan.requests) - self.sent

    def _batch(self, slot: int, due: int, free: int) -> Batch:
        """Over so many connections that it takes most of a tick: one request goes out after the
        other, as they are due."""
        rounds = max(int(TICK_S / self.mean_s), ROUNDS) if self.mean_s else 1
        wanted = math.ceil(SPREAD * due * self.mean_s / TICK_S) if self.mean_s else due
        connections = 1 if self.serial else max(min(due, free, wanted), 1)
        return Batch(slot, min(due, connections * rounds, self.most), connections)

    def _late(self, now: float, starting: int) -> int:
        overdue = int((now - BEHIND_S - self.begun) * self.plan.rate) - self.sent
        return max(min(overdue, starting), 0)
