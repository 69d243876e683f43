"""What is wrong with the mesh when it starts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType

FAULTY = "reviews-v3"
CRASH = "crash"
_FIRST_CRASH, _CRASH_PERIOD = 8.0, 25.0

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


async def crash_forever(crash: Callable[[str], None]) -> None:
    """The faulty version's pods die again and again."""
    await asyncio.sleep(_FIRST_CRASH)
    while True:
        crash(FAULTY)
        await asyncio.sleep(_CRASH_PERIOD)
