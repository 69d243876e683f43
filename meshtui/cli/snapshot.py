"""`meshtui --snapshot FILE`: one frame of the screen, without a terminal."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
from pathlib import Path
from typing import TextIO

from meshtui.cli import output
from meshtui.cli.application import app_of
from meshtui.errors import Exit, MeshtuiError, Usage

SIZE = (160, 48)
_LEAST, _MOST = (40, 10), (1000, 500)


async def snapshot(arguments: argparse.Namespace) -> int:
    """Writes over a file that is there; `-` is standard output, as text."""
    from meshtui.ui.frame import SVG, TEXT, frame_of

    path, size = arguments.snapshot, size_of(getattr(arguments, "size", ""))
    form = TEXT if path == "-" else Path(path).suffix.removeprefix(".").lower()
    if form not in (SVG, TEXT):
        raise Usage(f"{path} is neither .svg nor .txt", "--snapshot FILE.svg, FILE.txt or -")
    found = await frame_of(app_of(arguments), size, form)
    if path == "-":
        output.lines(found)
        return Exit.DONE
    try:
        await asyncio.to_thread(Path(path).write_text, found, encoding="utf-8")
    except OSError as error:
        raise MeshtuiError(f"{path} cannot be written ({error.strerror or error})") from error
    output.line(path)
    return Exit.DONE


def fitted(stream: TextIO) -> str:
    """The size for a frame that is written there: a full last column would begin a new line."""
    columns, lines = 0, 0
    with contextlib.suppress(OSError, ValueError):
        columns, lines = os.get_terminal_size(stream.fileno())
    cells = ((columns or 80) - 1, (lines or 24) - 1)
    fitting = (min(max(low, n), high) for low, n, high in zip(_LEAST, cells, _MOST, strict=True))
    return "x".join(map(str, fitting))


def size_of(text: str) -> tuple[int, int]:
    """`160x48`. Raises `Usage`."""
    if not text:
        return SIZE
    found = re.fullmatch(r"([0-9]{1,4})x([0-9]{1,4})", text)
    size = (int(found[1]), int(found[2])) if found else (0, 0)
    if not all(low <= cells <= high for low, cells, high in zip(_LEAST, size, _MOST, strict=True)):
        raise Usage(f"{text!r} is no size", "as in 160x48, from 40x10 to 1000x500")
    return size
