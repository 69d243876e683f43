"""A unified diff of YAML: an item of a list that is put in or taken away stands in one piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

Opcode = tuple[str, int, int, int, int]
"""As `difflib` has it: what is done to `old[i1:i2]` to make it `new[j1:j2]`."""


def unified(old: Sequence[str], new: Sequence[str], context: int = 3) -> Iterator[str]:
    """The lines of the diff, without the names of files."""
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    pieces = _in_pieces(_one_piece(old, new) or matcher.get_opcodes(), old, new)
    parts = [part for piece in pieces for part in _by_field(piece, old, new)]
    matcher.opcodes = parts  # type: ignore[attr-defined]
    for group in matcher.get_grouped_opcodes(context):
        first, last = group[0], group[-1]
        yield f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@"
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                yield from (f" {line}" for line in old[i1:i2])
                continue
            yield from (f"-{line}" for line in old[i1:i2])
            yield from (f"+{line}" for line in new[j1:j2])


def _range(start: int, stop: int) -> str:
    """Beginning and length; of nothing, the line before."""
    length = stop - start
    if length == 1:
        return str(start + 1)
    return f"{start + 1 if length else start},{length}"


def _one_piece(old: Sequence[str], new: Sequence[str]) -> list[Opcode]:
    """Where lines were only put in, or only taken away, at one place, that; else nothing.

    `difflib` goes by the longest run that is alike: of a rule that resembles the one below it that
    may lie within the rule, which then stands in two pieces.
    """
    less, more = (old, new) if len(old) < len(new) else (new, old)
    top = 0
    while top < len(less) and less[top] == more[top]:
        top += 1
    below = len(less) - top
    if len(less) == len(more) or less[top:] != more[len(more) - below :]:
        return []
    end = len(more) - below
    piece = ("insert", top, top, top, end) if less is old else ("delete", top, end, top, top)
    parts = [("equal", 0, top, 0, top), piece, ("equal", piece[2], len(old), piece[4], len(new))]
    return [part for part in parts if part[1] < part[2] or part[3] < part[4]]


def _in_pieces(opcodes: Sequence[Opcode], old: Sequence[str], new: Sequence[str]) -> list[Opcode]:
    """What is only put in, or only taken away, is moved up among lines that are alike.

    Where the lines before a piece end as the piece does, it may as well begin earlier: with the
    item that it is, and not with the rest of the one before.
    """
    found: list[Opcode] = []
    for at, (tag, i1, i2, j1, j2) in enumerate(opcodes):
        up = 0
        if tag in ("insert", "delete") and found and found[-1][0] == "equal":
            lines, begin, end = (new, j1, j2) if tag == "insert" else (old, i1, i2)
            up = _to_the_item(lines, begin, end, found[-1][2] - found[-1][1])
        if up:
            _, e1, e2, f1, f2 = found.pop()
            found += [("equal", e1, e2 - up, f1, f2 - up)] if e2 - up > e1 else []
            found.append((tag, i1 - up, i2 - up, j1 - up, j2 - up))
            if at + 1 == len(opcodes) or opcodes[at + 1][0] != "equal":
                found.append(("equal", i2 - up, i2, j2 - up, j2))
        else:
            before = found[-1] if found else None
            i1, j1 = (before[2], before[4]) if before else (i1, j1)
            found.append((tag, i1, i2, j1, j2))
    return found


def _by_field(piece: Opcode, old: Sequence[str], new: Sequence[str]) -> list[Opcode]:
    """Where the same fields have other values, and more was put in or taken away beside them: both.

    Else a weight would stand behind all of a mirror that was taken away.
    """
    tag, i1, i2, j1, j2 = piece
    less = min(i2 - i1, j2 - j1)
    if tag != "replace" or i2 - i1 == j2 - j1:
        return [piece]
    if all(_field(old[i1 + n]) == _field(new[j1 + n]) for n in range(less)):
        return [("replace", i1, i1 + less, j1, j1 + less), _rest(i1 + less, i2, j1 + less, j2)]
    if all(_field(old[i2 - n]) == _field(new[j2 - n]) for n in range(1, less + 1)):
        return [_rest(i1, i2 - less, j1, j2 - less), ("replace", i2 - less, i2, j2 - less, j2)]
    return [piece]


def _rest(i1: int, i2: int, j1: int, j2: int) -> Opcode:
    return ("delete" if i2 > i1 else "insert"), i1, i2, j1, j2


def _field(line: str) -> str:
    """The name, with its indent; an item without one is itself."""
    return line.partition(": ")[0]


def _to_the_item(lines: Sequence[str], begin: int, end: int, most: int) -> int:
    """By how many lines `lines[begin:end]` moves up to begin with an item; 0: by none."""
    if begin >= end or _begins_item(lines[begin]):
        return 0
    depth = min(_indent(line) for line in lines[begin:end])
    for up in range(1, most + 1):
        if lines[begin - up] != lines[end - up]:
            return 0
        first = lines[begin - up]
        if _begins_item(first) and _indent(first) <= depth:
            return up
    return 0


def _begins_item(line: str) -> bool:
    return line.lstrip(" ").startswith("- ")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
