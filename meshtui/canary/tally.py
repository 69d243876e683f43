"""The counts of a canary and its baseline, interval by interval, and the evidence from them.

Counts are the callers' (`reporter="source"`), so that requests which never reached the canary count
against it; an error is whatever the telemetry counts as one, gRPC statuses and cut-off answers
included. In a shadow step the canary's are its own answers to the copies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field, replace
from math import isfinite

from meshtui.canary.evidence import LIMIT, Evidence, upper_bound
from meshtui.dataclass import dataclass

P99_SHARE = 0.01
"""The part of the requests that may be slower than a p99 limit."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What one version did: requests and errors, and how many of the `timed` were `slow`, that is
    over the bucket bound next to the p99 limit.
    """

    requests: float = 0.0
    errors: float = 0.0
    timed: float = 0.0
    slow: float = 0.0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.requests + other.requests,
            self.errors + other.errors,
            self.timed + other.timed,
            self.slow + other.slow,
        )

    @property
    def error_ratio(self) -> float:
        return self.errors / self.requests if self.requests > 0 else 0.0

    @property
    def slow_ratio(self) -> float:
        return self.slow / self.timed if self.timed > 0 else 0.0

    @property
    def sound(self) -> bool:
        """False for numbers that cannot be counts: telemetry is broken."""
        every = (self.requests, self.errors, self.timed, self.slow)
        return (
            all(isfinite(number) and number >= 0 for number in every)
            and self.errors <= self.requests
            and self.slow <= self.timed
        )


@dataclass(frozen=True, slots=True)
class Interval:
    """What was counted from `start` to `end`, in seconds of one clock. `stable` is None at 100 %.

    Where telemetry did not answer, `problem` says why and there are no counts. `usual_s` is how
    long the source's intervals are where all is well (a Prometheus may scrape once a minute).
    """

    start: float
    end: float
    canary: Counts = Counts()
    stable: Counts | None = None
    problem: str = ""
    usual_s: float = 0.0

    @property
    def broken(self) -> str:
        """Why the interval cannot be judged; empty where it can."""
        if self.problem:
            return self.problem
        counts = (self.canary, self.stable or Counts())
        return "" if all(c.sound for c in counts) else "the counters contradict themselves"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a canary must stay below. Ratios are 0 to 1; `requests` is the minimum per step.

    An interval with `gross_errors` and `gross_ratio` is a gross failure: two in succession, or one
    in which `all_ratio` of the requests failed, wait for nothing.
    """

    errors: float = 0.01
    p99_ms: float = 500.0
    requests: float = 100.0
    evidence: float = LIMIT
    gross_errors: float = 20.0
    gross_ratio: float = 0.10
    all_ratio: float = 0.90

    def gross(self, counts: Counts) -> bool:
        return counts.errors >= self.gross_errors and counts.error_ratio >= self.gross_ratio


@dataclass(frozen=True, slots=True)
class Tally:
    """The evidence of a run. `canary` and `stable` count the present step, `history` is what the
    stable version did over all steps, `gross` counts the latest intervals that were gross failures;
    the evidence against the baseline lasts from step to step.
    """

    limits: Limits = field(default_factory=Limits)
    end: float = float("-inf")
    canary: Counts = Counts()
    stable: Counts = Counts()
    history: Counts = Counts()
    last: Interval | None = None
    gross: int = 0
    errors: Evidence = field(default_factory=Evidence)
    slow: Evidence = field(default_factory=Evidence)
    over_errors: Evidence = field(default_factory=Evidence)
    over_p99: Evidence = field(default_factory=Evidence)

    @classmethod
    def begin(cls, limits: Limits) -> Tally:
        none = Evidence(limits.evidence)
        return cls(limits, errors=none, slow=none, over_errors=none, over_p99=none)

    def next_step(self) -> Tally:
        """Counts begin anew, and so does the evidence against the absolute limits."""
        none = Evidence(self.limits.evidence)
        return replace(
            self,
            canary=Counts(),
            stable=Counts(),
            last=None,
            gross=0,
            over_errors=none,
            over_p99=none,
        )

    def add(self, new: Interval) -> Tally:
        """One more interval. One that overlaps what is counted already changes nothing."""
        if new.start < self.end or new.end <= new.start:
            return self
        if new.broken:
            return replace(self, end=new.end, last=new, gross=0)
        stable = new.stable or Counts()
        return replace(
            self,
            end=new.end,
            last=new,
            gross=self.gross + 1 if self.limits.gross(new.canary) else 0,
            canary=self.canary + new.canary,
            stable=self.stable + stable,
            history=self.history + stable,
            errors=self._compared(self.errors, new, _errors),
            slow=self._compared(self.slow, new, _slow),
            over_errors=self.over_errors.against(*_errors(new.canary), self.limits.errors),
            over_p99=self.over_p99.against(*_slow(new.canary), P99_SHARE),
        )

    def _compared(
        self, evidence: Evidence, new: Interval, pick: Callable[[Counts], tuple[float, float]]
    ) -> Evidence:
        if new.stable is not None:
            return evidence.compare(*pick(new.canary), *pick(new.stable))
        past = pick(self.history)
        return evidence.against(*pick(new.canary), upper_bound(*past)) if past[0] > 0 else evidence


def _errors(counts: Counts) -> tuple[float, float]:
    return counts.requests, counts.errors


def _slow(counts: Counts) -> tuple[float, float]:
    return counts.timed, counts.slow
