"""Regular expressions as Envoy has them: RE2's syntax, in time linear in the text.

The expressions and the texts come out of a cluster: with Python's own engine `(a+)+b` would hang
the program. Where google-re2 has no wheel for the platform, `regex_plain` decides what both engines
mean alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, Protocol

from meshtui.mesh import regex_plain
from meshtui.mesh.regex_plain import Undecidable

__all__ = ["Search", "Undecidable", "full_match"]

_LARGEST = 50_000_000
"""Instructions of the program times bytes of the text: RE2's slowest way takes about a second."""

_MOST_INSTRUCTIONS = 10_000
"""Of an expression that is searched for in many texts."""

Places = Callable[[str], Iterable[tuple[int, int]]]
"""Where an expression is found in a text, one behind the other: begins and ends."""

_TOO_LARGE = "it is too large to be decided here"


def full_match(pattern: str, text: str) -> bool:
    """True where the whole text matches. Undecidable where RE2 refuses the expression.

    Envoy 1.40 compares bytes: `.` is half of an é. RE2 by itself compares characters. Where that
    makes a difference nothing is decided.
    """
    return _engine().full_match(pattern, text)


class Search:
    """An expression that is searched for anywhere in a text. Raises Undecidable, with why."""

    def __init__(self, pattern: str) -> None:
        self._found = _engine().search(pattern)
        self._places = _engine().places(pattern)

    def __call__(self, text: str) -> bool:
        return self._found(text)

    def spans(self, text: str, most: int = 100) -> list[tuple[int, int]]:
        """Where it is found, as begins and ends in characters; never where nothing is matched."""
        return list(islice(self._places(text), most))


class _Re2:
    """google-re2. Compiled expressions are kept by the library itself."""

    def __init__(self) -> None:
        import re2

        self._re2 = re2
        self._options = {name: self._option(name) for name in ("LATIN1", "UTF8")}

    def _option(self, encoding: str) -> Any:
        options = self._re2.Options()
        options.encoding = getattr(options.Encoding, encoding)
        options.log_errors = False
        options.never_capture = True
        return options

    def full_match(self, pattern: str, text: str) -> bool:
        bytewise = self._matches(pattern, text, "LATIN1")
        plain = pattern.isascii() and text.isascii()
        if not plain and self._matches(pattern, text, "UTF8") is not bytewise:
            raise Undecidable("bytes or letters outside of ASCII: Envoys may differ")
        return bytewise

    def _matches(self, pattern: str, text: str, encoding: str) -> bool:
        program, given = self._compiled(pattern, encoding), _bytes(text)
        if program.programsize * len(given) > _LARGEST:
            raise Undecidable(_TOO_LARGE)
        return program.fullmatch(given) is not None

    def search(self, pattern: str) -> Callable[[str], bool]:
        program = self._compiled(pattern, "UTF8")
        if program.programsize > _MOST_INSTRUCTIONS:
            raise Undecidable(_TOO_LARGE)
        return lambda text: program.search(_bytes(text)) is not None

    def places(self, pattern: str) -> Places:
        program = self._compiled(pattern, "UTF8")
        return lambda text: _in_characters(text, _spans(program.finditer(_bytes(text))))

    def _compiled(self, pattern: str, encoding: str) -> Any:
        try:
            return self._re2.compile(_bytes(pattern), self._options[encoding])
        except self._re2.error as error:
            raise Undecidable(f"RE2 refuses it: {_words(error)}") from error


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _spans(found: Iterable[Any]) -> Iterator[tuple[int, int]]:
    return ((begin, end) for begin, end in (match.span() for match in found) if begin < end)


def _in_characters(text: str, spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Spans of the bytes of a text as those of its characters."""
    if text.isascii():
        yield from spans
        return
    given = _bytes(text)
    for begin, end in spans:
        before = len(given[:begin].decode("utf-8", "surrogatepass"))
        yield before, before + len(given[begin:end].decode("utf-8", "surrogatepass"))


def _words(error: Exception) -> str:
    """The library's errors hold bytes."""
    reason = error.args[0] if error.args else ""
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


class _Engine(Protocol):
    def full_match(self, pattern: str, text: str) -> bool: ...
    def search(self, pattern: str) -> Callable[[str], bool]: ...
    def places(self, pattern: str) -> Places: ...


@lru_cache(maxsize=1)
def _engine() -> _Engine:
    """Loaded with the first expression: the library takes 10 ms."""
    try:
        return _Re2()
    except ImportError:
        return regex_plain
