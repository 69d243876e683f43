"""A key that means nothing in a dialog says so, in every dialog, beside the keys that do."""

from __future__ import annotations

from meshtui.ui.widgets.key_block import KeyBlock
from meshtui.ui.widgets.paint import Span
from tests.ui.driving import SMALL, Drive, driving
from tests.ui.test_snapshots import CASES, OFFLINE, back, cockpit

ONE_OF_EACH = {case.screen: case for case in CASES if case.screen != "MainScreen"}


async def answer(drive: Drive, key: str) -> str:
    """What the dialog says of a key, with the keys beside it."""
    words = (f"{key.title()} does nothing here", "no key of this dialog")

    def lines() -> list[str]:
        return [line for line in drive.text.splitlines() if any(word in line for word in words)]

    await drive.press(key)
    try:
        await drive.until(lines, 20.0)
    except AssertionError:
        return ""
    return lines()[0]


async def test_a_key_that_does_nothing_says_so_in_every_dialog() -> None:
    """Every class of dialog has a case: the snapshots see to it."""
    silent: list[str] = []
    async with driving(cockpit(), SMALL) as drive:
        for name, case in ONE_OF_EACH.items():
            await drive.go_to(*case.service)
            await case.open(drive)
            await drive.until(lambda name=name: type(drive.app.screen).__name__ == name)
            typing = drive.app.screen.focused is not None
            keys = ("f6",) if typing else ("f6", "Z")
            answers = [(key, await answer(drive, key)) for key in keys]
            silent += [f"{name}: {key}" for key, said in answers if "Esc" not in said]
            await back(drive)
    assert not silent, "\n".join(silent)
    assert OFFLINE.screen not in ONE_OF_EACH


def test_what_is_said_of_a_key_stands_behind_the_keys_and_is_taken_back() -> None:
    block = KeyBlock()
    keys = (Span("j k", "key"), Span(" scroll   ", "muted"))
    block.show([(*keys, Span("   ↓ 9 more lines"))])
    before = block.lines
    block.add("Z does nothing here")
    assert block.lines == ((*keys, Span("Z does nothing here", "warning")),)
    block.add("F6 does nothing here")
    assert block.lines == ((*keys, Span("F6 does nothing here", "warning")),)
    block.add("")
    assert block.lines == before
