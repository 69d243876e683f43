"""How a log line is written out by a template: `{time} {pod} {status} {path}`.

A template names fields and nothing else: no expression is evaluated, whoever wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from difflib import get_close_matches

from meshtui.dataclass import dataclass
from meshtui.envoy.accesslog import AccessRecord, parse_line
from meshtui.envoy.logline import LogLine, iso_stamp
from meshtui.errors import Usage

ABSENT = "-"
_LONGEST = 1_000
_WIDEST = 200
_PIECE = re.compile(
    r"(?P<double>\{\{|\}\}) | \{(?P<name>[^{}:]*)(?::(?P<right>>?)(?P<width>[^{}]*))?\}",
    re.VERBOSE,
)

_ESCAPED = re.compile(r"\\[nrt]")
"""What other tools' templates make a tab or the end of a line of."""

OfLine = Callable[[LogLine], str]
OfRequest = Callable[[AccessRecord], str]

LINE_FIELDS: Mapping[str, OfLine] = {
    "namespace": lambda line: line.namespace,
    "pod": lambda line: line.pod,
    "version": lambda line: line.version,
    "container": lambda line: line.container or "istio-proxy",
    "line": lambda line: line.text,
    "stamp": lambda line: iso_stamp(line.stamp),
}
"""What every line has; `stamp` is when the kubelet took it."""


def _of_record(name: str) -> OfRequest:
    def value(record: AccessRecord) -> str:
        found = getattr(record, name)
        if isinstance(found, tuple):
            return ",".join(found)
        return "" if found is None else str(found)

    return value


def _milliseconds(record: AccessRecord) -> str:
    return "" if record.duration_ms is None else f"{record.duration_ms}ms"


REQUEST_FIELDS: Mapping[str, OfRequest] = {
    **{field.name: _of_record(field.name) for field in fields(AccessRecord) if field.name != "raw"},
    "status": _of_record("code"),
    "duration": _milliseconds,
    "host": _of_record("authority"),
    "cluster": _of_record("upstream_cluster"),
    "route": _of_record("route_name"),
    "from": _of_record("downstream_remote"),
    "direction": lambda record: "in" if record.inbound else "out",
}
"""What only a request has: the keys of `-o json`, and shorter names of some."""

_ALSO_CALLED = {
    **dict.fromkeys(("response", "response_code"), "status"),
    **dict.fromkeys(("uri", "url"), "path"),
    **dict.fromkeys(("message", "msg", "text", "raw"), "line"),
    **dict.fromkeys(("latency", "took"), "duration"),
    "ns": "namespace",
    "verb": "method",
    "id": "request_id",
    "flag": "flags",
    "start_time": "time",
}


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    width: int = 0
    right: bool = False

    def fitted(self, text: str) -> str:
        text = text or ABSENT
        return text.rjust(self.width) if self.right else text.ljust(self.width)


@dataclass(frozen=True, slots=True)
class Template:
    """`parts` are words as they are written, and fields."""

    source: str
    parts: tuple[str | _Field, ...]

    @property
    def of_requests(self) -> bool:
        """Whether it asks for what only a request has: other lines have nothing to show then."""
        return any(isinstance(part, _Field) and part.name in REQUEST_FIELDS for part in self.parts)

    def render(self, line: LogLine) -> str | None:
        """The line by this template; None for one that is no request where only requests fit."""
        record = None
        if self.of_requests:
            record = None if line.container else parse_line(line.text, line.formats)
            if record is None:
                return None
        return "".join(
            part if isinstance(part, str) else part.fitted(_value(part.name, line, record))
            for part in self.parts
        ).rstrip()


def _value(name: str, line: LogLine, record: AccessRecord | None) -> str:
    if name in LINE_FIELDS:
        return LINE_FIELDS[name](line)
    return REQUEST_FIELDS[name](record) if record else ""


def parse_template(text: str) -> Template:
    """`{name}`, `{name:20}` at least 20 characters wide, `{name:>6}` to the right; `{{` is a brace.

    Raises `Usage`, naming the field that is meant.
    """
    if len(text) > _LONGEST:
        raise Usage("the template is too long", f"at most {_LONGEST} characters")
    parts: list[str | _Field] = []
    at = 0
    for found in _PIECE.finditer(text):
        parts.append(_plain(text[at : found.start()]))
        parts.append(found["double"][0] if found["double"] else _field(found))
        at = found.end()
    parts.append(_plain(text[at:]))
    if not any(isinstance(part, _Field) for part in parts):
        if "{{" in text:
            raise Usage("the template has no field", "one brace for each, as in '{time} {pod}'")
        raise Usage("the template has no field", "as in '{time} {pod} {status} {path}'")
    return Template(text, tuple(part for part in parts if part))


def _plain(text: str) -> str:
    if "{" in text or "}" in text:
        raise Usage(f"a brace is open in the template at {text[:20]!r}", "{{ and }} are braces")
    if escaped := _ESCAPED.search(text):
        hint = "blanks or a width, as {path:40}, part fields, and a line ends by itself"
        raise Usage(
            f"the template would print {escaped[0]} as it is", f"{hint}; -o json for programs"
        )
    return text


def _field(found: re.Match[str]) -> _Field:
    name, width = found["name"].strip(), found["width"]
    if name not in LINE_FIELDS and name not in REQUEST_FIELDS:
        raise Usage(f"there is no field {{{name}}}", _meant(name))
    if width is None:
        return _Field(name)
    if not (width.isascii() and width.isdigit()) or not 0 < int(width[:4]) <= _WIDEST:
        raise Usage(
            f"{{{name}:{found['right']}{width}}} has no width", "as in {path:40} or {duration:>7}"
        )
    return _Field(name, int(width), bool(found["right"]))


def _meant(name: str) -> str:
    known = (*LINE_FIELDS, *REQUEST_FIELDS)
    lower = name.lower()
    meant = _ALSO_CALLED.get(lower) or next(iter(get_close_matches(lower, known, 1, 0.6)), "")
    return f"is it {{{meant}}}?" if meant else f"there are {', '.join(sorted(known))}"
