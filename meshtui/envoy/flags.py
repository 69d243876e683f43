"""What Envoy's response flags mean, and where to look next.

Meanings: Envoy's documentation of `%RESPONSE_FLAGS%`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flag:
    """A response flag: `meaning` is a sentence, `look` what to look at next."""

    code: str
    name: str
    meaning: str
    look: str


_TABLE = (
    Flag(
        "UH",
        "no healthy upstream",
        "No endpoint of the cluster may be used: none exists, or all are ejected or unready.",
        "the version's pods and their readiness, the subset's labels, and ejections",
    ),
    Flag(
        "UF",
        "upstream connection failure",
        "The connection to the pod could not be made.",
        "whether the pod listens on that port, mTLS modes, network policies",
    ),
    Flag(
        "UO",
        "upstream overflow",
        "A circuit breaker of the DestinationRule turned the request away.",
        "the breaker's connection and request limits, and how slow the version is",
    ),
    Flag(
        "NR",
        "no route",
        "No rule of the VirtualService, or no listener, takes this request.",
        "the rules' matches and hosts, and whether there is a rule for everything else",
    ),
    Flag(
        "NC",
        "no cluster",
        "The route names a cluster the proxy does not have.",
        "whether the subset is in a DestinationRule, and the destination's host and port",
    ),
    Flag(
        "URX",
        "retry or connect limit",
        "All retries were used up, or as many connection attempts as are allowed.",
        "the errors of the single tries in the log of the version itself",
    ),
    Flag(
        "UT",
        "upstream timeout",
        "The version did not answer within the rule's timeout; the caller got 504.",
        "the version's p99 against the timeout, and timeouts further down",
    ),
    Flag(
        "DC",
        "downstream closed",
        "The caller hung up before the answer was there.",
        "the caller's own timeout, and the version's latency",
    ),
    Flag(
        "UC",
        "upstream closed",
        "The pod closed the connection in the middle of the request.",
        "restarts and crashes of the pod, and idle timeouts shorter than the proxy's",
    ),
    Flag(
        "LR",
        "local reset",
        "The proxy itself reset the connection.",
        "the response code details of the line",
    ),
    Flag(
        "UR",
        "upstream reset",
        "The pod reset the request's stream.",
        "the log of the version itself",
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
    ),
    Flag(
        "RL",
        "rate limited",
        "A rate limit turned the request away with 429.",
        "EnvoyFilters with a rate limit on the caller or the version",
    ),
    Flag(
        "UAEX",
        "denied",
        "An authorization policy or an external authorization service refused the request.",
        "AuthorizationPolicies of the version, and the caller's identity",
    ),
    Flag(
        "DPE",
        "downstream protocol error",
        "The caller's request was not valid HTTP.",
        "the port's protocol name (http-, grpc-, tcp-) and the caller",
    ),
    Flag(
        "UPE",
        "upstream protocol error",
        "The version's answer was not valid HTTP.",
        "the port's protocol name (http-, grpc-, tcp-) and the version",
    ),
    Flag(
        "SI",
        "stream idle timeout",
        "Nothing was sent on the stream for too long.",
        "long polls and streams, and the idle timeout",
    ),
)

FLAGS: Mapping[str, Flag] = {flag.code: flag for flag in _TABLE}


def explain(code: str) -> Flag | None:
    """None for "-" and for a flag that is not in the table."""
    return FLAGS.get(code)
