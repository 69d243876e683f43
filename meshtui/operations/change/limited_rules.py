"""Where the faults and mirrors that end by themselves are now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from meshtui.changes.assemble import spec_of
from meshtui.changes.effects import TARGETED, find_effect
from meshtui.diagnosis.analysis.finding import Limit
from meshtui.mesh import read
from meshtui.operations.change.written_objects import object_of

if TYPE_CHECKING:
    from meshtui.journal.limits import Limit as Guarded
    from meshtui.mesh.model import Mesh


def places(limit: Guarded, mesh: Mesh) -> Iterator[Limit]:
    """Its rule in this mesh: one that was put before another rule moved that one on. A mirror in a
    rule that is there for a fault alone goes with the fault."""
    ref, item = limit.target, object_of(mesh, limit.target)
    if item is None or item.ref.uid != ref.uid:
        return
    spec = spec_of(item.raw)
    for placed in find_effect(limit.effect, spec, ref.namespace):
        rules = read.items(spec, placed.protocol)
        title = _title(rules[placed.index], placed.index)
        kind = "mirror" if limit.effect.kind == "mirror" else "fault"
        yield Limit(kind, ref.namespace, ref.name, title)
        if kind == "fault" and title.startswith(TARGETED):
            yield Limit("mirror", ref.namespace, ref.name, title)


def _title(rule: Any, index: int) -> str:
    return read.text(rule, "name") or f"http[{index}]"
