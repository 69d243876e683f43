"""Whether one match takes every request that another would: never a guess."""

from __future__ import annotations

from collections.abc import Iterable

from meshtui.mesh.model import Match, StringMatch

KNOWN = frozenset(
    {
        "name",
        "statPrefix",
        "uri",
        "ignoreUriCase",
        "scheme",
        "method",
        "authority",
        "headers",
        "withoutHeaders",
        "queryParams",
        "port",
        "sourceLabels",
        "sourceNamespace",
        "gateways",
    }
)
"""What a match may hold. One with anything else asks for something that is not understood."""

ANYTHING = ("*", ".*")

Named = tuple[tuple[str, StringMatch], ...]


def covers(wide: Match, narrow: Match) -> bool:
    """True where it is certain that every request `narrow` takes is taken by `wide`.

    Gateways are left to the caller, who knows how their names resolve.
    """
    return (
        _uri(wide, narrow)
        and _text(wide.scheme, narrow.scheme)
        and _text(wide.method, narrow.method)
        and _text(wide.authority, narrow.authority)
        and _named(_lowered(wide.headers), _lowered(narrow.headers))
        and _named(wide.query_params, narrow.query_params)
        and set(_lowered(wide.without_headers)) <= set(_lowered(narrow.without_headers))
        and wide.port in (0, narrow.port)
        and set(wide.source_labels) <= set(narrow.source_labels)
        and wide.source_namespace in ("", narrow.source_namespace)
    )


def any_path(match: StringMatch | None) -> bool:
    """True for a `uri` that takes every path: all of them begin with a slash."""
    if match is None or match.kind == "present":
        return True
    if match.kind == "prefix":
        return match.value in ("", "/")
    return match.kind == "regex" and match.value in (*ANYTHING, "/.*")


def in_one_case(text: str) -> str:
    """Only letters of ASCII have a case for Envoy."""
    return "".join(char.lower() if char.isascii() else char for char in text)


def _is_anything(match: StringMatch) -> bool:
    return match.kind == "regex" and match.value in ANYTHING


def _uri(wide: Match, narrow: Match) -> bool:
    one, other = wide.uri, narrow.uri
    if any_path(one):
        return True
    if one is None or other is None or any_path(other):
        return False
    if wide.ignore_uri_case and one.kind != "regex" and other.kind != "regex":
        one = StringMatch(one.kind, in_one_case(one.value))
        other = StringMatch(other.kind, in_one_case(other.value))
    elif narrow.ignore_uri_case and other.kind != "regex":
        return False
    return _text(one, other)


def _text(wide: StringMatch | None, narrow: StringMatch | None) -> bool:
    """Regular expressions are only compared as they are written."""
    if wide is None:
        return True
    if narrow is None:
        return False
    if wide.kind == "present" or _is_anything(wide):
        return True
    if wide.kind == "prefix":
        return narrow.kind in ("exact", "prefix") and narrow.value.startswith(wide.value)
    return wide == narrow


def _named(wide: Named, narrow: Named) -> bool:
    known = dict(narrow)
    return all(_text(match, known.get(name)) for name, match in wide)


def _lowered(named: Iterable[tuple[str, StringMatch]]) -> Named:
    """Header names are the same in any case."""
    return tuple((name.lower(), match) for name, match in named)
