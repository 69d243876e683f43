"""By which ways the proxies of a namespace may be asked, as the API server last said."""

from __future__ import annotations

import time
from collections.abc import Callable

PORT_FORWARD, EXEC = "port-forward", "exec"
TRANSPORTS = (PORT_FORWARD, EXEC)
"""In the order in which they are tried."""

AGAIN_S = 180.0
"""How long a refused way is not tried, while the other one may work: rights change."""

NEITHER_S = 15.0
"""The same where both are refused: somebody may be waiting for the right just asked for."""

MOST = 200
"""Namespaces that are remembered; those refused longest ago are forgotten."""


class AdminTransports:
    """What was refused, by namespace. `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[str, dict[str, float]] = {}

    def open(self, namespace: str) -> tuple[str, ...]:
        """The ways worth trying, the first one first; none where all were refused just now."""
        refused, now = self._until.get(namespace, {}), self._clock()
        return tuple(transport for transport in TRANSPORTS if refused.get(transport, now) <= now)

    def refuse(self, transport: str, namespace: str) -> None:
        """The API server said that `way` is not allowed there."""
        now = self._clock()
        refused = self._until.pop(namespace, {})
        refused[transport] = now + AGAIN_S
        if all(refused.get(each, now) > now for each in TRANSPORTS):
            refused = dict.fromkeys(TRANSPORTS, now + NEITHER_S)
        self._until[namespace] = refused
        while len(self._until) > MOST:
            del self._until[next(iter(self._until))]
