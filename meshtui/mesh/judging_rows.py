"""The states of a service's rows: by their answers, then by how slow they are beside the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from meshtui.mesh.flags import reached_a_pod
from meshtui.mesh.judging import (
    LONGER_MS,
    SICK,
    SLOW,
    Tally,
    over_limit,
    slower_than_sibling,
    state_by,
    tally,
    worse,
)
from meshtui.mesh.row_work import RowWork
from meshtui.mesh.signals import NO_REQUESTS, Signals
from meshtui.mesh.thresholds import Thresholds

_Side = Callable[[RowWork], tuple[Signals | None, str]]
"""What one side counted of a row, and how it sees it."""


def judge_rows(
    rows: Sequence[RowWork], limits: Thresholds
) -> tuple[Sequence[Tally | None], Sequence[str], bool]:
    """By their answers first: what fails is no measure of how fast the others should be.

    What was counted of each row on either side, and the states by that alone; and whether any takes
    so long that it may be slow.
    """
    quick_ms = min(LONGER_MS, limits.slow_ms or LONGER_MS)
    slow = False
    tallies: list[Tally | None] = []
    states: list[str] = []
    for work in rows:
        caller, server = work.caller, work.server
        if server is not None and not server.requests > 0:
            counted = bool(work.proxies or not work.pods)
            server = work.server = server_known(caller or NO_REQUESTS, server, counted)
        called, served = tally(caller), tally(server)
        state, server_state = state_by(called, limits), state_by(served, limits)
        work.state, work.server_state = state, server_state
        tallies += called, served
        states += state, server_state
        for signals in (caller, server):
            if signals is not None and signals.p95_ms is not None and signals.p95_ms > quick_ms:
                slow = True
    if slow:
        _judge_times(rows, limits)
    return tallies, states, slow


def _judge_times(rows: Sequence[RowWork], limits: Thresholds) -> None:
    slow = [
        (_slow(work, rows, _called, limits), _slow(work, rows, _served, limits)) for work in rows
    ]
    for work, (caller, server) in zip(rows, slow, strict=True):
        if caller or server:
            work.slow, work.server_slow = caller, server
            work.state = slowed(work.state, caller)
            work.server_state = slowed(work.server_state, server)


def _called(work: RowWork) -> tuple[Signals | None, str]:
    return work.caller, work.state


def _served(work: RowWork) -> tuple[Signals | None, str]:
    return work.server, work.server_state


def _slow(work: RowWork, rows: Sequence[RowWork], side: _Side, limits: Thresholds) -> str:
    signals, _ = side(work)
    if signals is None or not signals.p95_ms or not work.host:
        return ""
    slow = over_limit(signals, limits)
    if slow or signals.p95_ms <= LONGER_MS:
        return slow
    return slower_than_sibling(signals, _siblings(work, rows, side))


def slowed(state: str, slow: str) -> str:
    return worse(state, SLOW) if slow else state


def _siblings(work: RowWork, rows: Iterable[RowWork], side: _Side) -> Iterator[tuple[str, Signals]]:
    for other in rows:
        signals, state = side(other)
        if other is not work and other.host and signals is not None and state not in SICK:
            yield other.subset or other.version, signals


def server_known(caller: Signals, server: Signals, counted: bool) -> Signals | None:
    """What the server's side counted; None where nobody counts there.

    So it is where no pod has a proxy (`counted` false), and where pods were reached by requests
    that none of them counted. A request without a flag that says otherwise has reached one.
    """
    if server.requests > 0:
        return server
    lost = sum(number for flag, number in caller.flags.items() if not reached_a_pod(flag))
    return server if counted and caller.requests - lost < 1 else None
