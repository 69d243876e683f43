"""What is unusual about a service's rules, in words for one line."""

from __future__ import annotations

from collections.abc import Iterable

from meshtui.mesh.carrying import Route
from meshtui.mesh.model import Rule

MOST_BESIDE = 2
"""Faults of other rules that a line names."""


def marks_of(rule: Rule | None) -> tuple[str, ...]:
    """What is unusual about a rule, in words for one line."""
    if rule is None:
        return ()
    marks = [f"mirror {m.label} {m.percent:g}%" for m in rule.mirrors]
    if rule.fault and rule.fault.active:
        marks.append(f"fault {rule.fault}")
    if rule.timeout_s:
        marks.append(f"timeout {rule.timeout_s:g}s")
    return tuple(marks)


def faults_beside(routes: Iterable[Route], rule: Rule | None) -> tuple[str, ...]:
    """The faults of a service's other rules: who asks with a certain header meets them alone."""
    found = [
        f"fault {route.rule.fault} where {route.match_text}"
        for route in routes
        if route.rule.fault and route.rule.fault.active and not route.unused
        if rule is None or route.rule != rule
    ]
    if len(found) > MOST_BESIDE:
        found[MOST_BESIDE:] = [f"fault in {len(found) - MOST_BESIDE} more rules"]
    return tuple(dict.fromkeys(found))
