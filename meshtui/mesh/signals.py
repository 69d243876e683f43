"""Golden signals: what was measured of each version, whoever measured it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, fields
from math import inf
from typing import NamedTuple, TypeVar

from meshtui.dataclass import dataclass
from meshtui.mesh.connections import Connections
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.quantile import joined, quantiles

_K = TypeVar("_K")

UNKNOWN = "unknown"
UNTOLD = "(not told apart)"
"""The version of requests that may have reached any: a Telemetry or a relabelling has taken away
the labels that say which. Istio itself writes `unknown` for what reached no pod."""

"""The version of a request that never reached a pod, as Istio's metrics spell it."""

SHOWN = (0.50, 0.95, 0.99)
"""The quantiles of durations."""


@dataclass(frozen=True, slots=True, order=True)
class VersionKey:
    """A version of a service. `version` is "unknown" for requests that never reached a pod."""

    service: ServiceKey
    version: str


class Responder(NamedTuple):
    """Who answered, as telemetry names it; empty text stands for what it does not know.

    `version` is the one of `VersionKey`. `flags` are kept only of requests that reached no
    pod: they say whose cluster refused them. A tuple, as it is the key of every tally.
    """

    service: ServiceKey
    version: str
    namespace: str = ""
    workload: str = ""
    revision: str = ""
    flags: str = ""

    @property
    def nowhere(self) -> bool:
        """True of requests that reached no pod."""
        return self.version == UNKNOWN and not self.workload


@dataclass(frozen=True, slots=True)
class Signals:
    """What was measured over one window.

    `requests` counts the window's requests, `rps` is per second, `error_ratio` is 0 to 1 and None
    where there was no request; quantiles are in milliseconds, None where no request was timed.
    `codes`, `grpc` and `flags` count requests by response code, gRPC status and response flag
    ("-" is left out). `buckets` are the durations' cumulative counts by upper bound.
    `cut_off` counts answers that broke off, `refused` those 4xx that a proxy gave; neither is
    an error by its code, and `error_ratio` counts neither.
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
    cut_off: float = 0.0
    refused: float = 0.0

    def slower_than(self, limit_ms: float) -> float | None:
        """What part of the timed requests took longer, 0 to 1; None where none was timed,
        or the histogram has no finite bound.

        Inside a bucket requests are taken as spread evenly, as for the quantiles; of what lies
        beyond the last finite bound nothing more is known, so no longer limit cuts it off.
        """
        bounds = sorted(self.buckets)
        total = self.buckets[bounds[-1]] if bounds else 0.0
        if len(bounds) < 2 or not total > 0:
            return None
        lower, below = 0.0, 0.0
        for bound in bounds:
            count = max(below, self.buckets[bound])
            if limit_ms < bound:
                part = (limit_ms - lower) / (bound - lower) if bound < inf else limit_ms > lower
                return 1 - (below + (count - below) * part) / total
            lower, below = bound, count
        return 0.0


NO_REQUESTS = Signals()
"""What was measured where nothing was asked."""


def merged(parts: Iterable[Signals]) -> Signals:
    """What was measured of several targets over one window, as if they were one."""
    several = tuple(parts)
    if len(several) == 1 and (several[0].requests or not several[0].buckets):
        return several[0]
    requests = sum(part.requests for part in several)
    errors = sum(part.requests * (part.error_ratio or 0.0) for part in several)
    buckets = joined(part.buckets for part in several) if requests else {}
    p50_ms, p95_ms, p99_ms = quantiles(SHOWN, buckets)
    return Signals(
        requests=requests,
        rps=sum(part.rps for part in several),
        error_ratio=min(1.0, errors / requests) if requests else None,
        p50_ms=p50_ms,
        p95_ms=p95_ms,
        p99_ms=p99_ms,
        codes=_added(part.codes for part in several),
        grpc=_added(part.grpc for part in several),
        flags=_added(part.flags for part in several),
        buckets=buckets,
        cut_off=sum(part.cut_off for part in several),
        refused=sum(part.refused for part in several),
    )


def _added(several: Iterable[Mapping[_K, float]]) -> dict[_K, float]:
    found: dict[_K, float] = {}
    for counts in several:
        for name, count in counts.items():
            found[name] = found.get(name, 0.0) + count
    return found


def by_version(targets: Mapping[Responder, Signals]) -> dict[VersionKey, Signals]:
    """The same by the versions that telemetry names."""
    found: dict[VersionKey, list[Signals]] = {}
    for target, signals in targets.items():
        found.setdefault(VersionKey(target.service, target.version), []).append(signals)
    return {key: merged(parts) for key, parts in found.items()}


@dataclass(frozen=True, slots=True)
class Hop:
    """What callers sent to a service through its waypoints, as they counted it: they know not who
    answered."""

    waypoints: frozenset[tuple[str, str]]
    signals: Signals


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading of a source.

    `time` is seconds since the epoch, `window_s` the seconds the numbers speak of (0.0 where the
    source has been read only once and has no rates yet). `caller` is what callers saw
    (`reporter="source"`), `server` what the version itself did (`destination` and `waypoint`);
    `called` and `served` are the same by all that telemetry says of who answered.
    `clients` names the workloads (namespace, workload) that ever sent traffic to a service.
    `read` and `failed` count the proxies (or servers) that answered and that did not; `problems`
    says why, one line each. `unread` are the workloads with a proxy that did not answer, and
    `filled` those whose requests a service itself counted in their place ("" for both of those
    that have no proxy).
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
    called: Mapping[Responder, Signals] = field(default_factory=dict)
    served: Mapping[Responder, Signals] = field(default_factory=dict)
    unread: frozenset[tuple[str, str]] = frozenset()
    filled: Mapping[ServiceKey, frozenset[tuple[str, str]]] = field(default_factory=dict)
    answered_by: Mapping[ServiceKey, frozenset[str]] = field(default_factory=dict)
    """Which reporters counted what was answered: `destination`, `waypoint`, or both."""

    hops: Mapping[ServiceKey, Hop] = field(default_factory=dict)
    """What came to services through waypoints; those count by who answered, in `passed`."""

    passed: Mapping[ServiceKey, frozenset[tuple[str, str]]] = field(default_factory=dict)
    """The callers whose requests waypoints counted in their place, by the service that answered.
    They are in `filled` as well."""

    copies: Mapping[ServiceKey, frozenset[tuple[str, str]]] = field(default_factory=dict)
    """Workloads of a service of whose requests nobody knows which were mirrored copies: those who
    answered count both, and the callers count nothing."""

    muted: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Workloads whose proxies count nothing of what they send, with the object that says so."""

    denied: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """Requests that a workload's proxies denied by AuthorizationPolicies, by their own counters."""

    tokens: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """Requests whose tokens they refused, where they count it: istiod has them keep no such
    counter unless `proxyStatsMatcher` names `jwt_authn.denied`. Else by what they log; 0 where
    they refused none of those answers."""

    undecided: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Why of a workload's 401s it is not known whether its proxies or the program gave them."""

    sent: Mapping[tuple[str, str], Signals] = field(default_factory=dict)
    """What the workloads that are gateways sent on, to whatever service, as they saw it."""

    connected: Mapping[Responder, Connections] = field(default_factory=dict)
    """Connections that are no HTTP, by who took them, as callers counted them."""

    accepted: Mapping[Responder, Connections] = field(default_factory=dict)
    """The same as the servers counted them."""

    began: float | None = None
    """Since when what is counted may be from, where that is longer ago than `window_s`: proxies
    that are read one after the other, or in turns, have windows of their own."""

    @property
    def since(self) -> float:
        """Seconds since the epoch; nothing that is counted is older."""
        return self.time - self.window_s if self.began is None else self.began

    @property
    def connections(self) -> Mapping[Responder, Connections]:
        """The callers' side; of a service that no caller's proxy counts, its own."""
        if not self.accepted:
            return self.connected
        counted = {target.service for target in self.connected}
        own = {t: one for t, one in self.accepted.items() if t.service not in counted}
        return {**self.connected, **own}

    @property
    def calls(self) -> Mapping[Responder, Signals]:
        """What callers saw, by target; by version alone where nothing more is known."""
        return self.called or {Responder(k.service, k.version): s for k, s in self.caller.items()}

    @property
    def answers(self) -> Mapping[Responder, Signals]:
        """What the servers did, likewise."""
        return self.served or {Responder(k.service, k.version): s for k, s in self.server.items()}


_AROUND = frozenset({"time", "read", "failed", "problems"})
_NUMBERS = tuple(one.name for one in fields(Sample) if one.name not in _AROUND)


def same_numbers(one: Sample | None, other: Sample | None) -> bool:
    """Whether the second says again what the first said: nothing was counted between them.

    The same objects, that is: to compare a thousand services would take as long as to look at them.
    """
    if one is other or one is None or other is None:
        return one is other
    return all(getattr(one, name) is getattr(other, name) for name in _NUMBERS)
