"""A terminal that understands what the screen writes, and no more."""

from __future__ import annotations

import re

_PART = re.compile(r"\x1b\[([\d;]*)([HCm])|([^\x1b])")


class Emulator:
    """Cells as (character, colours and attributes); a space has the ground only."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.lines = [[("?", ("", "", ""))] * width for _ in range(height)]
        self._x = self._y = 0
        self._codes: dict[str, str] = {}

    def feed(self, text: str) -> None:
        end = 0
        while end < len(text):
            part = _PART.match(text, end)
            assert part is not None, f"not understood: {text[end : end + 20]!r}"
            end = part.end()
            numbers, kind, char = part.groups()
            if kind == "H":
                self._y, self._x = (int(number) - 1 for number in numbers.split(";"))
            elif kind == "C":
                self._x += int(numbers)
            elif kind == "m":
                self._style(numbers)
            elif char == "\n":
                self._x, self._y = 0, self._y + 1
            else:
                self._put(char)

    def _put(self, char: str) -> None:
        kinds = ("38", "48", "attributes")
        colour, ground, attributes = (self._codes.get(kind, "") for kind in kinds)
        if char == " " and not set(attributes.split()) - {"1", "2", "3"}:
            colour = attributes = ""
        self.lines[self._y][self._x] = char, (colour, ground, attributes)
        self._x += 1

    def _style(self, codes: str) -> None:
        left = codes.split(";")
        while left:
            code = left.pop(0)
            if code in ("", "0"):
                self._codes.clear()
            elif code in ("38", "48"):
                length = {"5": 2, "2": 4}[left[0]]
                self._codes[code], left = ";".join(left[:length]), left[length:]
            elif code in ("39", "49"):
                self._codes.pop(str(int(code) - 1), None)
            elif int(code) >= 30:
                self._codes["48" if code[:-1] in ("4", "10") else "38"] = code
            else:
                known = set(self._codes.get("attributes", "").split())
                self._codes["attributes"] = " ".join(sorted({*known, code}))

    @property
    def text(self) -> str:
        return "\n".join("".join(char for char, _ in line) for line in self.lines)
