"""A change of a service that stands in several clusters: one plan of all, made in all or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from meshtui.changes.change import Plan
from meshtui.changes.outcome import Outcome
from meshtui.errors import MeshtuiError, Refused
from meshtui.mesh.placed import cluster_of
from meshtui.operations.change.in_clusters import Made, apply_in_turn
from meshtui.operations.cockpit import Cockpit
from meshtui.operations.group.placing import with_cluster, without_cluster
from meshtui.operations.types import Progress, ProgressStep


def together(plans: Mapping[str, Plan]) -> Plan:
    """One plan of the plans of several clusters: each part says by its service in which it is."""
    placed = [with_cluster(plan, cluster) for cluster, plan in plans.items()]
    first, *others = [part for plan in placed for part in plan.parts]
    return replace(first, others=tuple(others))


def apart(plan: Plan) -> dict[str, Plan]:
    """The plan of each cluster, as the cluster made it; one for a plan of one cluster."""
    found: dict[str, list[Plan]] = {}
    for part in plan.parts:
        found.setdefault(cluster_of(part.change.service), []).append(part)
    return {
        cluster: without_cluster(replace(first, others=tuple(others)))
        for cluster, (first, *others) in found.items()
    }


async def apply_in_all(plan: Plan, members: Mapping[str, Cockpit], progress: Progress) -> Outcome:
    """One cluster after the other, each journaled and verified in its own.

    Raises what stopped it, where it is not made in all: what was made before is undone then, or
    named as standing.
    """
    plans = tuple(apart(plan).items())

    def telling(cluster: str, *, last: bool) -> Progress:
        def tell(step: ProgressStep) -> None:
            progress(ProgressStep(f"{cluster}: {step.text}", step.all_written and last))

        return tell

    async def apply(cluster: str, part: Plan) -> Outcome:
        tell = telling(cluster, last=cluster == plans[-1][0])
        return await members[cluster].apply(part, tell)

    async def revert(cluster: str, change_id: str) -> Outcome:
        progress(ProgressStep(f"{cluster}: undoing change {change_id}"))
        back = await members[cluster].plan_undo(change_id)
        return await members[cluster].apply(back, telling(cluster, last=False))

    made = await apply_in_turn(plans, apply, revert)
    failed = next((one for one in made if one.failed), None)
    if failed is not None:
        raise _not_in_all(failed, made)
    return _outcome(plan, [one.outcome for one in made if one.outcome is not None])


def _not_in_all(failed: Made, made: Sequence[Made]) -> MeshtuiError:
    """What failed, with what stands now in each cluster. A conflict is one as long as none does."""
    what = str(failed.error) if failed.error else failed.outcome.sentence if failed.outcome else ""
    stands = [one for one in made if one.stands or (one.written and not one.undone)]
    kind = Refused if stands or failed.error is None else type(failed.error)
    head = f"{failed.cluster}: {what}"
    return kind(head, "; ".join(f"{one.cluster}: {one.sentence}" for one in made))


def _outcome(plan: Plan, parts: Sequence[Outcome]) -> Outcome:
    """As well as the cluster that did worst; proxies of one name are two in two clusters."""
    verdicts = [part.verified for part in parts]
    return Outcome(
        " ".join(part.change_id for part in parts),
        plan,
        applied=all(part.applied for part in parts),
        proxies=tuple(proxy for part in parts for proxy in part.proxies),
        seconds=sum(part.seconds for part in parts),
        verified=None if None in verdicts else all(verdicts),
        warnings=tuple(dict.fromkeys(text for part in parts for text in part.warnings)),
        parts=tuple(parts),
    )
