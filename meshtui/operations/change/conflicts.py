"""What another writer did to an object between a plan and its making."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtui.changes.change import Change
from meshtui.changes.shape import yaml_diff
from meshtui.errors import Conflict, MeshtuiError
from meshtui.mesh import read
from meshtui.operations.change.writers import last_writer
from meshtui.operations.change.written_objects import read_raw

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

SHOWN = 6


async def explained(cluster: Cluster, change: Change) -> Conflict:
    """What the other writer did, as far as it can be told."""
    changed_by = await what_changed(cluster, change)
    hint = "nothing was written; run it again to plan on what is there now"
    return Conflict(f"{change.target} was changed by somebody else{changed_by}", hint)


async def what_changed(cluster: Cluster, change: Change) -> str:
    """Who wrote and which lines of the spec differ from what was planned on, in part of a line."""
    try:
        raw = await read_raw(cluster, change.target)
    except MeshtuiError:
        return ""
    lines = [
        " ".join(line.split())
        for line in yaml_diff(change.spec_before, read.obj(raw, "spec"), context=0)
        if line[:1] in "+-"
    ]
    more = f" and {len(lines) - SHOWN} more lines" if len(lines) > SHOWN else ""
    differences = f" ({', '.join(lines[:SHOWN])}{more})" if lines else ""
    manager, _ = last_writer(raw)
    return f"{', ' + manager if manager else ''}{differences}"
