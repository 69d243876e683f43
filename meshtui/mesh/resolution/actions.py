"""What a route does beside sending on: redirects, direct responses, faults, CORS, hashing.

From istiod (pilot/pkg/networking/core/route). What is made is the JSON of Envoy's messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshtui.mesh import read
from meshtui.mesh.flags import GRPC_CODES
from meshtui.mesh.istio import Json
from meshtui.mesh.resolution.durations import envoy_duration, whole_seconds
from meshtui.mesh.resolution.matches import string_match

FAULT, CORS = "envoy.filters.http.fault", "envoy.filters.http.cors"
_FAULT_TYPE = "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"
_CORS_TYPE = "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_REDIRECT_CODES = {
    0: None,
    301: None,
    302: "FOUND",
    303: "SEE_OTHER",
    307: "TEMPORARY_REDIRECT",
    308: "PERMANENT_REDIRECT",
}


def redirect(raw: Json, port: int, tls: bool) -> Json | None:
    """A redirect as seen on a listener's port; None for a code that istiod makes nothing of."""
    code = read.integer(raw, "redirectCode")
    if code not in _REDIRECT_CODES:
        return None
    rewrite = read.text(raw, "prefixRewrite")
    scheme = read.text(raw, "scheme")
    found: dict[str, Any] = {
        "host_redirect": read.text(raw, "authority"),
        "scheme_redirect": scheme,
        "port_redirect": _redirect_port(raw, port, scheme or ("https" if tls else "http")),
        "response_code": _REDIRECT_CODES[code],
    }
    path = {"prefix_rewrite": rewrite} if rewrite else {"path_redirect": read.text(raw, "uri")}
    return {**path, **{key: value for key, value in found.items() if value}}


def _redirect_port(raw: Json, listener: int, scheme: str) -> int:
    """0 where the Host header's port stays: so it is for the scheme's default port."""
    port = read.integer(raw, "port")
    if raw.get("derivePort") == "FROM_REQUEST_PORT":
        port = listener
    return 0 if _DEFAULT_PORTS.get(scheme) == port else port


def direct_response(raw: Json) -> Json:
    found: dict[str, Any] = {"status": read.integer(raw, "status")}
    body = read.obj(raw, "body")
    for key, field in (("string", "inline_string"), ("bytes", "inline_bytes")):
        if isinstance(body.get(key), str):
            found["body"] = {field: body[key]}
    return found


def percentage(raw: Any) -> Json:
    """Of a million, cut off behind the sixth decimal; a number that is missing is 0."""
    return fraction(int(read.decimal(raw, "value") * 10_000), "MILLION")


def fraction(numerator: int, denominator: str = "") -> Json:
    found: dict[str, Any] = {"numerator": numerator} if numerator > 0 else {}
    return {**found, "denominator": denominator} if denominator else found


def mirror_fraction(percent: Any, whole: Any = None) -> Json | None:
    """What part of the requests is mirrored; None for no mirror.

    `{}` and 0 are no mirror; neither `percent` nor the older `whole` per cent is all of them.
    """
    if isinstance(percent, Mapping):
        return percentage(percent) if read.decimal(percent, "value") > 0 else None
    if isinstance(whole, int) and not isinstance(whole, bool):
        return fraction(whole) if whole > 0 else None
    return fraction(100)


def fault(raw: Json) -> Json:
    """The fault filter's configuration for a route; a part that istiod can't build is left out."""
    found: dict[str, Any] = {"@type": _FAULT_TYPE}
    delay, abort = raw.get("delay"), raw.get("abort")
    if isinstance(delay, Mapping) and (fixed := envoy_duration(delay.get("fixedDelay"))):
        found["delay"] = {"fixed_delay": fixed, "percentage": _delay_part(delay)}
    if isinstance(abort, Mapping) and (status := _abort_status(abort)):
        part = abort.get("percentage")
        share = {"percentage": percentage(part)} if isinstance(part, Mapping) else {}
        found["abort"] = {**status, **share}
    return found


def _delay_part(delay: Json) -> Json:
    part = delay.get("percentage")
    if isinstance(part, Mapping):
        return percentage(part)
    return fraction(read.integer(delay, "percent"))


def _abort_status(abort: Json) -> Json | None:
    if isinstance(abort.get("httpStatus"), int):
        return {"http_status": read.integer(abort, "httpStatus")}
    grpc = read.text(abort, "grpcStatus")
    return {"grpc_status": GRPC_CODES.get(grpc, 0)} if grpc else None


def cors(raw: Json) -> Json:
    origins = [string_match(entry) for entry in read.objects(raw, "allowOrigins")]
    if "allowOrigins" not in raw:
        origins = [{"exact": origin} for origin in read.texts(raw, "allowOrigin")]
    origins = [origin for origin in origins if origin]
    found: dict[str, Any] = {
        "@type": _CORS_TYPE,
        "filter_enabled": {"default_value": fraction(100)},
        "forward_not_matching_preflights": raw.get("unmatchedPreflights") != "IGNORE",
    }
    if origins:
        found["allow_origin_string_match"] = origins
    for key, field in (
        ("allowHeaders", "allow_headers"),
        ("allowMethods", "allow_methods"),
        ("exposeHeaders", "expose_headers"),
    ):
        if joined := ",".join(read.texts(raw, key)):
            found[field] = joined
    if isinstance(raw.get("allowCredentials"), bool):
        found["allow_credentials"] = raw["allowCredentials"]
    if "maxAge" in raw:
        found["max_age"] = str(whole_seconds(raw["maxAge"]))
    return found


def hash_policy(consistent: Json | None) -> Json | None:
    """How a route's requests are hashed; None where the load balancer does not hash them."""
    if consistent is None:
        return None
    if header := read.text(consistent, "httpHeaderName"):
        return {"header": {"header_name": header}}
    if isinstance(consistent.get("httpCookie"), Mapping):
        return {"cookie": _cookie(read.obj(consistent, "httpCookie"))}
    if isinstance(consistent.get("useSourceIp"), bool):
        used = {"source_ip": True} if consistent["useSourceIp"] else {}
        return {"connection_properties": used}
    if name := read.text(consistent, "httpQueryParameterName"):
        return {"query_parameter": {"name": name}}
    return None


def _cookie(raw: Json) -> Json:
    found: dict[str, Any] = {"name": read.text(raw, "name")}
    if ttl := envoy_duration(raw.get("ttl")):
        found["ttl"] = ttl
    if path := read.text(raw, "path"):
        found["path"] = path
    attributes = [
        {key: read.text(entry, key) for key in ("name", "value") if read.text(entry, key)}
        for entry in read.objects(raw, "attributes")
    ]
    return {**found, "attributes": attributes} if attributes else found
