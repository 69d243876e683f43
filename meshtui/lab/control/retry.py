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


def retry_policy(retries: Mapping[str, Any] | None) -> Obj | None:
    """None where retries are switched off; Istio's two attempts where nothing is said."""
    wanted = retries or {"attempts": DEFAULT_ATTEMPTS}
    attempts = int(wanted.get("attempts", 0))
    if attempts < 0:
        raise ValueError(f"attempts: {attempts}")
    if attempts == 0:
        return None
    conditions, codes = _conditions(str(wanted.get("retryOn") or DEFAULT_RETRY_ON))
    policy: Obj = {
        "retry_on": conditions,
        "num_retries": attempts,
        "retry_host_predicate": [_PREVIOUS_HOSTS],
        "host_selection_retry_max_attempts": "5",
    }
    if codes:
        policy["retriable_status_codes"] = codes
    if wanted.get("perTryTimeout"):
        policy["per_try_timeout"] = durations.envoy(wanted["perTryTimeout"])
    if wanted.get("backoff"):
        policy["retry_back_off"] = {"base_interval": durations.positive(wanted["backoff"])}
    return policy


def _conditions(retry_on: str) -> tuple[str, list[int]]:
    """A number among the conditions is a status code to retry on."""
    words = [word.strip() for word in retry_on.split(",") if word.strip()]
    codes = [int(word) for word in words if word.isdigit()]
    names = [word for word in words if not word.isdigit()]
    if codes and "retriable-status-codes" not in names:
        names.append("retriable-status-codes")
    return ",".join(names), codes
