"""One log line taken apart, with its flags and codes in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from meshtui.envoy.accesslog import AccessRecord, parse_line
from meshtui.envoy.clusternames import parse_cluster_name
from meshtui.envoy.details import explain_details
from meshtui.envoy.logline import LogLine
from meshtui.envoy.logview import code_role
from meshtui.mesh.flags import explain
from meshtui.ui.panes.logs.access_line import stamp_words, wrapped_line
from meshtui.ui.widgets.paint import BLANK, Line, Span, span, wrapped

NAMED = 19
"""Cells of the names of fields."""


def field_lines(line: LogLine, width: int) -> list[Line]:
    """What came of the request, first in words, then every field; last the line as it came."""
    record = None if line.container else parse_line(line.text, line.formats)
    lines = _whose(line, width)
    if record is not None:
        lines += [BLANK, *_outcome(record, width), BLANK]
        for name, value in _fields(record):
            if value:
                lines += _field(name, (span(value, "text"),), width)
    lines += [BLANK, (Span("as it came", "head"),)]
    return [*lines, *wrapped_line((Span(line.text, "muted"),), max(width, 20), 0)]


def _field(name: str, value: Line, width: int) -> list[Line]:
    head = Span(f"{name:<{NAMED}}", "muted")
    return wrapped_line((head, *value), max(width, NAMED + 20), NAMED)


def _text_lines(name: str, text: str, width: int, role: str = "text") -> list[Line]:
    """Words of our own, broken at spaces."""
    head, indent = Span(f"{name:<{NAMED}}", "muted"), Span(" " * NAMED)
    rows = wrapped(text, max(width - NAMED, 20), role)
    return [(head if not place else indent, *row) for place, row in enumerate(rows)]


def _whose(line: LogLine, width: int) -> list[Line]:
    found: list[Line] = []
    if line.pod:
        version = f" {line.version}" if line.version else ""
        pod = f"{line.namespace}/{line.pod}" if line.namespace else line.pod
        found += _field("pod", (span(pod, "strong"), span(version, "text")), width)
    if line.container:
        found += _field("container", (span(line.container, "text"),), width)
    if line.stamp:
        found += _field("taken by kubelet", (Span(f"{stamp_words(line.stamp)}UTC"),), width)
    return found


def _outcome(record: AccessRecord, width: int) -> list[Line]:
    if record.tcp:
        lines = _field("tcp", (Span("a connection: it has no code"),), width)
    else:
        code = f"{record.code} {_phrase(record.code)}".strip()
        lines = _field("code", (Span(code, code_role(record.code)),), width)
    for flag in record.flags:
        lines += _flag(flag, width)
    if record.details:
        lines += _field("details", (span(record.details, "text"),), width)
        lines += (
            _text_lines("", explain_details(record.details, record.flags), width, "strong")
            if explain_details(record.details, record.flags)
            else []
        )
    lines += _field("lasted" if record.tcp else "took", _duration_line(record), width)
    return [*lines, *_field("to", _to(record), width)]


def _flag(code: str, width: int) -> list[Line]:
    flag = explain(code)
    if flag is None:
        return _field("flag", (span(code, "warning"), Span(" is not known here", "muted")), width)
    return [
        *_field("flag", (Span(f"{flag.code} ", "warning"), Span(flag.name, "warning")), width),
        *_text_lines("", flag.meaning, width, "strong"),
        *_text_lines("  look at", flag.check, width),
    ]


def _phrase(code: int) -> str:
    if not code:
        return "no response"
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return ""


def _duration_line(record: AccessRecord) -> Line:
    if record.duration_ms is None:
        return (Span("not known", "muted"),)
    duration = Span(f"{record.duration_ms:,} ms", "text")
    if record.upstream_ms is None:
        return (duration,)
    own = max(record.duration_ms - record.upstream_ms, 0)
    return duration, Span(f"  upstream {record.upstream_ms:,} ms, the rest {own:,} ms", "muted")


def _to(record: AccessRecord) -> Line:
    name = parse_cluster_name(record.upstream_cluster)
    if not record.upstream_cluster:
        return (Span("nowhere: no cluster was chosen", "muted"),)
    if name.direction == "inbound":
        return (Span("into this pod, port ", "text"), Span(str(name.port), "text"))
    if not name.direction:
        return (span(record.upstream_cluster, "text"),)
    subset = (span(f" subset {name.subset}", "strong"),) if name.subset else ()
    return (Span("out to "), span(name.host, "text"), Span(f":{name.port}"), *subset)


def _fields(record: AccessRecord) -> Iterable[tuple[str, str]]:
    sizes = (record.bytes_received, record.bytes_sent)
    received, sent = ("" if size is None else f"{size:,}" for size in sizes)
    return (
        ("time", record.time),
        ("request", f"{record.method} {record.path}".strip()),
        ("protocol", record.protocol),
        ("authority", record.authority),
        ("route", record.route_name),
        ("upstream cluster", record.upstream_cluster),
        ("upstream host", record.upstream_host),
        ("upstream failure", record.failure),
        ("termination", record.termination),
        ("bytes received", received),
        ("bytes sent", sent),
        ("request id", record.request_id),
        ("user agent", record.user_agent),
        ("forwarded for", record.forwarded_for),
        ("server name", record.server_name),
        ("downstream", record.downstream_remote),
        ("downstream local", record.downstream_local),
        ("upstream local", record.upstream_local),
    )
