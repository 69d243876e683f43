"""Checks of single values: names of hosts and headers, numbers, durations, expressions.

Each gives the webhook's error, or None.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from meshtui.lab.control import durations

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", re.IGNORECASE)
_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~A-Za-z0-9]+")
_BAD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_PSEUDO_HEADERS = frozenset({":method", ":scheme", ":authority", ":path", ":status"})
_CLAIM = "@request.auth.claims"
_LABEL_NAME = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?/)?"
                         r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")  # fmt: skip
_LONGEST_EXPRESSION = 1024


def is_label(text: str) -> bool:
    return bool(_LABEL.fullmatch(text))


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def quoted(text: str) -> str:
    """As Go's %q writes a text."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r") + '"'


def number(value: float) -> str:
    """As Go's %v writes a number."""
    return str(int(value)) if value == int(value) and abs(value) < 1e21 else repr(value)


def wildcard_domain(domain: str) -> str | None:
    """A host, perhaps with a wildcard in its first label."""
    if len(domain) > 255:
        return f"domain name {quoted(domain)} too long (max 255)"
    if not domain:
        return "empty domain name not allowed"
    first, dot, rest = domain.partition(".")
    if first != "*" and not is_label(first.removeprefix("*-").removeprefix("*")):
        return f"domain name {quoted(domain)} invalid (label {quoted(first)} invalid)"
    return _labels(rest) if dot else None


def fqdn(domain: str) -> str | None:
    if not domain:
        return "empty domain name not allowed"
    return _labels(domain)


def _labels(domain: str) -> str | None:
    parts = domain.split(".")
    if re.fullmatch(r"[+-]?\d+", parts[-1]):
        last = quoted(parts[-1])
        return (
            f"domain name {quoted(domain)} invalid (top level domain {last} cannot be all-numeric)"
        )
    if parts[-1] == "":
        parts.pop()
    wrong = next((part for part in parts if not is_label(part)), None)
    if wrong is None:
        return None
    return f"domain name {quoted(domain)} invalid (label {quoted(wrong)} invalid)"


def port(value: Any) -> str | None:
    if isinstance(value, int) and 1 <= value <= 65535:
        return None
    return f"port number {value or 0} must be in the range 1..65535"


def duration(text: Any) -> str | None:
    milliseconds = durations.seconds(text) * 1000
    if milliseconds < 1:
        return "duration must be greater than 1ms"
    if abs(milliseconds - round(milliseconds)) > 1e-6:
        return "only durations to ms precision are supported"
    return None


def percentage(value: Mapping[str, Any] | None) -> str | None:
    found = float((value or {}).get("value") or 0)
    if found < 0 or found > 100 or 0 < found < 0.0001:
        return f"percentage {number(found)} is neither 0.0, nor in range [0.0001, 100.0]"
    return None


def percent(value: Any) -> str | None:
    found = int(value or 0)
    return None if 0 <= found <= 100 else f"percentage {found} is not in range 0..100"


def subset(name: str) -> str | None:
    if not name:
        return "subset name cannot be empty"
    return None if is_label(name) else f"subset name is invalid: {name}"


def is_claim(name: str) -> bool:
    return name.lower().startswith(_CLAIM)


def header_match(name: str) -> str | None:
    """A header that a rule asks for."""
    if not name:
        return "header name cannot be empty"
    if is_claim(name) or name in _PSEUDO_HEADERS or _HEADER.fullmatch(name):
        return None
    return f"header name {name} is not a valid header name"


def cors_header(name: str) -> str | None:
    if not name:
        return "header name cannot be empty"
    valid = name == "*" or _HEADER.fullmatch(name)
    return None if valid else f"header name {name} is not a valid header name"


def is_authority(name: str) -> bool:
    return name.lower() in ("host", ":authority")


def header_set(name: str, request: bool) -> str | None:
    """A header that a rule changes; only a request's host may be changed."""
    if not name:
        return "header name cannot be empty"
    if request and is_authority(name):
        return None
    if not request and name.lower() == "host":
        return f"invalid header {quoted(name)}: cannot set Host header"
    if name.startswith(":"):
        return f'invalid header {quoted(name)}: header cannot have ":" prefix'
    return None


def header_value(value: str) -> str | None:
    return f"header value configuration {value} is invalid" if _BAD_VALUE.search(value) else None


def labels(wanted: Mapping[str, Any] | None) -> str | None:
    for name, value in (wanted or {}).items():
        if not _LABEL_NAME.fullmatch(str(name)):
            return f"invalid tag key: {quoted(str(name))}"
        if value and not _LABEL_NAME.fullmatch(str(value)):
            return f"invalid tag value: {quoted(str(value))}"
    return None


def text_match(match: Mapping[str, Any] | None, where: str) -> str | None:
    """A StringMatch anywhere but in a uri."""
    if match and match.get("prefix") == "":
        return f"{quoted(where)}: prefix string match should not be empty"
    return expression_match(match, where)


def expression_match(match: Mapping[str, Any] | None, where: str) -> str | None:
    if not match or match.get("regex") is None:
        return None
    if match["regex"] == "":
        return f"{quoted(where)}: regex string match should not be empty"
    return expression(str(match["regex"]), where)


def expression(text: str, where: str) -> str | None:
    """A regular expression of RE2, with the words of Go's own parser."""
    if len(text) > _LONGEST_EXPRESSION:
        return f"{quoted(where)}: regex is too large, max length allowed is 1024"
    wrong = _misread(text)
    if wrong is None:
        return None
    hint = "Istio uses RE2 style regex-based match (https://github.com/google/re2/wiki/Syntax)"
    return f"{quoted(where)}: error parsing regexp: {wrong}; {hint}"


_UNSUPPORTED = re.compile(r"\(\?(?:=|!|<[=!]|>)")
_REPEATED = re.compile(r"(?<!\\)[*+?}][+*]")
_COUNT = re.compile(r"(?<!\\)\{(\d+)(?:,(\d*))?\}")
_BACK = re.compile(r"(?<!\\)\\[1-9]")
_GO_WORDS = {
    "nothing to repeat": "missing argument to repetition operator: `{0}`",
    "multiple repeat": "invalid nested repetition operator: `{1}`",
    "missing ), unterminated subpattern": "missing closing ): `{2}`",
    "unbalanced parenthesis": "unexpected ): `{2}`",
    "unterminated character set": "missing closing ]: `{3}`",
    "bad escape (end of pattern)": "trailing backslash at end of expression: ``",
}
_MOST_TIMES = 1000


def _misread(text: str) -> str | None:
    unsupported = _UNSUPPORTED.search(text)
    if unsupported:
        return f"invalid or unsupported Perl syntax: `{unsupported.group()}`"
    for found in _COUNT.finditer(text):
        if any(int(times) > _MOST_TIMES for times in found.groups() if times):
            return f"invalid repeat count: `{found.group()}`"
    back = _BACK.search(text)
    if back:
        return f"invalid escape sequence: `{back.group()}`"
    try:
        re.compile(text)
    except re.error as error:
        return _in_go_words(error, text)
    nested = _REPEATED.search(text)
    return f"invalid nested repetition operator: `{nested.group()}`" if nested else None


def _in_go_words(error: re.error, text: str) -> str:
    at = error.pos or 0
    known = next((words for start, words in _GO_WORDS.items() if error.msg.startswith(start)), None)
    if known is None:
        return f"{error.msg}: `{text}`"
    return known.format(text[at : at + 1], text[at - 1 : at + 1], text, text[at:])
