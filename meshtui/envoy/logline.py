"""One line of a proxy's log, read once: whose it is, and of a request what is looked for."""

from __future__ import annotations

from datetime import UTC, datetime

from meshtui.envoy.accesslog import is_unknown_format, parse_line
from meshtui.mesh.access_logging import LogFormat
from meshtui.mesh.codes import failed
from meshtui.mesh.json_text import Record

LOOKED_AT = 4_096
"""Characters of a line that are searched and shown; all of it is kept."""


class LoggedRequest(Record, frozen=True, gc=False):
    """What came of one request, or of one connection (`tcp`), which has no code and no path.

    Milliseconds; code 0 of a request is no response; text is as it came.
    """

    time: str
    method: str
    path: str
    code: int
    flags: tuple[str, ...]
    details: str
    duration_ms: int | None
    inbound: bool
    """Into the pod, else out of it to another service."""

    tcp: bool = False
    to: str = ""
    """Of a connection: the server's name that was asked for, else the address."""

    @property
    def failed(self) -> bool:
        """No answer, or a server's error; of a connection that something went wrong with it."""
        return bool(self.flags) if self.tcp else failed(self.code)


class LogLine(Record, frozen=True, gc=False):
    """A line, `request` None where it is no access-log line.

    `stamp` is when the kubelet took it, in nanoseconds since the epoch, 0 where that is not
    known. `own`: it is meshtui's word about the log, or a mark, and no part of it; `trouble`: it
    tells of a failure. `unknown`: it looks like a request in a format that is not known.
    """

    namespace: str
    pod: str
    version: str
    text: str
    stamp: int = 0
    request: LoggedRequest | None = None
    own: bool = False
    trouble: bool = False
    unknown: bool = False
    formats: tuple[LogFormat, ...] = ()
    """Those of the mesh's own that its proxy may write in."""

    container: str = ""
    """Whose line it is where it is not the proxy's: no request is read out of it."""

    nameless: bool = False
    """A caller's request that may be about any service: it is counted, and not kept."""

    late: bool = False
    """Lines of other logs that are later by their times stand before it."""


def read_line(
    namespace: str,
    pod: str,
    version: str,
    text: str,
    stamp: int = 0,
    formats: tuple[LogFormat, ...] = (),
    address: str = "",
    container: str = "",
    late: bool = False,
) -> LogLine:
    """The line a proxy wrote, in one of the mesh's own `formats` or a known one; never raises.

    `address` is its pod's, where that is known; `container` names another one than the proxy.
    """
    if container:
        return LogLine(namespace, pod, version, text, stamp, container=container, late=late)
    request = _request(text, formats, address)
    unknown = request is None and is_unknown_format(text, formats)
    place = namespace, pod, version
    return LogLine(*place, text, stamp, request, unknown=unknown, formats=formats, late=late)


def iso_stamp(stamp: int) -> str:
    """ISO 8601 to the millisecond, in UTC as the lines themselves have it; empty for 0."""
    if not stamp:
        return ""
    seconds, rest = divmod(stamp, 10**9)
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{rest // 10**6:03d}Z"


def own_line(
    text: str, pod: str = "", version: str = "", stamp: int = 0, trouble: bool = False
) -> LogLine:
    """Something meshtui has to say between the lines."""
    return LogLine("", pod, version, text, stamp, None, True, trouble)


def _request(text: str, formats: tuple[LogFormat, ...], address: str) -> LoggedRequest | None:
    record = parse_line(text, formats)
    if record is None:
        return None
    return LoggedRequest(
        record.time,
        record.method,
        record.path,
        record.code,
        record.flags,
        record.details,
        record.duration_ms,
        record.came_to(address),
        record.tcp,
        (record.server_name or record.upstream_host) if record.tcp else "",
    )
