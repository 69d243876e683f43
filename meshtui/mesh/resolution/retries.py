"""The retry policy of a route (pilot/pkg/networking/core/route/retry)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from meshtui.mesh import read
from meshtui.mesh.istio import Json
from meshtui.mesh.resolution.durations import envoy_duration

DEFAULT_ON = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"
DEFAULT_ATTEMPTS = 2
_BY_CODE = "retriable-status-codes"
_OTHER_HOSTS = [
    {
        "name": "envoy.retry_host_predicates.previous_hosts",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3."
            "PreviousHostsPredicate"
        },
    }
]
_OTHER_LOCALITIES = {
    "name": "envoy.retry_priorities.previous_priorities",
    "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3."
        "PreviousPrioritiesConfig",
        "update_frequency": 2,
    },
}
_CODES = frozenset({*(status.value for status in HTTPStatus)})


def retry_policy(retries: Json | None, hashed: bool) -> Json | None:
    """Envoy's retry policy; None where there are no retries.

    `retries` None is Istio's default; `{}`, no attempts or 0 of them switch retries off. With
    consistent hashing the default does not look for another host.
    """
    policy: dict[str, Any] = {
        "retry_on": DEFAULT_ON,
        "num_retries": DEFAULT_ATTEMPTS,
        "host_selection_retry_max_attempts": "5",
    }
    if not hashed:
        policy["retry_host_predicate"] = _OTHER_HOSTS
    if retries is None:
        return policy
    attempts = read.integer(retries, "attempts")
    if attempts <= 0:
        return None
    policy["num_retries"] = attempts
    policy |= _conditions(read.text(retries, "retryOn"))
    if timeout := envoy_duration(retries.get("perTryTimeout")):
        policy["per_try_timeout"] = timeout
    _other_hosts(policy, retries)
    if interval := envoy_duration(retries.get("backoff")):
        policy["retry_back_off"] = {"base_interval": interval}
    return policy


def _conditions(retry_on: str) -> Json:
    """Numbers that are HTTP statuses become codes; other numbers stay words."""
    if not retry_on:
        return {}
    parts = [part.strip() for part in retry_on.split(",") if part.strip()]
    codes = [int(part) for part in parts if _is_code(part)]
    words = ",".join(part for part in parts if not _is_code(part))
    if codes and _BY_CODE not in words:
        words += f",{_BY_CODE}"
    return {"retry_on": words, **({"retriable_status_codes": codes} if codes else {})}


def _is_code(part: str) -> bool:
    return part.isascii() and part.isdigit() and len(part) < 5 and int(part) in _CODES


def _other_hosts(policy: dict[str, Any], retries: Json) -> None:
    ignore = retries.get("retryIgnorePreviousHosts")
    if ignore is True:
        policy["retry_host_predicate"] = _OTHER_HOSTS
    elif ignore is False:
        policy.pop("retry_host_predicate", None)
    if retries.get("retryRemoteLocalities") is True:
        policy["retry_priority"] = _OTHER_LOCALITIES
