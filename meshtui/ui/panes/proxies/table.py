"""Rows of a proxy's configuration laid out for a width; lines are made when they are painted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from rich.cells import cell_len

from meshtui.dataclass import dataclass
from meshtui.mesh.text import clean
from meshtui.operations.proxies import columns as proxycolumns
from meshtui.operations.proxies.proxy_reads import (
    CLUSTERS,
    ENDPOINTS,
    LISTENERS,
    ROUTES,
    ProxyReads,
)
from meshtui.ui.widgets.paint import Line, Span, fit, fit_middle

GAP = 2
LONGEST = 300
"""Characters of a cell; the raw JSON has all of them."""

_ORDER = {
    ROUTES: (
        "VHOST NAME", "MATCH", "DESTINATIONS", "MIRRORS", "FAULT", "TIMEOUT", "RETRIES",
        "VIRTUAL SERVICE", "NAME", "DOMAINS",
    ),
    CLUSTERS: (
        "SERVICE FQDN", "SUBSET", "REQUESTS", "PENDING", "OVERFLOW", "EJECTED", "CONNECTIONS",
        "PORT", "DIRECTION", "TYPE", "DESTINATION RULE", "OUTLIER DETECTION",
    ),
    ENDPOINTS: (
        "ENDPOINT", "CLUSTER", "SUBSET", "VERSION", "HEALTH", "ERRORS", "POD", "ACTIVE", "REQUESTS",
        "WEIGHT", "STATUS", "OUTLIER CHECK", "PRIORITY", "LOCALITY",
    ),
    LISTENERS: ("ADDRESS", "PORT", "DESTINATION", "MATCH", "DIRECTION"),
}  # fmt: skip
"""What a person looks for stands left: the rest is cut first."""

_SAME = {
    CLUSTERS: ("SERVICE FQDN", "DIRECTION"),
    ENDPOINTS: ("CLUSTER",),
}
"""What is the same, or is told by the subset, in all rows of one service."""

_SHORT = {
    "SERVICE FQDN": 20,
    "VHOST NAME": 20,
    "CLUSTER": 20,
    "MATCH": 16,
    "DESTINATIONS": 20,
    "DESTINATION": 24,
    "POD": 16,
}
"""Columns that give way on a small width, and how far."""

_NAMES = ("POD", "CLUSTER", "SERVICE FQDN", "VHOST NAME", "DESTINATION", "DESTINATION RULE")
"""Cut in the middle: what tells names from each other is at their end as often as not."""

_HEADS = {"CONNECTIONS": "CONNS", "OUTLIER CHECK": "OUTLIER"}
_BAD = {"EJECTED": "error", "UNHEALTHY": "error", "DRAINING": "warning", "DEGRADED": "warning"}
_ALARMS = ("OVERFLOW", "EJECTED", "ERRORS")


@dataclass(frozen=True, slots=True)
class Table:
    """Cells that are clean already; `widths` are of the widest cell of each column."""

    heads: tuple[str, ...]
    titles: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    widths: tuple[int, ...]
    text: Sequence[str] = field(repr=False, default=())
    """Each row in lower case, to be searched."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def width(self) -> int:
        return sum(self.widths) + GAP * (len(self.widths) - 1)

    def header(self) -> str:
        return "".join(
            fit(head, width + GAP, False)
            if title not in proxycolumns.NUMBERS
            else fit(head, width, True) + " " * GAP
            for head, title, width in zip(self.heads, self.titles, self.widths, strict=True)
        )

    def line(self, index: int) -> Line:
        found: list[Span] = []
        for title, cell, width in zip(self.titles, self.rows[index], self.widths, strict=True):
            number = title in proxycolumns.NUMBERS
            text = fit_middle(cell, width) if title in _NAMES else fit(cell, width, number)
            found.append(Span(text + " " * GAP, role_of(title, cell)))
        return tuple(found)

    def matching(self, text: str) -> Table:
        """Only the rows that hold a text."""
        wanted = text.lower()
        retained = [i for i, row in enumerate(self.text) if wanted in row]
        rows = [self.rows[i] for i in retained]
        return Table(self.heads, self.titles, rows, self.widths, [self.text[i] for i in retained])

    def fitted(self, width: int) -> Table:
        """Long columns give way, the longest first; what still runs over is to the right."""
        widths = list(self.widths)
        for place in sorted(range(len(widths)), key=lambda i: -widths[i]):
            over = sum(widths) + GAP * (len(widths) - 1) - width
            least = _SHORT.get(self.titles[place], widths[place])
            if over > 0 and widths[place] > least:
                widths[place] = max(least, widths[place] - over)
        return Table(self.heads, self.titles, self.rows, tuple(widths), self.text)


def table_of(reading: ProxyReads) -> Table:
    """All rows of a reading."""
    columns = proxycolumns.COLUMNS[reading.view]
    left_out = _SAME.get(reading.view, ()) if reading.service else ()
    titles = tuple(title for title in _ORDER[reading.view] if title not in left_out)
    places = [columns.index(title) for title in titles]
    heads = tuple(_HEADS.get(title, title) for title in titles)
    given = list(zip(*proxycolumns.rows(reading), strict=True))
    cells = [_cleaned(given[place]) for place in places] if given else [()] * len(titles)
    cells = [_without_namespace(c) if t == "POD" else c for t, c in zip(titles, cells, strict=True)]
    widths = tuple(max(cell_len(h), _width(column)) for h, column in zip(heads, cells, strict=True))
    rows = list(zip(*cells, strict=True))
    return Table(heads, titles, rows, widths, ["  ".join(row).lower() for row in rows])


def _cleaned(column: tuple[str, ...]) -> tuple[str, ...]:
    """Looked at as a whole first: there are ten thousand cells, and hardly one that needs it."""
    whole = "".join(column)
    if whole.isascii() and whole.isprintable() and max(map(len, column)) <= LONGEST:
        return column
    return tuple(clean(cell, LONGEST) for cell in column)


def _without_namespace(column: tuple[str, ...]) -> tuple[str, ...]:
    """Pods of one namespace by their own names: what tells them apart has the room."""
    places = {cell.rpartition(".")[2] for cell in column if "." in cell}
    if len(places) != 1:
        return column
    end = f".{places.pop()}"
    return tuple(cell.removesuffix(end) for cell in column)


def _width(column: tuple[str, ...]) -> int:
    """Of the widest cell."""
    plain = all(map(str.isascii, column))
    return max(map(len if plain else cell_len, column), default=0)


def role_of(title: str, cell: str) -> str:
    """What in a row wants to be looked at."""
    if cell in (proxycolumns.NONE, proxycolumns.NOT_KEPT, "OK", "HEALTHY"):
        return "muted"
    if title in ("HEALTH", "OUTLIER CHECK", "STATUS"):
        return _BAD.get(cell, "warning")
    now, slash, limit = cell.partition("/")
    if title in _ALARMS:
        return "muted" if now == "0" else "warning"
    if slash and title in proxycolumns.NUMBERS and now.isdigit() and limit.isdigit():
        return "warning" if int(now) >= int(limit) else "text"
    return "mark" if title in ("VERSION", "SUBSET") else "text"
