"""What is remembered of a version over time, under one name whoever remembers it.

Its course counts what its row counts: what telemetry says of who answered is joined to the rows in
the same place. What belongs to no single row is remembered under telemetry's own word for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from meshtui.mesh.calls import Client
from meshtui.mesh.model import ServiceKey
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
    """The version, which stays when a subset is named anew; the label where rows share one, with
    the host where subsets of two hosts are called alike. No two rows have one name."""
    known = tuple(rows)
    if sum(one.version == row.version for one in known) == 1:
        return row.version
    alike = sum(one.label == row.label for one in known)
    return row.label if alike == 1 else f"{row.host}/{row.label}"


def course_names(view: ServiceView) -> Named:
    """The names of a service's courses; a target may be of another that its rule sends to."""
    joins = view.joins or Joins(view.key, view.versions)
    names = [course_name(view.versions, row) for row in view.versions]

    def named(target: Responder) -> str:
        rows = joins.find(target).rows
        return names[rows[0]] if len(rows) == 1 and rows[0] < len(names) else target.version

    return named


def services_beside(view: ServiceView) -> frozenset[ServiceKey]:
    """Other services that rows are of: telemetry counts under their names what those rows count."""
    owners = {row.owner for row in view.versions if row.owner is not None}
    return frozenset(owners - {view.key})


def counted_under(view: ServiceView) -> tuple[ServiceKey, ...]:
    """All the services under whose names telemetry counts its requests."""
    return view.key, *services_beside(view)


def callers_seen(view: ServiceView, sample: Sample) -> frozenset[Client]:
    """The workloads that ever called it, by its own name or by that of a service of its rows."""
    known = (sample.clients.get(key, frozenset()) for key in counted_under(view))
    return frozenset().union(*known)


def called_by_course(views: Iterable[ServiceView], sample: Sample) -> Mapping[VersionKey, Signals]:
    """What callers saw of each course. Services that are no rows are by telemetry's versions.

    What another service counts for a row is remembered under both.
    """
    known = {view.key: view for view in views}
    beside: dict[ServiceKey, list[ServiceView]] = {}
    for view in known.values():
        for owner in services_beside(view):
            beside.setdefault(owner, []).append(view)
    named: dict[ServiceKey, Named] = {}

    def name_of(view: ServiceView | None, target: Responder) -> str:
        if view is None:
            return by_telemetry(target)
        if view.key not in named:
            named[view.key] = course_names(view)
        return named[view.key](target)

    found: dict[VersionKey, list[Signals]] = {}
    for target, signals in sample.calls.items():
        own = name_of(known.get(target.service), target)
        found.setdefault(VersionKey(target.service, own), []).append(signals)
        for view in beside.get(target.service, ()):
            found.setdefault(VersionKey(view.key, name_of(view, target)), []).append(signals)
    return {key: _together(parts) for key, parts in found.items()}


def _together(parts: Sequence[Signals]) -> Signals:
    return parts[0] if len(parts) == 1 else merged(parts)
