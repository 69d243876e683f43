"""What is unusual about a line, in words: faults, mirrors, timeouts, what the errors were."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import ceil

from rich.cells import cell_len

from meshtui.mesh.codes import NO_ANSWER
from meshtui.mesh.judging import (
    DEGRADED,
    SEVERITY,
    SICK,
    SLOW,
    bad_ratio,
    brief_slow,
    failing_codes,
)
from meshtui.mesh.leaving import HELD
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.quantity import clock_time, left_words
from meshtui.mesh.signals import UNKNOWN, Signals
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView
from meshtui.operations.types import Pending
from meshtui.ui.main.rule_selection import is_ordinary
from meshtui.ui.table import numbers
from meshtui.ui.widgets.paint import Line, Span, span, width_of

NO_ERROR = ("RL", "DI")
"""Flags of requests that did not fail on the server's side by what the flag tells."""

OVERFLOW = "UO"
"""The flag of what a breaker turns away: said in words, as it does so now."""

SEPARATOR = Span(" · ", "faint")

SUM = "Σ"
"""Begins the mark of a service that stands in several clusters: all their requests together."""

UNKNOWN_SUM = "?"
"""Of a sum, where the whole word has no room."""

ENDS, OVERDUE = "ends in", "OVERDUE"
ROOMY = 1000
"""Cells that hold all marks in full words."""

Notes = tuple[str, ...]

Brevity = Callable[[str, str], str]
"""The words for a note and the mark that it is about, either of which may be empty."""


NONE_NOW = "none now"
"""The same of a row without room for the time. No word that a canary or an order may be told by."""


def held(line: ServiceView | VersionView, cells: int = ROOMY) -> str:
    """Why a row keeps a bad state while nothing of it fails, and until when; else empty."""
    if line.state not in HELD or not line.failed_at or line.caller is None:
        return ""
    if bad_ratio(line.caller) != 0:
        return ""
    fitting = (words for words in _held_words(line) if cell_len(words) <= cells)
    return next(fitting, NONE_NOW)


def _held_words(line: ServiceView | VersionView) -> Iterator[str]:
    """The longest first."""
    since = f"none failed since {clock_time(line.failed_at)}"
    if line.leaving is None:
        yield since
        return
    latest = time.strftime("%H:%M", time.localtime(line.leaving.latest + 59.0))
    more = f"{max(ceil(line.leaving.requests), 1):,} more succeed"
    yield f"{since}, {line.state} until {more} or it is {latest}"
    yield f"none fails now, ok by {latest}"
    yield f"ok by {latest}"


def service_marks(view: ServiceView, notes: Sequence[str] = (), cells: int = ROOMY) -> Line:
    """The ordinary rule's marks in as many words as `cells` has room for.

    The notes (a change that is not verified yet, or what ends when) come first; each takes the
    place of the mark that it is about. Where nothing fits, the first one is whole, or its first
    word is, and the others are cut.
    """
    lines = [_line_of(view, notes, brevity) for brevity in (_whole, _aimed, _brief, _word)]
    fitting = next((line for line in lines if width_of(line) <= cells), None)
    if fitting is not None:
        return fitting
    brief = lines[2]
    return brief if width_of(brief[:1]) <= cells else _line_of(view, notes, _least)


def _line_of(view: ServiceView, notes: Sequence[str], brevity: Brevity) -> Line:
    rest = sorted(view.marks, key=lambda mark: not mark.startswith("fault"))
    pieces: list[Span] = []
    for note in notes:
        about = next((mark for mark in rest if _is_about(note, mark)), "")
        pieces.append(span(brevity(note, about), "warning"))
        rest = [mark for mark in rest if mark != about]
    pieces += [span(view.counted_because, "unknown")] if view.counted_because else []
    pieces += _selected(view)
    pieces += [span(brevity("", mark), _role(mark)) for mark in rest]
    words = held(view, _HELD_CELLS.get(brevity, 0))
    pieces += [Span(words, "muted")] if words else []
    return _joined(pieces)


def whole_marks(view: ServiceView, notes: Sequence[str] = ()) -> tuple[str, ...]:
    """Faults and mirrors in whole words, with what the notes say of when they end; without that
    the rule says all of a mirror."""
    marks = [mark for mark in view.marks if mark.partition(" ")[0] in ENDING]
    noted = [(next((note for note in notes if _is_about(note, mark)), ""), mark) for mark in marks]
    return tuple(
        _whole(note, mark) for note, mark in noted if note or not mark.startswith("mirror")
    )


ENDING = ("fault", "mirror")
"""What may have a time limit."""


def _is_about(note: str, mark: str) -> bool:
    return note.split()[0] == mark.split()[0]


def _whole(note: str, mark: str) -> str:
    return f"{mark}, {note.partition(' ')[2]}" if note and mark else note or mark


def _aimed(note: str, mark: str) -> str:
    """A fault of some requests is told by which they are: `fault x-chaos=true 14m`."""
    which = mark.partition(" where ")[2]
    if not which or (note and note.endswith(OVERDUE)):
        return _brief(note, mark)
    short = shortened(which)
    return (
        f"fault {short} {note.partition(f'{ENDS} ')[2]}" if note else f"{_word('', mark)} {short}"
    )


def fault_in_short(view: ServiceView) -> str:
    """Which requests the fault of the shown rule hits, or what it does to all; empty without."""
    mark = next((mark for mark in view.marks if mark.startswith("fault ")), "")
    what, _, which = mark.partition(" where ")
    return shortened(which) or what.removeprefix("fault ").removeprefix("abort ")


def shortened(text: str) -> str:
    """`x-chaos=true` for `header x-chaos = true`."""
    return _HEADER.sub(r"\1=\2", text)


_HEADER = re.compile(r"\bheader (\S+) = (\S+)")


def _brief(note: str, mark: str) -> str:
    """When it ends matters more than what it is; a fault is told by what it answers."""
    if note.endswith(OVERDUE):
        return f"{OVERDUE} {note.removesuffix(OVERDUE).strip()}"
    if note:
        return note.replace(f" {ENDS} ", " ")
    return _word(note, mark) if mark.startswith("fault") else mark


def _word(note: str, mark: str) -> str:
    if note:
        return _brief(note, mark)
    if mark.startswith(SUM):
        return f"{SUM} {UNKNOWN_SUM}" if "unknown" in mark else " ".join(mark.split()[:2])
    word, _, rest = mark.partition(" ")
    answered = _ABORT.search(rest) if word == "fault" else None
    return f"{word} {answered[1]}" if answered else word


def _least(note: str, mark: str) -> str:
    """What must be seen where nothing else fits."""
    if note:
        return OVERDUE if note.endswith(OVERDUE) else note.partition(" ")[0]
    return _word(note, mark)


_HELD_CELLS: Mapping[Brevity, int] = {_whole: ROOMY, _aimed: 28, _brief: 12}
"""What of a line's cells may say why it keeps its state."""

_ABORT = re.compile(r"\babort (?:grpc )?(\S+)")


def _selected(view: ServiceView) -> list[Span]:
    """The rule that is shown, where it is not the ordinary one."""
    if is_ordinary(view) or view.rule is None:
        return []
    return [span(f"rule {view.rule.title}", "draft")]


def short_marks(view: ServiceView) -> Line:
    """What must be seen also where the marks have no room: one word each."""
    rule = view.rule
    pieces: list[Span] = _selected(view)
    if any(mark.startswith("fault") for mark in view.marks):
        pieces.append(Span("fault", "warning"))
    if rule and rule.mirrors:
        pieces.append(Span("mirror", "mark"))
    return _joined(pieces)


def folded_marks(view: ServiceView, notes: Sequence[str], cells: int) -> Line:
    """The service's, and where there is room what is wrong with the pods of its worst version:
    the line that says so by itself is not shown."""
    own = service_marks(view, notes, cells)
    bad = [row for row in view.versions if row.pods_words and row.pods_state]
    if not bad or width_of(own) + width_of((SEPARATOR,)) >= cells:
        return own
    worst = min(bad, key=lambda row: SEVERITY[row.pods_state])
    whose = f"{worst.label}: " if len(view.versions) > 1 else ""
    words = span(f"{whose}{worst.pods_words}", worst.pods_state)
    return (*own, SEPARATOR, words) if own else (words,)


def brief_pods(words: str, cells: int) -> str:
    """What is wrong with pods in as many words as a line has room for: without which of them and
    what they said, and a reason of Kubernetes in everyday words. It is cut where none fits."""
    bare = _ASIDE.sub("", words)
    reason = re.split(r": |, ", _HOW_MANY.sub("", bare))[0]
    shorter = (words, bare, reason, *BRIEF_REASONS.get(reason, ()))
    return next((one for one in shorter if cell_len(one) <= cells), shorter[-1])


_ASIDE, _HOW_MANY = re.compile(r" \([^)]*\)"), re.compile(r"^\d+ of \d+ pods: ")
_NO_IMAGE, _NO_START = ("no image",), ("no start",)
BRIEF_REASONS: Mapping[str, tuple[str, ...]] = {
    "CrashLoopBackOff": ("crash loop", "crashes"),
    "ImagePullBackOff": _NO_IMAGE,
    "ErrImagePull": _NO_IMAGE,
    "InvalidImageName": _NO_IMAGE,
    "OOMKilled": ("memory",),
    "CreateContainerConfigError": _NO_START,
    "CreateContainerError": _NO_START,
    "RunContainerError": _NO_START,
    "Unschedulable": ("no node",),
}
"""Kubernetes' words and shorter ones, of which the last has room in the narrowest table."""


def version_marks(version: VersionView, cells: int = ROOMY, pods_known: bool = True) -> Line:
    pieces: list[Span] = []
    if version.pods_words:
        words = brief_pods(version.pods_words, cells)
        pieces.append(span(words, version.pods_state or "mark"))
    unready = version.percent and not version.pods_ready and not version.pods_state
    if unready and pods_known and version.pods_known:
        pieces.append(Span("no ready pod", "error"))
    reason = error_reason(version.caller)
    if reason:
        pieces.append(span(reason, "muted" if version.version != UNKNOWN else "warning"))
    if words := held(version, cells):
        pieces.append(Span(words, "muted"))
    if version.caller is not None and version.caller.flags.get(OVERFLOW):
        pieces.append(Span("breaker open", "warning"))
    if version.slow:
        room = cells - (width_of(_joined(pieces)) + width_of((SEPARATOR,)) if pieces else 0)
        pieces.append(span(brief_slow(version.slow, room), "slow"))
    if version.mirrored_percent:
        mirrored = f"mirror {version.mirrored_percent:g}%"
        pieces.append(Span(mirrored if cell_len(mirrored) <= cells else "mirror", "mark"))
        pieces += copies_fail(version)
    if version.tcp is not None:
        pieces.append(span(version.tcp.text, "muted"))
    if version.unknown_because:
        pieces.append(span(version.unknown_because, "unknown"))
    if version.undecided:
        pieces.append(span(version.undecided, "unknown"))
    if version.untimed:
        pieces.append(span(version.untimed, "unknown"))
    pieces += [span(flag, "warning") for flag in _harmless_flags(version.caller)]
    line = _joined(pieces)
    # A word that just fits stays whole: to cut it would only say that there is more.
    return tuple(pieces[:1]) if width_of(line) > cells == width_of(pieces[:1]) else line


def copies_fail(version: VersionView) -> list[Span]:
    """Of a version that answers copies alone: no caller sees them, so the row says nothing else."""
    called = version.caller is not None and version.caller.requests > 0
    state = version.server_state
    if called or version.server is None or state not in SICK | {DEGRADED}:
        return []
    fails = f"{numbers.errors(version.server, state)} of copies fail"
    return [span("copies are slow" if state == SLOW else fails, state)]


def error_reason(signals: Signals | None) -> str:
    """The most frequent failing code and response flag: `503 UF`."""
    if signals is None or not bad_ratio(signals):
        return ""
    harmless = _harmless_flags(signals)
    said = {*harmless, OVERFLOW}
    flags = {flag: n for flag, n in signals.flags.items() if flag not in said}
    codes = failing_codes(signals)
    if flags:
        codes.pop(NO_ANSWER, None)
    parts = [_most(codes), _most(flags)]
    if not parts[0] and signals.grpc:
        parts[0] = f"grpc {_most({k: n for k, n in signals.grpc.items() if k != '0'})}"
    return " ".join(part for part in parts if part)


def _harmless_flags(signals: Signals | None) -> list[str]:
    """What was done to requests that is no server error: delayed, or turned away with 429."""
    known = NO_ERROR[1:] if signals and signals.refused else NO_ERROR
    return [flag for flag in known if signals and signals.flags.get(flag)]


def _most(counts: Mapping[str, float]) -> str:
    return max(counts, key=lambda key: counts[key]) if counts else ""


def _role(mark: str) -> str:
    return "warning" if mark.startswith("fault") else "mark"


def _joined(pieces: list[Span]) -> Line:
    out: list[Span] = []
    for piece in pieces:
        out += [SEPARATOR, piece] if out else [piece]
    return tuple(out)


def pending_notes(pending: Iterable[Pending]) -> dict[ServiceKey, Notes]:
    """How long what has a time limit still lasts, the one that ends first at the beginning."""
    notes: dict[ServiceKey, Notes] = {}
    for change in pending:
        known = notes.get(change.service, ())
        notes[change.service] = (*known, f"{_what(change)} {_left(change.left_s)}")
    return notes


def _left(seconds: float) -> str:
    """Whole minutes: a mark that changes each second would only be noise."""
    return OVERDUE if seconds < 0 else f"{ENDS} {left_words(seconds)}"


def _what(change: Pending) -> str:
    """What it is that ends, by the first words of the change; a targeted fault is a rule."""
    first = change.words.partition(" ")[0]
    targeted = first == "rule"
    return first if first in ("fault", "mirror") else "fault" if targeted else "change"
