"""Faults and mirrors that somebody switched on: without an end, or on everything."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.diagnosis.analysis.finding import ERROR, INFO, WARNING, Finding, Limit
from meshtui.diagnosis.analysis.lookup import RuleDestination, rule_path, targets
from meshtui.mesh.model import Fault, Mesh, Rule, VirtualService


def endless_fault(mesh: Mesh, limited: frozenset[Limit]) -> Iterator[Finding]:
    """A fault that nothing known will take back."""
    for service, rule, fault in _faults(mesh):
        if _limit("fault", service, rule) not in limited:
            yield Finding(
                "endless-fault",
                INFO,
                service.ref,
                f"{rule_path(rule)}.fault",
                f"Rule {rule.title} injects {fault}, and no time limit is known for it.",
                "Take it off when the test is over, or set it with `--for 15m`.",
            )


def endless_mirror(mesh: Mesh, limited: frozenset[Limit]) -> Iterator[Finding]:
    """A mirror that nothing known will take back."""
    for target in _mirrors(mesh):
        if _limit("mirror", target.service, target.rule) not in limited:
            yield Finding(
                "endless-mirror",
                INFO,
                target.service.ref,
                target.path,
                f"Rule {target.rule.title} copies {target.percent:.3g} % of its requests to "
                f"{_name(target)}, and no time limit is known for it.",
                "Take it off when the test is over, or set it with `--for 2h`.",
            )


def full_fault(mesh: Mesh) -> Iterator[Finding]:
    """A fault on 100 % of what ordinary callers send.

    A rule that picks its callers (by header, query, label or namespace) is a test of somebody's.
    """
    for service, rule, fault in _faults(mesh):
        if _picks_callers(rule):
            continue
        abort = fault.abort_percent >= 100
        if abort or (fault.delay_s and fault.delay_percent >= 100):
            outcome = "is answered the injected error" if abort else "waits for the injected delay"
            yield Finding(
                "full-fault",
                ERROR if abort else WARNING,
                service.ref,
                f"{rule_path(rule)}.fault",
                f"Every request of rule {rule.title} {outcome} ({fault}).",
                "Take the fault off, lower its percentage, or match the testers' requests only.",
            )


def full_mirror(mesh: Mesh) -> Iterator[Finding]:
    """A mirror of 100 % of what ordinary callers send."""
    for target in _mirrors(mesh):
        if target.percent >= 100 and not _picks_callers(target.rule):
            yield Finding(
                "full-mirror",
                INFO,
                target.service.ref,
                target.path,
                f"Every request of rule {target.rule.title} is sent to {_name(target)} as well: "
                "it carries the whole load, and so does all that it calls.",
                "Lower mirrorPercentage where a sample is enough.",
            )


def _faults(mesh: Mesh) -> Iterator[tuple[VirtualService, Rule, Fault]]:
    for service in mesh.virtual_services:
        for rule in service.rules:
            if rule.fault is not None and rule.fault.active:
                yield service, rule, rule.fault


def _mirrors(mesh: Mesh) -> Iterator[RuleDestination]:
    return (target for target in targets(mesh) if target.mirror and not target.idle)


def _name(target: RuleDestination) -> str:
    return target.subset or target.host


def _limit(kind: str, service: VirtualService, rule: Rule) -> Limit:
    return Limit(kind, service.ref.namespace, service.ref.name, rule.title)


def _picks_callers(rule: Rule) -> bool:
    return bool(rule.matches) and all(
        match.headers or match.query_params or match.source_labels or match.source_namespace
        for match in rule.matches
    )
