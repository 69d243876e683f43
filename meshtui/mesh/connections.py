"""What was measured of connections that are no HTTP: opened and closed, and the bytes they carried.

Istio counts them where it sees no requests (`istio_tcp_*`), each side for itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from meshtui.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Connections:
    """Of one window. `opened` and `closed` count its connections; what ends in `_s` is per second.

    Sent is what the server sent, received what it received, as in Istio's metrics. `failed` counts
    those that ended with a flag of a connection that reached nobody.
    """

    opened: float = 0.0
    closed: float = 0.0
    failed: float = 0.0
    opened_s: float = 0.0
    closed_s: float = 0.0
    sent_s: float = 0.0
    received_s: float = 0.0

    @property
    def any(self) -> bool:
        """Whether a connection was opened, closed or used."""
        return bool(self.opened or self.closed or self.sent_s or self.received_s)

    @property
    def text(self) -> str:
        """In words for one line."""
        return (
            f"{_number(self.opened_s)} conn/s, {_size(self.sent_s)}/s sent, "
            f"{_size(self.received_s)}/s received"
        )


def summed(parts: Iterable[Connections]) -> Connections:
    """What was measured of several targets, as if they were one."""
    several = tuple(parts)
    if len(several) == 1:
        return several[0]
    return Connections(
        opened=sum(part.opened for part in several),
        closed=sum(part.closed for part in several),
        failed=sum(part.failed for part in several),
        opened_s=sum(part.opened_s for part in several),
        closed_s=sum(part.closed_s for part in several),
        sent_s=sum(part.sent_s for part in several),
        received_s=sum(part.received_s for part in several),
    )


def _number(value: float) -> str:
    return f"{value:.1f}" if value < 99.5 else f"{value:.0f}"


def _size(value: float) -> str:
    for unit in ("B", "kB", "MB"):
        if value < 999.5:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} GB"
