"""What the header says: where we are, how old what we see is, and how it stands. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from meshtui.mesh.quantity import human_duration
from meshtui.mesh.sides import CALLER, state_of
from meshtui.mesh.versions import DEGRADED, FAILING, NO_TRAFFIC, NOT_KNOWN, OK, ONLY_ERRORS
from meshtui.operations.types import Health, Snapshot
from meshtui.ui.table.cells import SIGNS
from meshtui.ui.widgets.paint import Line, Span, both_ends, span

GAP = Span("  ")
DOT = Span(" · ", "faint")

_COUNTED = (ONLY_ERRORS, FAILING, DEGRADED, NOT_KNOWN, OK, NO_TRAFFIC)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the screen is connected to."""

    context: str
    namespace: str
    server: str
    read_only: bool


def header_lines(
    place: Place, snapshot: Snapshot | None, now: float, width: int, side: str = CALLER
) -> tuple[Line, Line]:
    """Two lines: the place and the counts as `side` sees them, the sources and their ages."""
    inner = max(width - 2, 0)
    views = snapshot.views if snapshot else ()
    counts = counts_line(Counter(state_of(view, side) for view in views))
    if snapshot is not None and snapshot.telemetry.stale(max(0.0, now - snapshot.time)):
        counts = as_last_seen(counts)
    first = both_ends(_where(place, width), counts, inner)
    second = both_ends(_sources(snapshot, now, width), _mode(place, side), inner)
    edge = Span(" ")
    return (edge, *first, edge), (edge, *second, edge)


def _where(place: Place, width: int) -> Line:
    pieces = [Span("meshtui", "brand"), GAP, span(place.context or "no context", "strong")]
    pieces += [DOT, span(place.namespace or "all namespaces", "text")]
    if width >= 100 and place.server:
        pieces += [DOT, span(place.server, "muted")]
    return tuple(pieces)


def _mode(place: Place, side: str) -> Line:
    """What must not be overlooked: whose numbers these are, and that nothing can be changed."""
    pieces = [Span(" SERVER'S VIEW ", "side")] if side != CALLER else []
    if place.read_only:
        pieces += [Span(" "), Span(" READ-ONLY ", "read-only")]
    return tuple(pieces)


def counts_line(counts: Mapping[str, int]) -> Line:
    """How many services are in which state, with the sign that their rows carry."""
    pieces: list[Span] = []
    for state in _COUNTED:
        if counts.get(state):
            role = "failing" if state == ONLY_ERRORS else state
            pieces += [DOT] if pieces else []
            pieces.append(Span(f"{SIGNS[state]} {counts[state]} {state}", role))
    return tuple(pieces)


def as_last_seen(counts: Line) -> Line:
    """The counts where telemetry is old: they say that they are, and shine no more."""
    if not counts:
        return counts
    return (Span("last seen: ", "warning"), *(Span(piece.text, "faint") for piece in counts))


def _sources(snapshot: Snapshot | None, now: float, width: int) -> Line:
    if snapshot is None:
        return (Span("connecting…", "muted"),)
    since = max(0.0, now - snapshot.time)
    telemetry = _telemetry_words(snapshot, wide=width >= 100)
    return (
        Span("cluster ", "muted"),
        *_watched(snapshot.cluster, since),
        Span("   "),
        Span("telemetry ", "muted"),
        *source_words(snapshot.telemetry, telemetry, since),
    )


def _telemetry_words(snapshot: Snapshot, wide: bool) -> str:
    sample = snapshot.sample
    if sample is None:
        return ""
    asked = sample.read + sample.failed
    some = sample.failed > 0 or wide
    return f"{sample.source} {sample.read}/{asked}" if asked and some else sample.source


def _watched(health: Health, since: float) -> Line:
    """A watch says nothing while nothing changes: as long as it stands what is known is new."""
    if health.state == "ok" and not health.stale(since):
        return (Span("live", "muted"),)
    return source_words(health, "", since)


def telemetry_words(snapshot: Snapshot, now: float) -> Line:
    """Which source, how many of its proxies answered, and how old it is."""
    since = max(0.0, now - snapshot.time)
    health = replace(snapshot.telemetry, message="")
    return source_words(health, _telemetry_words(snapshot, wide=True), since)


def source_words(health: Health, words: str, since: float) -> Line:
    """Words, state and age. A source that is old says so whatever it said last."""
    pieces = [span(words + " ", "text")] if words else []
    age = None if health.age_s is None else health.age_s + since
    stale = health.stale(since)
    if stale:
        pieces.append(Span(" STALE ", "stale"))
        pieces.append(Span(" "))
    elif health.state != "ok":
        pieces.append(span(health.state + " ", _ROLES.get(health.state, "warning")))
    if age is not None:
        pieces.append(Span(human_duration(age), "warning" if stale else "muted"))
    if health.message and (stale or health.state != "ok"):
        pieces += [Span(" "), span(health.message, "muted")]
    return tuple(pieces)


_ROLES = {"connecting": "muted", "failed": "error", "forbidden": "error", "missing": "warning"}
