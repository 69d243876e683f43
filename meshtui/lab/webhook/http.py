"""The `http` rules of a VirtualService."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from meshtui.lab.control.fault import GRPC
from meshtui.lab.webhook import words
from meshtui.lab.webhook.findings import Findings
from meshtui.lab.webhook.shared import destination, destinations, gateway_names

Rule = Mapping[str, Any]

_RETRY_ON = frozenset(
    {
        "5xx", "gateway-error", "reset", "reset-before-request", "connect-failure",
        "retriable-4xx", "refused-stream", "retriable-status-codes", "retriable-headers",
        "envoy-ratelimited", "http3-post-connect-failure", "cancelled", "deadline-exceeded",
        "internal", "resource-exhausted", "unavailable",
    }
)  # fmt: skip
_STATUSES = frozenset(int(status) for status in HTTPStatus) - {103, 418} | {103, 418}
_CORS_METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*"}
)
_MEGABYTE = 1024 * 1024


def http_rule(rule: Rule, leaf: bool) -> Findings:
    """One rule; `leaf` where the VirtualService has no hosts and others delegate to it."""
    found = Findings()
    found.all_of(_conflicts(rule, leaf))
    found.add(*(_match(match or {}) for match in rule.get("match") or ()))
    found.all_of(_headers(rule.get("headers")))
    found.all_of(_cors(rule.get("corsPolicy")))
    found.add(_fault(rule.get("fault")), _mirror_share(rule))
    if rule.get("mirror") is not None:
        found.all_of(destination(rule["mirror"]))
    found.all_of(_mirrors(rule.get("mirrors") or ()))
    found.all_of([_redirect(rule.get("redirect"), rule.get("match") or [])])
    found.add(_direct(rule.get("directResponse")), _retries(rule.get("retries")))
    found.all_of([_rewrite(rule.get("rewrite")), _authority(rule)])
    found.add(_routes(rule.get("route") or []))
    if rule.get("timeout") is not None:
        found.all_of([words.duration(rule["timeout"])])
    return found


def _conflicts(rule: Rule, leaf: bool) -> Iterator[str]:
    """What a rule may not say beside something else."""
    name = str(rule.get("name") or "")
    if rule.get("delegate") is not None and not leaf:
        if rule.get("redirect") is not None:
            yield f"root HTTP route {name} must not specify redirect"
        if rule.get("route") is not None:
            yield f"root HTTP route {name} must not specify route"
        return
    if leaf and rule.get("delegate") is not None:
        yield "delegate HTTP route cannot contain delegate"
    yield from _both(rule)
    if rule.get("mirror") is not None and rule.get("mirrors"):
        yield "HTTP route cannot contain both mirror and mirrors"


def _both(rule: Rule) -> Iterator[str]:
    answer = next((k for k in ("redirect", "directResponse") if rule.get(k) is not None), None)
    if answer is None:
        if not rule.get("route"):
            yield "HTTP route, redirect or direct_response is required"
        return
    word = "redirect" if answer == "redirect" else "direct_response"
    if rule.get("route"):
        yield f"HTTP route cannot contain both route and {word}"
    if rule.get("fault") is not None:
        yield f"HTTP route cannot contain both fault and {word}"
    if rule.get("rewrite") is not None:
        yield f"HTTP route rule cannot contain both rewrite and {word}"
    if answer == "redirect" and rule.get("directResponse") is not None:
        yield "HTTP route rule cannot contain both direct_response and redirect"


def _match(match: Rule) -> Findings:
    found = Findings()
    for name, value in (match.get("headers") or {}).items():
        found.all_of([words.header_match(name), words.text_match(value, "headers")])
    for name, value in (match.get("withoutHeaders") or {}).items():
        found.all_of([words.header_match(name)])
        if value and value.get("regex") != "*":
            found.all_of([words.text_match(value, "withoutHeaders")])
    found.all_of([words.expression_match(match.get("uri"), "uri")])
    found.all_of(words.text_match(match.get(k), k) for k in ("scheme", "method", "authority"))
    for value in (match.get("queryParams") or {}).values():
        found.all_of([words.text_match(value, "queryParams")])
    if match.get("port"):
        found.all_of([words.port(match["port"])])
    found.all_of([words.labels(match.get("sourceLabels"))])
    found.add(gateway_names(match.get("gateways") or []))
    namespace = str(match.get("sourceNamespace") or "")
    if namespace and not words.is_label(namespace):
        found.error(f"sourceNamespace match {namespace} is invalid")
    return found


def _headers(headers: Rule | None) -> Iterator[str | None]:
    """Header operations of a rule or a destination."""
    for side in ("request", "response"):
        changes = (headers or {}).get(side) or {}
        for verb in ("add", "set"):
            for name, value in (changes.get(verb) or {}).items():
                yield words.header_set(name, side == "request")
                yield words.header_value(str(value))
        for name in changes.get("remove") or ():
            yield words.header_set(str(name), False)


def _cors(policy: Rule | None) -> Iterator[str | None]:
    chosen = policy or {}
    for origin in chosen.get("allowOrigins") or ():
        text = next((v for v in (origin or {}).values()), "")
        if not text:
            yield "'' is not a valid match type for CORS allow origins"
        else:
            yield words.expression_match(origin, "corsPolicy.allowOrigins")
    for method in chosen.get("allowMethods") or ():
        if method not in _CORS_METHODS:
            yield f"{words.quoted(method)} is not a supported HTTP method"
    for name in [*(chosen.get("allowHeaders") or ()), *(chosen.get("exposeHeaders") or ())]:
        yield words.cors_header(name)
    if chosen.get("maxAge") is not None:
        yield words.duration(chosen["maxAge"])


def _fault(fault: Rule | None) -> Findings:
    found = Findings()
    if fault is None:
        return found
    abort, delay = fault.get("abort"), fault.get("delay")
    if abort is None and delay is None:
        found.error("HTTP fault injection must have an abort and/or a delay", listed=True)
    if abort is not None:
        found.add(_abort(abort))
    if delay is not None:
        found.all_of([words.percentage(delay.get("percentage"))])
        if delay.get("fixedDelay") is not None:
            found.all_of([words.duration(delay["fixedDelay"])])
        elif delay.get("exponentialDelay") is not None:
            found.all_of([words.duration(delay["exponentialDelay"])])
            found.error("exponentialDelay not supported yet", listed=True)
    return found


def _abort(abort: Rule) -> Findings:
    found = Findings()
    found.all_of([words.percentage(abort.get("percentage"))])
    if abort.get("grpcStatus") is not None:
        if abort["grpcStatus"] not in GRPC:
            found.error(
                f"gRPC status {words.quoted(str(abort['grpcStatus']))} is not supported. See "
                "https://github.com/grpc/grpc/blob/master/doc/statuscodes.md for a list of "
                "supported codes, for example 'NOT_FOUND'"
            )
    elif abort.get("http2Error") is not None:
        found.error("HTTP/2 abort fault injection not supported yet")
    elif abort.get("httpStatus") is not None:
        found.all_of([_status(abort["httpStatus"])])
    else:
        found.warn("abort configured, but error type not set")
    return found


def _status(status: Any) -> str | None:
    number = int(status or 0)
    return None if 200 <= number <= 600 else f"HTTP status {number} is not in range 200-599"


def _mirror_share(rule: Rule) -> Findings:
    found = Findings()
    older = rule.get("mirrorPercent", rule.get("mirror_percent"))
    if older is not None:
        if int(older) > 100:
            found.error(f"mirror_percent must have a max value of 100 (it has {older})")
        found.warn('using deprecated setting "mirrorPercent", use "mirrorPercentage" instead')
    found.all_of([_share(rule.get("mirrorPercentage"), "mirror_percentage")])
    return found


def _share(percentage: Rule | None, name: str) -> str | None:
    value = float((percentage or {}).get("value") or 0)
    if value > 100:
        return f"{name} must have a max value of 100 (it has {value:f})"
    return f"{name} must have a min value of 0 (it has {value:f})" if value < 0 else None


def _mirrors(mirrors: Any) -> Iterator[str | None]:
    for mirror in mirrors:
        if mirror is None:
            yield "mirror cannot be null"
        elif mirror.get("destination") is None:
            yield "destination is required for mirrors"
        else:
            yield from destination(mirror["destination"])
            yield _share(mirror.get("percentage"), "mirror percentage")


def _redirect(redirect: Rule | None, matches: list[Rule]) -> str | None:
    if redirect is None:
        return None
    uri, prefix = redirect.get("uri"), redirect.get("prefixRewrite")
    port = redirect.get("port")
    has_port = port is not None or redirect.get("derivePort") is not None
    code = int(redirect.get("redirectCode") or 0)
    if uri and prefix:
        return "redirect may only specify one of uri or prefix_rewrite"
    others = [match["uri"] for match in matches if match and match.get("uri") is not None]
    if prefix and any("prefix" not in other for other in others):
        return "redirect prefix_rewrite requires all URI matches to use prefix match type"
    if not (uri or prefix or redirect.get("authority") or has_port or redirect.get("scheme")):
        return "redirect must specify URI, authority, scheme, or port"
    if code and not 300 <= code <= 399:
        return f"{code} is not a valid redirect code, must be 3xx"
    if redirect.get("scheme") not in (None, "", "http", "https"):
        return 'invalid redirect scheme, must be "http" or "https"'
    return words.port(port) if port else None


def _direct(response: Rule | None) -> Findings:
    found = Findings()
    if response is None:
        return found
    body = response.get("body") or {}
    size = len(str(body.get("string") or body.get("bytes") or ""))
    if size > _MEGABYTE:
        found.error(
            "large direct_responses may impact control plane performance, must be less than 1MB"
        )
    elif size > _MEGABYTE // 10:
        found.warn("large direct_responses may impact control plane performance")
    found.all_of([_status(response.get("status"))])
    return found


def _retries(retries: Rule | None) -> Findings:
    found = Findings()
    chosen = retries or {}
    attempts = int(chosen.get("attempts") or 0)
    if attempts < 0:
        found.error("attempts cannot be negative", listed=True)
    configured = chosen.get("perTryTimeout") is not None or chosen.get("retryOn")
    if attempts == 0 and (configured or chosen.get("retryRemoteLocalities") is not None):
        found.error("http retry policy configured when attempts are set to 0 (disabled)")
    if chosen.get("perTryTimeout") is not None:
        found.all_of([words.duration(chosen["perTryTimeout"])])
    for policy in str(chosen.get("retryOn") or "").split(",") if chosen.get("retryOn") else ():
        code = int(policy) if policy.isdecimal() else 0
        if code not in _STATUSES and policy not in _RETRY_ON:
            found.error(f"{words.quoted(policy)} is not a valid retryOn policy")
    if chosen.get("backoff") is not None:
        found.all_of([words.duration(chosen["backoff"])])
    return found


def _rewrite(rewrite: Rule | None) -> str | None:
    if rewrite is None:
        return None
    uri, by_regex = rewrite.get("uri"), rewrite.get("uriRegexRewrite")
    if uri and by_regex is not None:
        return "rewrite may only contain one of URI or UriRegexRewrite"
    if not uri and by_regex is None and not rewrite.get("authority"):
        return (
            "rewrite must specify at least one of URI, UriRegexRewrite, or authority. "
            "Only one of URI or UriRegexRewrite may be specified"
        )
    if by_regex is None:
        return None
    wrong = _regex_rewrite(by_regex)
    return f"UriRegexRewrite has errors\n{wrong}" if wrong else None


def _regex_rewrite(rewrite: Rule) -> str | None:
    if not rewrite.get("match") or not rewrite.get("rewrite"):
        return "UriRegexRewrite requires both Rewrite and Match fields to be specified"
    return words.expression(str(rewrite["match"]), "HTTPRewrite.UriRegexRewrite.Match")


def _authority(rule: Rule) -> str | None:
    """The host may be changed in one place only."""
    current = str((rule.get("rewrite") or {}).get("authority") or "")
    request = (rule.get("headers") or {}).get("request") or {}
    for verb in ("set", "add"):
        for name, value in (request.get(verb) or {}).items():
            if not words.is_authority(name):
                continue
            if current:
                return (
                    "authority header cannot be set multiple times: "
                    f"have {words.quoted(current)}, attempting to set {words.quoted(str(value))}"
                )
            current = str(value)
    return None


def _routes(entries: list[Rule]) -> Findings:
    found = Findings()
    found.add(destinations(entries, _headers))
    return found
