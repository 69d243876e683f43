"""Which log lines are wanted: the words after `/` in the pane, of `:logs` and the command line.

Terms stand beside each other and must all hold; `!` before a term turns it round. `5xx` and `503`
alone are codes. A line that is no access-log line can only be found by its text, its pod and its
version. What the command line calls `--code 5xx` is understood, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches

from meshtui.dataclass import dataclass
from meshtui.envoy.logline import LOOKED_AT, LoggedRequest, LogLine
from meshtui.errors import Usage
from meshtui.mesh.quantity import seconds
from meshtui.mesh.regex import Search, Undecidable
from meshtui.verbs.log_filter import hint

GRAMMAR = "code:5xx  path:/x*  v:v3  >200ms  ~regex  !term without"
"""What can be typed beside a text."""

Fits = Callable[[str], bool]

_CODE = re.compile(r"[1-5](\d\d|\dx|xx)|0", re.ASCII)
_ALONE = re.compile(r"[1-5](\d\d|\dx|xx)(,[1-5](\d\d|\dx|xx))*", re.ASCII | re.IGNORECASE)
_FLAG = re.compile(r"[A-Za-z0-9_]{1,40}", re.ASCII)
_TOOK = re.compile(r"(?:dur|duration)?:?(>=|<=|>|<)(.*)", re.DOTALL)
_NUMBER = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)
_LONGEST = 1_000
_KEY = re.compile(r"[a-z][a-z_]*", re.ASCII)
_PLACE = re.compile(r"//|\d+\b|$|:", re.ASCII)
"""What stands behind the colon of a host, an address or a scheme."""


@dataclass(frozen=True, slots=True)
class Term:
    """Holds for lines, or only for those that are requests; `turned`: where it would not.

    With both `of_line` speaks of the lines that are no requests.
    """

    of_line: Callable[[LogLine], bool] | None = None
    of_request: Callable[[LoggedRequest], bool] | None = None
    turned: bool = False

    def __call__(self, line: LogLine) -> bool:
        found = line.request
        if self.of_request is not None and (found is not None or self.of_line is None):
            return found is not None and self.of_request(found) is not self.turned
        return self.of_line is None or self.of_line(line) is not self.turned


@dataclass(frozen=True, slots=True)
class LogFilter:
    """`source` is what was typed; without terms it lets everything pass."""

    source: str = ""
    terms: tuple[Term, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __call__(self, line: LogLine) -> bool:
        """True where the line is wanted. What meshtui says itself is always shown."""
        return line.own or all(term(line) for term in self.terms)

    def __and__(self, other: LogFilter) -> LogFilter:
        source = " ".join(filter(None, (self.source, other.source)))
        return LogFilter(source, (*self.terms, *other.terms))


def parse_filter(text: str) -> LogFilter:
    """Raises `Usage`, saying which term is wrong and how it should be."""
    if len(text) > _LONGEST:
        raise Usage("the filter is too long", f"at most {_LONGEST} characters")
    return LogFilter(text.strip(), tuple(_term(word) for word in _words(text)))


def toggled(source: str, term: str) -> str:
    """The filter with the term at its end, or without it where it stands there."""
    words = source.split()
    if words[-1:] == [term]:
        return source.rstrip().removesuffix(term).rstrip()
    return f"{source} {term}".strip()


def _words(text: str) -> list[str]:
    """Parted at spaces; a part between double quotes may hold some."""
    parts = text.split('"')
    if len(parts) % 2 == 0:
        raise Usage("a quote is not closed", 'as in path:"/a b"')
    words, current, begun = [], "", False
    for place, part in enumerate(parts):
        if place % 2:
            current, begun = current + part, True
            continue
        for index, piece in enumerate(re.split(r"\s+", part)):
            if index and (current or begun):
                words.append(current)
                current, begun = "", False
            current += piece
    return _joined([word for word in (*words, current) if word])


def _joined(words: list[str]) -> list[str]:
    """`--code 5xx`, as the command line has it, is `code:5xx`."""
    found, waiting = [], iter(words)
    for word in waiting:
        key, equals, value = word.removeprefix("--").partition("=")
        if word.startswith("--") and key in _KEYS:
            word = f"{key}:{value if equals else next(waiting, '')}"
        found.append(word)
    return found


def _term(word: str) -> Term:
    if word.startswith("!"):
        return _turned(word[1:])
    duration = _TOOK.fullmatch(word)
    if duration:
        return Term(of_request=_duration_test(duration[1], duration[2]))
    key, colon, value = word.partition(":")
    make = _KEYS.get(key.lower()) if colon else None
    if make is not None:
        return _keyed(make, key, value)
    if word.startswith("~"):
        return _regex(word[1:])
    if len(word) > 2 and word.startswith("/") and word.endswith("/"):
        return _regex(word[1:-1])
    if colon:
        _refuse_mistaken(key, value)
    if _ALONE.fullmatch(word):
        return _code_or_text(word)
    return _text(word)


def _code_or_text(word: str) -> Term:
    """Of requests their code: the digits stand in times, ports and ids, too."""
    return Term(_text(word).of_line, _code(word).of_request)


def _refuse_mistaken(key: str, value: str) -> None:
    """A word and a colon are a key, unless a URL, a port or a list of them follows."""
    name = key.lower()
    meant = _ALSO_CALLED.get(name) or next(iter(get_close_matches(name, _KEYS, 1, 0.75)), "")
    if not meant and _KEY.fullmatch(name) and not _PLACE.match(value):
        keys = ", ".join(sorted(set(_KEYS) - set(_SAME)))
        raise Usage(f"there is no {key}:", f"keys are {keys}; ~{key}: looks for the text")
    if meant:
        raise Usage(f"there is no {key}:", f"{meant}: may be meant; ~{key}: looks for the text")


def _turned(word: str) -> Term:
    if not word:
        raise Usage("! stands before a term", "as in !code:200")
    term = _term(word)
    return replace(term, turned=not term.turned)


def _keyed(make: Callable[[str], Term], key: str, value: str) -> Term:
    if value.startswith("!"):
        return _turned(f"{key}:{value[1:]}")
    if not value:
        raise Usage(f"{key}: of what", hint(_SAME.get(key.lower(), key.lower())))
    return make(value)


def _code(value: str) -> Term:
    """`503`, `5xx`, `50x`; several with commas."""
    wanted = value.lower().split(",")
    wrong = next((code for code in wanted if not _CODE.fullmatch(code)), None)
    if wrong is not None:
        raise Usage(f"code:{wrong} is no response code", hint("code"))
    starts = tuple(code.rstrip("x") if "x" in code else code for code in wanted)
    return Term(of_request=lambda request: not request.tcp and str(request.code).startswith(starts))


def _flag(value: str) -> Term:
    wanted = frozenset(value.upper().split(","))
    if not all(flag == "-" or _FLAG.fullmatch(flag) for flag in wanted):
        raise Usage(f"flag:{value} is no response flag", hint("flag"))
    if "ANY" in wanted:
        return Term(of_request=lambda request: bool(request.flags))
    none = bool(wanted & {"NONE", "-"})
    return Term(
        of_request=lambda request: (
            not wanted.isdisjoint(request.flags) or (none and not request.flags)
        )
    )


def _version(value: str) -> Term:
    fits = [_pattern(part) if "*" in part else part.__eq__ for part in value.split(",")]
    return Term(lambda line: any(fit(line.version) for fit in fits))


def _pod(value: str) -> Term:
    fits = [_part(part) for part in value.split(",") if part]
    return Term(lambda line: any(fit(line.pod) for fit in fits))


def _container(value: str) -> Term:
    fits = [_part(part) for part in value.split(",") if part]
    return Term(lambda line: any(fit(line.container or "istio-proxy") for fit in fits))


def _path(value: str) -> Term:
    fit = _part(value)
    return Term(of_request=lambda request: fit(request.path[:LOOKED_AT]))


def _method(value: str) -> Term:
    wanted = frozenset(value.upper().split(","))
    return Term(of_request=lambda request: request.method.upper() in wanted)


def _slower(value: str) -> Term:
    sign, limit = (value[:1], value[1:]) if value[:1] in "<>" else (">", value)
    if limit.startswith("="):
        sign, limit = sign + "=", limit[1:]
    return Term(of_request=_duration_test(sign, limit))


def _duration_test(sign: str, text: str) -> Callable[[LoggedRequest], bool]:
    """Longer or shorter than a duration; a bare number is milliseconds."""
    taken = float(text) / 1e3 if _NUMBER.fullmatch(text) else seconds(text)
    if taken is None:
        raise Usage(f"{sign}{text} is no duration", hint("dur"))
    limit = taken * 1e3
    compare = {
        ">": float.__gt__,
        ">=": float.__ge__,
        "<": float.__lt__,
        "<=": float.__le__,
    }[sign]
    return lambda request: (
        request.duration_ms is not None and compare(float(request.duration_ms), limit)
    )


def _part(value: str) -> Fits:
    """Somewhere in the text, or with `*` the whole of it."""
    return _pattern(value) if "*" in value else lambda text: value in text


def _pattern(value: str) -> Fits:
    """`*` is anything; compared from the left, in linear time."""
    first, *middle, last = value.split("*")

    def fits(text: str) -> bool:
        if not (text.startswith(first) and text.endswith(last)):
            return False
        at, end = len(first), len(text) - len(last)
        for part in middle:
            found = text.find(part, at, end) if at <= end else -1
            if found < 0:
                return False
            at = found + len(part)
        return at <= end

    return fits


def _text(word: str) -> Term:
    wanted = word.lower()
    return Term(lambda line: wanted in line.text[:LOOKED_AT].lower())


def expression(pattern: str) -> Search:
    """A regular expression that is looked for in lines. Raises `Usage`."""
    try:
        return Search(pattern)
    except Undecidable as error:
        raise Usage(f"{pattern!r} is no regular expression: {error}", "RE2's syntax") from None


def _regex(pattern: str) -> Term:
    search = expression(pattern)
    return Term(lambda line: search(line.text[:LOOKED_AT]))


_KEYS: dict[str, Callable[[str], Term]] = {
    "code": _code,
    "flag": _flag,
    "version": _version,
    "v": _version,
    "pod": _pod,
    "container": _container,
    "path": _path,
    "method": _method,
    "dur": _slower,
    "duration": _slower,
}
_SAME = {"v": "version", "duration": "dur"}
_ALSO_CALLED = {"status": "code", "response": "code", "verb": "method", "uri": "path"}


def term(key: str, value: str) -> LogFilter:
    """The filter of one key alone, its value taken as it is. Raises `Usage`."""
    return LogFilter(f"{key}:{value}", (_keyed(_KEYS[key], key, value),))


def regex(pattern: str) -> LogFilter:
    """Lines in which a regular expression is found. Raises `Usage`."""
    return LogFilter(f"~{pattern}", (_regex(pattern),))
