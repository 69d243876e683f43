"""How log lines are printed: readable, by a template, as they came, or as documents."""

from __future__ import annotations

from dataclasses import asdict, field

from meshtui.cli import output
from meshtui.dataclass import dataclass
from meshtui.envoy.accesslog import parse_line
from meshtui.envoy.logfilter import LogFilter
from meshtui.envoy.logline import LogLine, iso_stamp, read_line
from meshtui.envoy.logsummary import Summary
from meshtui.envoy.logtemplate import Template
from meshtui.envoy.logview import (
    Piece,
    begins_with_time,
    code_pieces,
    flag_pieces,
    highlighted,
    late_words,
    path_pieces,
    request_pieces,
    unread_words,
)
from meshtui.errors import MeshtuiError
from meshtui.mesh.access_logging import LogFormat
from meshtui.mesh.regex import Search
from meshtui.operations.types import LogEntry

_CLOCK = slice(11, 23)
_NAMES = 6
"""Colours that names have in turn."""


@dataclass(frozen=True, slots=True)
class Printing:
    """What is printed, and how; `formats` are those of the mesh's own that lines may have.

    `width` is that of the names in front of readable lines.
    """

    wanted: LogFilter
    form: str = "table"
    raw: bool = False
    template: Template | None = None
    highlight: Search | None = None
    follow: bool = False
    callers: bool = False
    formats: tuple[LogFormat, ...] = ()
    width: int = 0
    last: int = 0
    """Lines of each log that were read at first, 0 for all."""


@dataclass(slots=True)
class LogPrinter:
    """Prints what is wanted, and keeps what the lines come to. `failed` is by pod and container."""

    how: Printing
    failed: dict[tuple[str, str], MeshtuiError] = field(default_factory=dict)
    summary: Summary = field(default_factory=Summary)
    _unknown: int = 0
    _nameless: int = 0
    _late: int = 0
    _printed: int = 0
    _no_requests: int = 0
    _left_out: int = 0
    _names: dict[str, int] = field(default_factory=dict)

    @property
    def _sums_up(self) -> bool:
        return self.how.form == "table" and not self.how.raw and self.how.template is None

    def take(self, entry: LogEntry) -> None:
        """One line of a log, or what there is to say of it."""
        if entry.own:
            output.note(entry.text)
            if entry.error is not None:
                self.failed[entry.pod, entry.container] = entry.error
            return
        if entry.nameless:
            self._nameless += 1
            return
        formats = self.how.formats
        place = entry.namespace, entry.pod, entry.version
        whose = formats, entry.address, entry.container
        line = read_line(*place, entry.text, entry.stamp, *whose, entry.late)
        self._unknown += line.unknown
        self._late += line.late
        if not self.how.wanted(line):
            self._left_out += 1
        else:
            if self._sums_up:
                self.summary.add(line)
            self._print(line)
            if self.how.follow:
                output.flush()

    def end(self) -> None:
        """What there is to say of all the lines, on stderr."""
        if self._sums_up:
            self._sum_up()
        if self._no_requests:
            those = (
                "line that is no request is"
                if self._no_requests == 1
                else ("lines that are no requests are")
            )
            output.note(f"meshtui: {self._no_requests:,} {those} left out by the template")
        if self._left_out and not self._printed:
            lines = "line" if self._left_out == 1 else "lines"
            last = self.how.last
            more = f": the last {last:,} of each log, --tail reads more" if last else ""
            output.note(
                f"meshtui: none of {self._left_out:,} {lines} fits {self.how.wanted.source}{more}"
            )
        late = (late_words(self._late),) if self._late else ()
        for words in (*late, *unread_words(self._unknown, self._nameless)):
            output.note(f"meshtui: {words}")

    def _sum_up(self) -> None:
        summary = self.summary
        codes = "".join(text for text, _ in (*code_pieces(summary), *flag_pieces(summary)))
        paths = "".join(text for text, _ in path_pieces(summary))
        for words in (codes, paths):
            if words:
                output.note(f"meshtui: {words.rstrip()}")
        if self._printed and not codes:
            more = "" if self.how.callers else "; --callers adds what the callers logged"
            output.note(f"meshtui: no requests among these lines{more}")

    def _print(self, line: LogLine) -> None:
        how = self.how
        self._printed += 1
        if how.form != "table":
            output.record(_document(line), how.form)
        elif how.template is not None:
            text = how.template.render(line)
            self._no_requests += text is None
            if text is not None:
                output.pieces(highlighted([(text, "")], how.highlight))
        elif how.raw:
            name = (f"{_name(line)}  ", "")
            output.pieces([name, *highlighted([(line.text, "")], how.highlight)])
        else:
            output.pieces([self._head(line), *highlighted(_readable(line), how.highlight)])

    def _head(self, line: LogLine) -> Piece:
        name = _name(line)
        number = self._names.setdefault(name, len(self._names))
        return f"{name:<{self.how.width}}  ", f"line-{1 + number % _NAMES}"


def _name(line: LogLine) -> str:
    return f"{line.pod}/{line.container}" if line.container else line.pod


def _readable(line: LogLine) -> tuple[Piece, ...]:
    """As the screen has it; what is no request, and has no time, stands behind that at which
    the kubelet took it."""
    if line.request is not None:
        return request_pieces(line.request, clock=True)
    clock = "" if begins_with_time(line.text) else iso_stamp(line.stamp)[_CLOCK]
    return (f"{clock} " if clock else "", "muted"), (line.text, "")


def _document(line: LogLine) -> dict[str, object]:
    record = None if line.container else parse_line(line.text, line.formats)
    own = {"container": line.container} if line.container else {}
    fields = asdict(record) if record else {"raw": line.text}
    place = {"namespace": line.namespace, "pod": line.pod, "version": line.version}
    return {**place, **own, **fields}
