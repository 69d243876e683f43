"""What a rule or a destination does to headers (istiod's TranslateHeadersOperations)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.istio import Json

_OVERWRITE = {"append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


@dataclass(frozen=True, slots=True)
class HeaderOperations:
    """What is added and removed, by Envoy's fields; `authority` is the Host that is set instead."""

    fields: Mapping[str, list[Any]]
    authority: str = ""


_NONE = HeaderOperations({})


def header_operations(headers: Json) -> HeaderOperations:
    """`set` before `add`, each by name; the Host header is no header but the authority."""
    if not headers:
        return _NONE
    request, response = read.obj(headers, "request"), read.obj(headers, "response")
    found: dict[str, list[Any]] = {
        "request_headers_to_add": _added(request),
        "request_headers_to_remove": _removed(request),
        "response_headers_to_add": _added(response),
        "response_headers_to_remove": _removed(response),
    }
    authority = _authority(request, "set") or _authority(request, "add")
    return HeaderOperations({key: value for key, value in found.items() if value}, authority)


def _added(operations: Json) -> list[Json]:
    found: list[Json] = []
    for key, action in (("set", _OVERWRITE), ("add", {})):
        for name, value in sorted(read.labels(operations, key).items()):
            if not _internal(name):
                found.append({"header": _header(name, value), **action})
    return found


def _header(name: str, value: str) -> Json:
    return {"key": name, "value": value} if value else {"key": name}


def _removed(operations: Json) -> list[str]:
    return [name for name in read.texts(operations, "remove") if not _internal(name)]


def _internal(name: str) -> bool:
    return name.startswith(":") or name.lower() == "host"


def _authority(operations: Json, key: str) -> str:
    found = [
        value
        for name, value in read.labels(operations, key).items()
        if name.lower() in (":authority", "host")
    ]
    return found[-1] if found else ""
