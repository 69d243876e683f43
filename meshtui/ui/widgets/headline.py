"""What the header says: where we are, how old what we see is, and how it stands. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from rich.cells import cell_len

from meshtui.dataclass import dataclass
from meshtui.mesh.control_plane import shown
from meshtui.mesh.judging import (
    DEGRADED,
    OK,
    ONLY_ERRORS,
    SICK,
    SLOW,
    WORST_FIRST,
    bad_ratio,
    worse,
)
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.placed import cluster_of, placed
from meshtui.mesh.quantity import human_duration, number_of
from meshtui.mesh.sides import CALLER, signals_of, state_of
from meshtui.mesh.text import some_of
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView
from meshtui.operations.types import FeedHealth, Snapshot
from meshtui.ui.badges import PLAIN, RED
from meshtui.ui.table import numbers
from meshtui.ui.table.cells import SIGNS
from meshtui.ui.table.outline import NOWHERE, version_name
from meshtui.ui.widgets.paint import Line, Span, both_ends, fit_line, fit_middle, span, width_of

GAP = Span("  ")
DOT = Span(" · ", "faint")

_HOW = {ONLY_ERRORS: "with only errors"}
"""What is said of versions in a state, where it is not the state's own word."""

NAMED = 2
"""Versions that the header has room to name."""


@dataclass(frozen=True, slots=True)
class ConnectedTo:
    """Where the screen is connected to."""

    context: str
    namespace: str
    server: str
    read_only: bool
    badge: str = PLAIN
    """How loud the context is: red, yellow or plain."""


class Counts:
    """The counts of the services of a snapshot, which are looked at each second."""

    def __init__(self) -> None:
        self._views: tuple[ServiceView, ...] = ()
        self._asked = ("", "")
        self._line: Line = ()
        self._ready: tuple[tuple[ServiceView, ...], tuple[str, str], Line] = ((), ("", ""), ())

    def prepare(self, views: tuple[ServiceView, ...], namespace: str, side: str) -> None:
        """Count them beside the loop, before their line is asked for; in any thread."""
        if self._ready[0] is views and self._ready[1] == (namespace, side):
            return
        self._ready = views, (namespace, side), counts_line(shown(views, namespace), side)

    def line(self, views: tuple[ServiceView, ...], namespace: str, side: str) -> Line:
        if views is not self._views or self._asked != (namespace, side):
            self._views, self._asked = views, (namespace, side)
            of, asked, ready = self._ready
            known = of is views and asked == self._asked
            self._line = ready if known else counts_line(shown(views, namespace), side)
        return self._line


def header_lines(
    place: ConnectedTo,
    snapshot: Snapshot | None,
    now: float,
    width: int,
    counted: Counts,
    side: str = CALLER,
) -> tuple[Line, Line]:
    """Two lines: the place and the counts as `side` sees them, the sources and their ages."""
    inner = max(width - 2, 0)
    counts = counted.line(snapshot.views if snapshot else (), place.namespace, side)
    if snapshot is not None and snapshot.telemetry.stale(max(0.0, now - snapshot.time)):
        counts = as_last_seen(counts)
    first = _beside(place, counts, inner)
    second = both_ends(_sources(snapshot, now, width), _mode(place, side), inner)
    edge = Span(" ")
    return (edge, *first, edge), (edge, *second, edge)


def _beside(place: ConnectedTo, counts: Line, inner: int) -> Line:
    """As much of where we are as fits beside the counts; the context is the last thing to go."""
    brand = (Span("meshtui", "brand"), GAP)
    context: Line = (_context(place),)
    where = (*brand, *context, DOT, span(place.namespace or "all namespaces", "text"))
    server: Line = (DOT, span(place.server, "muted")) if place.server and inner >= 98 else ()
    for left in ((*where, *server), where, (*brand, *context), context):
        blank = inner - width_of(left) - width_of(counts)
        if blank >= width_of((GAP,)) or (blank > 0 and left is context):
            return (*left, Span(" " * blank), *counts)
    for shorter in _briefer(counts):
        blank = inner - width_of(context) - width_of(shorter)
        if blank > 0:
            return (*context, Span(" " * blank), *shorter)
    name, role = context[0]
    name = fit_middle(name, min(width_of(context), inner // 2))
    room = max(inner - cell_len(name) - 1, 0)
    return fit_line((Span(name, role), Span(" "), *fit_line(counts, room)), inner)


def _briefer(counts: Line) -> Iterator[Line]:
    """The counts with ever fewer words, each whole: the names go, the worst's last, and what is
    well goes before those."""
    pieces = list(counts)
    named = [at for at, piece in enumerate(pieces) if piece.text.partition(": ")[2]]
    for at in reversed(named):
        if at == named[0] and len(pieces) > 2 and pieces[-1].text.startswith(SIGNS[OK]):
            del pieces[-2:]
            yield tuple(pieces)
        pieces[at] = Span(pieces[at].text.partition(": ")[0], pieces[at].role)
        yield tuple(pieces)


WORST = "worst"
_COUNTING = {f"{sign} " for sign in SIGNS.values()}


def clicked(line: Line, x: int, place: ConnectedTo) -> str:
    """The command that a cell of the first line stands for: which context and namespace it is asks
    for another one, how it stands for what is worst first; empty where it stands for none."""
    where = {_context(place): "ctx", span(place.namespace or "all namespaces", "text"): "ns"}
    end = 0
    for piece in line:
        end += cell_len(piece.text)
        if x < end:
            return where.get(piece, WORST if piece.text[:2] in _COUNTING else "")
    return ""


def _context(place: ConnectedTo) -> Span:
    """Told by more than a colour: what is loud has a sign, too."""
    name = place.context or "no context"
    if place.badge == PLAIN:
        return span(name, "strong")
    return span(f" ! {name} ", "loud" if place.badge == RED else "stale")


def _mode(place: ConnectedTo, side: str) -> Line:
    """What must not be overlooked: whose numbers these are, and that nothing can be changed."""
    pieces = [Span(" SERVER'S VIEW ", "side")] if side != CALLER else []
    if place.read_only:
        pieces += [Span(" "), Span(" READ-ONLY ", "read-only")]
    return tuple(pieces)


def counts_line(views: Iterable[ServiceView], side: str = CALLER) -> Line:
    """The sick versions by name, the worst first, then how many other services are in which state.

    Each service counts once: as what its worst version is, or itself where it is worse. Slow
    versions hide no errors: their ratio stands beside the name, and a service that is degraded
    counts as such although another of its versions is named as slow. What a rule sends to another
    service is named once, as that service's.
    """
    views = tuple(views)
    known = {view.key: view for view in views}
    sick: dict[str, list[tuple[float, str]]] = {}
    counts: Counter[str] = Counter()
    for view in views:
        found = _sick(view, side, known)
        for state, failing, name in found:
            sick.setdefault(state, []).append((failing, name))
        hidden = {state for state, *_ in found} == {SLOW} and DEGRADED in _states(view, side)
        if hidden or not found:
            counts[DEGRADED if hidden else worse(state_of(view, side), *_states(view, side))] += 1
    pieces: list[Span] = []
    for state in WORST_FIRST:
        if state in sick:
            pieces += [DOT] if pieces else []
            names = [name for _, name in sorted(sick[state], key=lambda one: -one[0])]
            pieces.append(span(f"{SIGNS[state]} {_sick_words(state, names)}", _role(state)))
        if counts[state]:
            pieces += [DOT] if pieces else []
            pieces.append(Span(f"{SIGNS[state]} {counts[state]} {state}", _role(state)))
    return tuple(pieces)


def _states(view: ServiceView, side: str) -> tuple[str, ...]:
    """Of the versions, as far as they say something of the service."""
    found = (state_of(row, side) for row in view.versions)
    return tuple(state for state in found if state == DEGRADED)


def _sick(
    view: ServiceView, side: str, known: Mapping[ServiceKey, ServiceView]
) -> list[tuple[str, float, str]]:
    """State, part that fails and name of the sick versions; of the service where none is."""
    found = [
        (state, _failing(row, side), f"{_named(view, row)}{_errors(row, state, side)}")
        for row in view.versions
        for state in (state_of(row, side),)
        if state in SICK and not _of_another(view, row, state, side, known)
    ]
    own = state_of(view, side)
    return found or ([(own, _failing(view, side), view.key.name)] if own in SICK else [])


def _of_another(
    view: ServiceView,
    row: VersionView,
    state: str,
    side: str,
    known: Mapping[ServiceKey, ServiceView],
) -> bool:
    """Whether the row is of a service that is counted itself, and is in the same state there."""
    if row.owner is None or row.owner == view.key:
        return False
    owner = known.get(placed(row.owner, cluster_of(view.key)))
    return owner is not None and any(state_of(one, side) == state for one in owner.versions)


def _failing(one: ServiceView | VersionView, side: str) -> float:
    signals = signals_of(one, side)
    return (signals and bad_ratio(signals)) or 0.0


def _named(view: ServiceView, row: VersionView) -> str:
    """A version that is called as its service is named once."""
    name = version_name(row)
    return name if name == view.key.name else f"{view.key.name} {name}"


def _errors(row: VersionView, state: str, side: str) -> str:
    """` (9.1 % errors)` of a slow version that fails, too."""
    signals = signals_of(row, side)
    if state != SLOW or signals is None or not bad_ratio(signals):
        return ""
    return f" ({numbers.errors(signals, state).replace('%', ' %')} errors)"


def _sick_words(state: str, names: list[str]) -> str:
    """Requests that reached no pod are of no version, and are not counted as one."""
    versions = sum(not name.endswith(NOWHERE) for name in names)
    many = f"{number_of(versions, 'version')} " if versions else ""
    how = _HOW.get(state, state) if versions else state
    return f"{many}{how}: {some_of(names, NAMED)}"


def _role(state: str) -> str:
    return "failing" if state == ONLY_ERRORS else state


def as_last_seen(counts: Line) -> Line:
    """The counts where telemetry is old: they say that they are, and shine no more."""
    if not counts:
        return counts
    return (Span("last seen: ", "warning"), *(Span(piece.text, "old") for piece in counts))


def _sources(snapshot: Snapshot | None, now: float, width: int) -> Line:
    if snapshot is None:
        return (Span("connecting…", "muted"),)
    since = max(0.0, now - snapshot.time)
    if snapshot.clusters:
        return _of_clusters(snapshot, now)
    telemetry = _telemetry_words(snapshot, wide=width >= 100)
    return (
        Span("cluster ", "muted"),
        *_watched(snapshot.cluster, since),
        Span("   "),
        Span("telemetry ", "muted"),
        *source_words(snapshot.telemetry, telemetry, since),
    )


def _of_clusters(snapshot: Snapshot, now: float) -> Line:
    """Each cluster with its state: live, or how old what is known of it is; then the reasons, with
    the cluster's name where it does not stand before them."""
    pieces: list[Span] = []
    reasons: list[Span] = []
    troubled = [name for name, trouble in snapshot.troubles.items() if trouble]
    named = troubled != list(snapshot.troubles)[-1:]
    for name, trouble in snapshot.troubles.items():
        pieces += [DOT] if pieces else []
        pieces.append(span(f"{name} ", "text"))
        own = snapshot.clusters.get(name)
        since = max(0.0, now - own.time) if own else 0.0
        if own is None:
            pieces.append(Span(" OUT OF REACH ", "stale"))
        elif trouble or own.telemetry.stale(since):
            pieces += source_words(replace(own.telemetry, state="stale", message=""), "", since)
        else:
            pieces += [Span("live ", "muted"), *telemetry_words(own, now)]
        whose = f"{name}: " if named else ""
        reasons += [GAP, span(f"{whose}{_ADDRESS.sub('', trouble)}", "muted")] if trouble else []
    return (*pieces, *reasons)


_ADDRESS = re.compile(r"https?://\S+ ")
"""Of a cluster that has its name beside it: a line ends before what is the matter with it."""


def _telemetry_words(snapshot: Snapshot, wide: bool) -> str:
    sample = snapshot.sample
    if sample is None:
        return ""
    asked = sample.read + sample.failed
    some = sample.failed > 0 or wide
    return f"{sample.source} {sample.read}/{asked}" if asked and some else sample.source


def _watched(health: FeedHealth, since: float) -> Line:
    """A watch says nothing while nothing changes: as long as it stands what is known is new."""
    if health.state == "ok" and not health.stale(since):
        return (Span("live", "muted"),)
    return source_words(health, "", since)


def telemetry_words(snapshot: Snapshot, now: float) -> Line:
    """Which source, how many of its proxies answered, and how old it is."""
    since = max(0.0, now - snapshot.time)
    health = replace(snapshot.telemetry, message="")
    return source_words(health, _telemetry_words(snapshot, wide=True), since)


def source_words(health: FeedHealth, words: str, since: float) -> Line:
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
    if health.message:
        well = not stale and health.state == "ok"
        gap = "" if age is None else " "
        pieces.append(span(gap + health.message, "warning" if well else "muted"))
    return tuple(pieces)


_ROLES = {
    "connecting": "muted",
    "reading": "muted",
    "failed": "error",
    "forbidden": "error",
    "missing": "warning",
}
