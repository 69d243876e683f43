"""What a change does to the traffic at its present rate, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshtui.changes.change import Change
from meshtui.changes.stream_rules import STREAMS
from meshtui.mesh.gateway_api import STREAM_KINDS
from meshtui.mesh.hosts import split_host
from meshtui.mesh.quantity import exact_duration

HostAndSubset = tuple[str, str | None]
"""A host, and its subset where one is named."""

DIGITS = 2
"""Digits of a rate that mean something: the next ones are others in the next second."""

_ALL = "how many is not known; to all of the service come"
"""Of a rule with a match: nothing counts which requests have it."""

LEAST = 0.01
"""Requests per second; less is not worth a number."""


def blast_radius(change: Change, rps: float | None) -> str:
    """Requests per second that are moved, hit or copied, and until when; empty where none are.

    `rps` is the service's present rate, None where it is not known; that of new connections where
    the rule is one of connections.
    """
    return _moved(change, rps) or _faulted(change, rps) or _mirrored(change, rps)


def moves_weight(change: Change) -> bool:
    """True where a destination gets a larger part than before."""
    return _moved_percent(change) >= 1e-9


def about(rate: float) -> str:
    """A rate with at most two significant digits."""
    if 0 < rate < LEAST:
        return f"<{LEAST}"
    return f"{float(f'{rate:.{DIGITS}g}'):.15g}"


def place_of(target: Mapping[str, Any]) -> HostAndSubset:
    return target["host"], target["subset"]


def gained_mirrors(change: Change) -> dict[HostAndSubset, float]:
    """Percent of the rule's requests that each mirror gets more of than before."""
    old = _mirror_percents(change.before)
    gained = {at: p - old.get(at, 0.0) for at, p in _mirror_percents(change.after).items()}
    return {at: percent for at, percent in gained.items() if percent > 1e-9}


def label(place: HostAndSubset) -> str:
    """The subset, else the host's first name."""
    host, subset = place
    key = split_host(host)
    return subset or (key.name if key else host)


def _moved(change: Change, rps: float | None) -> str:
    moved = _moved_percent(change)
    if moved < 1e-9:
        return ""
    if rps is None:
        return f"moves {moved:.3g} % of the rule's traffic (its rate is not known)"
    what = "connections" if of_connections(change) else "requests"
    return f"moves {moved:.3g} % ≈ {about(rps * moved / 100)} {what}/s"


def of_connections(change: Change) -> bool:
    """Whether the rule that changes is one of connections."""
    of_route = change.target.kind in STREAM_KINDS
    return of_route or (change.rule is not None and change.rule.protocol in STREAMS)


def _moved_percent(change: Change) -> float:
    old, new = _percents(change.before), _percents(change.after)
    return sum(max(0.0, new[place] - old.get(place, 0.0)) for place in new)


def _percents(rule: Mapping[str, Any]) -> dict[HostAndSubset, float]:
    destinations = rule.get("destinations", ())
    total = sum(d["weight"] for d in destinations)
    found: dict[HostAndSubset, float] = {}
    for d in destinations:
        percent = 100.0 * d["weight"] / total if total else 0.0
        found[place_of(d)] = found.get(place_of(d), 0.0) + percent
    return found


def _faulted(change: Change, rps: float | None) -> str:
    fault = change.after.get("fault")
    if not fault or fault == change.before.get("fault"):
        return ""
    parts = [(f"{what}s", fault.get(what)) for what in ("delay", "abort")]
    hit = [(does, part["percent"]) for does, part in parts if part and part["percent"]]
    if not hit:
        return ""
    match = change.after.get("match")
    if not rps or match:
        effect = " and ".join(f"{does} {percent:.3g} %" for does, percent in hit)
        which = f" with {match} only" if match else ""
        rate = f"{_ALL} {about(rps)} requests/s" if rps and match else _no_rate(rps)
        return f"{effect} of the requests{which} ({rate}); {_end(change)}"
    effect = " and ".join(f"{does} ≈ {about(rps * percent / 100)}" for does, percent in hit)
    return f"{effect} of {about(rps)} requests/s; {_end(change)}"


def _mirrored(change: Change, rps: float | None) -> str:
    gained = gained_mirrors(change)
    if not gained:
        return ""
    match = change.after.get("match")
    if not rps or match:
        which = f" with {match}" if match else ""
        effect = [
            f"{p:.3g} % of the requests{which} more to {label(at)}" for at, p in gained.items()
        ]
        rate = f"{_ALL} {about(rps)} requests/s" if rps and match else _no_rate(rps)
        return f"{', '.join(effect)} ({rate}); {_end(change)}"
    rates = [(about(rps * percent / 100), label(at)) for at, percent in gained.items()]
    effect = [f"≈ {rate} requests/s more to {to}" for rate, to in rates]
    return f"{', '.join(effect)}; {_end(change)}"


def _mirror_percents(rule: Mapping[str, Any]) -> dict[HostAndSubset, float]:
    return {place_of(mirror): mirror["percent"] for mirror in rule.get("mirrors", ())}


def _no_rate(rps: float | None) -> str:
    return "their rate is not known" if rps is None else "there are none now"


def _end(change: Change) -> str:
    if change.expires_s is None:
        return "has no end: it stays until somebody takes it off"
    return f"ends by itself after {exact_duration(change.expires_s)}, while a meshtui is running"
