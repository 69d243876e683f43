"""One line of a proxy's access log, in Istio's default text format or its JSON form.

The formats are Istio's (`EnvoyTextLogFormat` and `EnvoyJSONLogFormat` in pilot/pkg/model). Other
lines stand between them: what the proxy says at start, what other containers say. Envoy writes
header values as they came, quotes included, and `-` for what is not there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LONGEST = 65_536
"""A longer line is no access-log line."""

_HEAD = re.compile(
    r"\[([^\]\s]+)\] "
    r'"(\S+) (\S+) (\S+)" '  # method, path, protocol
    r'(\d{1,3}) (\S+) (\S+) (\S+) "([^"]*+)" '  # code, flags, details, termination, failure
    r"(\d+|-) (\d+|-) (\d+|-) (\d+|-) "  # received, sent, duration, upstream time
    r'"',
    re.ASCII,
)
_ABSENT = "-"
_BEYOND = 10**15
"""No count of bytes or milliseconds comes to so much."""

_TEXT_ORDER = (
    "start_time",
    "method",
    "path",
    "protocol",
    "response_code",
    "response_flags",
    "response_code_details",
    "connection_termination_details",
    "upstream_transport_failure_reason",
    "bytes_received",
    "bytes_sent",
    "duration",
    "upstream_service_time",
    "x_forwarded_for",
    "user_agent",
    "request_id",
    "authority",
    "upstream_host",
    "upstream_cluster",
    "upstream_local_address",
    "downstream_local_address",
    "downstream_remote_address",
    "requested_server_name",
    "route_name",
)
"""The fields of the text format by their keys in the JSON form."""


@dataclass(frozen=True, slots=True)
class AccessRecord:
    """One request as a proxy logged it. Text that is not there is empty, a number None.

    `time` is as logged (ISO 8601, UTC); durations are milliseconds, sizes bytes. `code` 0 is no
    response. All text came over the network: clean it before it is shown.
    """

    time: str
    method: str = ""
    path: str = ""
    protocol: str = ""
    code: int = 0
    flags: tuple[str, ...] = ()
    details: str = ""
    termination: str = ""
    failure: str = ""
    bytes_received: int | None = None
    bytes_sent: int | None = None
    duration_ms: int | None = None
    upstream_ms: int | None = None
    forwarded_for: str = ""
    user_agent: str = ""
    request_id: str = ""
    authority: str = ""
    upstream_host: str = ""
    upstream_cluster: str = ""
    upstream_local: str = ""
    downstream_local: str = ""
    downstream_remote: str = ""
    server_name: str = ""
    route_name: str = ""
    raw: str = ""

    @property
    def inbound(self) -> bool:
        """Into the pod, also to a port that no service names (`InboundPassthroughCluster`)."""
        return self.upstream_cluster.lower().startswith("inbound")

    @property
    def tcp(self) -> bool:
        """A connection that was handed on as bytes, no request: it has no code."""
        return not (self.code or self.method or self.protocol)


def parse_line(line: str) -> AccessRecord | None:
    """The record of one line, or None where it is no access-log line. Never raises."""
    line = line.rstrip("\r\n")
    if len(line) > LONGEST:
        return None
    if line.startswith("{"):
        return _from_json(line)
    return _from_text(line) if line.startswith("[") else None


def _from_text(line: str) -> AccessRecord | None:
    head = _HEAD.match(line)
    if head is None:
        return None
    # A user agent may hold quotes, which nothing escapes. Everything after it is of the mesh's own
    # making, so the rest is taken from the right, and the user agent is what is left over.
    middle = line[head.end() :].rsplit('" "', 3)
    callers, _, agent = middle[0].partition('" "')
    host, quote, after = middle[-1].partition('" ')
    tail = after.split(" ", 5)
    if len(middle) != 4 or not quote or len(tail) != 6:
        return None
    values = (*head.groups(), callers, agent, middle[1], middle[2], host, *tail)
    return _record(dict(zip(_TEXT_ORDER, values, strict=True)), line)


def _from_json(line: str) -> AccessRecord | None:
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(raw, dict) or not {"start_time", "response_code"} <= raw.keys():
        return None
    return _record(raw, line)


def _record(raw: Mapping[str, Any], line: str) -> AccessRecord:
    """From values by the keys of the JSON form."""
    return AccessRecord(
        time=_text(raw["start_time"]),
        method=_text(raw.get("method")),
        path=_text(raw.get("path")),
        protocol=_text(raw.get("protocol")),
        code=_number(raw["response_code"]) or 0,
        flags=_flags(_text(raw.get("response_flags"))),
        details=_text(raw.get("response_code_details")),
        termination=_text(raw.get("connection_termination_details")),
        failure=_text(raw.get("upstream_transport_failure_reason")),
        bytes_received=_number(raw.get("bytes_received")),
        bytes_sent=_number(raw.get("bytes_sent")),
        duration_ms=_number(raw.get("duration")),
        upstream_ms=_number(raw.get("upstream_service_time")),
        forwarded_for=_text(raw.get("x_forwarded_for")),
        user_agent=_text(raw.get("user_agent")),
        request_id=_text(raw.get("request_id")),
        authority=_text(raw.get("authority")),
        upstream_host=_text(raw.get("upstream_host")),
        upstream_cluster=_text(raw.get("upstream_cluster")),
        upstream_local=_text(raw.get("upstream_local_address")),
        downstream_local=_text(raw.get("downstream_local_address")),
        downstream_remote=_text(raw.get("downstream_remote_address")),
        server_name=_text(raw.get("requested_server_name")),
        route_name=_text(raw.get("route_name")),
        raw=line,
    )


def _text(value: Any) -> str:
    """Text, or empty for `-`, null and whatever is no text."""
    return value if isinstance(value, str) and value != _ABSENT else ""


def _number(value: Any) -> int | None:
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else None
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value < _BEYOND else None


def _flags(text: str) -> tuple[str, ...]:
    return tuple(flag for flag in text.split(",") if flag and flag != _ABSENT)
