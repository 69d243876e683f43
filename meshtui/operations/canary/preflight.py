"""What is looked at before a run writes anything, and what to do where it cannot begin."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.canary.plan import Plan as CanaryPlan
from meshtui.canary.route import RouteFacts, find_route, percents_of
from meshtui.changes.change import Caution, Request, SetMirror, Shift, Target
from meshtui.changes.checks import owners
from meshtui.changes.locate import Located
from meshtui.changes.outside import is_outside
from meshtui.errors import Refused
from meshtui.mesh.carrying import ordinary, traffic_to
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.quantity import number_of
from meshtui.mesh.signals import Sample
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.versions import VersionView, version_rows
from meshtui.mesh.view import ServiceView, measured
from meshtui.operations.session import Session


def objections(
    mesh: Mesh, located: Located, facts: RouteFacts, sample: Sample | None
) -> tuple[Caution, ...]:
    """What stands against a run, and what a person should know of it. "danger" refuses it."""
    rows = version_rows(mesh, located.service, located.rule)
    return (
        *_pods(located, facts, rows),
        *_owners(located),
        *_telemetry(located, rows, facts, sample),
        *_hidden(mesh, located, facts),
    )


def refuse_at_once(
    mesh: Mesh, service: ServiceKey, plan: CanaryPlan, sample: Sample | None
) -> None:
    """Raises what the mesh as it is known already has against a run, before anybody is asked."""
    callers = sample.clients.get(service) if sample else None
    target = Target(service, plan.rule, callers=callers)
    located, facts = find_route(mesh, target, plan.version)
    found = objections(mesh, located, facts, sample)
    if dangers := [one.text for one in found if one.level == "danger"]:
        what = f"the canary of {service} cannot begin: {'; '.join(dangers)}"
        force = f"--to {plan.version} --force"
        raise Refused(what, f"`meshtui canary run {service} {force}` accepts it")


def _pods(located: Located, facts: RouteFacts, rows: tuple[VersionView, ...]) -> Iterator[Caution]:
    canary = next((row for row in rows if (row.host, row.subset) == facts.place), None)
    if is_outside(located.mesh, facts.host):
        pass  # What answers there are no pods of ours.
    elif canary is None or not canary.pods:
        name = facts.subset or facts.host
        yield Caution("danger", f"no pod belongs to {name}: deploy it, or correct the subset")
    elif not canary.pods_ready:
        pods = number_of(canary.pods, "pod")
        text = f"none of {pods} of {canary.label} is ready: wait for its rollout"
        yield Caution("danger", text)
    percents = percents_of(facts)
    if percents.get(facts.place, 0.0) >= 100:
        yield Caution("danger", "the canary has all traffic already: there is nothing to climb")
    stable = [row for row in rows if _carries(row, facts, percents)]
    if not stable:
        yield Caution("danger", "no other version carries traffic: there is nothing to go back to")
    elif not any(row.pods_ready or is_outside(located.mesh, row.host) for row in stable):
        names = ", ".join(row.label for row in stable)
        yield Caution("danger", f"{names} has no ready pod: a rollback would strand all traffic")


def _carries(row: VersionView, facts: RouteFacts, percents: dict[tuple[str, str], float]) -> bool:
    place = (row.host, row.subset)
    return place != facts.place and percents.get(place, 0.0) > 0


def _owners(located: Located) -> Iterator[Caution]:
    """A controller that sets the weights back makes a canary of its own."""
    for caution in owners(located.owner.raw):
        yield Caution("danger", caution.text)


def _telemetry(
    located: Located, rows: tuple[VersionView, ...], facts: RouteFacts, sample: Sample | None
) -> Iterator[Caution]:
    if sample is None:
        return
    view = ServiceView(located.service, rows)
    (seen,) = measured((view,), sample, Thresholds())
    for row in seen.versions:
        if row.host and row.unknown_because:
            yield Caution("danger", f"{row.label} cannot be judged: {row.unknown_because}")
    percents = percents_of(facts)
    stable = [row for row in seen.versions if _carries(row, facts, percents)]
    if sample.window_s > 0 and not any(row.caller and row.caller.requests for row in stable):
        text = f"no request was counted in the last {sample.window_s:.0f} s: there may be too few"
        yield Caution("warning", text)


def _hidden(mesh: Mesh, located: Located, facts: RouteFacts) -> Iterator[Caution]:
    """What lets a bad canary look better than it is."""
    retries = located.rule.retries
    if retries is None or retries.attempts != 0:
        text = f"failed requests are retried ({retries or 'by default'}): callers see fewer errors"
        yield Caution("info", text)
    for rule in mesh.rules_by_host.get(facts.host, ()):
        subset = next((s for s in rule.subsets if s.name == facts.subset), None)
        policies = (rule.policy, subset.policy if subset else {})
        if any("outlierDetection" in policy for policy in policies):
            text = f"{rule.ref} ejects failing pods: a canary with few pods may get no requests"
            yield Caution("info", text)
    if located.rule.fault and located.rule.fault.active:
        yield Caution("danger", f"the rule injects a fault ({located.rule.fault}): take it off")


def carries_traffic(mesh: Mesh, located: Located) -> bool:
    """Whether the rule is the one that carries the service's ordinary traffic."""
    traffic = traffic_to(mesh, located.service)
    route = ordinary(traffic.routes, unruled=traffic.unruled)
    own = located.owner.ref, located.rule.index
    return route is not None and (route.service.ref, route.rule.index) == own


async def first_step(
    session: Session,
    mesh: Mesh,
    target: Target,
    plan: CanaryPlan,
    label: str,
    sample: Sample | None,
) -> tuple[tuple[Caution, ...], tuple[str, ...]]:
    """What planning and the server's dry run have against the first step; its diff comes second.

    Raises what planning raises: a right that is missing, a rule that is not one.
    """
    request: Request = SetMirror(label) if plan.shadow_s else Shift({label: plan.steps[0]})
    planned = await session.plan(mesh, request, target, sample)
    return planned.findings, planned.change.diff
