"""Callers that wait much longer than the version takes: what holds requests up on the way."""

from __future__ import annotations

from collections.abc import Iterable

from meshtui.diagnosis.explain.copies import included
from meshtui.diagnosis.explain.faults import delays_of
from meshtui.diagnosis.explain.number_text import milliseconds
from meshtui.diagnosis.explain.pods import parts_of_policy
from meshtui.diagnosis.explain.policy import Part, limits
from meshtui.diagnosis.explain.scope import VersionScope, listed, routes_of, titled
from meshtui.diagnosis.explain.steps import Step, Steps
from meshtui.mesh.judging import SLOW
from meshtui.mesh.signals import Signals
from meshtui.mesh.view import DELAYED

FACTOR, LONGER_MS = 3.0, 50.0
"""How much longer callers have to wait, both ways, for it to be worth a word."""

QUANTILES = (("p50", 0.5, 20), ("p95", 0.05, 100))
"""The part of the requests that each speaks of, and how many it needs to mean something."""

BUCKETS = 2.5
"""How far a quantile may lie above the truth: the buckets of Istio's histograms are so wide."""

NEARLY = 0.8
"""Part of the requests of a quantile that must have been delayed to explain it; more is chance."""

MOST, PART = 3, 0.5
"""How many of those behind a slow version are named, and what part of its time they must take."""

NEVER_MANY = 2
"""Connections that few requests fill, however fast the answers are."""

CROWD = 20.0
"""How many times as many as are busy on average requests may need at once, in bursts."""


def waiting(scope: VersionScope) -> tuple[str, Steps]:
    """What callers wait for besides the version itself; empty where it is nothing much.

    An injected delay that accounts for it is explained by its flag.
    """
    caller, server = scope.caller, scope.server
    if caller is None or server is None or scope.nowhere:
        return "", ()
    for name, part, enough in QUANTILES:
        seen: float | None = getattr(caller, f"{name}_ms")
        own: float | None = getattr(server, f"{name}_ms")
        if seen is None or own is None or min(caller.requests, server.requests) < enough:
            continue
        long = seen >= FACTOR * own and seen - own >= LONGER_MS
        if long and not _delayed(scope, caller, part, seen - own):
            times = f"{name} {milliseconds(seen)} against {milliseconds(own)}{included(scope)}"
            head = f"Callers wait longer than {scope.name} takes ({times})"
            reason, steps = _reason(scope, server)
            return f"{head}: {reason}.", steps
    return "", ()


def spent(scope: VersionScope) -> str:
    """Where a slow version's time goes, where it is not on the way to it: in what it calls, as far
    as that is seen, or in itself."""
    server = scope.server
    if scope.row is None or scope.row.state != SLOW or server is None or server.p50_ms is None:
        return ""
    behind = [
        f"{view.key.name} {row.label} ({_times(row.caller)})"
        for view in scope.below
        for row in view.versions
        if row.caller and (row.caller.p50_ms or 0.0) >= PART * server.p50_ms
    ]
    if behind:
        return f"It calls what takes as long: {listed(behind, MOST)}. Look there first."
    where = "the time goes in its program, or in calls that no proxy sees"
    return f"Its own proxy counts such times, too ({_times(server)}): {where}."


def _times(signals: Signals) -> str:
    named = (("p50", signals.p50_ms), ("p95", signals.p95_ms))
    return ", ".join(f"{name} {milliseconds(ms)}" for name, ms in named if ms is not None)


def _delayed(scope: VersionScope, caller: Signals, part: float, longer_ms: float) -> bool:
    """Whether requests were held back on purpose, as many and as long as it takes."""
    if caller.flags.get(DELAYED, 0.0) < NEARLY * part * caller.requests:
        return False
    longest = max((fault.delay_s for _, fault in delays_of(scope)), default=0.0)
    return not longest or longer_ms <= BUCKETS * longest * 1000 + LONGER_MS


def _reason(scope: VersionScope, server: Signals) -> tuple[str, Steps]:
    tight = [p for p in parts_of_policy(scope, "connectionPool") if _may_fill(p, server)]
    if tight:
        return f"requests most likely queue in the callers' proxies, for {_allowed(tight)}", (
            Step("proxies", "how many are PENDING, among the clusters"),
            Step("breaker", "more connections"),
        )
    reasons = ["the network or busy proxies between them", *_tries(scope), *_held_back(scope)]
    return " or ".join(reasons), (Step("logs", "how long each request took"),)


def _may_fill(pool: Part, server: Signals) -> bool:
    """Whether requests may need more connections than there are; HTTP/1.1 takes one for each."""
    most = limits(pool.value).get("maxConnections", 0)
    busy = server.rps * (server.p99_ms or 0.0) / 1000
    return 0 < most <= max(NEVER_MANY, CROWD * busy)


def _allowed(pools: Iterable[Part]) -> str:
    each = []
    for pool in pools:
        most = limits(pool.value)["maxConnections"]
        ref, many = pool.rule.ref, "" if most == 1 else "s"
        place = f"DestinationRule {ref.namespace}/{ref.name}, {pool.where},"
        each.append(f"{place} allows {most:,} connection{many} from each")
    return listed(each, 2)


def _tries(scope: VersionScope) -> list[str]:
    for route in routes_of(scope):
        retries = route.rule.retries
        if retries is not None and retries.attempts != 0:
            return [f"tries that are repeated ({titled(route)}: {retries})"]
    return []


def _held_back(scope: VersionScope) -> list[str]:
    found = next(iter(delays_of(scope)), None)
    if found is None:
        return []
    route, fault = found
    held = f"holds {fault.delay_percent:g} % back for {fault.delay_s:g}s"
    return [f"an injected delay ({titled(route)} {held})"]
