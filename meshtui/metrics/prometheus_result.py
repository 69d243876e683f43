"""What a Prometheus answers, brought into one shape; what it says instead, as named errors.

Format and status codes: https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypedDict
from urllib.parse import urlsplit, urlunsplit

from meshtui.dataclass import dataclass
from meshtui.errors import MeshtuiError, NotAllowed, Unreachable
from meshtui.mesh import read
from meshtui.mesh.json_text import Decoder, Piece, Record, decode
from meshtui.mesh.text import clean
from meshtui.metrics.exposition import number_of

LONGEST = 200
PARTIAL: Mapping[str, str] = {"partial_response": "true"}
"""Thanos answers with what it can reach and warns of the rest; the last minute is seldom in the
store that fails. Others pass over a parameter that they do not know."""

ORG_HINT = "name the tenant: --prometheus-header 'X-Scope-OrgID: TENANT'"
_NONE_HINT = "or read the sidecars instead: --prometheus none"
_LIMITS = ("too many samples", "exceeded", "limit", "too many chunks", "too large")


class _Element(Record, gc=False, forbid_unknown_fields=True):
    """Of an instant vector, which there are ten thousands of."""

    metric: Piece
    value: tuple[float, float]


class _Vector(TypedDict, total=False):
    result: list[_Element]


class _VectorAnswer(TypedDict, total=False):
    status: Any
    data: _Vector
    warnings: Any


class _Entry(TypedDict, total=False):
    metric: Piece
    value: tuple[float, str]
    values: list[Any]


class _Data(TypedDict, total=False):
    result: list[_Entry]


class _Answer(TypedDict, total=False):
    status: Any
    data: _Data
    warnings: Any


_decode = Decoder(_VectorAnswer, _Answer, texts_as_numbers=True)
"""Labels stay text: most of them were read before. See `prometheus_series`. A value becomes a
number as it is decoded; an answer that has other texts for numbers (`+Inf`) is read one by one."""


@dataclass(frozen=True, slots=True)
class Point:
    """One element of an instant vector. `at` is seconds since the epoch by the server's clock."""

    labels: Mapping[str, str]
    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Over:
    """The times of a range query: whole seconds since the epoch, by the server's clock."""

    begin: int
    end: int
    step_s: int


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The raw `result` of a query, and what the server warned of (a part that is missing)."""

    result: Sequence[Any]
    warnings: tuple[str, ...] = ()

    def points(self) -> Iterator[Point]:
        """The elements of an instant vector; what is not one is left out. Values may be NaN."""
        for entry in self.result:
            pair = _pair(_part(entry, "value"))
            if pair is not None:
                yield Point(_labels(_part(entry, "metric")), *pair)

    def texts(self) -> Iterator[tuple[bytes | Mapping[str, str], float]]:
        """As `points`, with the text of the labels where there is one."""
        for entry in self.result:
            if type(entry) is _Element:
                yield bytes(entry.metric), entry.value[1]
                continue
            pair = _pair(_part(entry, "value"))
            if pair is not None:
                metric = _part(entry, "metric")
                yield bytes(metric) if type(metric) is Piece else _labels(metric), pair[1]

    def series(self) -> Iterator[tuple[Mapping[str, str], tuple[tuple[float, float], ...]]]:
        """Labels and (time, value) pairs of each element of a matrix; values may be NaN."""
        for entry in self.result:
            if isinstance(entry, dict | _Element):
                pairs = (_pair(value) for value in read.items(entry, "values"))
                labels = _labels(_part(entry, "metric"))
                yield labels, tuple(pair for pair in pairs if pair is not None)

    def times(self) -> Iterator[tuple[float, ...]]:
        """The times of the samples of each series of a range vector."""
        for entry in self.result:
            pairs = (_pair(value) for value in read.items(entry, "values"))
            yield tuple(pair[0] for pair in pairs if pair is not None)


def parse(body: bytes | str, where: str) -> QueryResult:
    """The answer in a body of status 200. Raises Unreachable where it is none."""
    try:
        document = _decode(body)
    except (ValueError, RecursionError):
        raise not_prometheus(where, body) from None
    data = read.obj(document, "data")
    result = data.get("result")
    if read.text(document, "status") != "success" or not isinstance(result, list):
        raise refused(where, 200, body)
    return QueryResult(result, tuple(clean(w, LONGEST) for w in read.texts(document, "warnings")))


def not_prometheus(where: str, body: bytes | str) -> MeshtuiError:
    """For an answer that is no JSON."""
    text = body[:4096].decode("utf-8", "replace") if isinstance(body, bytes) else body[:4096]
    if text.lstrip().startswith("<"):
        reason, hint = "an HTML page", "is a login page in between, or a path prefix missing?"
    else:
        reason, hint = f"what is not JSON ({clean(text, 40)!r})", "is it a Prometheus?"
    return Unreachable(f"{where} answers with {reason}", hint)


def refused(where: str, status: int, body: bytes | str) -> MeshtuiError:
    """For an answer other than success, in the server's own words where it has some."""
    reason, line = _words(body), _line(body)
    problem = f"{where}: {reason}" if reason else f"{where} answers {status}{line and f': {line}'}"
    if "org id" in (reason or line).lower():
        return NotAllowed(problem, ORG_HINT)
    if status == 401:
        hint = "log in: --prometheus-token-file, --prometheus-basic-file or user and password"
        return NotAllowed(problem, f"{hint} in the URL")
    if status == 403:
        return NotAllowed(problem, "the credentials do not allow queries")
    if status == 404:
        return Unreachable(problem, "there is no query API: is a path prefix missing in the URL?")
    if status == 429:
        return Unreachable(problem, "it has too much to do")
    return unable(where, reason, problem) if status != 504 else _too_slow(problem)


def unable(where: str, reason: str, problem: str = "") -> MeshtuiError:
    """For a query that the server cannot answer, by its own words."""
    problem = problem or f"{where}: {reason}"
    if any(word in reason for word in _LIMITS):
        return Unreachable(f"{problem} (a limit of the server)", f"raise it there, {_NONE_HINT}")
    return _too_slow(problem) if "timed out" in reason else Unreachable(problem)


def _too_slow(problem: str) -> MeshtuiError:
    return Unreachable(f"{problem} (too slow)", f"give it more to do it with, {_NONE_HINT}")


def _words(body: bytes | str) -> str:
    """The `error` of the API's own failures; gateways in front of it call it `message`."""
    try:
        document = decode(body)
    except (ValueError, RecursionError):
        return ""
    return clean(read.text(document, "error") or read.text(document, "message"), LONGEST)


def _line(body: bytes | str) -> str:
    """The text that Mimir and proxies answer with, where it is no page and no document."""
    text = body[:4096].decode("utf-8", "replace") if isinstance(body, bytes) else body[:4096]
    page = text.lstrip().startswith(("<", "{", "["))
    return "" if page else clean(" ".join(text.split()), LONGEST)


def _part(entry: Any, name: str) -> Any:
    if type(entry) is _Element:
        return getattr(entry, name)
    return entry.get(name) if isinstance(entry, dict) else None


def _pair(value: Any) -> tuple[float, float] | None:
    """Time and value of `[1435781430.781, "1"]`."""
    if not (isinstance(value, list | tuple) and len(value) == 2):
        return None
    at, number = map(_float, value)
    return None if at is None or number is None or not math.isfinite(at) else (at, number)


def _float(value: Any) -> float | None:
    if isinstance(value, str):
        return number_of(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    with suppress(OverflowError):
        return float(value)
    return None


def _labels(metric: Any) -> Mapping[str, str]:
    if isinstance(metric, Piece):
        return labels_in(bytes(metric))
    return read.labels({"metric": metric}, "metric")


def labels_in(text: bytes) -> Mapping[str, str]:
    """The labels of a series, as its text in an answer has them."""
    try:
        return read.labels({"metric": decode(text)}, "metric")
    except (ValueError, RecursionError):
        return {}


def shown(url: str) -> str:
    """A URL without user, password and query."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))
