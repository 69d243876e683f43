"""What the terminal shows, as text with its styles, small enough to keep and to read a diff of.

`SNAPSHOTS=write pytest tests/ui/test_snapshots.py` writes those of the program as it is now.
"""

from __future__ import annotations

import asyncio
import difflib
import itertools
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from string import ascii_letters, digits

from rich.segment import Segment
from rich.style import Style
from textual.screen import ModalScreen, Screen
from textual.strip import Strip
from textual.widgets import Input

from tests.ui.driving import Drive

FOLDER = Path(__file__).parent / "snapshots"
THEMES = ("meshtui-dark", "meshtui-light")
WRITE = os.environ.get("SNAPSHOTS") == "write"
TEXT = "text"
PATIENCE_S = 20.0
"""How long a loaded machine may take until the screen is as it was."""

SETTLED_S = 0.3
"""Of the processor: a screen of which there is no snapshot yet has settled when it does not change
meanwhile. A clock goes on where a loaded machine paints nothing."""

_CODES = ascii_letters + digits + "!#$%&()*+,-./:;<=>?@[]^_{|}~"


def path_of(name: str, size: tuple[int, int]) -> Path:
    return FOLDER / f"{size[0]}x{size[1]}" / f"{name}.txt"


async def check(drive: Drive, name: str, size: tuple[int, int]) -> list[str]:
    """The lines in which the screen differs from the snapshot, once it no longer changes.

    The theme that is on comes first and the other one stays: to change it is what costs most.
    """
    path = path_of(name, size)
    wanted = {} if WRITE or not path.exists() else _read(path.read_text("utf-8"))
    found: dict[str, str] = {}
    for theme in sorted(THEMES, key=lambda theme: theme != drive.app.theme):
        drive.app.theme = theme
        found |= await _settled(drive, wanted, theme)
    if WRITE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(found[part] for part in (TEXT, *THEMES)), "utf-8")
    if WRITE or found == wanted:
        return []
    before = [line for part in wanted.values() for line in part.splitlines()]
    now = [line for part in found.values() for line in part.splitlines()]
    diff = difflib.unified_diff(before, now, f"{size[0]}x{size[1]}/{path.name}", "now", n=1)
    return list(itertools.islice(diff, 60))


async def _settled(drive: Drive, wanted: dict[str, str], theme: str) -> dict[str, str]:
    """The text and the styles, once they are what is wanted, else when time is up; where nothing
    is wanted once they have not changed for a while."""
    end, parts = time.monotonic() + PATIENCE_S, (TEXT, theme)
    found, since = _taken(drive, theme), time.process_time()
    while time.monotonic() < end:
        if all(found[p] == wanted[p] for p in parts) if wanted else _long_since(since):
            break
        await drive.pilot.pause()
        await asyncio.sleep(0.01)
        before, found = found, _taken(drive, theme)
        since = since if found == before else time.process_time()
    return found


def _long_since(began: float) -> bool:
    return time.process_time() - began >= SETTLED_S


def _taken(drive: Drive, theme: str) -> dict[str, str]:
    for typed in drive.app.screen.query(Input):
        typed.cursor_blink = False
    lines = [list(strip) for strip in _strips(drive.app.screen)]
    text = "\n".join("".join(segment.text for segment in line).rstrip() for line in lines)
    styles = "\n".join(_styles(lines))
    return {TEXT: f"{text}\n", theme: f"== {theme}\n{styles}\n"}


def _strips(screen: Screen[object]) -> list[Strip]:
    """Of a dialog its own box: what is below it is painted when there is time for it."""
    strips = screen._compositor.render_strips()
    if not isinstance(screen, ModalScreen):
        return strips
    box = screen.children[0].region
    return [strip.crop(box.x, box.right) for strip in strips[box.y : box.bottom]]


def _read(text: str) -> dict[str, str]:
    first, *others = text.split("== ")
    named = {part.partition("\n")[0]: f"== {part}" for part in others}
    return {TEXT: first, **named} if set(named) == set(THEMES) else {}


def _styles(lines: Iterable[Iterable[Segment]]) -> Iterator[str]:
    legend: dict[str, str] = {}
    rows = []
    for line in lines:
        runs = [(_words(segment.style), segment.cell_length) for segment in line]
        row = []
        for words, group in itertools.groupby(runs, key=lambda run: run[0]):
            code = legend.setdefault(words, _CODES[len(legend) % len(_CODES)])
            row.append(f"{sum(length for _, length in group)}{code}")
        rows.append("".join(row))
    yield from (f"{code} {words}" for words, code in legend.items())
    for row, group in itertools.groupby(rows):
        count = sum(1 for _ in group)
        yield row if count == 1 else f"{row} x{count}"


def _words(style: Style | None) -> str:
    if style is None:
        return "-"
    marks = ("bold", "underline", "reverse", "dim", "italic")
    named = [mark for mark in marks if getattr(style, mark)]
    colours = (colour.name if colour else "-" for colour in (style.color, style.bgcolor))
    return " ".join([" on ".join(colours), *named])
