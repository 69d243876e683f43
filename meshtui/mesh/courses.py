"""What is remembered of a version over time, under one name whoever remembers it.

Its course counts what its row counts: what telemetry says of who answered is joined to the rows in
the same place. What belongs to no single row is remembered under telemetry's own word for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from meshtui.mesh.signals import Responder, Sample, Signals, VersionKey, merged
from meshtui.mesh.telemetry_join import Joins
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView

Named = Callable[[Responder], str]
"""The name of the course to which a target's requests belong."""


def by_telemetry(target: Responder) -> str:
    """Where nothing is known of rows."""
    return target.version


def course_name(rows: Iterable[VersionView], row: VersionView) -> str:
    """The version, which stays when a subset is named anew; the label where rows share one."""
    alike = sum(one.version == row.version and one.owner == row.owner for one in rows)
    return row.version if alike == 1 else row.label


def course_names(view: ServiceView) -> Named:
    """The names of a service's courses."""
    joins = view.joins or Joins(view.key, view.versions)
    names = [course_name(view.versions, row) for row in view.versions]
    own = [row.owner in (None, view.key) for row in view.versions]

    def named(target: Responder) -> str:
        rows = joins.find(target).rows
        if len(rows) == 1 and rows[0] < len(own) and own[rows[0]]:
            return names[rows[0]]
        return target.version

    return named


def called_by_course(views: Iterable[ServiceView], sample: Sample) -> Mapping[VersionKey, Signals]:
    """What callers saw of each course. Services that are no rows are by telemetry's versions."""
    known = {view.key: view for view in views}
    named: dict[object, Named] = {}
    found: dict[VersionKey, list[Signals]] = {}
    for target, signals in sample.calls.items():
        name_of = named.get(target.service)
        if name_of is None:
            view = known.get(target.service)
            name_of = named[target.service] = course_names(view) if view else by_telemetry
        found.setdefault(VersionKey(target.service, name_of(target)), []).append(signals)
    return {key: _together(parts) for key, parts in found.items()}


def _together(parts: Sequence[Signals]) -> Signals:
    return parts[0] if len(parts) == 1 else merged(parts)
