"""`retries` of a rule → Envoy's retry policy, with Istio's defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshtui.lab.contract import Obj
from meshtui.lab.control import durations

DEFAULT_RETRY_ON = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"
DEFAULT_ATTEMPTS = 2
_PREVIOUS_HOSTS = {
    "name": "envoy.retry_host_predicates.previous_hosts",
    "typed_config": {
        "@type": "type.googleapis.com/"
        "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
    },
}

_PREVIOUS_PRIORITIES = {
    "name": "envoy.retry_priorities.previous_priorities",
    "typed_config": {
        "@type": "type.googleapis.com/"
        "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
        "update_frequency": 2,
    },
}
_STATUSES = range(100, 600)


def retry_policy(retries: Mapping[str, Any] | None, hashed: bool = False) -> Obj | None:
    """None where retries are switched off; Istio's two attempts where nothing is said.

    Where one destination is chosen by a hash, another host is not looked for.
    """
    wanted: Mapping[str, Any] = {"attempts": DEFAULT_ATTEMPTS} if retries is None else retries
    attempts = int(wanted.get("attempts") or 0)
    if attempts <= 0:
        return None
    conditions, codes = _conditions(str(wanted.get("retryOn") or DEFAULT_RETRY_ON))
    another = wanted.get("retryIgnorePreviousHosts")
    policy: Obj = {
        "retry_on": conditions,
        "num_retries": attempts,
        "host_selection_retry_max_attempts": "5",
    }
    if another if another is not None else not hashed:
        policy["retry_host_predicate"] = [_PREVIOUS_HOSTS]
    if wanted.get("retryRemoteLocalities"):
        policy["retry_priority"] = _PREVIOUS_PRIORITIES
    if codes:
        policy["retriable_status_codes"] = codes
    if wanted.get("perTryTimeout"):
        policy["per_try_timeout"] = durations.envoy(wanted["perTryTimeout"])
    if wanted.get("backoff"):
        policy["retry_back_off"] = {"base_interval": durations.positive(wanted["backoff"])}
    return policy


def _conditions(retry_on: str) -> tuple[str, list[int]]:
    """A status among the conditions is one to retry on."""
    words = [word.strip() for word in retry_on.split(",")]
    codes = [int(word) for word in words if word.isdecimal() and int(word) in _STATUSES]
    names = [word for word in words if not (word.isdecimal() and int(word) in _STATUSES)]
    conditions = ",".join(names)
    if codes and "retriable-status-codes" not in conditions:
        conditions += ",retriable-status-codes"
    return conditions, codes
