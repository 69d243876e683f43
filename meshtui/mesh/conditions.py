"""Does a condition hold for a request? Yes, no, or not to be decided here; and why, in words.

As Envoy compares (source/common/router/config_impl.cc, config_utility.cc, header_utility.cc).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from meshtui.mesh.model import StringMatch
from meshtui.mesh.regex import Undecidable, full_match
from meshtui.mesh.request import Request

ANY_CASE = "any-case "
"""Stands before a kind of comparison that takes letters of ASCII in either case."""

_SHOWN = 60


class ConditionResult(NamedTuple):
    """`holds` is None where it can't be decided here; `why` says it in any case but yes."""

    holds: bool | None
    why: str = ""


YES = ConditionResult(True)


def all_of(answers: Iterable[ConditionResult]) -> ConditionResult:
    """The first condition that fails, else the first that is not decided, else yes."""
    undecided = None
    for answer in answers:
        if answer.holds is False:
            return answer
        if answer.holds is None and undecided is None:
            undecided = answer
    return undecided or YES


def on_path(match: StringMatch, ignore_case: bool, request: Request) -> ConditionResult:
    """Queries are no part of the path; a regular expression has its own say about case."""
    kind = f"{ANY_CASE}{match.kind}" if ignore_case and match.kind != "regex" else match.kind
    if request.method == "CONNECT":
        return ConditionResult(None, "CONNECT has no path: it is not decided here")
    return _on_value("path", StringMatch(kind, match.value), request.bare_path)


def on_header(
    name: str,
    match: StringMatch,
    request: Request,
    *,
    invert: bool = False,
    missing_is_empty: bool = False,
    separately: bool | None = None,
) -> ConditionResult:
    """A header that is not there fulfils no comparison, turned round or not.

    With `missing_is_empty` it counts as an empty value; for Envoy it is then present, too. A header
    that comes several times is compared value by value by an Envoy of 1.39 and later (any of them
    is enough), and joined by commas before: `separately` says which, None that it is not known.
    Those that Envoy has a place of its own for are joined by any.
    """
    key = name.lower()
    values = _left(key, request)
    label = name[1:] if name.startswith(":") else f"header {name}"
    if values is None:
        return ConditionResult(None, f"{label} may be taken off by the proxy before it routes")
    if not values and key in _PROXY_SETS:
        return ConditionResult(
            None, f"{label} is set by the proxy itself: its value is not known here"
        )
    separately = False if key in _JOINED else separately
    if not values and missing_is_empty:
        values = ("",)
    joined = ",".join(values) if values else None
    if joined is None and match.kind != "present":
        return ConditionResult(False, _difference(label, match, None, invert))
    if len(values) < 2 or separately is False:
        return _on_value(label, match, joined, invert=invert)
    each = _on_any(label, match, values, invert)
    if separately or each.holds == _on_value(label, match, joined, invert=invert).holds:
        return each
    return ConditionResult(
        None, f"{label} comes {len(values)} times: editions of Envoy differ in that"
    )


def _left(name: str, request: Request) -> tuple[str, ...] | None:
    """A header's values as rules see them: what ends at a hop is off by then. None where that
    hangs on more than the request.
    """
    values = request.values(name)
    if name in _TAKEN_OFF or (name == "connection" and not request.values("upgrade")):
        return ()
    if name == "te":
        parts = (part.strip().lower() for value in values for part in value.split(","))
        return ("trailers",) if "trailers" in parts else ()
    return None if values and name in _PERHAPS_TAKEN_OFF else values


def _on_any(label: str, match: StringMatch, values: Sequence[str], invert: bool) -> ConditionResult:
    """Whether one of the values is as asked; turned round, none may be."""
    answers = [_on_value(label, match, value) for value in values]
    if unknown := [a for a in answers if a.holds is None and not any(b.holds for b in answers)]:
        return unknown[0]
    if any(answer.holds for answer in answers) is not invert:
        return YES
    return ConditionResult(False, _difference(label, match, " and ".join(values), invert))


def on_query(name: str, match: StringMatch, request: Request) -> ConditionResult:
    """Only the first of several values counts, and nothing in it is decoded."""
    return _on_value(f"query parameter {name}", match, request.query(name))


_PROXY_SETS = frozenset(
    {
        "x-request-id",
        "x-forwarded-for",
        "x-envoy-internal",
        "x-envoy-external-address",
        "x-envoy-downstream-service-cluster",
        "x-envoy-downstream-service-node",
    }
)

_TAKEN_OFF = frozenset({"keep-alive", "proxy-connection"})
_PERHAPS_TAKEN_OFF = frozenset(
    {
        "connection",
        "x-envoy-max-retries",
        "x-envoy-retry-on",
        "x-envoy-upstream-rq-timeout-ms",
    }
)
"""By a listener that takes its clients for strangers. `connection` of an upgrade was not tried."""

_JOINED = frozenset(
    {
        "accept",
        "accept-encoding",
        "access-control-request-headers",
        "access-control-request-method",
        "access-control-request-private-network",
        "authorization",
        "cache-control",
        "content-encoding",
        "content-type",
        "expect",
        "grpc-accept-encoding",
        "grpc-timeout",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "origin",
        "pragma",
        "referer",
        "user-agent",
        "via",
        "x-client-trace-id",
        "x-envoy-attempt-count",
        "x-envoy-decorator-operation",
        "x-envoy-downstream-service-cluster",
        "x-envoy-downstream-service-node",
        "x-envoy-external-address",
        "x-envoy-is-timeout-retry",
        "x-envoy-original-host",
        "x-envoy-original-path",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-proto",
        "x-request-id",
    }
)
"""Measured with Envoy 1.40: `findings/envoy_header_lines_joined.sh`."""


def _on_value(
    label: str, match: StringMatch, value: str | None, *, invert: bool = False
) -> ConditionResult:
    try:
        found = _compare(match, value)
    except Undecidable as reason:
        return ConditionResult(None, f"{label} {match} cannot be decided here: {reason}")
    return (
        YES
        if found is not invert
        else ConditionResult(False, _difference(label, match, value, invert))
    )


def _difference(label: str, match: StringMatch, value: str | None, invert: bool) -> str:
    shown = "absent" if value is None else value or "empty"
    if len(shown) > _SHOWN:
        shown = f"{shown[:_SHOWN]}…"
    return f"{label} is {shown}, asks {'not ' if invert else ''}{match}"


def _compare(match: StringMatch, value: str | None) -> bool:
    """Whether the value is as asked; Undecidable where that can't be said."""
    if match.kind == "present":
        return value is not None
    if match.kind == "absent":
        return value is None
    kind = match.kind.removeprefix(ANY_CASE)
    if kind != "regex" and kind not in _KINDS:
        raise Undecidable(f"{kind} is not known here")
    if value is None:
        return False
    if kind == "regex":
        return full_match(match.value, value)
    compare, asked = _KINDS[kind], match.value
    return compare(_lower(value), _lower(asked)) if kind != match.kind else compare(value, asked)


def _lower(text: str) -> str:
    """Only letters of ASCII have a case for Envoy."""
    return "".join(char.lower() if char.isascii() else char for char in text)


def _in_range(value: str, asked: str) -> bool:
    """`3..7`: a whole number from 3 to 6."""
    low, _, high = asked.partition("..")
    try:
        return len(value) < 25 and int(low) <= int(value.replace("_", "x")) < int(high)
    except ValueError:
        return False


def _below(value: str, asked: str) -> bool:
    return value == asked or value.startswith(f"{asked}/")


_KINDS: dict[str, Callable[[str, str], bool]] = {
    "exact": str.__eq__,
    "prefix": str.startswith,
    "suffix": str.endswith,
    "contains": str.__contains__,
    "range": _in_range,
    "path prefix": _below,
}
