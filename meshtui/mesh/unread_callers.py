"""What follows where a caller's proxy could not be read: absence is not zero."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from meshtui.mesh.model import ServiceKey
from meshtui.mesh.row_work import RowWork
from meshtui.mesh.signals import Sample

MOST = 2
"""Workloads that are named."""


def filled_words(service: ServiceKey, sample: Sample) -> str:
    """`productpage-v1 can't be read: counted by reviews itself`; empty where callers counted."""
    found = sample.filled.get(service)
    if not found:
        return ""
    return f"{_names(frozenset(found))} can't be read: counted by {service.name} itself"


def mark_unread(rows: Iterable[RowWork], service: ServiceKey, sample: Sample) -> None:
    """Rows that nobody seems to call, where one who may call them was not read.

    A row whose own proxies were read had no request: that is evidence, and it is zero.
    """
    if not sample.unread:
        return
    known = sample.clients.get(service, frozenset())
    callers = (sample.unread & known) or (sample.unread if not known else frozenset())
    for work in rows:
        _mark(work, callers, sample)


def _mark(work: RowWork, callers: frozenset[tuple[str, str]], sample: Sample) -> None:
    own = {(pod.namespace, pod.workload) for pod in work.members if pod.sidecar or pod.ambient}
    silent = bool(own & sample.unread)
    if silent and work.server is not None and not work.server.requests:
        work.server = None
    if not callers or work.caller is None or work.caller.requests or not work.host:
        return
    if not own or silent:
        work.caller, work.unknown_because = None, f"{_names(callers)} can't be read"


@lru_cache(maxsize=16)
def _names(workloads: frozenset[tuple[str, str]]) -> str:
    """Of a large mesh the same thousands are named at each service of a sample."""
    names = sorted(name for _, name in workloads)
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return ", ".join(names[:MOST]) + more
