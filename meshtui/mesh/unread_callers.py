"""What follows where a caller's proxy could not be read: absence is not zero."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from meshtui.mesh.model import ServiceKey
from meshtui.mesh.signals import Sample
from meshtui.mesh.versions import VersionView

MOST = 2
"""Workloads that are named."""


def filled_words(service: ServiceKey, sample: Sample) -> str:
    """`productpage-v1 can't be read: counted by reviews itself`; empty where callers counted."""
    found = sample.filled.get(service)
    if not found:
        return ""
    return f"{_names(found)} can't be read: counted by {service.name} itself"


def without_callers(
    rows: Iterable[VersionView], service: ServiceKey, sample: Sample
) -> list[VersionView]:
    """Rows that nobody seems to call, where one who may call them was not read.

    A row whose own proxies were read had no request: that is evidence, and it is zero.
    """
    if not sample.unread:
        return list(rows)
    known = sample.clients.get(service, frozenset())
    callers = (sample.unread & known) or (sample.unread if not known else frozenset())
    return [_unknown(row, callers, sample) for row in rows]


def _unknown(row: VersionView, callers: frozenset[tuple[str, str]], sample: Sample) -> VersionView:
    own = {(pod.namespace, pod.workload) for pod in row.members if pod.sidecar or pod.ambient}
    silent = bool(own & sample.unread)
    if silent and row.server is not None and not row.server.requests:
        row = replace(row, server=None)
    if not callers or row.caller is None or row.caller.requests or not row.host:
        return row
    if own and not silent:
        return row
    return replace(row, caller=None, unknown_because=f"{_names(callers)} can't be read")


def _names(workloads: Iterable[tuple[str, str]]) -> str:
    names = sorted(name for _, name in workloads)
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return ", ".join(names[:MOST]) + more
