"""Lines made of pieces with a role, on their way to the terminal without any markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from meshtui.mesh.text import ELLIPSIS, clean
from meshtui.ui.widgets.roles import Styles

LIMIT = 4096
"""Characters of an outside text that are looked at; a longer one is cut."""


class Span(tuple[str, str]):
    """A piece of a line: text and role. Nothing in its text drives the terminal."""

    __slots__ = ()

    def __new__(cls, text: str, role: str = "") -> Span:
        return super().__new__(cls, (clean(text), role))

    @property
    def text(self) -> str:
        return self[0]

    @property
    def role(self) -> str:
        return self[1]


Line = tuple[Span, ...]

BLANK: Line = ()


def span(text: str, role: str = "") -> Span:
    """A piece from text that came from a cluster, which may be of any length."""
    return Span(clean(text, LIMIT), role)


def line(*pieces: Span | str) -> Line:
    """A line of pieces; bare strings have no role."""
    return tuple(Span(p) if isinstance(p, str) else p for p in pieces if p)


def width_of(pieces: Iterable[Span]) -> int:
    """Cells that the pieces take."""
    return sum(cell_len(piece.text) for piece in pieces)


JOINTS = " ·→>:;,(│"
"""What leads to the next word: it says nothing at the end of what is cut."""

STUMP = re.compile(r"; \S{0,2}$")
"""Of one more in a list: it tells less than its absence."""


@lru_cache(maxsize=4096)
def fit(text: str, width: int, right: bool = False) -> str:
    """`text` in exactly `width` cells, padded or cut with an ellipsis; wide characters counted."""
    if width <= 0:
        return ""
    text = clean(text)
    length = cell_len(text)
    if length > width:
        cut = STUMP.sub("", set_cell_size(text, width - 1).rstrip(JOINTS))
        return set_cell_size(cut.rstrip(JOINTS) + ELLIPSIS, width)
    padding = " " * (width - length)
    return padding + text if right else text + padding


@lru_cache(maxsize=4096)
def fit_middle(text: str, width: int) -> str:
    """`text` in exactly `width` cells, cut in the middle: a pod's name has its workload at the
    beginning, and what tells it from its siblings behind its last dash; a namespace may follow."""
    text = clean(text)
    if cell_len(text) <= width or width < MIDDLE_LEAST:
        return fit(text, width)
    last = text[text.partition(".")[0].rfind("-") :]
    tail = cell_len(last) if last.startswith("-") else width
    cells = tail if tail < width - MIDDLE_LEAST else (width - 1) // 2
    end = set_cell_size(text[::-1], cells)[::-1]
    return set_cell_size(text, width - 1 - cell_len(end)) + ELLIPSIS + end


MIDDLE_LEAST = 8
"""Cells below which the beginning of a name is worth more than its end."""


def fit_line(pieces: Line, width: int) -> Line:
    """The line in exactly `width` cells; the piece that runs over is cut with an ellipsis, and
    the one before it where it ends at the edge and more would follow."""
    left = width
    for number, piece in enumerate(pieces):
        length = cell_len(piece.text)
        if length > left:
            bare = piece.text.rstrip()
            blank = left - cell_len(bare)
            if blank >= 0 and not any(rest.text.strip() for rest in pieces[number + 1 :]):
                return (*pieces[:number], Span(bare + " " * blank, piece.role))
            return _ended(list(pieces[:number]), piece, left)
        left -= length
    return (*pieces, Span(" " * left)) if left else pieces


LEAST_CUT = 4
"""Characters of a piece below which it tells nothing: `503 …` and not `503 · >…`."""


def _ended(whole: list[Span], cut: Span, left: int) -> Line:
    """As much of `cut` as fits; where that is nothing, what would have led to it goes, too."""
    text = fit(cut.text, left)
    if len(text.strip(f" {ELLIPSIS}")) >= (LEAST_CUT if whole else 1):
        return *whole, Span(text, cut.role)
    while whole and not whole[-1].text.strip(JOINTS) and whole[-1].text.strip():
        left += cell_len(whole.pop().text)
    if left or not whole:
        return *whole, Span(fit(f"{ELLIPSIS} ", left), cut.role)
    last = whole.pop()
    return *whole, Span(fit(f"{last.text}{ELLIPSIS}", cell_len(last.text)), last.role)


def both_ends(left: Line, right: Line, width: int) -> Line:
    """`left` at the left and `right` at the right edge, with a blank between them; the right one
    wins where both don't fit."""
    room = width - width_of(right)
    if room < 8:
        return fit_line(left if not right or room < 0 else right, width)
    blank = right and not right[0].text.startswith(" ")
    return (*fit_line(left, room - 1), Span(" "), *right) if blank else fit_line(left, room) + right


LOUD = (
    *("loud", "stale", "only errors", "read-only", "side", "match"),
    *("bar", "bar-sick", "bar-warning", "bar-draft"),
)
"""Roles that keep their own ground, on the cursor's line too."""


BOLD = Style(bold=True)
"""All that is left of a role on a ground that is reversed: its colours would be the grounds."""


def strip_of(pieces: Sequence[Span], styles: Styles, ground: Style) -> Strip:
    """The pieces as the terminal gets them, on `ground`, the style of everything below them."""
    return Strip([segment for piece in pieces for segment in _segments(piece, styles, ground)])


def _segments(piece: Span, styles: Styles, ground: Style) -> Iterable[Segment]:
    """Spaces at the ends carry the ground only, so that equal looks are equal segments."""
    text = piece.text
    if ground.reverse:
        yield Segment(text, ground + BOLD if styles.get(piece.role, ground).bold else ground)
        return
    if piece.role in LOUD:
        yield Segment(text, ground + styles[piece.role])
        return
    inner = text.strip(" ")
    if inner:
        lead = len(text) - len(text.lstrip(" "))
        if lead:
            yield Segment(text[:lead], ground)
        yield Segment(inner, ground + styles.get(piece.role, Style.null()))
        text = text[lead + len(inner) :]
    if text:
        yield Segment(text, ground)


UNIT = re.compile(
    r"(?<=\d) (?=(?:%|ms|s|pods?)(?!\w))"  # 10 %, 1 pod
    r"| (?=\d+[%×])|(?<=·) "  # v2 25%, restarted 4×, what a dot begins
    r"| (?=[=^~] )|(?<= [=^~]) "  # uri = /login
    r"|(?<=mirror) (?=\S+ \d)"  # mirror v2 25%
    r"|(?<=\bp\d\d) (?=\d)"  # p99 747 ms
    r"| (?=(?:\d+\w*|unset) → )"  # consecutive-5xx 3 → 5
    r"|(?<=\d) (?=(?:of|to) \d)|(?<=\d (?:of|to)) (?=\d)"  # 1 of 1, 30 to 57 %
    r"|(?:(?<=\d)|(?<=\ds)|(?<=unset)) (?=→ \w{1,8}(?!\w))"  # 3 → unset
    r"|(?:(?<=\d →)|(?<=\ds →)|(?<=unset →)) (?=\w{1,8}(?!\w))"
)
GLUE = "\u00a0"
"""A blank that no line is broken at."""

JOINED = "/-|"
"""Behind these a word that is longer than a line is broken."""


def chopped(word: str, room: int) -> Iterator[str]:
    """`word` in parts of at most `room` cells, where it can be at the joints of a path."""
    while cell_len(word) > room:
        head = chop_cells(word, room)[0]
        cut = max(head.rfind(sign) for sign in JOINED) + 1 or len(head)
        yield word[:cut]
        word = word[cut:]
    yield word


def jointed(text: str, room: int) -> str:
    """`text` with a blank at the joints where words are broken that no line has room for."""
    return re.sub(r"\S+", lambda word: " ".join(chopped(word[0], room)), text)


def wrapped(text: str, width: int, role: str = "", indent: str = "") -> list[Line]:
    """`text` (from outside or not) broken at spaces into lines of at most `width` cells."""
    room = max(width - cell_len(indent), 8)
    lines: list[str] = []
    current = ""
    for word in _words(UNIT.sub(GLUE, clean(text, LIMIT)), room):
        joined = f"{current} {word}" if current else word
        if cell_len(joined) <= room or not current:
            current = joined
        else:
            lines.append(current)
            current = word
    parts = (part.replace(GLUE, " ") for part in [*lines, current])
    return [(Span(indent + part, role),) for part in parts]


def _words(text: str, room: int) -> Iterator[str]:
    """What a line may end behind: of a unit that no line has room for its first word too."""
    for unit in text.split(" "):
        rest = unit
        while cell_len(rest) > room and GLUE in rest:
            first, _, rest = rest.partition(GLUE)
            yield first
        yield rest
