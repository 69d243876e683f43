"""`headers.request` and `headers.response` of a rule or destination → Envoy's header operations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
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
            *(
                _option(name, value, "APPEND_IF_EXISTS_OR_ADD")
                for name, value in _pairs(ops, "add")
            ),
            *(
                _option(name, value, "OVERWRITE_IF_EXISTS_OR_ADD")
                for name, value in _pairs(ops, "set")
            ),
        ]
        remove = [
            str(name).lower() for name in ops.get("remove") or () if str(name).lower() not in _HOST
        ]
        found |= {f"{side}_headers_to_add": add} if add else {}
        found |= {f"{side}_headers_to_remove": remove} if remove else {}
    return found


def host_rewrite(headers: Mapping[str, Any] | None) -> str | None:
    """The host a `headers.request.set` asks for: Envoy rewrites it as part of the route."""
    chosen = ((headers or {}).get("request") or {}).get("set") or {}
    return next((str(value) for name, value in chosen.items() if name.lower() in _HOST), None)


def merged(first: Obj, second: Obj) -> Obj:
    """Both sets of operations, the first before the second."""
    return {key: first.get(key, []) + second.get(key, []) for key in first | second}


def _pairs(ops: Mapping[str, Any], verb: str) -> Iterable[tuple[str, str]]:
    return (
        (name, str(value))
        for name, value in (ops.get(verb) or {}).items()
        if name.lower() not in _HOST
    )


def _option(name: str, value: str, action: str) -> Obj:
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise ValueError(f"not a header a proxy may set: {name!r}: {value!r}")
    return {"header": {"key": name, "value": value}, "append_action": action}
