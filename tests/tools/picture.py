"""A picture of the screen: as SVG, as PNG that carries its SVG, and the text and colours in it.

A PNG shows the same everywhere; an SVG depends on the fonts of who looks. The PNG has the SVG in a
chunk of its own, so that a test can read what a picture shows.
"""

from __future__ import annotations

import html
import re
import struct
import subprocess
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

FONT, FONT_SIZE = "DejaVu Sans Mono", "20.26px"
"""The size in which its characters are as wide as a cell: rsvg-convert stretches nothing."""

CELL = 12.2
"""Units of an SVG in one cell of the terminal."""

KEYWORD = b"svg"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_FACE = re.compile(r"@font-face\s*{[^}]*}")
_CLASS = re.compile(r"\.([\w-]+-r\d+) { ([^}]*)}")
_TEXT = re.compile(r'<text class="([\w-]+-r\d+)" x="([\d.]+)"[^>]*line-(\d+)\)">([^<]*)</text>')
_GROUND = re.compile(
    r'<rect fill="(#\w{6})" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="24.65" shape'
)
_LINE_HEIGHT = 24.4


@dataclass(frozen=True, slots=True)
class Piece:
    """Text in one style, at a cell of a line."""

    column: int
    text: str
    colour: str
    bold: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the screen: its text, the pieces of it, and the ground of each cell."""

    text: str
    pieces: tuple[Piece, ...]
    grounds: tuple[str, ...]

    def piece_at(self, column: int) -> Piece | None:
        """The piece whose text covers a cell."""
        covers = (p for p in self.pieces if p.column <= column < p.column + len(p.text))
        return next(covers, None)


def plain(svg: str) -> str:
    """Without fonts that would be loaded from elsewhere, and with braille drawn dot by dot: hardly
    a monospaced font has it, and that of another is wider than a cell."""
    drawn = _FACE.sub("", svg).replace("Fira Code", FONT)
    return _TEXT.sub(_placed, drawn.replace("font-size: 20px", f"font-size: {FONT_SIZE}"))


def _placed(found: re.Match[str]) -> str:
    """Text that keeps its place, and what of it is dots; blanks at its begin would be dropped."""
    name, x, line, text = found.groups()
    shown = html.unescape(text)
    cells = {place: ord(char) - BRAILLE for place, char in enumerate(shown) if _is_dots(char)}
    if not cells:
        blank = len(shown) - len(shown.lstrip("\xa0 "))
        return _moved(found, shown[blank:], blank) if blank else found[0]
    top = 1.5 + _LINE_HEIGHT * int(line)
    dots = "".join(
        f'<circle class="{name}" cx="{float(x) + CELL * (place + across):.1f}" '
        f'cy="{top + _LINE_HEIGHT * down:.1f}" r="1.6"/>'
        for place, bits in cells.items()
        for number, (across, down) in enumerate(_DOTS)
        if bits >> number & 1
    )
    others = ((n, char) for n, char in enumerate(shown) if n not in cells and char.strip())
    return "".join(_moved(found, char, place) for place, char in others) + dots


def _moved(found: re.Match[str], text: str, by: int) -> str:
    """The element with another text, so many cells to the right."""
    _, x, _, before = found.groups()
    there = found[0].replace(f'x="{x}"', f'x="{float(x) + CELL * by:.1f}"', 1)
    return there.replace(f">{before}<", f">{html.escape(text)}<")


def _is_dots(char: str) -> bool:
    return BRAILLE <= ord(char) < BRAILLE + 256


BRAILLE = 0x2800
_DOTS = tuple(
    (x, (1 + 2 * y) / 8) for x, y in ((0.25, 0), (0.25, 1), (0.25, 2), (0.75, 0), (0.75, 1),
                                      (0.75, 2), (0.25, 3), (0.75, 3))
)  # fmt: skip
"""Where the dots of a cell are, by the bits of its character."""


def rows_of(svg: str) -> tuple[Row, ...]:
    """What the screen shows, line by line."""
    styles = dict(_CLASS.findall(svg))
    pieces: dict[int, list[Piece]] = {}
    for name, x, line, text in _TEXT.findall(svg):
        shown = html.unescape(text).replace("\xa0", " ").rstrip("\n")
        colour = re.search(r"fill: (#\w{6})", styles[name])
        piece = Piece(
            round(float(x) / CELL), shown, colour[1] if colour else "", "bold" in styles[name]
        )
        pieces.setdefault(int(line), []).append(piece)
    grounds: dict[int, dict[int, str]] = {}
    for colour, x, y, width in _GROUND.findall(svg):
        begin, line = round(float(x) / CELL), round((float(y) - 1.5) / _LINE_HEIGHT)
        cells = range(begin, begin + round(float(width) / CELL))
        grounds.setdefault(line, {}).update(dict.fromkeys(cells, colour))
    last = max([*pieces, *grounds], default=-1)
    return tuple(_row(pieces.get(n, []), grounds.get(n, {})) for n in range(last + 1))


def _row(pieces: Sequence[Piece], grounds: dict[int, str]) -> Row:
    text = ""
    for piece in sorted(pieces, key=lambda one: one.column):
        text = text.ljust(piece.column) + piece.text
    width = max([*grounds, -1]) + 1
    return Row(text, tuple(pieces), tuple(grounds.get(x, "") for x in range(width)))


# Files


def render(svg: str, png: Path, width: int) -> None:
    """As PNG of that many pixels, by rsvg-convert."""
    command = ["rsvg-convert", "-w", str(width), "-o", str(png)]
    subprocess.run(command, input=svg.encode(), check=True)


def save(svg: str, png: Path, width: int) -> None:
    """A PNG that carries the SVG it was made from."""
    drawn = plain(svg)
    render(drawn, png, width)
    data = png.read_bytes()
    text = KEYWORD + b"\0\1\0\0\0" + zlib.compress(drawn.encode(), 9)
    head = len(_SIGNATURE) + 25
    png.write_bytes(data[:head] + _chunk(b"iTXt", text) + data[head:])


def svg_in(png: Path) -> str:
    """The SVG that a PNG carries; "" where it carries none."""
    for kind, body in _chunks(png.read_bytes()):
        if kind == b"iTXt" and body.startswith(KEYWORD + b"\0"):
            return zlib.decompress(body[len(KEYWORD) + 5 :]).decode()
    return ""


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += length + 12


# Several in one


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture of a sheet, with its title and the terminal's columns and lines."""

    svg: str
    title: str
    width: int
    height: int


def packed(shots: Sequence[Shot], most: int, lines: int) -> Iterator[list[list[Shot]]]:
    """Sheets of rows, each row at most `most` columns wide, each sheet at most `lines` high."""
    rows: list[list[Shot]] = []
    for shot in shots:
        last = rows[-1] if rows else []
        if last and sum(one.width for one in last) + shot.width <= most:
            last.append(shot)
        elif rows and sum(max(s.height for s in row) for row in rows) + shot.height > lines:
            yield rows
            rows = [[shot]]
        else:
            rows.append([shot])
    yield rows


def sheet(rows: Sequence[Sequence[Shot]]) -> tuple[str, float]:
    """Rows of pictures in one SVG, and how wide it is."""
    parts, top, widest = [], 0.0, 0.0
    for row in rows:
        left, tallest = 0.0, 0.0
        for shot in row:
            width, height = _size(shot.svg)
            place = f'x="{left}" y="{top + 34}" width="{width}" height="{height}"'
            words = html.escape(shot.title)
            parts.append(f'<text x="{left + 8}" y="{top + 24}" {_TITLE}>{words}</text>')
            parts.append(plain(shot.svg).replace("<svg ", f"<svg {place} ", 1))
            left, tallest = left + width + 12, max(tallest, height)
        top, widest = top + tallest + 44, max(widest, left)
    box = f'viewBox="0 0 {widest} {top}" width="{widest}" height="{top}"'
    ground = '<rect width="100%" height="100%" fill="#808080"/>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box}>'
    return f"{head}{ground}{''.join(parts)}</svg>", widest


_TITLE = 'font-family="sans-serif" font-size="22" fill="#ffffff"'


def _size(svg: str) -> tuple[float, float]:
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert found, "no picture of a terminal"
    return float(found[1]), float(found[2])
