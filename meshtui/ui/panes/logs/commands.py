"""The words after `:logs`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from meshtui.dataclass import dataclass
from meshtui.envoy.logfilter import LogFilter, parse_filter
from meshtui.envoy.logstore import KEPT
from meshtui.errors import Usage
from meshtui.mesh.quantity import seconds
from meshtui.operations.logs.pod_tail import TailFrom

STARTS = (
    TailFrom(200),
    TailFrom(1_000),
    TailFrom(KEPT, 300.0),
    TailFrom(KEPT, 900.0),
    TailFrom(KEPT, 3600.0),
    TailFrom(KEPT),
)
"""How far back a log begins, as one key goes through them."""


@dataclass(frozen=True, slots=True)
class Save:
    """Empty: a new file in the state directory."""

    path: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    text: str = ""


@dataclass(frozen=True, slots=True)
class Copy:
    """What is shown, to the clipboard."""


@dataclass(frozen=True, slots=True)
class WithCallerLines:
    """With the callers' lines, or without them again; with a filter always with them."""

    wanted: LogFilter | None = None


@dataclass(frozen=True, slots=True)
class WithPrograms:
    """With what the pods' own programs write, or without it again; or that of some containers."""

    containers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Highlight:
    """Mark what matches in the lines; empty: nothing."""

    pattern: str = ""


Command = LogFilter | TailFrom | Save | Mark | Copy | WithCallerLines | WithPrograms | Highlight


def parse_log_command(words: Sequence[str]) -> Command:
    """Whatever is no command is a filter, and so is what stands behind `filter`. Raises `Usage`."""
    name, rest = words[0].lower(), " ".join(words[1:])
    match name:
        case "tail":
            return _tail(rest)
        case "since":
            return _since(rest)
        case "save":
            return Save(rest)
        case "mark":
            return Mark(rest)
        case "copy" if not rest:
            return Copy()
        case "callers":
            return WithCallerLines(parse_filter(rest) if rest else None)
        case "app" if not rest:
            return WithPrograms()
        case "container" if rest:
            return WithPrograms(tuple(words[1:]))
        case "highlight":
            return Highlight(rest)
        case "all" | "off" if not rest:
            return LogFilter()
        case "filter":
            return parse_filter(rest)
    return parse_filter(" ".join(words))


def _tail(text: str) -> TailFrom:
    digits = text.replace(",", "")
    if not digits.isascii() or not digits.isdigit() or not 0 < int(digits[:9]) <= KEPT:
        raise Usage(f"tail wants a number of lines up to {KEPT}", "as in :logs tail 1000")
    return TailFrom(int(digits))


def _since(text: str) -> TailFrom:
    age = seconds(text)
    if not age or age > 1e8:
        raise Usage("since wants a duration", "as in :logs since 15m")
    return TailFrom(KEPT, age)


def next_start(start: TailFrom) -> TailFrom:
    """Whose lines they are stays as it is."""
    back = TailFrom(start.lines, start.since_s)
    place = STARTS.index(back) if back in STARTS else -1
    return whose(STARTS[(place + 1) % len(STARTS)], start)


def whose(start: TailFrom, other: TailFrom) -> TailFrom:
    """As far back as `start`, with the lines of all those that `other` has."""
    return replace(
        start, callers=other.callers, programs=other.programs, containers=other.containers
    )
