"""States that stand until a change is certain: what the screen shows, sample by sample.

One window of few requests says now this and now that. A line enters a worse state by the interval
of its ratio, and leaves it only when what was counted since excludes that it still holds: see
`mesh.standing`. A line with which all is well costs no more than a look at it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from meshtui.mesh.changed import changed as updated
from meshtui.mesh.judging import ENOUGH, OK, Count, Thresholds, count_of, judged
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.pod_health import with_pods_state
from meshtui.mesh.sides import CALLER, SERVER
from meshtui.mesh.signals import Sample, Signals
from meshtui.mesh.standing import Line, Span, follow, slowed
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView

POOLED_S = 60.0
"""Seconds that are counted together, as windows that do not overlap."""

Place = tuple[str, str, str]
"""A line of a service as one side counts it: host, label and side; the service's own has no host
and no label."""

_WHOLE = {CALLER: ("", "", CALLER), SERVER: ("", "", SERVER)}

_Counted = float | Count
"""The requests alone where none of them failed."""

_Counts = Mapping[ServiceKey, Mapping[Place, _Counted]]


class _Window(NamedTuple):
    """What one sample counted."""

    span: Span
    counts: _Counts


@dataclass(slots=True)
class _Known:
    """The lines of a service; `calm` says that all is well with each, and none is slow."""

    lines: dict[Place, Line] = field(default_factory=dict)
    calm: bool = False


_NOTHING = _Known()


@dataclass(slots=True)
class SteadyStates:
    """Give it the views of each sample; it gives them back with states that stand still."""

    _windows: deque[_Window] = field(default_factory=deque)
    _services: dict[ServiceKey, _Known] = field(default_factory=dict)
    _sampled: float = 0.0

    def settle(
        self, views: tuple[ServiceView, ...], sample: Sample | None, limits: Thresholds
    ) -> tuple[ServiceView, ...]:
        """The views with the states that are certain. A sample that is known counts once."""
        if sample is None or sample.window_s <= 0:
            return views
        if sample.time != self._sampled:
            self._count(views, sample, limits)
        services = self._services
        return tuple(_shown(view, services.get(view.key, _NOTHING)) for view in views)

    def forget(self) -> None:
        """Another cluster."""
        self._windows.clear()
        self._services.clear()
        self._sampled = 0.0

    def _count(self, views: tuple[ServiceView, ...], sample: Sample, limits: Thresholds) -> None:
        if sample.time < self._sampled:
            self.forget()
        self._sampled = sample.time
        counts = {view.key: _counts_of(view) for view in views}
        newest = _Window(Span(sample.time - sample.window_s, sample.time), counts)
        windows = self._disjoint(newest)
        self._windows.append(newest)
        before = self._services
        self._services = {
            view.key: _followed(view, before.get(view.key) or _Known(), windows, limits)
            for view in views
        }

    def _disjoint(self, newest: _Window) -> Sequence[_Window]:
        """The newest window and those before it that have no second in common, at most a minute."""
        oldest = newest.span.end - POOLED_S - 1e-6
        while self._windows and self._windows[0].span.begin < oldest:
            self._windows.popleft()
        found = [newest]
        for window in reversed(self._windows):
            if window.span.end <= found[-1].span.begin + 1e-6:
                found.append(window)
        return found


def _followed(
    view: ServiceView, known: _Known, windows: Sequence[_Window], limits: Thresholds
) -> _Known:
    newest, lines = windows[0].span, known.lines
    counts = windows[0].counts[view.key]
    past = [(w.span.begin, w.counts.get(view.key, {})) for w in windows]
    if len(lines) > len(counts):
        for place in [p for p, line in lines.items() if newest.end - line.at > POOLED_S]:
            del lines[place]
    slow = _slow(view)
    calm = not slow
    end, quiet = newest.end, newest.end - POOLED_S - (newest.end - newest.begin)
    for place, counted in counts.items():
        line = lines.get(place)
        if line is None or end - line.at > POOLED_S:
            state = judged(_count(counted), limits)
            line = lines[place] = Line(state, end, newest.begin)
        if _is_calm(line, counted, quiet):
            line.at = end
            if not (line.slow or place in slow):
                continue
        else:
            follow(line, _suffixes(place, past, line.since), newest, limits)
            line.at = end
        if line.slow or place in slow:
            slowed(line, slow.get(place, ""), newest, _count(counted))
        calm = calm and line.state == OK and not line.slow
    known.calm = calm
    return known


def _counts_of(view: ServiceView) -> dict[Place, _Counted]:
    """Of all lines of a service, on either side, as far as they are known."""
    found: dict[Place, _Counted] = {}
    if view.caller is not None:
        found[_WHOLE[CALLER]] = _counted(view.caller)
    if view.server is not None:
        found[_WHOLE[SERVER]] = _counted(view.server)
    for row in view.versions:
        host, label = row.host, row.subset or row.version
        if row.caller is not None:
            found[host, label, CALLER] = _counted(row.caller)
        if row.server is not None:
            found[host, label, SERVER] = _counted(row.server)
    return found


def _counted(signals: Signals) -> _Counted:
    if signals.error_ratio or signals.cut_off or signals.refused:
        return count_of(signals)
    return signals.requests


def _count(counted: _Counted) -> Count:
    return counted if isinstance(counted, Count) else Count(counted)


def _slow(view: ServiceView) -> dict[Place, str]:
    found = {_WHOLE[CALLER]: view.slow} if view.slow else {}
    for row in view.versions:
        if row.slow:
            found[row.host, row.label, CALLER] = row.slow
        if row.server_slow:
            found[row.host, row.label, SERVER] = row.server_slow
    return found


def _shown(view: ServiceView, known: _Known) -> ServiceView:
    if known.calm and _is_well(view) and all(map(_is_well, view.versions)):
        return view
    changed: dict[str, Any] = {}
    lines = known.lines
    rows = tuple(_shown_row(row, lines) for row in view.versions)
    if any(new is not old for new, old in zip(rows, view.versions, strict=True)):
        changed["versions"] = rows
    caller, server = lines.get(_WHOLE[CALLER]), lines.get(_WHOLE[SERVER])
    if caller and view.caller is not None:
        changed |= {"state": caller.shown, "slow": caller.slow}
    if server and view.server is not None:
        changed["server_state"] = server.shown
    if all(getattr(view, name) == value for name, value in changed.items()):
        return view
    return updated(view, **changed)


def _is_well(row: ServiceView | VersionView) -> bool:
    """Whether it shows already what a line says with which all is well."""
    if row.caller is not None and row.state != OK:
        return False
    return row.server is None or row.server_state == OK


def _shown_row(row: VersionView, lines: Mapping[Place, Line]) -> VersionView:
    host, label = row.host, row.subset or row.version
    changed: dict[str, Any] = {}
    caller, server = lines.get((host, label, CALLER)), lines.get((host, label, SERVER))
    if caller is not None and row.caller is not None:
        state = with_pods_state(caller.shown, row.pods_state)
        if row.state != state or row.slow != caller.slow:
            changed = {"state": state, "slow": caller.slow}
    if server is not None and row.server is not None:
        state = with_pods_state(server.shown, row.pods_state)
        if row.server_state != state or row.server_slow != server.slow:
            changed |= {"server_state": state, "server_slow": server.slow}
    return updated(row, **changed) if changed else row


def _is_calm(line: Line, counted: _Counted, quiet: float) -> bool:
    """Nothing fails and nothing has since `quiet`: there is nothing to pool."""
    if line.state != OK or isinstance(counted, Count) or counted < ENOUGH:
        return False
    return line.failed_at < quiet


def _suffixes(
    place: Place, known: Sequence[tuple[float, Mapping[Place, _Counted]]], since: float
) -> list[Count]:
    """The newest window, it and the one before, and so on, no further back than `since`."""
    found: list[Count] = []
    requests = errors = cut_off = refused = 0.0
    for begin, counts in known:
        counted = counts.get(place)
        if counted is None or (found and begin < since - 1e-6):
            break
        if isinstance(counted, Count):
            requests += counted[0]
            errors += counted[1]
            cut_off += counted[2]
            refused += counted[3]
        else:
            requests += counted
        found.append(Count(requests, errors, cut_off, refused))
    return found
