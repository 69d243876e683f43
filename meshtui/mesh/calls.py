"""Who called whom: what telemetry counted by caller and by who answered."""

from __future__ import annotations

from meshtui.dataclass import dataclass
from meshtui.mesh.signals import Responder, Signals

Client = tuple[str, str]
"""Namespace and name of a workload."""

UNKNOWN_CLIENT: Client = ("", "")
"""A caller that telemetry does not name: it has no proxy of the mesh, or is outside of it."""


THROUGH = "(through a waypoint)"
"""The version of a target where the caller knows only the waypoint that it went through."""


@dataclass(frozen=True, slots=True)
class Call:
    """The requests of one caller that one target answered, or never did.

    `protocols` are telemetry's words, the most frequent first. `mutual_tls` is the part of the
    requests that came by mutual TLS, 0 to 1; None where nobody counted that. `by_server`: the
    servers counted them, as no proxy of the caller did.
    """

    caller: Client
    target: Responder
    signals: Signals
    protocols: tuple[str, ...] = ()
    mutual_tls: float | None = None
    by_server: bool = False


@dataclass(frozen=True, slots=True)
class Calls:
    """All calls of one window; `time` and `window_s` as in `Sample`."""

    time: float
    source: str
    window_s: float
    calls: tuple[Call, ...] = ()
