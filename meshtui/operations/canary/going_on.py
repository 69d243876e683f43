"""The canaries that are not over, as far as this machine knows: what is said of them at parting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from meshtui.canary.progress import progress_of
from meshtui.canary.stored import from_text
from meshtui.errors import MeshtuiError
from meshtui.journal.canaries import CanaryRow
from meshtui.mesh.model import ServiceKey
from meshtui.operations.canary.lease import gone
from meshtui.operations.canary.watching import CanaryRun
from meshtui.operations.session import Session


def unfinished(session: Session, seen: Mapping[ServiceKey, CanaryRun]) -> tuple[CanaryRun, ...]:
    """Those that were written down here, and those that were `seen` under somebody's hand.

    Never raises, and asks nobody: whether a driver elsewhere is still at it is not known then.
    """
    try:
        rows = session.journal.canaries() if session.journal else ()
    except MeshtuiError:
        rows = ()
    driven = {key: run for key, run in seen.items() if run.live and not gone(run.driver)}
    found = dict(driven)
    for row in rows:
        run = driven.get(row.service)
        if not row.over:
            found[row.service] = _written(row, run)
        elif run is not None and run.progress and run.progress.time <= row.updated:
            del found[row.service]
    return tuple(found[service] for service in sorted(found))


def _written(row: CanaryRow, seen: CanaryRun | None) -> CanaryRun:
    run = seen or CanaryRun(row.service)
    try:
        return replace(run, progress=progress_of(from_text(row.state).state, time=row.updated))
    except MeshtuiError:
        return run
