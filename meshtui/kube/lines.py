"""Bytes as they arrive, cut into lines of bounded length."""

from __future__ import annotations


class LineSplitter:
    """Collects chunks and gives whole lines; what of a line is beyond `longest` bytes is dropped.

    A log may hold a line of any length, so the length is a limit of memory, not an error.
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes, without their line ends."""
        *whole, rest = chunk.split(b"\n")
        if not self._size and not rest and len(chunk) <= self._longest:
            return [line.removesuffix(b"\r") for line in whole]
        lines = []
        for piece in whole:
            self._keep(piece)
            lines.append(self._pop())
        self._keep(rest)
        return lines

    def end(self) -> list[bytes]:
        """The last line where it had no line end."""
        return [self._pop()] if self._size else []

    def _keep(self, piece: bytes) -> None:
        room = self._longest - self._size
        if piece and room > 0:
            self._parts.append(piece[:room])
            self._size += min(len(piece), room)

    def _pop(self) -> bytes:
        line = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        return line.removesuffix(b"\r")
