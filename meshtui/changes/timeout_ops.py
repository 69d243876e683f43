"""The patch that sets a rule's timeout and retries, and the budget rule that binds them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from meshtui.changes.change import Operation, SetTimeout
from meshtui.changes.locate import Located
from meshtui.changes.nested import remove_all, set_leaves
from meshtui.changes.patch import tokens
from meshtui.errors import Refused, Usage
from meshtui.mesh.gateway_api import HTTP_ROUTE
from meshtui.mesh.quantity import go_duration

MOST_ATTEMPTS = 50

RETRY_CONDITIONS = frozenset(
    {
        "5xx",
        "gateway-error",
        "reset",
        "reset-before-request",
        "connect-failure",
        "envoy-ratelimited",
        "retriable-4xx",
        "refused-stream",
        "retriable-status-codes",
        "retriable-headers",
        "http3-post-connect-failure",
        "cancelled",
        "deadline-exceeded",
        "internal",
        "resource-exhausted",
        "unavailable",
    }
)
"""What Istio's validation admits, which are Envoy's `x-envoy-retry-on` and `-retry-grpc-on`:
https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter"""

_STATUS_CODES = frozenset(str(int(status)) for status in HTTPStatus)
"""A number is a status code that is tried again."""


def timeout_operations(located: Located, request: SetTimeout) -> tuple[Operation, ...]:
    """Sets what is asked for; parts of the rule's retry policy that are not asked for stay."""
    leaves = _leaves(request)
    if located.rule.terminal:
        raise Refused(
            f"rule {located.rule.title} answers its requests itself ({located.rule.terminal}): "
            "timeouts and retries have no effect there",
            "name a rule that sends requests on with --rule",
        )
    if not leaves:
        raise Usage("say a timeout, as in 10s, or retries")
    return set_leaves(located.owner.raw, tuple(tokens(located.rule.pointer)), leaves)


def http_route_timeout_operations(located: Located, request: SetTimeout) -> tuple[Operation, ...]:
    """The whole request's time. Raises `Refused` for retries, which are not in the standard API.

    A time for one try is not set either: without retries istiod takes it for the whole request's.
    A GRPCRoute has no times at all.
    """
    if located.owner.ref.kind != HTTP_ROUTE:
        raise Refused(
            f"{located.owner.ref} carries the traffic: a timeout is not made in it",
            "the Gateway API has times in HTTPRoutes only; gRPC clients send a deadline themselves",
        )
    if request.timeout_s is None or any(
        value is not None for value in (request.attempts, request.per_try_s, request.retry_on)
    ):
        raise Refused(
            f"{located.owner.ref} carries the traffic: retries are not in the standard HTTPRoute",
            "say a timeout alone, as in 10s",
        )
    _duration(request.timeout_s, "a timeout")
    leaves: dict[tuple[str, ...], Any] = {
        ("timeouts", "request"): gateway_duration(request.timeout_s)
    }
    return set_leaves(located.owner.raw, tuple(tokens(located.rule.pointer)), leaves)


def clear_http_route_timeout_operations(located: Located) -> tuple[Operation, ...]:
    base = tuple(tokens(located.rule.pointer))
    return remove_all(located.owner.raw, base, ("timeouts", "retry"))


def gateway_duration(seconds: float) -> str:
    """As the Gateway API writes it: whole hours, minutes, seconds and milliseconds (GEP-2257)."""
    left, parts = round(seconds * 1000), []
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, left = divmod(left, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"


def _leaves(request: SetTimeout) -> dict[tuple[str, ...], Any]:
    leaves: dict[tuple[str, ...], Any] = {}
    if request.timeout_s is not None:
        leaves["timeout",] = _duration(request.timeout_s, "a timeout")
    if request.attempts is not None:
        if not 0 <= request.attempts <= MOST_ATTEMPTS:
            raise Usage(f"--retries {request.attempts}: 0 (none) to {MOST_ATTEMPTS}")
        leaves["retries", "attempts"] = request.attempts
    if request.per_try_s is not None:
        leaves["retries", "perTryTimeout"] = _duration(request.per_try_s, "--per-try")
    if request.retry_on is not None:
        leaves["retries", "retryOn"] = _conditions(request.retry_on)
    return leaves


def _conditions(retry_on: str) -> str:
    """Raises `Usage` for a word that Envoy does not know: it would be passed over in silence."""
    for word in retry_on.split(","):
        condition = word.strip()
        if condition in RETRY_CONDITIONS or condition in _STATUS_CODES:
            continue
        known = ", ".join(sorted(RETRY_CONDITIONS))
        what = (
            f"{condition} is no HTTP status code"
            if condition.isdigit()
            else (f"{condition or 'an empty word'} is not a condition that Envoy knows")
        )
        raise Usage(f"--retry-on: {what}", f"status codes like 503, or: {known}")
    return retry_on


def _duration(seconds: float, what: str) -> str:
    if not 0.001 <= seconds <= 86400:
        raise Usage(f"{what} of {seconds:g}s: say 1ms to a day")
    return go_duration(seconds)


def clear_timeout_operations(located: Located) -> tuple[Operation, ...]:
    """No timeout; retries are Istio's default again."""
    base = tuple(tokens(located.rule.pointer))
    return remove_all(located.owner.raw, base, ("timeout", "retries"))
