"""The Prometheus text format, as far as golden signals need it, quickly and from anyone.

A sidecar's statistics can be tens of megabytes of which a hundred lines are wanted, so the text is
searched for the wanted names instead of being read line by line. The text comes from pods: what is
not a sample line is passed over, and nothing here raises.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

MAX_POINTS = 1_000_000
"""A proxy with more series than this is not read to the end."""

MAX_LABELS = 16_384
"""Characters between the braces; a longer line is passed over."""

_VALUE = r'"([^"\\\n]*+(?:\\.[^"\\\n]*+)*+)"'
_LABEL = rf"[ \t]*+([a-zA-Z_]\w*+)[ \t]*+=[ \t]*+{_VALUE}[ \t]*+"
_UNGROUPED = re.sub(r"\((?!\?)", "(?:", _LABEL)
_SAMPLE = re.compile(
    rf"(?:\{{((?:{_UNGROUPED}(?:,|(?=\}}))[ \t]*+)*+)\}}[ \t]*+|[ \t]++)(\S++)", re.ASCII
)
_NAMED = re.compile(r"[a-zA-Z_:][\w:]*+(?:\{|[ \t]++[-+.0-9IN])", re.ASCII)
_PAIR = re.compile(_LABEL, re.ASCII)
_ESCAPE = re.compile(r"\\(.)")
_NUMBER = re.compile(r"[-+]?(?:[0-9.]++(?:[eE][-+]?[0-9]++)?|[Ii]nf|[Nn]a[Nn])", re.ASCII)


class Point(NamedTuple):
    """One sample line. `labels` is the text between the braces, for `read_labels`.

    A tuple and not a dataclass because a reading makes tens of thousands of them.
    """

    name: str
    labels: str
    value: float


def points(text: str, names: Iterable[str], limit: int = MAX_POINTS) -> Iterator[Point]:
    """The samples of the metrics called `names`, one name after the other.

    Timestamps and exemplars are left out; a value may be infinite or NaN. At most `limit` points.
    """
    found = 0
    for name in names:
        for start in _line_starts(text, name):
            point = _point(text, name, start)
            if point is None:
                continue
            found += 1
            if found > limit:
                return
            yield point


def is_exposition(text: str) -> bool:
    """Whether a text begins as statistics do; an empty one does, a page of HTML does not."""
    first = next((line for line in text[:MAX_LABELS].splitlines() if line.strip()), "")
    return not first or first.startswith("#") or _NAMED.match(first) is not None


def _line_starts(text: str, name: str) -> Iterator[int]:
    """Where lines begin with `name`."""
    if text.startswith(name):
        yield 0
    needle = "\n" + name
    at = text.find(needle)
    while at >= 0:
        yield at + 1
        at = text.find(needle, at + len(needle))


def _point(text: str, name: str, start: int) -> Point | None:
    match = _SAMPLE.match(text, start + len(name))
    if match is None:
        return None
    labels, number = match.groups()
    if labels and len(labels) > MAX_LABELS:
        return None
    value = number_of(number)
    return None if value is None else Point(name, labels or "", value)


def number_of(text: str) -> float | None:
    """A sample's value, or None where it is no number. ("1_000" is a number to Python only.)"""
    if len(text) > 64 or not _NUMBER.fullmatch(text):
        return None
    try:
        return float(text)
    except ValueError:
        return None


def read_labels(text: str) -> dict[str, str]:
    """The labels between a sample's braces, escapes undone."""
    return {name: _unescape(value) for name, value in _PAIR.findall(text)}


def split_le(labels: str) -> tuple[str, float | None]:
    """A bucket's labels without `le`, and its upper bound.

    All buckets of a histogram share what remains, so it needs to be understood only once. A quote
    inside a value is always escaped, so `le="` can only be the label itself.
    """
    at = labels.rfind('le="')
    end = labels.find('"', at + 4)
    if at < 0 or end < 0 or (at > 0 and labels[at - 1] not in ", \t"):
        return labels, None
    bound = number_of(labels[at + 4 : end])
    if bound is None or math.isnan(bound):
        return labels, None
    return labels[:at] + labels[end + 1 :].lstrip(", \t"), bound


def _unescape(value: str) -> str:
    return _ESCAPE.sub(_unescaped, value) if "\\" in value else value


def _unescaped(match: re.Match[str]) -> str:
    character = match.group(1)
    return "\n" if character == "n" else character
