"""The limits that a version is judged by; options hold them, and need nothing else of judging."""

from __future__ import annotations

from meshtui.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Error ratios (0 to 1) above which a version is degraded, and from which it is failing.

    The defaults are Kiali's for HTTP 5xx: anything above 0 is degraded, 10 % is failing. A
    threshold counts as passed where the whole interval of the ratio lies beyond it.
    `slow_ms`: at most 5 % of the requests may take longer; 0 sets no limit.
    """

    degraded: float = 0.0
    failing: float = 0.10
    slow_ms: float = 0.0
