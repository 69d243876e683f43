"""One frame of the screen without a terminal: as a picture, or as text."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from meshtui.errors import Unreachable
from meshtui.ui.dialogs.offline import OfflineScreen

if TYPE_CHECKING:
    from meshtui.operations.types import Snapshot
    from meshtui.ui.app import MeshtuiApp

SVG, TEXT = "svg", "txt"
WAIT_S = 30.0
WINDOW_S = 5.0
"""What was counted in less says little."""

_LOOK_S = 0.1


async def frame_of(app: MeshtuiApp, size: tuple[int, int], form: str) -> str:
    """The screen once it shows the mesh with its numbers, or why there are none.

    Raises what the screen itself would show where the cluster cannot be reached, and Unreachable
    where it does not answer in `WAIT_S` seconds.
    """
    async with app.run_test(size=size) as pilot:
        end = time.monotonic() + WAIT_S
        while not _shows_numbers(app):
            if isinstance(app.screen, OfflineScreen):
                raise app.screen.error
            if time.monotonic() > end:
                raise Unreachable(f"the screen shows no mesh after {WAIT_S:g} s")
            await asyncio.sleep(_LOOK_S)
        await pilot.pause()
        return app.export_screenshot(title="meshtui") if form == SVG else _text(app)


def _shows_numbers(app: MeshtuiApp) -> bool:
    """Telemetry covers some seconds, or is known to fail."""
    found: Snapshot | None = app.opened.snapshot if app.opened else None
    if found is None or found.cluster.state == "connecting":
        return False
    if found.sample is not None:
        return found.sample.window_s >= WINDOW_S or not found.sample.read
    return found.telemetry.state not in ("connecting", "ok")


def _text(app: MeshtuiApp) -> str:
    strips = app.screen._compositor.render_strips()
    return "".join(f"{strip.text.rstrip()}\n" for strip in strips)
