"""Which lines the table has: services in order, their versions below them where unfolded."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import overload

from meshtui.dataclass import dataclass
from meshtui.mesh.judging import DEGRADED, SEVERITY, SICK, bad_ratio
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.signals import UNKNOWN
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView
from meshtui.ui.table.lineid import LineId


@dataclass(frozen=True, slots=True)
class TableLine:
    """A line with what it shows. `version` None: the line of the service itself."""

    place: LineId
    view: ServiceView
    version: VersionView | None = None
    folded: bool = False
    last: bool = False

    @property
    def is_version(self) -> bool:
        return self.version is not None


def foldable(view: ServiceView) -> bool:
    """A service with one version says all in its own line until it is opened."""
    return len(view.versions) < 2


@dataclass(frozen=True, slots=True)
class Block:
    """A service with its lines: its own, and unless it is `closed` one for each version."""

    view: ServiceView
    closed: bool

    def __len__(self) -> int:
        return 1 if self.closed else 1 + len(self.view.versions)

    def line(self, index: int) -> TableLine:
        if not index:
            return TableLine(LineId(self.view.key), self.view, folded=self.closed)
        version, last = self.view.versions[index - 1], index == len(self.view.versions)
        return TableLine(LineId(self.view.key, version.label), self.view, version, last=last)

    def find(self, version: str) -> int | None:
        """The number of a version's line, or of the service's own."""
        if not version:
            return 0
        labels = [] if self.closed else [row.label for row in self.view.versions]
        found = [index for index, label in enumerate(labels, 1) if label == version]
        return found[-1] if found else None


class Outline(Sequence[TableLine]):
    """The lines, top to bottom. Each is made when it is asked for: of thousands, fifty are seen."""

    def __init__(self, blocks: Iterable[Block] = ()) -> None:
        self.blocks = tuple(blocks)
        self._starts = (0, *accumulate(map(len, self.blocks)))
        self._at = {block.view.key: index for index, block in enumerate(self.blocks)}

    def __len__(self) -> int:
        return self._starts[-1]

    @overload
    def __getitem__(self, index: int) -> TableLine: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[TableLine, ...]: ...

    def __getitem__(self, index: int | slice) -> TableLine | tuple[TableLine, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        block = bisect_right(self._starts, index) - 1
        return self.blocks[block].line(index - self._starts[block])

    def __iter__(self) -> Iterator[TableLine]:
        for block in self.blocks:
            for index in range(len(block)):
                yield block.line(index)

    def find(self, place: LineId) -> int | None:
        """The number of a line; None where it is not there."""
        block = self._at.get(place.service)
        if block is None:
            return None
        index = self.blocks[block].find(place.version)
        return None if index is None else self._starts[block] + index


def outline(
    views: Iterable[ServiceView], folded: frozenset[ServiceKey], opened: frozenset[ServiceKey]
) -> Outline:
    """The lines, top to bottom. `folded` and `opened` are what a person chose against the rule."""
    return Outline(
        Block(view, view.key in folded or (foldable(view) and view.key not in opened))
        for view in views
    )


def worst_place(block: Block, now: LineId | None) -> LineId:
    """The version of a service that somebody should look at, else the service's own line.

    It stays at `now` where that version is as bad as the worst. Only one with a weight counts:
    what is done about it is to take weight off.
    """
    key = block.view.key
    bad = [row for row in block.view.versions if row.state in TO_SEE and row.percent]
    if block.closed or not bad:
        return LineId(key)
    worst = min(bad, key=lambda row: (SEVERITY[row.state], -bad_part(row)))
    same = (row for row in bad if row.state == worst.state and LineId(key, row.label) == now)
    return LineId(key, next(same, worst).label)


def bad_part(version: VersionView) -> float:
    return (bad_ratio(version.caller) if version.caller else None) or 0.0


TO_SEE = SICK | {DEGRADED}
"""States of a version that the cursor begins on."""


def only_version(view: ServiceView) -> str:
    """What stands beside a folded service: its one version, unless that is called like itself."""
    name = version_name(view.versions[0]) if len(view.versions) == 1 else ""
    return name if name != view.key.name else ""


def version_name(version: VersionView) -> str:
    """Requests that no pod ever saw are shown as such, not as a version."""
    return NOWHERE if version.version == UNKNOWN else version.label


NOWHERE = "(no pod reached)"
