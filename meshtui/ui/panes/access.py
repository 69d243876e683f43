"""An access-log line as it is read at a glance: when, what came of it, what was asked. Pure."""

from __future__ import annotations

from meshtui.envoy.accesslog import AccessRecord, parse_line
from meshtui.operations.types import LogEntry
from meshtui.ui.paint import Line, Span, span

_CLOCK = slice(11, 23)
"""Hours to milliseconds in an ISO 8601 time."""


def log_line(entry: LogEntry, prefix: Span, *, raw: bool = False) -> Line:
    """The prefix, then the line; one that is no access log stands as it came."""
    record = None if raw else parse_line(entry.text)
    if record is None:
        return prefix, span(entry.text, "text" if raw else "muted")
    return prefix, *_record(record)


def _record(record: AccessRecord) -> Line:
    flags = ",".join(record.flags) or "-"
    took = "-" if record.duration_ms is None else f"{record.duration_ms}ms"
    why = f"  {record.details}" if record.flags and record.details else ""
    return (
        span(record.time[_CLOCK], "muted"),
        span(f" {record.code:>3}", _role(record.code)),
        span(f" {flags:<3}", "warning" if record.flags else "faint"),
        span(f"{took:>8} ", "muted"),
        Span(_direction(record) + " ", "faint"),
        span(f"{record.method} {record.path}", "text"),
        span(why, "muted"),
    )


def _direction(record: AccessRecord) -> str:
    """Into the pod, or out of it to another service."""
    return "←" if record.upstream_cluster.startswith("inbound") else "→"


def _role(code: int) -> str:
    if code >= 500 or code == 0:
        return "failing"
    return "degraded" if code >= 400 else "ok"
