"""`headers.request` and `headers.response` of a rule or destination → Envoy's header operations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from meshtui.lab.contract import Obj

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[^\0\r\n]*")
_HOST = ("host", ":authority")


def operations(headers: Mapping[str, Any] | None) -> Obj:
    """Envoy's `request_headers_to_add`, … of one `headers` block."""
    found: Obj = {}
    for side in ("request", "response"):
        ops = (headers or {}).get(side) or {}
        add = [
            *_options(ops.get("set"), "OVERWRITE_IF_EXISTS_OR_ADD"),
            *_options(ops.get("add"), "APPEND_IF_EXISTS_OR_ADD"),
        ]
        remove = [str(name) for name in ops.get("remove") or () if not _is_internal(str(name))]
        found |= {f"{side}_headers_to_add": add} if add else {}
        found |= {f"{side}_headers_to_remove": remove} if remove else {}
    return found


def host_rewrite(headers: Mapping[str, Any] | None) -> str | None:
    """The host that the request headers set or add: Envoy rewrites it as part of the route."""
    request = (headers or {}).get("request") or {}
    for verb in ("set", "add"):
        chosen = (request.get(verb) or {}).items()
        found = [str(value) for name, value in chosen if name.lower() in _HOST]
        if found:
            return found[-1]
    return None


def merged(first: Obj, second: Obj) -> Obj:
    """Both sets of operations, the first before the second."""
    return {key: first.get(key, []) + second.get(key, []) for key in first | second}


def _options(chosen: Mapping[str, Any] | None, action: str) -> list[Obj]:
    """In the order of their names; Envoy changes no internal header."""
    pairs = sorted((chosen or {}).items())
    return [_option(name, str(v), action) for name, v in pairs if not _is_internal(name)]


def _is_internal(name: str) -> bool:
    return name.startswith(":") or name.lower() == "host"


def _option(name: str, value: str, action: str) -> Obj:
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise ValueError(f"not a header a proxy may set: {name!r}: {value!r}")
    return {"header": {"key": name, "value": value}, "append_action": action}
