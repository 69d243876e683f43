"""`HTTPMatchRequest` → Envoy's RouteMatch, and the conditions that no request decides."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from meshtui.lab.contract import Obj
from meshtui.lab.control.world import Proxy, selects

Match = Mapping[str, Any]
SEPARATED = "separatedPrefix"
"""A prefix of whole segments, as the Gateway API means it; a VirtualService has no such."""
_NOT_RE2 = re.compile(r"\(\?(?:=|!|<[=!]|>)|\\[1-9]|[*+?}]\+")


def applies(match: Match, proxy: Proxy, gateway: str, port: int) -> bool:
    """Whether the parts of a match that describe the client hold for this proxy.

    As in istiod, a match that names gateways is not asked for its sources.
    """
    if match.get("port") and match["port"] != port:
        return False
    if match.get("gateways"):
        return gateway in match["gateways"]
    return (
        selects(match.get("sourceLabels") or {}, proxy.labels)
        and (match.get("sourceNamespace") or proxy.namespace) == proxy.namespace
    )


def catches_all(made: Match) -> bool:
    """Whether a RouteMatch takes every request, as istiod sees it."""
    path = made.get("prefix") == "/" or made.get("safe_regex") == {"regex": ".*"}
    path = path or made.get("path_separated_prefix") == "/"
    return path and not made.get("headers") and not made.get("query_parameters")


def route_match(match: Match | None) -> Obj:
    """The request conditions of one match entry; no entry matches everything."""
    if match is None:
        return {"prefix": "/"}
    named = [
        *(_header(name, value) for name, value in (match.get("headers") or {}).items()),
        *(_without(name, value) for name, value in (match.get("withoutHeaders") or {}).items()),
    ]
    special = [
        _header(":" + key, match[key])
        for key in ("method", "authority", "scheme")
        if match.get(key) is not None
    ]
    headers = [*sorted(named, key=lambda header: str(header["name"])), *special]
    queries = [_query(name, value) for name, value in (match.get("queryParams") or {}).items()]
    return {
        **_path(match),
        "case_sensitive": not match.get("ignoreUriCase"),
        **({"headers": headers} if headers else {}),
        **({"query_parameters": queries} if queries else {}),
    }


def _path(match: Match) -> Obj:
    uri = match.get("uri") or {}
    if "exact" in uri:
        return {"path": plain(uri["exact"])}
    if "prefix" in uri:
        return {"prefix": plain(uri["prefix"])}
    if SEPARATED in uri:
        path = plain(uri[SEPARATED])
        return {"prefix": "/"} if path == "/" else {"path_separated_prefix": path}
    if "regex" in uri:
        return {"safe_regex": {"regex": regex(uri["regex"])}}
    return {"prefix": "/"}


def _header(name: str, value: Match | None) -> Obj:
    found = string_match(value)
    return {
        "name": _name(name),
        **({"string_match": found} if found else {"present_match": True}),
    }


def _without(name: str, value: Match | None) -> Obj:
    """A header that is not there is also without the value."""
    header = {**_header(name, value), "invert_match": True}
    return header if "present_match" in header else header | {"treat_missing_header_as_empty": True}


def _query(name: str, value: Match | None) -> Obj:
    found = string_match(value)
    return {"name": _name(name), **({"string_match": found} if found else {"present_match": True})}


def _name(value: object) -> str:
    if not plain(value):
        raise ValueError("a header or parameter without a name")
    return plain(value)


def string_match(value: Match | None) -> Obj | None:
    """Istio's StringMatch as Envoy's StringMatcher; None where only presence is asked for."""
    if not value:
        return None
    kind, text = next(iter(value.items()))
    if kind == "regex":
        return None if text == "*" else {"safe_regex": {"regex": regex(text)}}
    if kind in ("exact", "prefix"):
        return {kind: _text(text)}
    raise ValueError(f"not a string match: {kind!r}")


def plain(value: object) -> str:
    """A string without the characters that Envoy refuses in paths and hosts."""
    text = _text(value)
    if any(c in text for c in "\0\r\n"):
        raise ValueError(f"not on one line: {text!r}")
    return text


def regex(text: object) -> str:
    """The expression, checked: one that RE2 refuses would make Envoy refuse all routes."""
    expression = _text(text)
    try:
        re.compile(expression)
    except re.error as error:
        raise ValueError(f"not a regular expression: {expression!r}: {error}") from error
    if _NOT_RE2.search(expression):
        raise ValueError(f"not an RE2 expression: {expression!r}")
    return expression


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"not a string: {value!r}")
    return value
