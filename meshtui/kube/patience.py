"""When a request is sent again: as client-go does it, within bounds.

https://github.com/kubernetes/client-go/blob/v0.36.0/rest/with_retry.go: an answer 429 or 5xx with
`Retry-After` is tried again up to ten times, and a read whose connection broke too. Here a write
is tried again only where the server says by 429 that it did not process it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from meshtui.dataclass import dataclass
from meshtui.kube.api_request import ApiRequest
from meshtui.kube.http import Headers

_TOO_MANY = 429
_BUSY = frozenset({_TOO_MANY, 503, 504})


@dataclass(frozen=True, slots=True)
class Patience:
    """Bounds in number and seconds. Tests put their own clock and sleep in."""

    retries: int = 10
    """How often a busy server is asked again; the call's own time limit holds besides."""

    rereads: int = 2
    """How often a read whose answer broke off is sent again."""

    longest_wait_s: float = 4.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def wait(self, ask: ApiRequest, status: int, headers: Headers) -> float | None:
        """Seconds until the next try; None where there is to be none."""
        if status not in _BUSY or (ask.writes and status != _TOO_MANY):
            return None
        given = headers.get("Retry-After").strip()
        if not (given.isascii() and given.isdigit() and len(given) < 6):
            return None
        seconds = float(given)
        return seconds if seconds <= self.longest_wait_s else None
