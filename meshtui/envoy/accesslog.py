"""One line of a proxy's access log: Istio's text formats, Envoy's own, or JSON with any keys.

The formats are Istio's (`EnvoyTextLogFormat` and `EnvoyJSONLogFormat` in pilot/pkg/model, now and
before 1.8) and Envoy's default. A line is recognised by its content. Other lines stand between
them: what the proxy says at start, what other containers say. Envoy writes header values as they
came, quotes included, and `-` for what is not there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from meshtui.dataclass import dataclass
from meshtui.envoy.logformat import json_values, text_format
from meshtui.envoy.logkeys import canonical
from meshtui.mesh.access_logging import LogFormat

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
_SHORT_HEAD = re.compile(
    r"\[([^\]\s]+)\] "
    r'"(\S+) (\S+) (\S+)" '  # method, path, protocol
    r"(\d{1,3}) ([A-Z]\S*|-) "  # code, flags
    r'(?:"([^"\s]*+)" "([^"]*+)" )?'  # Istio before 1.8: mixer's status, the failure
    r"(\d+|-) (\d+|-) (\d+|-) (\d+|-) "  # received, sent, duration, upstream time
    r'"',
    re.ASCII,
)
"""Envoy's default format, and Istio's before it had the details."""

_ABSENT = "-"
_BEYOND = 10**15
"""No count of bytes or milliseconds comes to so much."""


NO_CHAIN = "filter_chain_not_found"
"""A sidecar's listeners for what goes out take everything; that for what comes in does not."""

_NEEDED = frozenset({"start_time", "response_code"})


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
        """Into the pod, also to a port that no service names (`InboundPassthroughCluster`).

        What the pod's proxy turned away before it had chosen a cluster: by the name that Istio's
        callers ask for in TLS (`outbound_.9080_._.HOST`), or as only an inbound listener does. In
        plain text only the pod's address tells: see `came_to`.
        """
        if self.upstream_cluster:
            return self.upstream_cluster.lower().startswith("inbound")
        return self.server_name.startswith("outbound_.") or self.details == NO_CHAIN

    def came_to(self, address: str) -> bool:
        """The same where the address of the pod is known, empty where it is not.

        What is sent out has the address that was asked for as its local one.
        """
        if self.upstream_cluster or not address or self.inbound:
            return self.inbound
        return self.downstream_local.rpartition(":")[0].strip("[]") == address

    @property
    def tcp(self) -> bool:
        """A connection that was handed on as bytes, no request: it has no code."""
        return not (self.code or self.method or self.protocol)


def parse_line(line: str, formats: Iterable[LogFormat] = ()) -> AccessRecord | None:
    """The record of one line, or None where it is no access-log line. Never raises.

    `formats` are the mesh's own; a line that fits none of them is recognised by its content.
    """
    line = line.rstrip("\r\n")
    if len(line) > LONGEST:
        return None
    for form in formats:
        found = _by_format(line, form)
        if found is not None:
            return found
    if line.startswith("{"):
        return _from_json(line)
    return _from_text(line) if line.startswith("[") else None


_OWN_WORDS = re.compile(
    r"(\d{4}-\d\d-\d\d[T ]\S+[ \t]+\[?(trace|debug|info|warn|warning|error|critical|fatal)\b"
    r"|\[\d{4}-\d\d-\d\d[^\]]*\]\[\d+\]\[|[IWEF]\d{4} )",
    re.ASCII | re.IGNORECASE,
)
_A_CODE = re.compile(r"(?<![\w.:])[1-5]\d\d(?![\w.:])", re.ASCII)


def is_unknown_format(line: str, formats: Iterable[LogFormat] = ()) -> bool:
    """Whether a line of a proxy looks like a request in a format that `parse_line` can't read.

    What the proxy and its agent say themselves has a level; a request has a code.
    """
    text = line[:2_000]
    if _OWN_WORDS.match(text) or (text.startswith("{") and '"level"' in text):
        return False
    return _A_CODE.search(text) is not None and parse_line(line, formats) is None


def _by_format(line: str, form: LogFormat) -> AccessRecord | None:
    values: Mapping[str, Any] | None = None
    if form.keys and line.startswith("{"):
        values = json_values(line, form.keys)
    elif form.text:
        known = text_format(form.text)
        values = known.values(line) if known else None
    if values is None or _number(values["response_code"]) is None:
        return None
    return _record({"start_time": "", **values}, line)


def _from_text(line: str) -> AccessRecord | None:
    head = _HEAD.match(line)
    if head is None:
        return _from_short_text(line)
    # A user agent may hold quotes, which nothing escapes. Everything after it is of the mesh's own
    # making, so the rest is taken from the right, and the user agent is what is left over.
    middle = line[head.end() :].rsplit('" "', 3)
    callers, _, agent = middle[0].partition('" "')
    host, quote, after = middle[-1].partition('" ')
    tail = after.split(" ", 5)
    if len(middle) != 4 or not quote or len(tail) != 6:
        return None
    found = (*head.groups(), callers, agent, middle[1], middle[2], host, *tail)
    values = ["" if value == _ABSENT else value for value in found]
    # They stand in the order of the record's fields. By the ten thousand, so without their names.
    fields: tuple[Any, ...] = (
        *values[:4],
        int(values[4]),
        _flags(values[5]),
        *values[6:9],
        *map(_number, values[9:13]),
        *values[13:],
        line,
    )
    return AccessRecord(*fields)


_SHORT_ORDER = (
    *("start_time", "method", "path", "protocol", "response_code", "response_flags"),
    *("mixer_status", "upstream_transport_failure_reason"),
    *("bytes_received", "bytes_sent", "duration", "upstream_service_time"),
)
_SHORT_TAIL = (
    *("upstream_cluster", "upstream_local_address", "downstream_local_address"),
    *("downstream_remote_address", "requested_server_name", "route_name"),
)


def _from_short_text(line: str) -> AccessRecord | None:
    """Envoy's default ends with the upstream's host, Istio's older one with six words more."""
    head = _SHORT_HEAD.match(line)
    if head is None:
        return None
    middle = line[head.end() :].rsplit('" "', 3)
    callers, _, agent = middle[0].partition('" "')
    host, quote, after = middle[-1].partition('"')
    tail = after.split()
    if len(middle) != 4 or not quote or len(tail) not in (0, 5, 6):
        return None
    named = zip(_SHORT_ORDER, (value or _ABSENT for value in head.groups()), strict=True)
    names = ("x_forwarded_for", "user_agent", "request_id", "authority", "upstream_host")
    quoted = zip(names, (callers, agent, middle[1], middle[2], host), strict=True)
    rest = zip(_SHORT_TAIL, tail, strict=False)
    return _record({**dict(named), **dict(quoted), **dict(rest)}, line)


def _from_json(line: str) -> AccessRecord | None:
    """By Istio's keys, or by others that mean the same: a time, and a code, must be there."""
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(raw, dict):
        return None
    if not raw.keys() >= _NEEDED:
        raw = canonical(raw)
    return _record(raw, line) if raw.keys() >= _NEEDED else None


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
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value < _BEYOND else None


@lru_cache(maxsize=256)
def _flags(text: str) -> tuple[str, ...]:
    return tuple(flag for flag in text.split(",") if flag and flag != _ABSENT)
