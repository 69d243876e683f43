"""Golden signals: what was measured of each version, whoever measured it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

from meshtui.mesh.model import ServiceKey

UNKNOWN = "unknown"
"""The version of a request that never reached a pod, as Istio's metrics spell it."""


@dataclass(frozen=True, slots=True, order=True)
class VersionKey:
    """A version of a service. `version` is "unknown" for requests that never reached a pod."""

    service: ServiceKey
    version: str


@dataclass(frozen=True, slots=True)
class Signals:
    """What was measured over one window.

    `requests` counts the window's requests, `rps` is per second, `error_ratio` is 0 to 1 and None
    where there was no request; quantiles are in milliseconds, None where no request was timed.
    `codes`, `grpc` and `flags` count requests by response code, gRPC status and response flag
    ("-" is left out). `buckets` are the durations' cumulative counts by upper bound.
    """

    requests: float = 0.0
    rps: float = 0.0
    error_ratio: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    codes: Mapping[str, float] = field(default_factory=dict)
    grpc: Mapping[str, float] = field(default_factory=dict)
    flags: Mapping[str, float] = field(default_factory=dict)
    buckets: Mapping[float, float] = field(default_factory=dict, compare=False, repr=False)

    def slower_than(self, limit_ms: float) -> float | None:
        """What part of the timed requests took longer, 0 to 1; None where none was timed.

        Inside a bucket requests are taken as spread evenly, as for the quantiles; of what lies
        beyond the last finite bound nothing more is known, so no longer limit cuts it off.
        """
        bounds = sorted(self.buckets)
        total = self.buckets[bounds[-1]] if bounds else 0.0
        if not total > 0:
            return None
        lower, below = 0.0, 0.0
        for bound in bounds:
            count = max(below, self.buckets[bound])
            if limit_ms < bound:
                part = (limit_ms - lower) / (bound - lower) if bound < inf else limit_ms > lower
                return 1 - (below + (count - below) * part) / total
            lower, below = bound, count
        return 0.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading of a source.

    `time` is seconds since the epoch, `window_s` the seconds the numbers speak of (0.0 where the
    source has been read only once and has no rates yet). `caller` is what callers saw
    (`reporter="source"`), `server` what the version itself did (`destination` and `waypoint`).
    `clients` names the workloads (namespace, workload) that ever sent traffic to a service.
    `read` and `failed` count the proxies (or servers) that answered and that did not; `problems`
    says why, one line each.
    """

    time: float
    source: str
    window_s: float
    caller: Mapping[VersionKey, Signals] = field(default_factory=dict)
    server: Mapping[VersionKey, Signals] = field(default_factory=dict)
    caller_totals: Mapping[ServiceKey, Signals] = field(default_factory=dict)
    server_totals: Mapping[ServiceKey, Signals] = field(default_factory=dict)
    clients: Mapping[ServiceKey, frozenset[tuple[str, str]]] = field(default_factory=dict)
    read: int = 0
    failed: int = 0
    problems: tuple[str, ...] = ()
