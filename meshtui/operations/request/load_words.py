"""A load in words, for the command line and the screen alike. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from meshtui.dataclass import dataclass
from meshtui.mesh.codes import failed
from meshtui.mesh.quantity import number_of
from meshtui.operations.request.breaker import BreakerRow
from meshtui.operations.request.foretold import destinations
from meshtui.operations.request.load_counters import Reached
from meshtui.operations.request.load_plan import LoadPlan, Tally
from meshtui.operations.request.loading import LoadState, ReadyLoad

QUANTILES = ((0.5, "p50"), (0.9, "p90"), (0.95, "p95"), (0.99, "p99"))
MOST_ERRORS = 8
"""Kinds of trouble that are told apart: the rest is summed up."""

BY_PROXY = "counted by the caller's proxy, with what else it sent meanwhile"
BREAKER = "breaker, as the caller's proxy counts it since the load began"


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of text; `loud` where somebody should look."""

    text: str
    loud: bool = False


def request_words(ready: ReadyLoad) -> str:
    """`GET http://reviews:9080/ to v1 50%, v2 50%`."""
    outgoing = ready.target.outgoing
    where = destinations(ready.target.traced.intent) or "nowhere: no route takes it"
    return f"{outgoing.method} http://{outgoing.authority}{outgoing.target} to {where}"


def caller_words(ready: ReadyLoad) -> str:
    """`productpage-v1-….default (app, by curl)`."""
    target = ready.target
    container = f"{target.container}, " if target.container else ""
    return f"{target.pod.name}.{target.pod.namespace} ({container}by {target.way.name})"


def way_words(ready: ReadyLoad) -> str:
    """What the load can do that way."""
    way = ready.target.way
    note = f" ({way.note})" if way.note else ""
    return f"by {way.name}: at most {way.most_rate:g}/s that way{note}"


def plan_words(plan: LoadPlan) -> str:
    return (
        f"{number_of(plan.requests, 'request')} in {plan.seconds:g} s ({plan.rate:g}/s, at most "
        f"{plan.connections} at a time)"
    )


def rate_words(tally: Tally, plan: LoadPlan) -> str:
    return (
        f"{number_of(tally.requests, 'request')} in {tally.seconds:.1f} s: {tally.rate:.1f}/s, "
        f"{plan.rate:g}/s asked"
    )


def late_words(tally: Tally, plan: LoadPlan) -> str:
    """Empty where none was."""
    if not tally.late:
        return ""
    return f"{tally.late:,} began late: all {plan.connections} connections were busy"


def outcomes(tally: Tally) -> Iterator[tuple[str, int, float, bool]]:
    """Each status, and what went wrong where there was none: how many, percent, whether it is an
    error."""
    for code, n in sorted(tally.codes.items()):
        yield str(code), n, 100 * n / tally.requests, failed(code)
    named = tally.errors.most_common(MOST_ERRORS)
    for words, n in named:
        yield words, n, 100 * n / tally.requests, True
    others = tally.errors.total() - sum(n for _, n in named)
    if others:
        yield "other troubles", others, 100 * others / tally.requests, True


def times_words(tally: Tally) -> str:
    """`p50 4.2 ms  p90 …`; empty where nothing was answered."""
    points = [(name, tally.quantile_ms(q)) for q, name in QUANTILES]
    return "  ".join(f"{name} {ms_words(ms)} ms" for name, ms in points if ms is not None)


def ms_words(value: float) -> str:
    """A tenth tells nothing of what took longer than ten."""
    return f"{value:,.1f}" if value < 10 else f"{value:,.0f}"


def second_words(state: LoadState) -> str:
    """What came of the last second's requests, and what the breaker has done so far."""
    part = state.part
    words = [f"{code}: {n}" for code, n in sorted(part.codes.items())]
    words += [f"failed: {part.errors.total()}"] if part.errors else []
    median, p99 = part.quantile_ms(0.5), part.quantile_ms(0.99)
    if median is not None and p99 is not None:
        words.append(f"p50 {ms_words(median)} ms  p99 {ms_words(p99)} ms")
    words += [f"{part.late} late"] if part.late else []
    rows = state.counted.breaker
    overflow = sum(row.turned_away or 0 for row in rows)
    ejected = sum(row.ejected for row in rows)
    words += [f"overflow so far: {overflow}"] if overflow else []
    words += [f"ejected: {ejected} of {sum(row.endpoints for row in rows)}"] if ejected else []
    return "  ".join(words)


def reached_words(one: Reached) -> tuple[str, str]:
    """Who was reached, and by codes and flags."""
    counts = (*sorted(one.signals.codes.items()), *sorted(one.signals.flags.items()))
    return one.workload or "(no pod reached)", "  ".join(f"{name}: {n:,.0f}" for name, n in counts)


def unlimited_words(rows: Sequence[BreakerRow], ready: ReadyLoad) -> str:
    """`no limit is set for v1 (95 sent to its endpoints), v2 (62)`; empty where each has one."""
    sent = " sent to its endpoints"
    places = []
    for row in rows:
        if row.unlimited:
            places.append(f"{place_words(row, ready)} ({row.attempts:,}{sent})")
            sent = ""
    return f"no limit is set for {', '.join(places)}" if places else ""


def breaker_words(row: BreakerRow) -> Iterator[tuple[str, Words]]:
    """What each of its parts did, by the part's name."""
    yield "sent", Words(f"{row.attempts:,} to its endpoints")
    yield "overflow", _overflow(row)
    yield "open", _open(row)
    yield "ejected", _ejected(row)
    yield LIMITS, Words(_limits(row) or "none is set")


LIMITS = "limits"


def limits_of_all(rows: Sequence[BreakerRow]) -> str:
    """What several have in common, to be said once; empty where they differ."""
    found = {_limits(row) for row in rows}
    return found.pop() if len(rows) > 1 and len(found) == 1 else ""


def _limits(row: BreakerRow) -> str:
    limits = ", ".join(f"{what} {n}" for what, n in row.limits.items())
    return "; ".join(filter(None, (limits, row.detection)))


def _overflow(row: BreakerRow) -> Words:
    if row.overflows is None:
        return Words("not kept by this proxy (flag UO tells; proxyStatsMatcher widens it)")
    grown = {what: n for what, n in row.overflows.items() if n}
    return Words(_counts(grown), True) if grown else Words("0")


def _open(row: BreakerRow) -> Words:
    if row.full is None:
        return Words("not kept by this proxy")
    if row.full:
        return Words(f"now: {', '.join(row.full)}", True)
    return Words(f"not now, but was: {', '.join(row.was_full)}" if row.was_full else "never seen")


def _ejected(row: BreakerRow) -> Words:
    if not row.detection:
        return Words("no outlier detection")
    return Words(f"{row.ejected} of {row.endpoints} now{_since(row.ejections)}", bool(row.ejected))


def _since(ejections: int | None) -> str:
    """How often since the load began; nothing where that is not known."""
    if ejections is None:
        return ""
    return {0: ", never since", 1: ", once since"}.get(ejections, f", {ejections} times since")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(
        f"{n:,} {what.removesuffix('s') if n == 1 else what}" for what, n in counts.items()
    )


def place_words(row: BreakerRow, ready: ReadyLoad) -> str:
    """`v1`, and whose where it is another service's."""
    name = row.name
    own = name.host == ready.service.host
    port = "" if name.port == ready.target.outgoing.port else f":{name.port}"
    return f"{name.label if own or not name.subset else f'{name.subset} of {name.host}'}{port}"
