"""The contract's JSON of changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshtui.changes.outcome import Outcome
from meshtui.mesh.quantity import number

if TYPE_CHECKING:
    from meshtui.changes.change import Change
    from meshtui.mesh.shares import Share


def change_json(outcome: Outcome, *, parts: bool = False) -> dict[str, Any]:
    """A change `-o json`. `applied` says that the API server took it, `proxies` who serves it.

    Of a change of several objects it shows the first, with the words, warnings and proxies of
    all, and each of them in `changes`; with `parts` that list is there in any case.
    """
    document = _one_change(outcome)
    if not (parts or outcome.plan.others):
        return document
    each = outcome.parts or tuple(
        Outcome(outcome.change_id, part, outcome.applied) for part in outcome.plan.parts
    )
    return document | {"changes": [_one_change(part) for part in each]}


def _one_change(outcome: Outcome) -> dict[str, Any]:
    change = outcome.plan.change
    return {
        "change": outcome.change_id or None,
        "verb": change.verb,
        "service": str(change.service),
        "object": _object(change),
        "rule": {"name": change.rule.name or None, "index": change.rule.index}
        if change.rule
        else None,
        "before": dict(change.before),
        "after": dict(change.after),
        "patch": list(change.patch),
        "inverse": list(change.inverse),
        "applied": outcome.applied,
        "verified": outcome.verified,
        "proxies": {
            "checked": outcome.checked,
            "in_sync": outcome.in_sync,
            "seconds": round(outcome.seconds, 3) if outcome.proxies else None,
            "each": [
                {"pod": f"{p.namespace}/{p.pod}", "state": p.state, "detail": p.detail or None}
                for p in outcome.proxies
            ],
        },
        "words": [text for change in outcome.plan.changes for text in change.words],
        "blast": outcome.plan.blast or None,
        "warnings": [*outcome.plan.warnings, *outcome.warnings],
        **_stable(outcome),
    }


def _stable(outcome: Outcome) -> dict[str, Any]:
    """Of a rollback: which version it went to, and why."""
    plan = outcome.plan
    if not plan.stable:
        return {}
    return {
        "stable": plan.stable,
        "stable_because": plan.stable_because,
        "not_reached": list(plan.not_reached),
    }


def shares_json(shares: tuple[Share, ...]) -> dict[str, Any]:
    """`measured`, where the change was measured: percentages 0 to 100, half of a 95 % interval."""
    if not shares:
        return {}
    measured = [
        {
            "version": share.label,
            "asked": number(round(share.asked, 4)),
            "measured": round(share.measured, 4),
            "margin": round(share.margin, 4),
            "requests": share.requests,
            "within_margin": share.settled,
            "plausible": share.plausible,
        }
        for share in shares
    ]
    return {"measured": measured}


def _object(change: Change) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": change.target.kind,
        "namespace": change.target.namespace,
        "name": change.target.name,
        "uid": change.target.uid,
    }
