"""Connections that are no HTTP, joined to the rows of a service: numbers, shares and states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshtui.mesh.connections import Connections, summed
from meshtui.mesh.judging import NO_TRAFFIC, Tally, state_by
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.row_work import RowWork
from meshtui.mesh.signals import Responder, Signals
from meshtui.mesh.telemetry_join import Joins
from meshtui.mesh.thresholds import Thresholds

ByService = Mapping[ServiceKey, Sequence[tuple[Responder, Connections]]]


def by_service(measured: Mapping[Responder, Connections]) -> ByService:
    found: dict[ServiceKey, list[tuple[Responder, Connections]]] = {}
    for each in measured.items():
        if each[1].any:
            found.setdefault(each[0].service, []).append(each)
    return found


def add_connections(
    rows: Sequence[RowWork], joins: Joins, connected: ByService
) -> Connections | None:
    """To each row what telemetry can tell to be its own; gives those of the whole service."""
    if not connected:
        return None
    whole = [each for key in joins.services for each in connected.get(key, ())]
    if not whole:
        return None
    parts: dict[int, list[Connections]] = {}
    mine: list[Connections] = []
    for target, one in whole:
        join = joins.find(target)
        if len(join.rows) == 1:
            parts.setdefault(join.rows[0], []).append(one)
        if join.rows or target.service == joins.key:
            mine.append(one)
    for index, several in parts.items():
        rows[index].tcp = summed(several)
    _share(rows)
    return summed(mine) if mine else None


def _share(rows: Sequence[RowWork]) -> None:
    """By the connections that were opened, where there are no requests to share."""
    total = sum(work.tcp.opened for work in rows if work.tcp)
    if total and not any(work.reached for work in rows):
        for work in rows:
            work.share = (work.tcp.opened if work.tcp else 0.0) / total if work.host else None


def judge_connections(
    rows: Sequence[RowWork],
    tallies: Sequence[Tally | None],
    judged: Sequence[str],
    limits: Thresholds,
) -> tuple[list[Tally | None], list[str]]:
    """What was counted of each row on either side, and the states by that alone.

    A row without requests is judged by its connections.
    """
    counts, states = list(tallies), list(judged)
    for at, work in enumerate(rows):
        sides = slice(2 * at, 2 * at + 2)
        if work.tcp is not None and states[2 * at] == NO_TRAFFIC:
            counts[sides] = [with_connections(one, work.tcp) for one in counts[sides]]
            states[sides] = [state_by(one, limits) for one in counts[sides]]
            work.state, work.server_state = states[sides]
    return counts, states


def as_signals(tcp: Connections) -> Signals:
    """The connections as what is judged; see `with_connections`."""
    number = max(tcp.opened, tcp.closed, 1.0)
    return Signals(number, tcp.opened_s, min(tcp.failed, number) / number)


def with_connections(counted: Tally | None, tcp: Connections | None) -> Tally | None:
    """Where no request was counted: the connections, of which one that reached nobody failed."""
    if counted is None or counted or tcp is None or not tcp.any:
        return counted
    number = max(tcp.opened, tcp.closed, 1.0)
    failed = min(tcp.failed, number)
    return (number, failed, 0.0, 0.0) if failed else number
