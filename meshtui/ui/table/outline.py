"""Which lines the table has: services in order, their versions below them where unfolded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

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


def outline(
    views: Iterable[ServiceView], folded: frozenset[ServiceKey], opened: frozenset[ServiceKey]
) -> tuple[TableLine, ...]:
    """The lines, top to bottom. `folded` and `opened` are what a person chose against the rule."""
    entries: list[TableLine] = []
    for view in views:
        closed = view.key in folded or (foldable(view) and view.key not in opened)
        entries.append(TableLine(LineId(view.key), view, folded=closed))
        if not closed:
            entries += _version_entries(view)
    return tuple(entries)


def _version_entries(view: ServiceView) -> Iterable[TableLine]:
    final = len(view.versions) - 1
    for index, version in enumerate(view.versions):
        yield TableLine(LineId(view.key, version.label), view, version, last=index == final)


def version_name(version: VersionView) -> str:
    """Requests that no pod ever saw are shown as such, not as a version."""
    return "(no pod reached)" if version.version == UNKNOWN else version.label
