"""Retries: within the timeout, beside faults, and of requests that should not be done twice."""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshtui.diagnosis.analysis.finding import INFO, WARNING, Finding
from meshtui.diagnosis.analysis.lookup import rule_path
from meshtui.mesh.model import Match, Mesh, Retries, Rule, StringMatch, VirtualService
from meshtui.mesh.quantity import go_duration

AFTER_PROCESSING = frozenset(
    {
        "5xx",
        "gateway-error",
        "reset",
        "retriable-4xx",
        "retriable-headers",
        "deadline-exceeded",
        "internal",
    }
)
"""Envoy's conditions under which the upstream may have done the work already."""

REFUSED_STATUS = ("425", "429")
"""Codes that say that the request was not processed."""

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def _retrying(mesh: Mesh) -> Iterator[tuple[VirtualService, Rule, Retries]]:
    """The rules that set retries and do not switch them off."""
    for service in mesh.virtual_services:
        for rule in service.rules:
            if rule.retries is not None and rule.retries.attempts != 0:
                yield service, rule, rule.retries


def retry_budget(mesh: Mesh) -> Iterator[Finding]:
    """`perTryTimeout × (attempts + 1)` above the timeout: the last tries never happen.

    Slow failures use the time up; only fast ones are retried as often as written.
    """
    for service, rule, retries in _retrying(mesh):
        per_try, attempts = retries.per_try_timeout_s, retries.attempts
        if not rule.timeout_s or not per_try or attempts is None:
            continue
        needed = per_try * (attempts + 1)
        if needed > rule.timeout_s + 1e-9:
            yield Finding(
                "retry-budget",
                WARNING,
                service.ref,
                f"{rule_path(rule)}.retries",
                f"{attempts + 1} tries of {go_duration(per_try)} need {go_duration(needed)} and "
                f"the timeout is {go_duration(rule.timeout_s)}: the last tries never happen when "
                "the upstream is slow.",
                "Lower perTryTimeout or attempts, or raise the timeout.",
            )


def slow_tries(mesh: Mesh) -> Iterator[Finding]:
    """`perTryTimeout` beside conditions that do not hold for a try that ran into it."""
    for service, rule, retries in _retrying(mesh):
        if rule.protocol == "http" and retries.per_try_timeout_s and retries.ends_slow_tries:
            yield Finding(
                "slow-try-ends",
                INFO,
                service.ref,
                f"{rule_path(rule)}.retries.perTryTimeout",
                f"A try that takes longer than {go_duration(retries.per_try_timeout_s)} is not "
                f"made again, it ends the request: {_lacking(retries)} for it.",
                "Add gateway-error to retryOn, or give the rule a timeout in place of "
                "perTryTimeout.",
            )


def _lacking(retries: Retries) -> str:
    if not retries.retry_on:
        return "without retryOn none of Istio's conditions holds"
    return f"retryOn ({retries.retry_on}) has no condition that holds"


def retries_with_fault(mesh: Mesh) -> Iterator[Finding]:
    """A fault beside retries or a timeout: those do not apply to what the fault does."""
    for service in mesh.virtual_services:
        for rule in service.rules:
            beside = _beside(rule) if rule.fault and rule.fault.active else ""
            if beside:
                yield Finding(
                    "retries-with-fault",
                    WARNING,
                    service.ref,
                    f"{rule_path(rule)}.{beside}",
                    f"The fault of rule {rule.title} is injected in front of its {beside}: "
                    "neither retries nor timeouts act on it, so they are not put to the test.",
                    "To test them, inject the fault into a route further down the call chain.",
                )


def _beside(rule: Rule) -> str:
    if rule.retries is not None and rule.retries.attempts != 0:
        return "retries"
    delayed = rule.fault is not None and rule.fault.delay_percent > 0
    return "timeout" if rule.timeout_s and delayed else ""


def unsafe_retry(mesh: Mesh) -> Iterator[Finding]:
    """Retries of requests that may have been processed and may change something.

    Said where `retryOn` names a condition that holds after the request was sent whole (5xx, a
    reset, a deadline …) and the matches let other methods than GET, HEAD, OPTIONS and TRACE in.
    A warning where a match names such a method; an info where any method may come, because only
    the operator knows which do. Istio's default conditions are safe.
    """
    for service, rule, retries in _retrying(mesh):
        conditions = [c for c in retries.conditions if _is_overdue(c)]
        if rule.protocol != "http" or not conditions or _all_safe(rule):
            continue
        named = sorted({m for match in rule.matches if (m := _unsafe_method(match))})
        what = ", ".join(named) or "POST, PUT, PATCH and DELETE, if they come here,"
        yield Finding(
            "unsafe-retry",
            WARNING if named else INFO,
            service.ref,
            f"{rule_path(rule)}.retries.retryOn",
            f"{what} may be done twice: {', '.join(conditions)} also holds after the upstream "
            "did the work.",
            "Match the methods that are safe to repeat, or retry on connect-failure and "
            "refused-stream only.",
        )


def _is_overdue(condition: str) -> bool:
    if condition.isdigit():
        return condition not in REFUSED_STATUS
    return condition in AFTER_PROCESSING


def _all_safe(rule: Rule) -> bool:
    return bool(rule.matches) and all(_is_safe(match.method) for match in rule.matches)


def _is_safe(method: StringMatch | None) -> bool:
    if method is None or method.kind not in ("exact", "regex"):
        return False
    if method.kind == "exact":
        return method.value in SAFE
    names = re.sub(r"^\^?\(?(\?:)?|\)?\$?$", "", method.value).split("|")
    return all(name in SAFE for name in names)


def _unsafe_method(match: Match) -> str:
    method = match.method
    if method is None or method.kind != "exact" or method.value in SAFE:
        return ""
    return method.value
