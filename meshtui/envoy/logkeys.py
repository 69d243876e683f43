"""What people call the fields of a JSON access log: `status`, `@timestamp`, `responseCode`, ….

Names are compared without case, underscores and the like; of several that mean one thing the
first in the table counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

NAMES: Mapping[str, tuple[str, ...]] = {
    "start_time": ("starttime", "timestamp", "time", "ts", "datetime", "date", "requesttime"),
    "response_code": ("responsecode", "status", "statuscode", "code", "httpstatus", "httpcode"),
    "response_flags": ("responseflags", "flags", "responseflag", "envoyresponseflags"),
    "response_code_details": ("responsecodedetails", "details", "codedetails"),
    "connection_termination_details": ("connectionterminationdetails",),
    "upstream_transport_failure_reason": (
        "upstreamtransportfailurereason",
        "upstreamfailurereason",
        "transportfailurereason",
    ),
    "method": ("method", "requestmethod", "httpmethod", "verb"),
    "path": ("path", "requestpath", "uri", "url", "requesturi", "httppath", "originalpath"),
    "protocol": ("protocol", "httpprotocol", "httpversion"),
    "bytes_received": ("bytesreceived", "requestsize", "requestbytes", "bytesin"),
    "bytes_sent": ("bytessent", "responsesize", "responsebytes", "bytesout"),
    "duration": ("duration", "durationms", "latency", "latencyms", "totaltime", "responsetime"),
    "upstream_service_time": ("upstreamservicetime", "upstreamtime", "upstreamduration"),
    "x_forwarded_for": ("xforwardedfor", "forwardedfor", "clientip"),
    "user_agent": ("useragent", "agent"),
    "request_id": ("requestid", "xrequestid", "reqid"),
    "authority": ("authority", "host", "requesthost", "vhost"),
    "upstream_host": ("upstreamhost", "upstreamaddress", "upstream"),
    "upstream_cluster": ("upstreamcluster", "cluster"),
    "upstream_local_address": ("upstreamlocaladdress",),
    "downstream_local_address": ("downstreamlocaladdress",),
    "downstream_remote_address": ("downstreamremoteaddress", "remoteaddress", "clientaddress"),
    "requested_server_name": ("requestedservername", "servername", "sni"),
    "route_name": ("routename", "route"),
}
"""Istio's key, and what else it is called."""

_MOST_KEYS = 200


def canonical(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values by Istio's keys; one level of objects is looked into (`http.status`)."""
    flat: dict[str, Any] = {}
    for key, value in list(raw.items())[:_MOST_KEYS]:
        if isinstance(value, dict):
            inner = list(value.items())[:_MOST_KEYS]
            flat |= {_plain(str(k)): v for k, v in inner if _plain(str(k)) not in flat}
        else:
            flat[_plain(str(key))] = value
    found = {
        name: next(flat[other] for other in others if other in flat)
        for name, others in NAMES.items()
        if any(other in flat for other in others)
    }
    return found if _is_access(found) else {}


def _is_access(found: Mapping[str, Any]) -> bool:
    """A program's own JSON has a time and perhaps a `code`, but no request beside them."""
    request = {"method", "path", "upstream_cluster", "upstream_host", "response_flags"}
    code = found.get("response_code")
    number = isinstance(code, int | float) and not isinstance(code, bool)
    digits = isinstance(code, str) and code.isascii() and code.isdigit()
    return (number or digits) and len(request & found.keys()) >= 2


@lru_cache(maxsize=4096)
def _plain(key: str) -> str:
    return "".join(c for c in key[:64].lower() if c.isalnum())
