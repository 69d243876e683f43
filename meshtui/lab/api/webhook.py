"""istiod's validating webhook: what the schema cannot say of a VirtualService.

Messages as recorded of a real istiod; rules of
https://github.com/istio/istio/blob/master/pkg/config/validation/virtualservice.go
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from meshtui.lab.api import status
from meshtui.lab.contract import Kind, Obj

NAME = "validation.istio.io"

# https://github.com/istio/istio/blob/master/pkg/config/validation/validation.go
_RETRY_ON = frozenset(
    {
        "5xx",
        "gateway-error",
        "reset",
        "reset-before-request",
        "connect-failure",
        "envoy-ratelimited",
        "refused-stream",
        "retriable-4xx",
        "retriable-headers",
        "retriable-status-codes",
        "http3-post-connect-failure",
        "cancelled",
        "deadline-exceeded",
        "internal",
        "resource-exhausted",
        "unavailable",
    }
)


@dataclass(frozen=True, slots=True)
class Review:
    """What is wrong with an object, and what it is accepted with a warning for."""

    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def admit(kind: Kind, obj: Obj) -> tuple[str, ...]:
    """The warnings for an object that passes; a denial as `ApiError`."""
    reviewer = _REVIEWERS.get((kind.group, kind.plural))
    review = reviewer(obj) if reviewer else Review()
    if review.errors:
        said = _joined(review.errors)
        raise status.denied(NAME, f"configuration is invalid: {said}")
    return review.warnings


def _joined(errors: tuple[str, ...]) -> str:
    """As hashicorp's multierror prints several."""
    if len(errors) == 1:
        return errors[0]
    lines = "".join(f"\n\t* {error}" for error in errors)
    return f"{len(errors)} errors occurred:{lines}\n\n"


def _virtual_service(obj: Obj) -> Review:
    rules = (obj.get("spec") or {}).get("http") or []
    errors = [error for rule in rules for error in _http_rule(rule)]
    return Review(tuple(errors), tuple(_unreachable(rules)))


def _http_rule(rule: Obj) -> Iterator[str]:
    if not any(rule.get(key) for key in ("route", "redirect", "directResponse", "delegate")):
        yield "HTTP route, redirect or direct_response is required"
    if rule.get("mirror") and rule.get("mirrors"):
        yield "HTTP route cannot contain both mirror and mirrors"
    share = (rule.get("mirrorPercentage") or {}).get("value", 0)
    if share > 100:
        yield f"mirror_percentage must have a max value of 100 (it has {share:f})"
    yield from _destinations(rule.get("route") or [])
    yield from _abort((rule.get("fault") or {}).get("abort") or {})
    yield from _retries(rule.get("retries") or {})


def _destinations(route: list[Obj]) -> Iterator[str]:
    weights = [destination.get("weight") or 0 for destination in route]
    yield from (f"weight {weight} < 0" for weight in weights if weight < 0)
    if len(weights) > 1 and sum(weights) == 0:
        yield "total destination weight = 0"


def _abort(abort: Obj) -> Iterator[str]:
    code = abort.get("httpStatus")
    if code is not None and not 200 <= code <= 599:
        yield f"HTTP status {code} is not in range 200-599"


def _retries(retries: Obj) -> Iterator[str]:
    for policy in filter(None, str(retries.get("retryOn") or "").split(",")):
        if policy not in _RETRY_ON and not _is_http_status(policy):
            yield f'"{policy}" is not a valid retryOn policy'


def _is_http_status(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) in set(HTTPStatus)


def _unreachable(rules: list[Any]) -> Iterator[str]:
    taken = False
    for index, rule in enumerate(rules):
        if taken:
            name = f" {rule['name']}" if rule.get("name") else f" #{index}"
            yield f"virtualService rule{name} not used (route without matches defined before)"
        taken = taken or not rule.get("match")


_REVIEWERS: dict[tuple[str, str], Callable[[Obj], Review]] = {
    ("networking.istio.io", "virtualservices"): _virtual_service
}
