"""What the proxies of a synthetic mesh would have counted: pure, time is passed in."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from zlib import crc32

Weights = Callable[[int], Mapping[str, float]]
"""The weights that a service's rule gives its versions now, by the service's number."""

FANOUT = 3
"""So many services each service calls."""

BOUNDS_MS = (
    0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000,
    1800000, 3600000,
)  # fmt: skip
"""The buckets of Istio's histograms.

https://istio.io/latest/docs/reference/config/metrics/
"""

_WAVE, _PERIOD_S = 0.2, 300.0
OK, FAILED = "200", "503"


@dataclass(slots=True)
class Behaviour:
    """How a workload answers: `errors` is a share from 0 to 1, `latency_s` the mean in seconds."""

    errors: float = 0.0
    latency_s: float = 0.02


@dataclass(slots=True)
class Service:
    """A service and what was counted of it: requests by version and response code."""

    number: int
    counted: dict[tuple[str, str], float] = field(default_factory=dict)

    @property
    def caller(self) -> int | None:
        """The number of the service that calls it; None for the first, called from outside."""
        return (self.number - 1) // FANOUT if self.number else None

    def rate(self, at: float, mean: float) -> float:
        """Requests per second: between a twentieth and twice the mean, in slow waves."""
        known = crc32(f"service-{self.number}".encode())
        wave = 1 + _WAVE * math.sin(2 * math.pi * (at / _PERIOD_S + known % 97 / 97))
        return mean * (1 + known % 39) / 20 * wave


class Traffic:
    """Counters that grow as time passes: those of the caller and of the version are the same."""

    def __init__(self, services: int, rps: float, weights: Weights, begun: float) -> None:
        self.services = tuple(Service(number) for number in range(services))
        self.rps = rps
        self._weights = weights
        self._behaviours: dict[tuple[int, str], Behaviour] = {}
        self._at = [begun] * services

    def behaviour(self, number: int, version: str) -> Behaviour:
        return self._behaviours.setdefault((number, version), Behaviour())

    def advance(self, number: int, at: float) -> Service:
        """The service with what was counted until `at`, in seconds; time never goes back."""
        service, since = self.services[number], self._at[number]
        if at <= since:
            return service
        self._at[number] = at
        requests = service.rate((at + since) / 2, self.rps) * (at - since)
        weights = self._weights(number)
        total = sum(weights.values())
        for version, weight in weights.items():
            if total <= 0:
                break
            errors = self.behaviour(number, version).errors
            for code, share in ((OK, 1 - errors), (FAILED, errors)):
                key = version, code
                more = requests * weight / total * share
                service.counted[key] = service.counted.get(key, 0.0) + more
        return service

    def advance_all(self, at: float) -> None:
        """Before a rate, a weight or a behaviour changes: what was before counts as it was."""
        for service in self.services:
            self.advance(service.number, at)


def buckets(count: int, latency_s: float) -> list[tuple[float, int]]:
    """A histogram of `count` answers: cumulative counts by upper bound in milliseconds."""
    mean = max(latency_s * 1000, 0.1)
    return [(bound, int(count * (1 - math.exp(-bound / mean)))) for bound in BOUNDS_MS]
