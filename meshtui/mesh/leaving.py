"""When a bad state of which nothing fails any more goes by itself. Pure."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

from meshtui.mesh.interval import enough_without
from meshtui.mesh.judging import DEGRADED, FAILING, ONLY_ERRORS, REFUSED
from meshtui.mesh.quantity import clock_time, number_of
from meshtui.mesh.standing import FORGOTTEN_S, LEAVE, Line
from meshtui.mesh.thresholds import Thresholds

HELD = frozenset({DEGRADED, FAILING, REFUSED, ONLY_ERRORS})
"""States that are left only when it is certain that they are over."""


class Leaving(NamedTuple):
    """It goes after so many more `requests` none of which fails, and at `latest` (seconds since the
    epoch) however few there are.
    """

    requests: float
    latest: float

    @property
    def words(self) -> str:
        """`until 84 more requests succeed and none fails, or until 02:09:10`."""
        more = number_of(max(ceil(self.requests), 1), "more request")
        at = clock_time(self.latest)
        return f"until {more} succeed and none fails, or until {at}"


def leaving(line: Line, limits: Thresholds) -> Leaving | None:
    """By the bounds of `standing`; None where the last window failed, or nothing is to be left.

    A failing line may be left sooner, by what failed over the last minutes.
    """
    if line.state not in HELD or not line.clean or not 0 < line.failed_at < line.at:
        return None
    patience = 2.0**line.returns
    bound = min(line.ratio, limits.failing) if line.state == DEGRADED else LEAVE * limits.failing
    missing = enough_without(bound) * patience - line.clean
    return Leaving(max(missing, 0.0), line.failed_at + FORGOTTEN_S * patience)
