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
MILLION = 1_000_000


def per_filter(rule: Mapping[str, Any]) -> Obj:
    """`typed_per_filter_config` of the routes of a rule; empty where the rule asks for neither."""
    found = {FAULT: _fault(rule.get("fault") or {}), CORS: _cors(rule.get("corsPolicy") or {})}
    return {name: config for name, config in found.items() if config}


def fraction(percentage: Mapping[str, Any] | None) -> Obj | None:
    """A share in millionths; no percentage means no fault at all (istio-facts.md)."""
    value = float((percentage or {}).get("value", 0))
    if not 0 <= value <= 100:
        raise ValueError(f"not a percentage: {value}")
    return {"numerator": round(value * 10_000), "denominator": "MILLION"} if value else None


def _fault(fault: Mapping[str, Any]) -> Obj:
    parts = {"delay": _delay(fault.get("delay") or {}), "abort": _abort(fault.get("abort") or {})}
    config = {name: part for name, part in parts.items() if part}
    return {"@type": f"{_TYPE}.fault.v3.HTTPFault", **config} if config else {}


def _delay(delay: Mapping[str, Any]) -> Obj:
    share = fraction(delay.get("percentage") or {"value": delay.get("percent", 0)})
    if not share or not delay.get("fixedDelay"):
        return {}
    return {"fixed_delay": durations.envoy(delay["fixedDelay"]), "percentage": share}


def _abort(abort: Mapping[str, Any]) -> Obj:
    share = fraction(abort.get("percentage"))
    if not share:
        return {}
    if "httpStatus" in abort:
        status = int(abort["httpStatus"])
        if not 200 <= status < 600:
            raise ValueError(f"not an HTTP status: {status}")
        return {"http_status": status, "percentage": share}
    return {"grpc_status": _grpc(abort["grpcStatus"]), "percentage": share}


_GRPC = (
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
    return int(text) if text.isdigit() else _GRPC.index(text.upper())


def _cors(cors: Mapping[str, Any]) -> Obj:
    if not cors:
        return {}
    origins = [string_match(origin) for origin in cors.get("allowOrigins") or ()]
    joined = {
        "allow_methods": cors.get("allowMethods"),
        "allow_headers": cors.get("allowHeaders"),
        "expose_headers": cors.get("exposeHeaders"),
    }
    age = cors.get("maxAge")
    return {
        "@type": f"{_TYPE}.cors.v3.CorsPolicy",
        "allow_origin_string_match": [origin for origin in origins if origin],
        **{key: ",".join(values) for key, values in joined.items() if values},
        **({"max_age": str(int(durations.seconds(age)))} if age else {}),
        **(
            {"allow_credentials": bool(cors["allowCredentials"])}
            if "allowCredentials" in cors
            else {}
        ),
    }
