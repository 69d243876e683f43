"""The terminal is gone, as when SSH drops: a change that is being made is finished, then we go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

WRITE_S = 10.0
"""How long a running change may still be written; what it became is in the journal either way."""

VERIFY_S = 1.5
"""How long the proxies are still asked about what is written: nobody waits for their answer."""

LOOK_S = 0.05


async def until_idle(busy: Callable[[], object], wait_s: float) -> None:
    """Returns when `busy` says no, at the latest after `wait_s`."""
    loop = asyncio.get_running_loop()
    end = loop.time() + wait_s
    while busy() and loop.time() < end:  # noqa: ASYNC110 - the desk knows, and has no event
        await asyncio.sleep(LOOK_S)
