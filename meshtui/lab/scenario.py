"""What is wrong with the mesh when it starts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

FAULTY = "reviews-v3"
CRASH = "crash"
_RUNS = 8.0
"""Seconds that the faulty version runs before it crashes again."""

Behaviours = Mapping[str, Mapping[str, float]]

SCENARIOS: Mapping[str, Behaviours] = MappingProxyType(
    {
        "errors": {FAULTY: {"errors": 0.05, "tail_share": 0.08, "tail": 0.35}},
        "healthy": {},
        "latency": {FAULTY: {"latency": 0.4}},
        CRASH: {},
    }
)
"""By name: the workloads that behave badly, and how (see `pods.behaviour.Behaviour`)."""


async def crash_forever(crash: Callable[[str], Awaitable[None]]) -> None:
    """The faulty version's containers end again and again, soon after each start."""
    while True:
        await asyncio.sleep(_RUNS)
        await crash(FAULTY)
