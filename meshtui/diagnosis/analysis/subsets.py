"""DestinationRules against each other and against the routes: doubles, and what nobody uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshtui.diagnosis.analysis.finding import ERROR, INFO, WARNING, Finding
from meshtui.diagnosis.analysis.lookup import Definition, host_matches, targets
from meshtui.mesh.hosts import short_host
from meshtui.mesh.model import DestinationRule, Mesh, Subset
from meshtui.mesh.resolution.policies import in_order, join


def duplicate_subset(mesh: Mesh) -> Iterator[Finding]:
    """Two subsets of one name for a host: Istio takes the first and says nothing."""
    for rules in _joined(mesh):
        first: dict[str, Definition] = {}
        for rule in rules:
            for index, subset in enumerate(rule.subsets):
                found = Definition(rule, index, subset)
                taken = first.setdefault(subset.name, found)
                if taken is not found:
                    yield _duplicate(found, taken)


def _duplicate(found: Definition, taken: Definition) -> Finding:
    differs = (found.subset.labels, found.subset.policy) != (
        taken.subset.labels,
        taken.subset.policy,
    )
    where = "above" if taken.rule is found.rule else f"in {taken.rule.ref}"
    what = "its labels and policy have no effect" if differs else "it says the same"
    return Finding(
        "duplicate-subset",
        ERROR if differs else WARNING,
        found.rule.ref,
        f"{found.path}.name",
        f"Subset {found.subset.name} is defined already ({where}); only one counts: {what}.",
        "Remove one of the two, or rename it.",
        ("KIA0201",),
    )


def several_rules(mesh: Mesh) -> Iterator[Finding]:
    """Several DestinationRules of one namespace for one host.

    istiod joins their subsets and takes the first `trafficPolicy`, the oldest rule's. Rules of
    different namespaces are not joined: each client sees one of them.
    """
    for rules in _joined(mesh):
        with_policy = [rule for rule in rules if rule.policy]
        for rule in rules[1:]:
            yield _several(rule, rules[0], rule.policy and rule is not with_policy[0])


def _several(rule: DestinationRule, first: DestinationRule, ignored: object) -> Finding:
    host = short_host(rule.host, rule.ref.namespace)
    if ignored:
        effect = f"{first.ref} is for {host} too: one of their traffic policies has no effect."
    else:
        effect = f"{first.ref} is for {host} too: istiod joins them, in the order of their age."
    return Finding(
        "several-destination-rules",
        WARNING if ignored else INFO,
        rule.ref,
        "spec.trafficPolicy" if ignored else "spec.host",
        effect,
        "Put all that is said of the host into one DestinationRule.",
        ("KIA0201",),
    )


def _joined(mesh: Mesh) -> Iterator[tuple[DestinationRule, ...]]:
    """The rules that istiod makes one of, in its order."""
    groups: dict[tuple[str, str], list[DestinationRule]] = {}
    for rule in mesh.destination_rules:
        groups.setdefault((rule.ref.namespace, rule.host), []).append(rule)
    for rules in groups.values():
        for joined in join(in_order(rules)):
            yield joined.rules


def idle_policy(mesh: Mesh) -> Iterator[Finding]:
    """A subset with a policy of its own that no route names: the policy never takes effect."""
    for found in _unused(mesh):
        if found.subset.policy:
            parts = ", ".join(sorted(found.subset.policy))
            yield Finding(
                "unused-subset",
                WARNING,
                found.rule.ref,
                found.path,
                f"No route names subset {found.subset.name}: its policy ({parts}) has no effect, "
                "even on pods that it selects.",
                "Route to the subset, or put the policy on the whole host.",
            )


def unused_subset(mesh: Mesh) -> Iterator[Finding]:
    """A subset that no route names. A hint: versions are often defined before they are used."""
    for found in _unused(mesh):
        if not found.subset.policy:
            host = short_host(found.rule.host, found.rule.ref.namespace)
            yield Finding(
                "unused-subset",
                INFO,
                found.rule.ref,
                found.path,
                f"No route names subset {found.subset.name} of {host}: it is sent nothing.",
                "Route to it, or remove it if it is left over.",
            )


def _unused(mesh: Mesh) -> Iterator[Definition]:
    """Nothing, where not every VirtualService could be read."""
    if not mesh.knows("virtualservices"):
        return
    used = {(target.subset, target.host) for target in targets(mesh) if target.subset}
    for rule in mesh.destination_rules:
        for index, subset in enumerate(rule.subsets):
            if not _is_used(rule, subset, used):
                yield Definition(rule, index, subset)


def _is_used(rule: DestinationRule, subset: Subset, used: Iterable[tuple[str, str]]) -> bool:
    if not rule.host.startswith("*"):
        return (subset.name, rule.host) in used
    return any(name == subset.name and host_matches(rule.host, host) for name, host in used)
