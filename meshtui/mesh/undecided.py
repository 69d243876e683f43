"""401s of which nobody says whether a proxy or the program gave them.

Envoy's JWT filter sets no flag, and istiod has the proxies keep no counter of what it refuses: see
`Sample.tokens`. Where a RequestAuthentication holds for the pods, either may have answered.
"""

from __future__ import annotations

from collections.abc import Iterable

from meshtui.mesh.authorization import tokens_in_force
from meshtui.mesh.model import Mesh
from meshtui.mesh.row_work import RowWork
from meshtui.mesh.signals import Sample

UNAUTHORIZED, FLAGGED = "401", "UAEX"


def mark_undecided(rows: Iterable[RowWork], mesh: Mesh, sample: Sample) -> None:
    """Say it of the rows that have such answers."""
    for work in rows:
        server = work.server
        signals = server if server is not None and server.requests else work.caller
        if signals is None or UNAUTHORIZED not in signals.codes:
            continue
        if signals.codes[UNAUTHORIZED] - signals.flags.get(FLAGGED, 0.0) > 0:
            work.undecided = _words(work, mesh, sample)


def _words(work: RowWork, mesh: Mesh, sample: Sample) -> str:
    root = mesh.settings.root_namespace
    for pod in work.members:
        if not pod.sidecar or (pod.namespace, pod.workload) in sample.tokens:
            continue
        found = tokens_in_force(mesh.request_authentications, root, pod.namespace, pod.labels)
        if found:
            return f"401s may be by RequestAuthentication {found[0].ref.name}: not counted apart"
    return ""
