"""What Envoy's response flags, gRPC statuses and HTTP codes mean, and where to look next.

Meanings: Envoy's documentation of `%RESPONSE_FLAGS%` and gRPC's of its status codes.
"""

from __future__ import annotations

from collections.abc import Mapping

from meshtui.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Flag:
    """A response flag: `meaning` is a sentence, `look` what to look at next.

    `codes` are the response codes that the proxy answers with, each perhaps only its beginning;
    `reached` says that the request has come to a pod, whatever became of it.
    """

    code: str
    name: str
    meaning: str
    check: str
    codes: tuple[str, ...] = ()
    reached: bool = False


_TABLE = (
    Flag(
        "UH",
        "no healthy upstream",
        "No endpoint of the cluster may be used: none exists, or all are ejected or unready.",
        "the version's pods and their readiness, the subset's labels, and ejections",
        ("503",),
    ),
    Flag(
        "UF",
        "upstream connection failure",
        "The connection to the pod could not be made.",
        "whether the pod listens on that port, mTLS modes, network policies",
        ("503",),
    ),
    Flag(
        "UO",
        "upstream overflow",
        "A circuit breaker of the DestinationRule turned the request, or a retry of it, away.",
        "the breaker's connection and request limits, and how slow the version is",
        ("503",),
    ),
    Flag(
        "NR",
        "no route",
        "No rule of the VirtualService, or no listener, takes this request.",
        "the rules' matches and hosts, and whether there is a rule for everything else",
        ("404",),
    ),
    Flag(
        "NC",
        "no cluster",
        "The route names a cluster the proxy does not have.",
        "whether the subset is in a DestinationRule, and the destination's host and port",
        ("503", "500"),
    ),
    Flag(
        "URX",
        "retry or connect limit",
        "All retries were used up, or as many connection attempts as are allowed.",
        "the errors of the single tries in the log of the version itself",
        ("5",),
        reached=True,
    ),
    Flag(
        "UT",
        "upstream timeout",
        "The answer was not there, or not whole, within the rule's timeout or a gRPC caller's "
        "deadline: 504, or 200.",
        "the version's p99 against the timeout or deadline, and timeouts further down",
        ("504", "200"),
        reached=True,
    ),
    Flag(
        "UMSDR",
        "longest time of a stream",
        "The stream to the pod lasted longer than it may, whatever came of it: 504, or 200.",
        "the cluster's max_stream_duration (an EnvoyFilter), and the version's latency",
        ("504", "200"),
        reached=True,
    ),
    Flag(
        "DC",
        "downstream closed",
        "The caller hung up before the answer was whole; so ends every WebSocket, too (101).",
        "the caller's own timeout, and the version's latency",
        ("0", "200", "101"),
        reached=True,
    ),
    Flag(
        "DR",
        "downstream reset",
        "The caller took its HTTP/2 request back before the answer was whole: a gRPC caller whose "
        "deadline is over or that cancels.",
        "the caller's own deadline, and the version's latency",
        ("0", "200"),
        reached=True,
    ),
    Flag(
        "UC",
        "upstream closed",
        "The pod closed the connection in the middle of the request; so ends a WebSocket that the "
        "server closes (101).",
        "restarts and crashes of the pod, and idle timeouts shorter than the proxy's",
        ("503", "101"),
        reached=True,
    ),
    Flag(
        "LR",
        "local reset",
        "The proxy itself reset the connection.",
        "the response code details of the line",
        ("503",),
        reached=True,
    ),
    Flag(
        "UR",
        "upstream reset",
        "The pod reset the request's stream.",
        "the log of the version itself",
        ("503",),
        reached=True,
    ),
    Flag(
        "FI",
        "injected abort",
        "A fault rule of the VirtualService answered instead of the version.",
        "the rule's fault: is it still wanted?",
    ),
    Flag(
        "DI",
        "injected delay",
        "A fault rule of the VirtualService held the request back.",
        "the rule's fault: is it still wanted?",
        reached=True,
    ),
    Flag(
        "RL",
        "rate limited",
        "A rate limit turned the request away with 429.",
        "EnvoyFilters with a rate limit on the caller or the version",
        ("429",),
    ),
    Flag(
        "UAEX",
        "denied by an external service",
        "An external authorization service refused the request, or could not be asked; Envoy's own "
        "RBAC sets no flag.",
        "AuthorizationPolicies with a provider, and what that service logs",
        ("403",),
    ),
    Flag(
        "DPE",
        "downstream protocol error",
        "The caller's request was not valid HTTP.",
        "the port's protocol name (http-, grpc-, tcp-) and the caller",
        ("400", "0"),
    ),
    Flag(
        "UPE",
        "upstream protocol error",
        "The version's answer was not valid HTTP, or ended before it was whole (200).",
        "the port's protocol name (http-, grpc-, tcp-), and crashes of the version",
        ("502", "200"),
        reached=True,
    ),
    Flag(
        "SI",
        "stream idle timeout",
        "Nothing was sent on the stream for too long.",
        "long polls and streams, and the idle timeout",
        ("408", "504"),
        reached=True,
    ),
)

FLAGS: Mapping[str, Flag] = {flag.code: flag for flag in _TABLE}


def explain(code: str) -> Flag | None:
    """None for "-" and for a flag that is not in the table."""
    return FLAGS.get(code)


def reached_a_pod(flags: str) -> bool:
    """Whether a request with these flags has come to a pod, which then need not have answered."""
    several = [flag for flag in flags.split(",") if flag not in ("", "-")]
    return not several or any(flag in FLAGS and FLAGS[flag].reached for flag in several)


_STATUSES = (
    ("OK", ""),
    ("CANCELLED", "The caller gave up, or its deadline was over."),
    ("UNKNOWN", "The version failed without saying how: most often an exception of its code."),
    ("INVALID_ARGUMENT", "The version does not take what the caller sent."),
    ("DEADLINE_EXCEEDED", "The deadline was over before the answer was there."),
    ("NOT_FOUND", "What the caller asked for is not there."),
    ("ALREADY_EXISTS", "What the caller wanted to make is there already."),
    ("PERMISSION_DENIED", "The caller may not: an AuthorizationPolicy, or the version itself."),
    ("RESOURCE_EXHAUSTED", "A quota or a rate limit is used up, or a message is too large."),
    ("FAILED_PRECONDITION", "The version is not in a state for what the caller asked."),
    ("ABORTED", "The version broke off, most often over a conflict; it may be tried again."),
    ("OUT_OF_RANGE", "The caller asked for something beyond the end."),
    ("UNIMPLEMENTED", "The version does not know this method: another release, or a wrong route."),
    ("INTERNAL", "Something is broken in the version, or the stream was not valid gRPC."),
    ("UNAVAILABLE", "The version can't be reached now; proxies say it for their own 503 too."),
    ("DATA_LOSS", "The version lost data."),
    ("UNAUTHENTICATED", "The caller's credentials are missing or not valid."),
)

GRPC: Mapping[str, tuple[str, str]] = {str(at): words for at, words in enumerate(_STATUSES)}
"""gRPC's statuses by number: name and meaning."""

GRPC_CODES: Mapping[str, int] = {name: number for number, (name, _) in enumerate(_STATUSES)}
"""The numbers of gRPC's statuses by their names, as VirtualServices write them."""

HTTP: Mapping[str, tuple[str, str]] = {
    "0": ("no response", "The connection ended before there was a response."),
    "400": ("bad request", "What was sent is not understood."),
    "401": ("unauthorized", "The caller's credentials are missing or not valid."),
    "403": ("forbidden", "The caller may not."),
    "404": ("not found", "There is nothing at the path that was asked for."),
    "408": ("request timeout", "The request was not sent in time."),
    "409": ("conflict", "It contradicts what is there."),
    "413": ("content too large", "The request's body is larger than is taken."),
    "429": ("too many requests", "A rate limit turned it away."),
    "431": ("headers too large", "The request's headers are larger than is taken."),
    "500": ("internal error", "Its code failed."),
    "501": ("not implemented", "It does not know this."),
    "502": ("bad gateway", "Something it depends on gave no valid answer."),
    "503": ("unavailable", "It can't answer now: overloaded, starting, or what it needs is away."),
    "504": ("gateway timeout", "Something it depends on did not answer in time."),
}
"""Response codes by what they mean where the service itself gives them: name and meaning."""
