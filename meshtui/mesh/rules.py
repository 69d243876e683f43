"""The parts of a VirtualService: what a rule matches, where it sends, what it does on the way."""

from __future__ import annotations

from meshtui.dataclass import dataclass

ANY_REQUEST = "any request"


@dataclass(frozen=True, slots=True)
class StringMatch:
    """How a string is compared: `kind` is exact, prefix, regex or present.

    Proxies know more kinds; they are told by their names.
    """

    kind: str
    value: str = ""

    def __str__(self) -> str:
        signs = {"exact": "=", "prefix": "^", "regex": "~"}
        sign = signs.get(self.kind, self.kind)
        return "is set" if self.kind == "present" else f"{sign} {self.value}".rstrip()


@dataclass(frozen=True, slots=True)
class Match:
    """One entry of a rule's `match`: all of its conditions must hold."""

    name: str = ""
    uri: StringMatch | None = None
    ignore_uri_case: bool = False
    scheme: StringMatch | None = None
    method: StringMatch | None = None
    authority: StringMatch | None = None
    headers: tuple[tuple[str, StringMatch], ...] = ()
    without_headers: tuple[tuple[str, StringMatch], ...] = ()
    query_params: tuple[tuple[str, StringMatch], ...] = ()
    port: int = 0
    source_labels: tuple[tuple[str, str], ...] = ()
    source_namespace: str = ""
    gateways: tuple[str, ...] = ()
    server_names: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [
            f"{label} {value}"
            for label, value in (
                ("uri", self.uri),
                ("scheme", self.scheme),
                ("method", self.method),
                ("authority", self.authority),
            )
            if value is not None
        ]
        parts += [f"header {k} {m}" for k, m in self.headers]
        parts += [f"without header {k} {m}" for k, m in self.without_headers]
        parts += [f"query {k} {m}" for k, m in self.query_params]
        parts += [f"port {self.port}"] if self.port else []
        parts += [f"from {k}={v}" for k, v in self.source_labels]
        parts += [f"from namespace {self.source_namespace}"] if self.source_namespace else []
        parts += [f"gateway {g}" for g in self.gateways]
        parts += [f"server name {', '.join(self.server_names)}"] if self.server_names else []
        parts += [f"to {', '.join(self.networks)}"] if self.networks else []
        return " and ".join(parts) or ANY_REQUEST


def first_name(host: str) -> str:
    """Of a Service its name; what is outside of the cluster is known by its whole host."""
    return host.split(".", 1)[0] if ".svc." in host else host


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a rule sends traffic. `host` is the full name; `weight` is as Istio counts it.

    A single destination counts 100 whatever is written; a missing weight among several is 0.
    """

    host: str
    subset: str = ""
    port: int = 0
    weight: int = 100

    @property
    def label(self) -> str:
        return self.subset or first_name(self.host)


@dataclass(frozen=True, slots=True)
class Mirror:
    """A copy of the traffic that nobody waits for; `percent` of the rule's requests."""

    host: str
    subset: str = ""
    port: int = 0
    percent: float = 100.0

    @property
    def label(self) -> str:
        return self.subset or first_name(self.host)


@dataclass(frozen=True, slots=True)
class Fault:
    """What the client's proxy injects. Percentages are 0 to 100; an omitted one is 0: no fault."""

    delay_s: float = 0.0
    delay_percent: float = 0.0
    abort_http: int = 0
    abort_grpc: str = ""
    abort_percent: float = 0.0

    @property
    def active(self) -> bool:
        return bool((self.delay_s and self.delay_percent) or self.abort_percent)

    def __str__(self) -> str:
        parts = []
        if self.delay_s:
            parts.append(f"delay {self.delay_s:g}s {self.delay_percent:g}%")
        if self.abort_http or self.abort_grpc:
            what = self.abort_http or f"grpc {self.abort_grpc}"
            parts.append(f"abort {what} {self.abort_percent:g}%")
        return ", ".join(parts) or "empty"


AFTER_A_SLOW_TRY = frozenset({"5xx", "gateway-error", "reset"})
"""Envoy's conditions under which a try is made after one that took too long; the code 504 is not
among them, as Envoy's own is no answer."""


@dataclass(frozen=True, slots=True)
class Retries:
    """A rule's retry policy. `attempts` 0 switches retries off; None is Istio's default of 2."""

    attempts: int | None = None
    per_try_timeout_s: float | None = None
    retry_on: str = ""

    @property
    def ends_slow_tries(self) -> bool:
        """Whether a try that runs into its own limit is the last: so it is unless a condition
        holds for a reset, and none of Istio's default ones does."""
        return bool(self.per_try_timeout_s) and AFTER_A_SLOW_TRY.isdisjoint(self.conditions)

    @property
    def conditions(self) -> tuple[str, ...]:
        """What `retryOn` names, in lower case."""
        parts = (part.strip().lower() for part in self.retry_on.split(","))
        return tuple(filter(None, parts))

    def __str__(self) -> str:
        if self.attempts == 0:
            return "none"
        parts = [f"{2 if self.attempts is None else self.attempts}×"]
        if self.per_try_timeout_s:
            parts.append(f"{self.per_try_timeout_s:g}s each")
        if self.retry_on:
            parts.append(f"on {self.retry_on}")
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of `spec.http` (or `tcp`, `tls`): `index` is its place in that list."""

    index: int
    name: str = ""
    protocol: str = "http"
    matches: tuple[Match, ...] = ()
    destinations: tuple[Destination, ...] = ()
    mirrors: tuple[Mirror, ...] = ()
    fault: Fault | None = None
    timeout_s: float | None = None
    retries: Retries | None = None
    delegate: tuple[str, str] | None = None
    terminal: str = ""
    """Set to "redirect" or "direct response" where the rule answers by itself."""

    list_name: str = ""
    """The list that holds it; empty where that is called as its protocol."""

    @property
    def place(self) -> str:
        """The list of `spec` in which it stands."""
        return self.list_name or self.protocol

    @property
    def pointer(self) -> str:
        """The JSON pointer of the rule in its object."""
        return f"/spec/{self.place}/{self.index}"

    @property
    def title(self) -> str:
        return self.name or f"{self.place}[{self.index}]"

    @property
    def match_text(self) -> str:
        anything = "any request" if self.protocol == "http" else "any connection"
        found = [str(match) for match in self.matches]
        return " or ".join(anything if text == ANY_REQUEST else text for text in found) or anything

    @property
    def total_weight(self) -> int:
        return sum(destination.weight for destination in self.destinations)

    def percent(self, destination: Destination) -> float:
        """What part of the rule's traffic is meant for `destination`, 0 to 100."""
        total = self.total_weight
        return 100.0 * destination.weight / total if total else 0.0
