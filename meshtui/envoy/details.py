"""What Envoy's response code details mean.

From Envoy's documentation ("Response Code Details"), the names its filters give, and what real
Envoys answered: `tests/lab/test_words_provoked.py` makes each of them, or says that it does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_MEANINGS: Mapping[str, str] = {
    "via_upstream": "The upstream gave this answer itself.",
    "direct_response": "The route answers by itself, without an upstream.",
    "route_not_found": "No route takes this host and path.",
    "route_configuration_not_found": "The proxy has no routes for this host yet.",
    "cluster_not_found": "The route names a cluster the proxy does not have.",
    "no_healthy_upstream": "The cluster has no endpoint that may be used.",
    "maintenance_mode": "The cluster is in maintenance mode.",
    "overload": "The proxy is overloaded and turns requests away.",
    "response_timeout": "The upstream did not answer, or not to the end, within the rule's timeout"
    " or a gRPC caller's deadline.",
    "upstream_per_try_timeout": "The upstream did not answer within the timeout of one try.",
    "upstream_max_stream_duration_reached": "The stream lasted longer than is allowed.",
    "max_duration_timeout": "The request lasted longer than is allowed.",
    "duration_timeout": "The connection lasted longer than is allowed.",
    "request_overall_timeout": "The caller did not send its request in time.",
    "stream_idle_timeout": "Nothing was sent on the stream for too long.",
    "upstream_reset_before_response_started": "The upstream's stream ended before an answer.",
    "upstream_reset_after_response_started": "The upstream's stream ended within the answer.",
    "downstream_remote_disconnect": "The caller hung up.",
    "downstream_local_disconnect": "The proxy hung up on the caller: it shuts down, or drains.",
    "fault_filter_abort": "A fault rule answered instead of the upstream.",
    "rbac_access_denied_matched_policy": "An AuthorizationPolicy refuses the caller.",
    "ext_authz_denied": "The external authorization service refuses the request.",
    "ext_authz_error": "The external authorization service failed or could not be asked.",
    "jwt_authn_access_denied": "The request's token is missing or is not accepted.",
    "request_rate_limited": "The rate limit service turned the request away.",
    "local_rate_limited": "A local rate limit turned the request away.",
    "request_payload_too_large": "The request's body is larger than is allowed.",
    "request_payload_exceeded_retry_buffer_limit": "The body is too large to be sent again.",
    "response_payload_too_large": "The answer is larger than is allowed.",
    "missing_host_header": "The request names no host.",
    "missing_path_rejected": "The request has no path.",
    "absolute_path_rejected": "The request's path is a whole URL, which is not allowed.",
    "path_normalization_failed": "The path could not be brought into its normal form.",
    "upgrade_failed": "An upgrade was asked for that is not allowed.",
    "internal_redirect": "The answer was followed to another place.",
    "http2.remote_reset": "The caller took its request back: its deadline is over, or it cancels.",
    "http2.violation.of.messaging.rule": "What the caller sent is not valid HTTP/2.",
    "http1.codec_error": "What the caller sent is not valid HTTP/1.1.",
    "filter_chain_not_found": "No filter chain of the listener takes this connection.",
}
_RESETS: Mapping[str, str] = {
    "connection_failure": "the connection could not be made",
    "remote_connection_failure": "the connection could not be made",
    "local_connection_failure": "the proxy could not open a connection",
    "connection_timeout": "the connection was not made in time",
    "connection_termination": "the connection was closed",
    "overflow": "a circuit breaker's limit was reached",
    "local_reset": "the proxy reset the stream",
    "remote_reset": "the upstream reset the stream",
    "protocol_error": "one side did not speak valid HTTP",
}


DETAILS = (*_MEANINGS, *_RESETS)
"""All names that are explained."""

_REFUSED_RETRY = (
    "The upstream gave this answer itself. It was to be tried again, and the circuit breaker "
    "refused that: the answer before stands."
)


_POLICY = re.compile(
    r"rbac_access_denied_matched_policy\["
    r"(?:istio-ext-authz-(?P<provider>.{1,253}?)-)?"
    r"ns\[(?P<namespace>.+?)\]-policy\[(?P<name>.+?)\]-rule\[(?P<rule>\d+)\]"
    r"(?P<bad>-deny-due-to-bad-CUSTOM-action)?\]"
)
"""With a provider where a CUSTOM policy asks one, and the end where istiod knows none of that name,
or cannot use it: it has the proxies deny what the rules name (seen on a real istiod)."""


def denying_policy(details: str) -> tuple[str, str, int] | None:
    """Namespace and name of the AuthorizationPolicy that denied, and which of its rules.

    None where none did, or where no ALLOW policy let the caller in (`matched_policy[none]`).
    """
    found = _POLICY.fullmatch(details)
    if found is None or len(found["rule"]) >= 9:
        return None
    return found["namespace"], found["name"], int(found["rule"])


def explain_details(details: str, flags: Iterable[str] = ()) -> str:
    """A sentence or two; empty for what is not in the tables. `flags` are of the same request."""
    name, brace, rest = details.partition("{")
    if name == "rbac_access_denied_matched_policy[none]":
        return "No AuthorizationPolicy allows the caller."
    bad = _POLICY.fullmatch(name)
    if bad is not None and bad["bad"]:
        provider = f" {bad['provider']}" if bad["provider"] else ""
        return (
            f"istiod can't use the provider{provider} of this CUSTOM policy (extensionProviders in "
            "meshConfig): the proxies deny what its rules name."
        )
    name = name.partition("[")[0].partition("(")[0]
    if name == "via_upstream" and "UO" in flags:
        return _REFUSED_RETRY
    meaning = _MEANINGS.get(name, "")
    reason = rest.partition("}")[0].partition("|")[0].lower() if brace else ""
    why = next((words for key, words in _RESETS.items() if reason == key), "")
    if not why:
        return meaning
    return f"{meaning.removesuffix('.')}: {why}." if meaning else f"{why.capitalize()}."
