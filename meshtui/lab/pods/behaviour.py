"""How a version behaves, in errors and latency, and what it was seen to answer."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Behaviour:
    """`errors` and `tail_share` are shares (0-1); `latency` and `tail` are seconds."""

    errors: float = 0.0
    latency: float = 0.0
    tail_share: float = 0.0
    tail: float = 0.0

    def fails(self, chance: random.Random) -> bool:
        return chance.random() < self.errors

    def delay(self, chance: random.Random) -> float:
        return self.latency + (self.tail if chance.random() < self.tail_share else 0.0)


@dataclass(slots=True)
class Workload:
    """All pods of one Deployment: their behaviour and the requests they answered.

    `requests` are those of callers; `shadow` are copies made by a mirror. `status` counts both.
    """

    behaviour: Behaviour = field(default_factory=Behaviour)
    requests: int = 0
    shadow: int = 0
    status: Counter[str] = field(default_factory=Counter)
    begun: int = 0
    """How often counting has begun anew."""

    def count(self, status: int, shadow: bool, begun: int) -> None:
        """`begun` as it was when the request came: of one from before it begins nothing counts."""
        if begun != self.begun:
            return
        self.requests += not shadow
        self.shadow += shadow
        self.status[str(status)] += 1

    def counts(self) -> dict[str, Any]:
        return {"requests": self.requests, "shadow": self.shadow, "status": dict(self.status)}

    def reset(self) -> None:
        self.begun += 1
        self.requests = self.shadow = 0
        self.status.clear()
