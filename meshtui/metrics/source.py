"""What a source of golden signals must do, whoever counts the requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

from meshtui.mesh.calls import Calls
from meshtui.mesh.courses import Named, by_telemetry
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.signals import Sample
from meshtui.mesh.time_series import Past, Stretch

Supplement = Callable[[Mesh, Sample], Awaitable[Sample]]
"""What no counter tells, read elsewhere and counted in. It raises no `MeshtuiError`."""


class MetricsSource(Protocol):
    """Golden signals of every version of every service, in a constant number of queries."""

    @property
    def name(self) -> str:
        """What the screen calls the source: "sidecars", "prometheus"."""
        ...

    async def sample(self, mesh: Mesh) -> Sample:
        """Read once.

        Raises `Unreachable` (or `NotAllowed`) where nothing at all could be read: the signals are
        then unknown, which is not the same as no traffic.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and readings."""
        ...


@runtime_checkable
class FocusedSource(Protocol):
    """A source that need not read all of a mesh where some services are asked for."""

    def focus(self, about: frozenset[ServiceKey]) -> None:
        """From now on a sample tells of these services; of the others it may know nothing."""
        ...


@runtime_checkable
class ShownSource(Protocol):
    """A source that need not read all of a mesh as often as what somebody looks at."""

    def show(
        self, shown: frozenset[ServiceKey], listed: frozenset[ServiceKey] | None = None
    ) -> None:
        """From now on these services are read in each sample, where that is a choice.

        Of others than `listed` nothing need be read; None: of all the rest, by and by.
        """
        ...


@runtime_checkable
class PastSource(Protocol):
    """A source that remembers what it counted before anybody asked."""

    async def past(
        self, service: ServiceKey, stretch: Stretch, named: Named = by_telemetry
    ) -> Past | None:
        """Of one service, in a constant number of queries; None where it remembers nothing.

        `named` says to which course the requests belong that a target answered.

        Raises `Unreachable` or `NotAllowed`.
        """
        ...


@runtime_checkable
class HourSource(Protocol):
    """A source that knows how long requests took before anybody asked."""

    async def hour_before(self) -> Sample:
        """Of the hour before, the times of every version of every service, in one query.

        Raises `Unreachable` or `NotAllowed`; `Unreachable` too before the first sample.
        """
        ...


@runtime_checkable
class CallSource(Protocol):
    """A source that tells callers apart. Nothing is asked for it before somebody wants it."""

    async def calls(self, mesh: Mesh) -> Calls:
        """Who called whom in the window of the last sample, in at most one query.

        Raises `Unreachable` or `NotAllowed`; `Unreachable` too before the first sample with rates.
        """
        ...
