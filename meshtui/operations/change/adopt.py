"""Adopting a service: what makes clusters, these in the proxies, then what routes to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from meshtui.changes.adopt import adopt
from meshtui.changes.adopt_by_route import SERVICE, adopt_by_route
from meshtui.changes.change import Caution, Change, Plan, joined
from meshtui.errors import NotFound, Usage
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.signals import Sample
from meshtui.operations.change.written_objects import mesh_after

if TYPE_CHECKING:
    from meshtui.operations.session import Session


async def plan_adoption(
    session: Session,
    mesh: Mesh,
    key: ServiceKey,
    stable: str,
    rule: str = "",
    *,
    gateway_api: bool = False,
    sample: Sample | None = None,
) -> Plan:
    """One plan for all objects, each dry-run by the API server; nothing is written.

    It has one part where the subsets are there already.
    """
    if gateway_api:
        return await _plan_route(session, mesh, key, stable, rule, sample)
    adoption = adopt(mesh, key, stable, rule)
    goes = f"all traffic goes to {adoption.stable}: " if adoption.stable else ""
    why = Caution("info", f"{goes}{adoption.why}")
    changes = [change for change in (adoption.subsets, adoption.routes) if change]
    return await _checked(session, mesh, changes, (why,), sample)


async def _plan_route(
    session: Session,
    mesh: Mesh,
    key: ServiceKey,
    stable: str,
    rule: str,
    sample: Sample | None,
) -> Plan:
    from meshtui.kube.resources import HTTP_ROUTES, served

    if rule:
        raise Usage("--rule is for the rules of a VirtualService", "--gateway-api makes a route")
    try:
        await served(session.cluster, HTTP_ROUTES)
    except NotFound as error:
        raise NotFound(error.what, "adopt the service without --gateway-api") from error
    adoption = adopt_by_route(mesh, key, stable)
    plan = await _checked(session, mesh, adoption.changes, adoption.cautions, sample)
    return plan if stable else _moving_nothing(plan)


def _moving_nothing(plan: Plan) -> Plan:
    """Shares are those of the ready pods, as they were: a rule that is new moves no request."""
    return replace(plan, blast="", others=tuple(replace(one, blast="") for one in plan.others))


async def _checked(
    session: Session,
    mesh: Mesh,
    changes: Sequence[Change],
    cautions: tuple[Caution, ...],
    sample: Sample | None,
) -> Plan:
    """Each on the mesh as it is with those before it. What is said of Services is their route's."""
    plans = []
    for change in changes:
        said = () if change.target.kind == SERVICE else cautions
        plans.append(await session.planner.checked(mesh, change, sample, said))
        mesh = mesh_after(mesh, change)
    return joined(plans, all_or_nothing=True)
