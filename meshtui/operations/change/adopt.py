"""Adopting a service: the DestinationRule, its clusters in the proxies, then the VirtualService."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtui.changes.adopt import adopt
from meshtui.changes.change import Caution, Plan, joined
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.operations.change.written_objects import mesh_after

if TYPE_CHECKING:
    from meshtui.operations.session import Session


async def plan_adoption(
    session: Session, mesh: Mesh, key: ServiceKey, stable: str, rule: str = ""
) -> Plan:
    """One plan for both objects, each dry-run by the API server; nothing is written.

    It has one part where the subsets are there already.
    """
    adoption = adopt(mesh, key, stable, rule)
    goes = f"all traffic goes to {adoption.stable}: " if adoption.stable else ""
    why = Caution("info", f"{goes}{adoption.why}")
    plans = []
    for change in filter(None, (adoption.subsets, adoption.routes)):
        plans.append(await session.planner.checked(mesh, change, None, (why,)))
        mesh = mesh_after(mesh, change)
    return joined(plans, all_or_nothing=True)
