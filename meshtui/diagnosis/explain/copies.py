"""Mirrors that send copies to a version: its own proxy counts them, and no caller does."""

from __future__ import annotations

from collections.abc import Iterable

from meshtui.diagnosis.explain.scope import VersionScope, listed
from meshtui.mesh.rules import Mirror

INCLUDED = ", mirrored copies included"


def copies(scope: VersionScope) -> tuple[Mirror, ...]:
    """The mirrors of any rule whose copies are among what the version's own proxy counts."""
    if scope.nowhere:
        return ()
    row = scope.row
    host = row.host if row is not None and row.host else scope.view.service.host
    return tuple(m for m in scope.mirrors if m.host == host and _reaches(scope, m))


def _reaches(scope: VersionScope, mirror: Mirror) -> bool:
    """Telemetry knows versions only: a subset's copies are counted for all that share its own."""
    if scope.row is None or not mirror.subset:
        return True
    named = (r for r in scope.view.versions if (r.host, r.subset) == (mirror.host, mirror.subset))
    return scope.row.version in {row.version for row in named}


def included(scope: VersionScope) -> str:
    """What must be said beside every number of the server's side; empty without a mirror."""
    return INCLUDED if copies(scope) else ""


def percents(mirrors: Iterable[Mirror]) -> str:
    return listed(f"{value:g} %" for value in sorted({mirror.percent for mirror in mirrors}))
