"""The `:` command line: words to a command, or one line that says what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from meshtui.changes.change import (
    ClearFault,
    ClearMirror,
    Promote,
    Request,
    Rollback,
    SetFault,
    SetMirror,
    Shift,
)
from meshtui.errors import Usage
from meshtui.mesh.quantity import percentage, seconds
from meshtui.ui.actions import BY_ID
from meshtui.ui.panes.tracewords import Ask, parse_ask
from meshtui.ui.table.order import SORTS


@dataclass(frozen=True, slots=True)
class Change:
    """Plan this for the selected service."""

    request: Request


@dataclass(frozen=True, slots=True)
class Undo:
    """Take back a change, the last one where no identity is given."""

    change_id: str = ""


@dataclass(frozen=True, slots=True)
class SortBy:
    key: str


@dataclass(frozen=True, slots=True)
class UseTheme:
    """Empty: say which there are."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class FilterBy:
    text: str


@dataclass(frozen=True, slots=True)
class Trace:
    """Ask where a request to the selected service goes."""

    ask: Ask


@dataclass(frozen=True, slots=True)
class Run:
    """Do what the key of this action does."""

    action: str


Command = Change | Undo | SortBy | UseTheme | FilterBy | Trace | Run

EXAMPLES = (
    ("shift v1=80 v3=20", "Set weights in percent; unnamed versions share the rest."),
    ("promote v2", "All traffic to a version."),
    ("rollback [VERSION]", "All traffic to stable (or VERSION), mirrors and faults off."),
    ("undo [CHANGE]", "Take back the last change, or the one named."),
    ("mirror v2 50% [for 2h]", "Copy traffic to a version.   :mirror off"),
    ("fault delay 3s 50%", "Delay requests.   :fault off"),
    ("fault abort 503 10% [for 5m]", "Answer with an error; parts can be combined, header k=v."),
    ("trace GET /path header k=v", "Which rule takes it; also host H, from WORKLOAD, port N."),
    ("sort errors", f"One of {', '.join(SORTS)}."),
    ("theme NAME", "Another theme; without a name: which there are."),
    ("filter TEXT", "As after /."),
    ("q", "Leave. Every action's name works too: :logs, :rules, …"),
)
"""What the help screen shows."""


def parse_command(text: str) -> Command | None:
    """The command in `text`, None for an empty one. Raises `Usage`."""
    words = text.split()
    if not words:
        return None
    name, arguments = words[0].lower(), words[1:]
    parser = _PARSERS.get(name)
    if parser is not None:
        return parser(arguments)
    action = {"q": "quit", "q!": "quit", "analyze": "analysis"}.get(name, name)
    if action not in BY_ID or action in _KEYS_ONLY:
        raise Usage(f"there is no command :{name}", "? shows the commands")
    if arguments:
        raise Usage(f":{name} takes no arguments")
    return Run(action)


_KEYS_ONLY = {"digit", "backspace"}


def _shift(words: Sequence[str]) -> Command:
    weights: dict[str, float] = {}
    for word in words:
        label, sign, value = word.rpartition("=")
        weight = percentage(value)
        if not sign or not label or weight is None:
            raise Usage(f"{word} is no weight", "write version=percent, as in v1=80 v3=20")
        weights[label] = weight
    if not weights:
        raise Usage("shift wants weights", "write :shift v1=80 v3=20")
    return Change(Shift(weights))


def _promote(words: Sequence[str]) -> Command:
    return Change(Promote(_one(words, "promote", "v2"))) if words else Run("promote")


def _rollback(words: Sequence[str]) -> Command:
    if len(words) > 1:
        raise Usage("rollback takes at most the version to go back to")
    return Change(Rollback(words[0], "named by the operator")) if words else Run("rollback")


def _undo(words: Sequence[str]) -> Command:
    if len(words) > 1:
        raise Usage("undo takes at most the identity of one change")
    return Undo(words[0] if words else "")


def _mirror(words: Sequence[str]) -> Command:
    if not words:
        return Run("mirror")
    if list(words) == ["off"]:
        return Change(ClearMirror())
    rest, expires = _for(words, None)
    if len(rest) > 2:
        raise Usage("mirror takes a version and a percentage", "as in :mirror v2 50%")
    return Change(SetMirror(rest[0], _percent(rest[1]) if rest[1:] else 100.0, expires))


def _fault(words: Sequence[str]) -> Command:
    if not words:
        return Run("fault")
    if list(words) == ["off"]:
        return Change(ClearFault())
    rest, expires = _for(words, 900.0)
    return Change(_fault_request(rest, expires))


def _fault_request(words: list[str], expires: float | None) -> SetFault:
    delay: tuple[float, float] | None = None
    abort: tuple[int, float] | None = None
    header: tuple[str, str] | None = None
    while words:
        kind = words.pop(0)
        if kind == "delay":
            delay = delay_of(_next(words, "delay wants a time")), _optional_percent(words)
        elif kind == "abort":
            abort = code_of(_next(words, "abort wants a status code")), _optional_percent(words)
        elif kind == "header":
            header = header_of(_next(words, "header wants name=value"))
        else:
            raise Usage(f"{kind} is no part of a fault", "write delay 3s 50%, abort 503 10%, off")
    return fault_request(delay, abort, header, expires)


def fault_request(
    delay: tuple[float, float] | None,
    abort: tuple[int, float] | None,
    header: tuple[str, str] | None,
    expires: float | None,
) -> SetFault:
    """The request for parts that are (seconds, percent) and (status, percent)."""
    if delay is None and abort is None:
        raise Usage("a fault needs a delay or an abort", "as in delay 3s 50%")
    return SetFault(
        delay_s=delay[0] if delay else None,
        delay_percent=delay[1] if delay else 100.0,
        abort_http=abort[0] if abort else None,
        abort_percent=abort[1] if abort else 100.0,
        header=header,
        expires_s=expires,
    )


def delay_of(text: str) -> float:
    value = seconds(text)
    if not value:
        raise Usage(f"{text} is no time", "write 3s or 200ms")
    return value


def code_of(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 200 <= int(text) <= 599):
        raise Usage(f"{text} is no HTTP status", "write a number from 200 to 599")
    return int(text)


def header_of(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not name or not sign:
        raise Usage(f"{text} is no header", "write name=value")
    return name, value


def expiry_of(text: str) -> float | None:
    """How long it is to last; None for without end."""
    if text == "none":
        return None
    value = seconds(text)
    if not value:
        raise Usage(f"{text} is no time", "write 15m, 2h or none")
    return value


def _for(words: Sequence[str], default: float | None) -> tuple[list[str], float | None]:
    """The words without `for TIME`, and the time."""
    rest = list(words)
    if "for" not in rest:
        return rest, default
    place = rest.index("for")
    if place != len(rest) - 2:
        raise Usage("for wants a time, at the end", "write for 15m or for none")
    return rest[:place], expiry_of(rest[-1])


def _percent(text: str) -> float:
    value = percentage(text)
    if value is None:
        raise Usage(f"{text} is no percentage", "write a number from 0 to 100")
    return value


def _optional_percent(words: list[str]) -> float:
    if words and words[0][:1].isdigit():
        return _percent(words.pop(0))
    return 100.0


def _next(words: list[str], missing: str) -> str:
    if not words:
        raise Usage(missing)
    return words.pop(0)


def _one(words: Sequence[str], name: str, example: str) -> str:
    if len(words) != 1:
        raise Usage(f"{name} wants one version", f"as in :{name} {example}")
    return words[0]


def _sort(words: Sequence[str]) -> Command:
    if len(words) != 1 or words[0] not in SORTS:
        raise Usage(f"sort by one of {', '.join(SORTS)}")
    return SortBy(words[0])


def _theme(words: Sequence[str]) -> Command:
    return UseTheme(" ".join(words))


def _filter(words: Sequence[str]) -> Command:
    return FilterBy(" ".join(words))


def _trace(words: Sequence[str]) -> Command:
    return Trace(parse_ask(words)) if words else Run("trace")


_PARSERS: Mapping[str, Callable[[Sequence[str]], Command]] = {
    "shift": _shift,
    "promote": _promote,
    "rollback": _rollback,
    "undo": _undo,
    "mirror": _mirror,
    "fault": _fault,
    "sort": _sort,
    "theme": _theme,
    "filter": _filter,
    "trace": _trace,
}
