"""What follows where a caller's proxy could not be read, or counts nothing: absence is not zero."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from meshtui.mesh.ambient import waypoint_of, waypoints
from meshtui.mesh.calls import UNKNOWN_CLIENT, Client
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.row_work import RowWork
from meshtui.mesh.signals import Sample, Signals
from meshtui.mesh.text import some_of

MOST = 2
"""Workloads that are named."""


def filled_words(services: Sequence[ServiceKey], sample: Sample, retried: bool = False) -> str:
    """`productpage-v1 was not read: counted by reviews itself`; empty where callers counted.

    `services`: itself, then those of its rows. `retried`: their proxies try again what fails, and
    who answers counts each of the tries.
    """
    service = services[0]
    found = clients_of_all(sample.filled, services)
    passed = clients_of_all(sample.passed, services) if service in sample.hops else frozenset()
    if passed:
        found -= passed
        ways = _names(sample.hops[service].waypoints)
        through = f"what goes through {ways} is counted there"
    if not found:
        return through if passed else ""
    unread = found & sample.unread
    silent = found - unread - {UNKNOWN_CLIENT}
    whys = [not_read(unread)] if unread else []
    whys += _silent_words(silent, sample) if silent else []
    whys += ["callers have no proxy, or send past it"] if UNKNOWN_CLIENT in found else []
    tries = ", each try of a request" if retried and found - {UNKNOWN_CLIENT} else ""
    words = f"{', '.join(whys)}: counted by {service.name} itself{tries}"
    return f"{words}; {through}" if passed else words


def clients_of_all(
    clients: Mapping[ServiceKey, frozenset[Client]], services: Iterable[ServiceKey]
) -> frozenset[Client]:
    return frozenset().union(*(clients.get(one, ()) for one in services))


def _silent_words(silent: frozenset[Client], sample: Sample) -> Iterator[str]:
    """Why proxies that are read count nothing of what they send."""
    told: dict[str, set[Client]] = {}
    for client in silent:
        told.setdefault(sample.muted.get(client, ""), set()).add(client)
    for why, clients in sorted(told.items()):
        plural = "s" if len(clients) == 1 else ""
        because = f" ({why})" if why else ""
        yield f"{_names(frozenset(clients))} count{plural} no requests{because}"


def mark_unread(
    rows: Iterable[RowWork],
    service: ServiceKey,
    mesh: Mesh,
    sample: Sample,
    elsewhere: Callable[[], tuple[str, ...]] = tuple,
) -> None:
    """Rows that nobody seems to call, where one who may call them was not read.

    A row whose own proxies were read had no request: that is evidence, and it is zero, unless
    they count what comes to it `elsewhere`, under the names of other services.
    """
    if not sample.unread and not sample.muted:
        return
    works = tuple(rows)
    why = ""
    if any(_nobody_seems_to_call(work) for work in works):
        callers = _silent_callers(service, mesh, sample)
        why = _why(callers, sample) if callers else ""
    others = elsewhere() if why else ()
    for work in works:
        _mark(work, why, sample, others)


def _silent_callers(service: ServiceKey, mesh: Mesh, sample: Sample) -> frozenset[Client]:
    """Of whom nobody knows what they sent. Of a large mesh most may not be read yet: the same
    thousands are the same object at each service, which tells them from others at once."""
    known = sample.clients.get(service)
    if known:
        return known.intersection(sample.unread).union(known.intersection(sample.muted))
    lost = sample.unread.union(sample.muted) if sample.muted else sample.unread
    found = mesh.by_key.get(service)
    own = waypoint_of(mesh, found) if found is not None else None
    # One calls what it stands before, and runs under its name.
    others = [place for place in waypoints(mesh) if place != own]
    return lost.difference(others) if others else lost


def mark_copies(rows: Iterable[RowWork], service: ServiceKey, sample: Sample) -> None:
    """Rows that may have answered copies alone, and nobody knows."""
    copied = sample.copies.get(service, frozenset())
    for work in rows if copied else ():
        if any((pod.namespace, pod.workload) in copied for pod in work.members):
            work.caller, work.reached = None, None
            work.unknown_because = "its callers count nothing, and copies are mirrored to it"


def mark_hops(
    rows: Iterable[RowWork], services: Sequence[ServiceKey], sample: Sample
) -> Signals | None:
    """Rows whose callers know only the waypoint between, where that counts nothing.

    Gives what they saw of the service as a whole; None where the waypoint told who answered.
    `services`: itself, then those of its rows.
    """
    hop = sample.hops.get(services[0])
    if hop is None or any(one in sample.passed for one in services):
        return None
    if not hop.waypoints.isdisjoint(clients_of_all(sample.filled, services)):
        return None  # who answered counted what came from there
    read = "was not read" if hop.waypoints & sample.unread else "counts nothing"
    for work in (row for row in rows if row.host):
        work.caller, work.reached = None, None
        work.unknown_because = f"callers go through {_names(hop.waypoints)}, which {read}"
    return hop.signals


def _why(callers: frozenset[Client], sample: Sample) -> str:
    unread = callers if callers is sample.unread else callers & sample.unread
    if unread:
        return not_read(unread)
    return ", ".join(_silent_words(callers, sample))


def not_read(workloads: frozenset[Client]) -> str:
    """In a large mesh it may be just not their turn."""
    return f"{_names(workloads)} {'was' if len(workloads) == 1 else 'were'} not read"


def _mark(work: RowWork, why: str, sample: Sample, others: Sequence[str]) -> None:
    own = {(pod.namespace, pod.workload) for pod in work.members if pod.sidecar or pod.ambient}
    silent = bool(own & sample.unread)
    if silent and work.server is not None and not work.server.requests:
        work.server = None
    if not why or not _nobody_seems_to_call(work):
        return
    if not own or silent:
        work.caller, work.unknown_because = None, why
    elif others:
        because = f"{why}, and its pods count all as {some_of(others, MOST)}'s"
        work.caller, work.unknown_because = None, because


def _nobody_seems_to_call(work: RowWork) -> bool:
    return work.caller is not None and not work.caller.requests and bool(work.host)


@lru_cache(maxsize=16)
def _names(workloads: frozenset[tuple[str, str]]) -> str:
    """Of a large mesh the same thousands are named at each service of a sample."""
    return some_of(sorted(name for _, name in workloads), MOST)
