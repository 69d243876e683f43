"""The terminal goes away, as when SSH drops: what is being made is finished, then it ends."""

from __future__ import annotations

import asyncio

from meshtui.ui.main.hangup import until_idle
from tests.ui.driving import driving


async def test_it_does_not_wait_for_ever() -> None:
    began = asyncio.get_running_loop().time()
    await until_idle(lambda: True, wait_s=0.1)
    assert asyncio.get_running_loop().time() - began >= 0.1


async def test_hanging_up_twice_leaves_once() -> None:
    async with driving() as drive:
        drive.app.hang_up()
        drive.app.hang_up()
        await drive.until(lambda: drive.app.return_value is not None)
        assert drive.app.return_value == 0
