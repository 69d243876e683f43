"""`fault` and `corsPolicy` of a rule → what the route says to Envoy's filters of that name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshtui.lab.contract import Obj
from meshtui.lab.control import durations
from meshtui.lab.control.match import string_match

FAULT = "envoy.filters.http.fault"
CORS = "envoy.filters.http.cors"
_TYPE = "type.googleapis.com/envoy.extensions.filters.http"


def per_filter(rule: Mapping[str, Any]) -> Obj:
    """`typed_per_filter_config` of the routes of a rule; empty where the rule asks for neither."""
    fault, cors = rule.get("fault"), rule.get("corsPolicy")
    return {
        **({FAULT: _fault(fault)} if fault is not None else {}),
        **({CORS: _cors(cors)} if cors is not None else {}),
    }


def fraction(percentage: Mapping[str, Any]) -> Obj:
    """A share in millionths; an empty message is none of them."""
    return {
        "numerator": int(float(percentage.get("value") or 0) * 10_000),
        "denominator": "MILLION",
    }


def _fault(fault: Mapping[str, Any]) -> Obj:
    delay, abort = fault.get("delay"), fault.get("abort")
    parts = {
        "delay": _delay(delay) if delay is not None else None,
        "abort": _abort(abort) if abort is not None else None,
    }
    config = {name: part for name, part in parts.items() if part is not None}
    return {"@type": f"{_TYPE}.fault.v3.HTTPFault", **config}


def _delay(delay: Mapping[str, Any]) -> Obj | None:
    if delay.get("fixedDelay") is None:
        return None
    percentage = delay.get("percentage")
    hundredths = {"numerator": int(delay.get("percent") or 0), "denominator": "HUNDRED"}
    return {
        "fixed_delay": durations.envoy(delay["fixedDelay"]),
        "percentage": hundredths if percentage is None else fraction(percentage),
    }


def _abort(abort: Mapping[str, Any]) -> Obj | None:
    """Without a percentage Envoy aborts nothing."""
    percentage = abort.get("percentage")
    share = {} if percentage is None else {"percentage": fraction(percentage)}
    if abort.get("httpStatus") is not None:
        return {"http_status": int(abort["httpStatus"]), **share}
    if abort.get("grpcStatus") is not None:
        return {"grpc_status": _grpc(abort["grpcStatus"]), **share}
    return None


GRPC = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)


def _grpc(status: object) -> int:
    text = str(status)
    return int(text) if text.isdigit() else GRPC.index(text.upper())


def _cors(cors: Mapping[str, Any]) -> Obj:
    """Preflights that fit no origin go on to the service unless they are to be ignored."""
    origins = [string_match(origin) for origin in cors.get("allowOrigins") or ()]
    origins = origins or [{"exact": text} for text in cors.get("allowOrigin") or ()]
    joined = {
        "allow_methods": cors.get("allowMethods"),
        "allow_headers": cors.get("allowHeaders"),
        "expose_headers": cors.get("exposeHeaders"),
    }
    age = cors.get("maxAge")
    allowed = [origin for origin in origins if origin]
    return {
        "@type": f"{_TYPE}.cors.v3.CorsPolicy",
        **({"allow_origin_string_match": allowed} if allowed else {}),
        **{key: ",".join(values) for key, values in joined.items() if values},
        **({"max_age": str(int(durations.seconds(age)))} if age else {}),
        **(
            {"allow_credentials": bool(cors["allowCredentials"])}
            if cors.get("allowCredentials") is not None
            else {}
        ),
        "filter_enabled": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
        "forward_not_matching_preflights": cors.get("unmatchedPreflights") != "IGNORE",
    }
