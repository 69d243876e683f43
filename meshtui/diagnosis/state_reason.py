"""Why a line of the table has its state: by which limit, since when, and why it stays. Pure."""

from __future__ import annotations

from meshtui.diagnosis.explain.number_text import percent
from meshtui.mesh.judging import (
    DEGRADED,
    ENOUGH,
    FAILING,
    FEW,
    NO_TRAFFIC,
    NOT_KNOWN,
    OK,
    ONLY_ERRORS,
    REFUSED,
    SEVERITY,
    SLOW,
    bad_ratio,
    state_of,
)
from meshtui.mesh.leaving import HELD
from meshtui.mesh.quantity import clock_time, number_of
from meshtui.mesh.signals import Signals
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView

PLAIN = frozenset({OK, NO_TRAFFIC, NOT_KNOWN})
"""States of which the numbers beside them say all."""


def state_reason(line: ServiceView | VersionView, limits: Thresholds) -> tuple[str, ...]:
    """As callers see it, a sentence each; empty where there is nothing to say.

    `held` is what stays although the newest numbers alone would not say so: it is left once what
    was counted since excludes that it still holds.
    """
    state, signals = line.state, line.caller
    if state in PLAIN or signals is None:
        return ()
    since = f", seen so since {clock_time(line.state_since)}" if line.state_since else ""
    found = [f"{state}{since}: {_why(line, signals, limits)}"]
    if _is_held(line, signals, limits):
        last = f"; the last one failed at {clock_time(line.failed_at)}" if line.failed_at else ""
        until = (
            line.leaving.words if line.leaving else "until enough requests succeed to be certain"
        )
        found.append(f"held {until}{last}")
    return tuple(found)


def _why(line: ServiceView | VersionView, signals: Signals, limits: Thresholds) -> str:
    pods = line.pods_words if isinstance(line, VersionView) else ""
    state, part = line.state, bad_ratio(signals) or 0.0
    if isinstance(line, VersionView) and line.pods_state == state and pods:
        return pods
    if state == SLOW and line.slow:
        return f"{line.slow}{f'; {percent(part)} fail' if part else ''}"
    requests = number_of(signals.requests, "request")
    counted = f"{percent(part)} of {requests}"
    if not signals.requests:
        return "no requests now"
    if state == FEW:
        return f"{requests}, and fewer than {ENOUGH} say too little"
    if not part and state in HELD:
        return f"none of {requests} fails now"
    if state == ONLY_ERRORS:
        return f"every one of {requests} fails"
    failing = percent(limits.failing)
    if state in (FAILING, REFUSED):
        does = "are refused by proxies" if state == REFUSED else "fail"
        return f"{counted} {does}; {failing} is the limit"
    above = "any failure" if not limits.degraded else f"more than {percent(limits.degraded)}"
    if part >= limits.failing:
        return f"{counted} fail, too few to be certain of more than {failing}, which is failing"
    return f"{counted} fail; {above} is degraded, {failing} failing"


def _is_held(line: ServiceView | VersionView, signals: Signals, limits: Thresholds) -> bool:
    """Whether the newest window alone says something better."""
    if line.state not in (DEGRADED, FAILING, REFUSED, ONLY_ERRORS):
        return False
    if isinstance(line, VersionView) and line.pods_state == line.state:
        return False
    return SEVERITY[state_of(signals, limits)] > SEVERITY[line.state]
