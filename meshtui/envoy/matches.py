"""Envoy's route matches, from a config dump. Foreign or missing parts read as absent."""

from __future__ import annotations

from meshtui.envoy.routes import HeaderMatch, RouteMatch, in_order
from meshtui.mesh import read
from meshtui.mesh.model import Json, StringMatch

_PATHS = {"prefix": "prefix", "path": "exact", "path_separated_prefix": "path prefix"}
_STRINGS = ("exact", "prefix", "suffix", "contains")


def parse_match(raw: Json) -> RouteMatch:
    headers = (_header(entry) for entry in read.objects(raw, "headers"))
    query = (
        (read.text(entry, "name"), _string(read.obj(entry, "string_match")))
        for entry in read.objects(raw, "query_parameters")
    )
    return in_order(_path(raw), raw.get("case_sensitive") is False, headers, query)


def _path(raw: Json) -> StringMatch:
    for key, kind in _PATHS.items():
        if key in raw:
            return StringMatch(kind, read.text(raw, key))
    if "safe_regex" in raw:
        return _regex(read.obj(raw, "safe_regex"))
    known = sorted(key for key in raw if key.endswith(("_matcher", "_policy", "_template")))
    return StringMatch(known[0] if known else "prefix", "" if known else "/")


def _header(raw: Json) -> HeaderMatch:
    invert = raw.get("invert_match") is True
    value = _header_value(raw)
    if value.kind == "absent":
        value, invert = StringMatch("present"), not invert
    return HeaderMatch(read.text(raw, "name").lower(), value, invert)


def _header_value(raw: Json) -> StringMatch:
    """Old proxies say `exact_match` and its like, newer ones `string_match`."""
    if "string_match" in raw:
        return _string(read.obj(raw, "string_match"))
    if "present_match" in raw:
        return StringMatch("present" if raw["present_match"] is not False else "absent")
    for kind in _STRINGS:
        if f"{kind}_match" in raw:
            return StringMatch(kind, read.text(raw, f"{kind}_match"))
    if "safe_regex_match" in raw:
        return _regex(read.obj(raw, "safe_regex_match"))
    return StringMatch("range" if "range_match" in raw else "present")


def _string(raw: Json) -> StringMatch:
    for kind in _STRINGS:
        if kind in raw:
            return StringMatch(kind, read.text(raw, kind))
    return _regex(read.obj(raw, "safe_regex")) if "safe_regex" in raw else StringMatch("present")


def _regex(raw: Json) -> StringMatch:
    return StringMatch("regex", read.text(raw, "regex"))
