"""Nothing on the screen moves by itself: over a slow line that would be bytes that say nothing."""

from __future__ import annotations

from textual.widgets import Input

from tests.ui.driving import Drive, driving
from tests.ui.test_snapshots import back

FIELDS = {
    "the prompt": ("slash",),
    "a form": ("f",),
    "the help's search": ("question_mark", "slash"),
    "a list to pick from": ("colon", "n", "s", "enter"),
    "the palette": ("ctrl+p",),
}


def typing(drive: Drive) -> Input | None:
    found = drive.app.focused
    return found if isinstance(found, Input) else None


async def test_nothing_is_animated_and_no_cursor_blinks() -> None:
    async with driving() as drive:
        assert drive.app.animation_level == "none"
        for keys in FIELDS.values():
            await drive.press(*keys)
            await drive.until(lambda: (at := typing(drive)) is not None and not at.cursor_blink)
            while typing(drive) is not None:
                await drive.press("escape")
            await back(drive)
