"""Rows and services while a sample is put to them: every step writes here, and the frozen ones
are built once.

Joining, judging, shares, pods, the past and states that stand still each change some fields. A
frozen row built anew at each of these steps costs more than all that they decide, at 3,000 rows a
tick.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from meshtui.mesh.changed import frozen, unfrozen
from meshtui.mesh.connections import Connections
from meshtui.mesh.judging import Tally, tally
from meshtui.mesh.model import Pod
from meshtui.mesh.signals import Signals
from meshtui.mesh.versions import VersionView

if TYPE_CHECKING:
    from meshtui.mesh.view import ServiceView


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
    tcp: Connections | None


def begun(row: VersionView) -> RowWork:
    """A copy of the row to work on."""
    work: RowWork = unfrozen(row)
    return work


def done(work: RowWork) -> VersionView:
    """The row that it is now; it can't be set any more."""
    return frozen(work, VersionView)


@dataclass(slots=True)
class ServiceWork:
    """The same of a service; see `ServiceView`."""

    view: ServiceView
    rows: list[RowWork]
    caller: Signals | None
    server: Signals | None
    state: str
    server_state: str
    slow: str
    counted_because: str
    tallies: list[Tally | None]
    judged: list[str]
    """What was counted, and the state by that alone: of callers and of the server, of the service
    and then of each row. `judged` is empty where that was not worked out."""

    tcp: Connections | None = None

    @classmethod
    def on(cls, view: ServiceView) -> ServiceWork:
        lines: tuple[ServiceView | VersionView, ...] = (view, *view.versions)
        sides = [signals for line in lines for signals in (line.caller, line.server)]
        return cls(
            view,
            [begun(row) for row in view.versions],
            view.caller,
            view.server,
            view.state,
            view.server_state,
            view.slow,
            view.counted_because,
            [tally(signals) for signals in sides],
            [],
            view.tcp,
        )

    def done(self) -> ServiceView:
        found = unfrozen(self.view)
        found.versions = tuple([done(work) for work in self.rows])
        found.caller, found.server = self.caller, self.server
        found.state, found.server_state = self.state, self.server_state
        found.slow, found.counted_because = self.slow, self.counted_because
        found.tcp = self.tcp
        return frozen(found, type(self.view))
