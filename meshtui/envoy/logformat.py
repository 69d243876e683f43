"""Lines of an access log in a format of the mesh's own: Envoy's operators, as text or as JSON.

https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from meshtui.dataclass import dataclass

_OPERATOR = re.compile(r"%([A-Z_0-9]+)(?:\(([^%)]*)\))?(?::\d+)?%", re.ASCII)
_MOST = 200

_PLAIN = {
    "START_TIME": "start_time",
    "PROTOCOL": "protocol",
    "RESPONSE_CODE": "response_code",
    "RESPONSE_FLAGS": "response_flags",
    "RESPONSE_CODE_DETAILS": "response_code_details",
    "CONNECTION_TERMINATION_DETAILS": "connection_termination_details",
    "UPSTREAM_TRANSPORT_FAILURE_REASON": "upstream_transport_failure_reason",
    "BYTES_RECEIVED": "bytes_received",
    "BYTES_SENT": "bytes_sent",
    "DURATION": "duration",
    "UPSTREAM_HOST": "upstream_host",
    "UPSTREAM_CLUSTER": "upstream_cluster",
    "UPSTREAM_CLUSTER_RAW": "upstream_cluster",
    "UPSTREAM_LOCAL_ADDRESS": "upstream_local_address",
    "DOWNSTREAM_LOCAL_ADDRESS": "downstream_local_address",
    "DOWNSTREAM_REMOTE_ADDRESS": "downstream_remote_address",
    "REQUESTED_SERVER_NAME": "requested_server_name",
    "ROUTE_NAME": "route_name",
}
_HEADERS = {
    ":METHOD": "method",
    ":PATH": "path",
    "X-FORWARDED-FOR": "x_forwarded_for",
    "USER-AGENT": "user_agent",
    "X-REQUEST-ID": "request_id",
    ":AUTHORITY": "authority",
    "HOST": "authority",
}


def field_of(operator: str, argument: str) -> str:
    """Istio's key for what an operator writes; empty for what is not shown."""
    if operator == "REQ":
        # `X-ENVOY-ORIGINAL-PATH?:PATH`: the second where the first is absent.
        names = [name.strip().upper() for name in argument.split("?")]
        return next((_HEADERS[name] for name in reversed(names) if name in _HEADERS), "")
    if operator == "RESP" and argument.upper() == "X-ENVOY-UPSTREAM-SERVICE-TIME":
        return "upstream_service_time"
    return _PLAIN.get(operator, "")


@dataclass(frozen=True, slots=True)
class TextFormat:
    """The text before the first field, and each field with the text behind it."""

    head: str
    fields: tuple[tuple[str, str], ...]

    def values(self, line: str) -> Mapping[str, str] | None:
        """None where the line does not fit, or has no code."""
        found = self.parts(line)
        return found if found is not None and "response_code" in found else None

    def parts(self, line: str) -> Mapping[str, str] | None:
        """Each field ends where the text behind it begins; None where the line does not fit."""
        if not line.startswith(self.head):
            return None
        at, found = len(self.head), {}
        for name, after in self.fields:
            end = line.find(after, at) if after else len(line)
            if end < 0:
                return None
            if name:
                found[name] = line[at:end]
            at = end + len(after)
        return found if at == len(line) else None


@lru_cache(maxsize=64)
def text_format(text: str) -> TextFormat | None:
    """None where fields stand side by side, and nothing tells where one ends."""
    text = text.rstrip("\n")
    operators = list(_OPERATOR.finditer(text))[:_MOST]
    if not operators:
        return None
    ends = [match.start() for match in operators[1:]] + [len(text)]
    fields = tuple(
        (field_of(match[1], match[2] or ""), text[match.end() : end].replace("%%", "%"))
        for match, end in zip(operators, ends, strict=True)
    )
    if not all(after for _, after in fields[:-1]):
        return None
    return TextFormat(text[: operators[0].start()].replace("%%", "%"), fields)


def json_values(line: str, keys: Mapping[str, str]) -> Mapping[str, Any] | None:
    """By what the format says stands at each key."""
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(raw, dict):
        return None
    found: dict[str, Any] = {}
    for key, text in keys.items():
        outer, dot, inner = key.partition(".")
        value = raw.get(key)
        if value is None and dot and isinstance(raw.get(outer), dict):
            value = raw[outer].get(inner)
        whole = _OPERATOR.fullmatch(text)
        name = field_of(whole[1], whole[2] or "") if whole else ""
        if name and value is not None:
            found[name] = value
        elif whole is None and isinstance(value, str) and (several := text_format(text)):
            found |= several.parts(value) or {}
    return found if "response_code" in found else None
