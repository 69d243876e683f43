"""Analysis of a mesh with what the journal knows: which faults and mirrors end by themselves."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from meshtui.diagnosis.analysis import Finding, Limit, analyze
from meshtui.diagnosis.analysis.unread import unchecked
from meshtui.diagnosis.refused_config import RefusedConfigs, findings_of
from meshtui.errors import JournalError
from meshtui.mesh.model import Mesh

if TYPE_CHECKING:
    from meshtui.journal import Journal
    from meshtui.journal.limits import Limit as Guarded


def findings(mesh: Mesh, journal: Journal | None, *, hints: bool = False) -> tuple[Finding, ...]:
    """All findings. A journal that cannot be read knows no limits."""
    try:
        limits = journal.time_limits.all() if journal is not None else ()
    except JournalError:
        limits = ()
    return analyze(mesh, limited=limits_of(limits, mesh) if limits else frozenset(), hints=hints)


def limits_of(limits: Iterable[Guarded], mesh: Mesh) -> frozenset[Limit]:
    """The faults and mirrors that end by themselves. Where there are any, it takes to know them
    what is needed to change them."""
    from meshtui.operations.change.limited_rules import places

    return frozenset(found for limit in limits for found in places(limit, mesh))


class Analysis(NamedTuple):
    """What is wrong, the worst first, and in a line each what could not be judged, and why."""

    findings: tuple[Finding, ...]
    unchecked: tuple[str, ...]


def with_refused(mesh: Mesh, found: Iterable[Finding], refused: RefusedConfigs) -> Analysis:
    """With the proxies that refuse what the objects come to."""
    more = findings_of(refused, time.time())
    ordered = tuple(sorted((*found, *more), key=lambda finding: finding.order))
    return Analysis(ordered, (*unchecked(mesh), *_not_asked(refused)))


def _not_asked(refused: RefusedConfigs) -> list[str]:
    """Why it is not known which proxies refuse their configuration."""
    what = "not judged, as istiod's metrics are not read: which proxies refuse their configuration"
    return [f"{what} ({refused.trouble})"] if refused.trouble else []


def is_limitable(mesh: Mesh) -> bool:
    """Whether there is a fault or a mirror at all, for which a time limit could be known."""
    return any(
        rule.fault is not None or rule.mirrors
        for service in mesh.virtual_services
        for rule in service.rules
    )


def findings_json(found: Iterable[Finding], unchecked: Iterable[str] = ()) -> dict[str, Any]:
    """`analyze -o json`: the findings, the worst first, and how many there are of each.

    `unchecked` says what was not judged, because it could not be read.
    """
    listed = [_finding(finding) for finding in found]
    counts = dict.fromkeys(("error", "warning", "info"), 0)
    for finding in listed:
        counts[finding["severity"]] += 1
    return {"counts": counts, "findings": listed, "unchecked": list(unchecked)}


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity,
        "object": {
            "kind": finding.object.kind,
            "namespace": finding.object.namespace,
            "name": finding.object.name,
            "uid": finding.object.uid,
        },
        "field": finding.field,
        "effect": finding.effect,
        "advice": finding.advice,
        "same_as": list(finding.same_as),
    }
