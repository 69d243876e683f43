"""What a command prints: tables, JSON, YAML on stdout; everything else on stderr.

All text is made safe here and nowhere else: callers pass what they have.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from meshtui.cli import streams
from meshtui.cli.pages import page
from meshtui.cli.streams import Unwritable
from meshtui.mesh.text import UNSAFE, clean

_LONG = 2**16


def data(document: Any, form: str) -> None:
    """A document as JSON or YAML."""
    if (kept := page()) is not None:
        kept.documents.append(document)
        return
    if form == "yaml":
        _out(as_yaml(document))
    else:
        _out(as_json(document, indent=2))
        _out("\n")
    flush()


def record(document: Any, form: str) -> None:
    """One of many documents: a line of JSON, or a YAML document behind `---`."""
    _out(f"---\n{as_yaml(document)}" if form == "yaml" else as_json(document) + "\n")


def as_json(document: Any, indent: int | None = None) -> str:
    """JSON as it is read, but what would drive a terminal or cannot be encoded is escaped."""
    text = _escape(_dumped(document, indent, ensure_ascii=False))
    if not streams.can_encode(sys.stdout, text):
        text = _escape(_dumped(document, indent, ensure_ascii=True))
    return text


def _dumped(document: Any, indent: int | None, *, ensure_ascii: bool) -> str:
    """As `json` has it, which is five times as slow where it indents: a long text is laid out
    when it is there."""
    compact = json.dumps(document, ensure_ascii=ensure_ascii)
    if indent is not None and len(compact) > _LONG:
        from meshtui.mesh.json_text import indented

        if laid_out := indented(compact, indent):
            return laid_out
    return (
        compact
        if indent is None
        else json.dumps(document, indent=indent, ensure_ascii=ensure_ascii)
    )


def _escape(text: str) -> str:
    """Of JSON, in which what stands between strings is plain."""
    if text.isascii() and "\x7f" not in text:
        return text

    def escaped(found: re.Match[str]) -> str:
        return json.dumps(found.group(), ensure_ascii=True).replace("\x7f", "\\u007f")[1:-1]

    return "\n".join(UNSAFE.sub(escaped, line) for line in text.split("\n"))


def as_yaml(document: Any) -> str:
    """YAML as it is read; all beyond ASCII is escaped where some of it must be."""
    from meshtui.changes.kube_yaml import dump_yaml

    text = dump_yaml(document, allow_unicode=True)
    if UNSAFE.search(text.replace("\n", "")) or not streams.can_encode(sys.stdout, text):
        text = dump_yaml(document)
    return text


def line(text: str = "") -> None:
    if (kept := page()) is not None:
        kept.lines.append(text)
        return
    _out(clean(text) + "\n")


_ATTRIBUTES = {"match": "1;7", "failing": "1"}
_COLOURS = {
    "failing": "31",
    "degraded": "33",
    "warning": "33",
    "ok": "32",
    **{f"line-{1 + at}": code for at, code in enumerate(("36", "32", "33", "35", "34", "39"))},
}
"""How a role looks at a terminal, in the terminal's own colours."""


def pieces(found: Iterable[tuple[str, str]]) -> None:
    """A line made of texts with roles; at a terminal roles are seen, without colour where
    NO_COLOR is set."""
    styled = streams.takes_styles(sys.stdout)
    _out("".join(_styled(clean(text), role, styled) for text, role in found).rstrip() + "\n")


def _styled(text: str, role: str, styled: bool) -> str:
    codes = [_ATTRIBUTES.get(role, "")] if styled else []
    codes += [_COLOURS.get(role, "")] if styled and streams.takes_colours() else []
    wanted = ";".join(filter(None, codes))
    return f"\x1b[{wanted}m{text}\x1b[0m" if wanted and text.strip() else text


def octets(body: bytes) -> None:
    """A file as it is, for another program; on a terminal, as text that drives nothing."""
    if streams.is_terminal(sys.stdout):
        lines(body.decode("utf-8", "replace"))
        return
    flush()
    try:
        sys.stdout.buffer.write(body)
    except OSError as error:
        raise _lost(error) from error
    flush()


def note(text: str) -> bool:
    """One line on stderr. False where nobody can read it; that stops nothing."""
    if (kept := page()) is not None:
        text = kept.note(text)
    return _err(clean(text) + "\n")


def ask(question: str) -> str:
    """What a person answers to a question on stderr: a line of stdin without the blanks around it.

    Empty where nobody could read the question, and where there is no line or none that can be
    read.
    """
    seen = _err(clean(question))
    try:
        answer = sys.stdin.readline() if sys.stdin is not None else ""
    except (OSError, UnicodeError):
        answer = ""
    if not answer.endswith("\n"):
        note("")
    return answer.strip() if seen else ""


def lines(text: str) -> None:
    """Text of some lines, with an end of line where it has one."""
    if (kept := page()) is not None:
        kept.lines += text.removesuffix("\n").split("\n")
        return
    _out("\n".join(map(clean, text.split("\n"))))


LEAST_CELLS = 9
"""A column that is made narrower keeps this much of its texts, as long as that is enough."""

TINY_CELLS = 4


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    right: Iterable[int] = (),
    spare: Iterable[str] = (),
    whole: Iterable[str] = (),
) -> None:
    """Columns two spaces apart; those in `right` are numbers. Cells are cleaned, and kept whole
    where a program reads them.

    A terminal has no line that is wider than it is. What gives way first are columns with nothing
    but dashes, then those whose titles are in `spare`, in that order, then the widest but those
    in `whole`, which are what another command takes.
    """
    if (kept := page()) is not None:
        kept.add_table(header, tuple(rows), frozenset(right), tuple(spare), tuple(whole))
        return
    lines = [[clean(cell) for cell in row] for row in (header, *rows)]
    numbers, most = set(right), columns()
    places = _places(lines, most, tuple(spare)) if most else list(range(len(header)))
    widths = _widths(lines, places)
    if most:
        kept_whole = {number for number, at in enumerate(places) if header[at] in set(whole)}
        widths = fitted(widths, most, [len(header[at]) for at in places], kept_whole)
    for row in lines:
        cells = []
        for at, width in zip(places, widths, strict=True):
            text = _cut(row[at], width)
            cells.append(text.rjust(width) if at in numbers else text.ljust(width))
        line((" " * GAP).join(cells).rstrip()[:most])


NOTHING = ("", "-", "?")


def _places(lines: Sequence[Sequence[str]], most: int, spare: Sequence[str]) -> list[int]:
    """The columns for which there is room."""
    header, *rows = lines
    found = list(range(len(header)))
    empty = [at for at in found if rows and all(row[at] in NOTHING for row in rows)]
    for at in (*empty, *(header.index(title) for title in spare if title in header)):
        if sum(_widths(lines, found)) + GAP * (len(found) - 1) <= most:
            break
        if at in found and len(found) > 1:
            found.remove(at)
    return found


GAP = 2


def _widths(lines: Sequence[Sequence[str]], places: Iterable[int]) -> list[int]:
    return [max(len(row[at]) for row in lines) for at in places]


def fitted(
    widths: Sequence[int], most: int, titles: Sequence[int], whole: Container[int] = ()
) -> list[int]:
    """The widest column made narrower until another is as wide, and so on until all fit: first as
    far as their titles are whole, then further; last those in `whole`, too."""
    found = list(widths)
    over = sum(found) + GAP * (len(found) - 1) - most
    all_titles = [max(title, LEAST_CELLS) for title in titles]
    tiny = [TINY_CELLS for _ in titles]
    for least in (
        *(_but(cells, found, whole) for cells in (all_titles, tiny)),
        all_titles,
        tiny,
    ):
        while over > 0 and any(cells > low for cells, low in zip(found, least, strict=True)):
            wide = (at for at in range(len(found)) if found[at] > least[at])
            found[max(wide, key=found.__getitem__)] -= 1
            over -= 1
    return found


def _but(least: list[int], widths: Sequence[int], whole: Container[int]) -> list[int]:
    """With the columns in `whole` as they are."""
    return [widths[at] if at in whole else cells for at, cells in enumerate(least)]


def _cut(text: str, width: int) -> str:
    """In the middle: names of pods differ at their end."""
    if len(text) <= width:
        return text
    end = (width - 1) // 2
    return f"{text[: width - 1 - end]}…{text[len(text) - end :]}" if width > 1 else text[:width]


def columns() -> int | None:
    """How wide the terminal is; None where the output is for a program."""
    return streams.columns(sys.stdout)


def flush() -> None:
    """Raises `Unwritable`, once: after that nothing is left to write."""
    if sys.stdout is not None and not getattr(sys.stdout, "closed", False):
        try:
            sys.stdout.flush()
        except OSError as error:
            raise _lost(error) from error


@contextmanager
def settled(words: Iterable[str]) -> Iterator[None]:
    """The end of something that is done: where stdout takes nothing, `words` go to stderr."""
    try:
        yield
        flush()
    except Unwritable as error:
        for text in words:
            note(text)
        note(f"meshtui: {error}")


def _out(text: str) -> None:
    try:
        streams.write(sys.stdout, text)
    except OSError as error:
        raise _lost(error) from error


def _err(text: str) -> bool:
    try:
        streams.write(sys.stderr, text, flush=True)
    except OSError:
        streams.discard(sys.stderr)
        return False
    return not streams.discarded(sys.stderr)


def _lost(error: OSError) -> Unwritable:
    streams.discard(sys.stdout)
    return Unwritable(error)
