"""Envoy's route matches, from a config dump. Foreign or missing parts read as absent."""

from __future__ import annotations

from meshtui.envoy.routes import HeaderMatch, RouteMatch, in_order
from meshtui.mesh import read
from meshtui.mesh.conditions import ANY_CASE
from meshtui.mesh.model import Json, StringMatch

_PATHS = {"prefix": "prefix", "path": "exact", "path_separated_prefix": "path prefix"}
_EVERYTHING = {"prefix": "/"}
_PRESENT = StringMatch("present")
_STRINGS = ("exact", "prefix", "suffix", "contains")
_OTHERS = {
    "runtime_fraction": "a share of requests",
    "grpc": "gRPC",
    "tls_context": "the TLS connection",
    "dynamic_metadata": "metadata",
    "filter_state": "filter state",
    "cookies": "cookies",
}


def parse_match(raw: Json) -> RouteMatch:
    if raw == _EVERYTHING:
        return RouteMatch()
    headers = (_header(entry) for entry in read.objects(raw, "headers"))
    query = (
        (read.text(entry, "name"), _query(entry)) for entry in read.objects(raw, "query_parameters")
    )
    other = (words for key, words in _OTHERS.items() if raw.get(key) not in (None, []))
    return in_order(_path(raw), raw.get("case_sensitive") is False, headers, query, other)


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
    missing_is_empty = raw.get("treat_missing_header_as_empty") is True
    return HeaderMatch(read.text(raw, "name").lower(), value, invert, missing_is_empty)


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
    return _range(read.obj(raw, "range_match")) if "range_match" in raw else StringMatch("present")


def _range(raw: Json) -> StringMatch:
    """Whole numbers from the start to just before the end; JSON has them as strings."""
    start, end = (read.text(raw, key) or str(read.integer(raw, key)) for key in ("start", "end"))
    return StringMatch("range", f"{start}..{end}")


def _query(raw: Json) -> StringMatch:
    if raw.get("present_match") is False:
        return StringMatch("absent")
    return _string(read.obj(raw, "string_match")) if "string_match" in raw else _PRESENT


def _string(raw: Json) -> StringMatch:
    """How a string is compared; an extension keeps its name and is not known here."""
    before = ANY_CASE if raw.get("ignore_case") is True else ""
    for kind in _STRINGS:
        if kind in raw:
            return StringMatch(f"{before}{kind}", read.text(raw, kind))
    if "safe_regex" in raw:
        return _regex(read.obj(raw, "safe_regex"))
    return StringMatch("custom") if "custom" in raw else _PRESENT


def _regex(raw: Json) -> StringMatch:
    return StringMatch("regex", read.text(raw, "regex"))
