"""Rows while a sample is put to them: every step writes here, and the frozen ones
are built once.

Joining, judging, shares, pods, the past and states that stand still each change some fields. A
frozen row built anew at each of these steps costs more than all that they decide, at 3,000 rows a
tick.
"""

from __future__ import annotations

from typing import Protocol

from meshtui.mesh.changed import frozen, unfrozen
from meshtui.mesh.connections import Connections
from meshtui.mesh.leaving import Leaving
from meshtui.mesh.model import Pod
from meshtui.mesh.signals import Signals
from meshtui.mesh.versions import VersionView


class RowWork(Protocol):
    """A `VersionView` whose fields can be set still; see there for what they say."""

    version: str
    subset: str
    host: str
    share: float | None
    pods: int
    caller: Signals | None
    server: Signals | None
    state: str
    proxies: int
    server_state: str
    unknown_because: str
    reached: float | None
    slow: str
    server_slow: str
    pods_state: str
    pods_words: str
    members: tuple[Pod, ...]
    undecided: str
    untimed: str
    state_since: float
    failed_at: float
    leaving: Leaving | None
    tcp: Connections | None


def begun(row: VersionView) -> RowWork:
    """A copy of the row to work on."""
    work: RowWork = unfrozen(row)
    return work


def done(work: RowWork) -> VersionView:
    """The row that it is now; it can't be set any more."""
    return frozen(work, VersionView)
