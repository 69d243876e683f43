"""Rules and Sidecars that reach nobody, or that stand in each other's way."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from meshtui.diagnosis.analysis.destinations import service_namespace
from meshtui.diagnosis.analysis.finding import WARNING, Finding
from meshtui.diagnosis.analysis.resolved_hosts import resolved_hosts, whole_name
from meshtui.mesh.model import DestinationRule, Mesh, Sidecar, VirtualService
from meshtui.mesh.resolution.names import MESH, covered, is_wild, labels_in


def hostless_rule(mesh: Mesh) -> Iterator[Finding]:
    """A DestinationRule for a host that is not there.

    A wildcard is for each host below it. A rule for a name below a ServiceEntry's wildcard has no
    effect: the proxies' cluster has the wildcard's name.
    """
    names = resolved_hosts(mesh).world.shared.registry.by_name
    if not (mesh.knows("services") and mesh.knows("serviceentries")):
        return
    for rule in mesh.destination_rules:
        host = rule.host.lower()
        if not host or host in names or host in mesh.by_host or host in mesh.service_entry_hosts:
            continue
        if is_wild(host) and any(covered(name, host) for name in names):
            continue
        if ".svc." in f"{host}." and not service_namespace(mesh, host) and not is_wild(host):
            continue
        meant = whole_name(mesh, host)
        yield Finding(
            "hostless-rule",
            WARNING,
            rule.ref,
            "spec.host",
            f"Host {rule.host} does not exist: the subsets and policies of this DestinationRule "
            "are used nowhere.",
            f"Write {meant}: Istio completes only names without a dot."
            if meant
            else "Correct the host's name, or remove the rule if its service is gone.",
            ("IST0174", "KIA0202"),
        )


def ruled_for_nobody(mesh: Mesh) -> Iterator[Finding]:
    """A VirtualService for a host that is exported to nobody: no proxy has the rules on its ports.

    Requests to it go to their address, past the mesh's rules.
    """
    whole = resolved_hosts(mesh)
    for ruling in whole.rulings:
        if MESH not in ruling.gateways or not isinstance(ruling.service, VirtualService):
            continue
        for index, host in enumerate(map(str.lower, ruling.hosts)):
            if whole.unexported(host) and not whole.ports(host):
                yield Finding(
                    "unused-virtual-service",
                    WARNING,
                    ruling.service.ref,
                    f"spec.hosts[{index}]",
                    f"{host} is exported to nobody: no proxy knows it, and requests to it go on "
                    "as if there were no rules.",
                    "Export the host to its callers (exportTo), or remove it here.",
                )


def uncounted_rule(mesh: Mesh) -> Iterator[Finding]:
    """A DestinationRule whose host exists, and which counts for none of the callers.

    It stands in a namespace that is neither a caller's nor the service's nor the root, or another
    one comes first for everybody.
    """
    whole = resolved_hosts(mesh)
    if whole.askers.stand_ins or not mesh.knows("destinationrules"):
        return
    for rule in mesh.destination_rules:
        hosts = [rule.host.lower()] if not is_wild(rule.host) else []
        hosts = [host for host in hosts if host in whole.world.shared.registry.by_name]
        if hosts and not any(_counts(mesh, rule, host) for host in hosts):
            home = service_namespace(mesh, rule.host)
            yield Finding(
                "uncounted-rule",
                WARNING,
                rule.ref,
                "spec.exportTo" if rule.export_to != ("*",) else "metadata.namespace",
                f"Nobody who calls {rule.host} gets this DestinationRule: a caller gets those of "
                f"its own namespace, else those of {home or 'the host'}, else those of "
                f"{mesh.settings.root_namespace}, as far as they are exported to it.",
                "Move it to the service's namespace and export it to the callers, or remove it.",
            )


def _counts(mesh: Mesh, rule: DestinationRule, host: str) -> bool:
    whole = resolved_hosts(mesh)
    for view in (*whole.askers.views_of(host), *whole.askers.gateways):
        joined = view.rule(host)
        if joined is not None and rule in joined.rules:
            return True
    return False


def overlapping_sidecars(mesh: Mesh) -> Iterator[Finding]:
    """Two Sidecars of a namespace for the same pods: the older holds, the other has no effect.

    Both without a selector, or with selectors that a pod has at the same time.
    """
    for one, other in combinations(mesh.sidecars, 2):
        if one.ref.namespace != other.ref.namespace or (one.selector is None) is not (
            other.selector is None
        ):
            continue
        older, newer = sorted((one, other), key=lambda s: (s.created, s.ref.name))
        common = _common_pod(mesh, older, newer)
        if common:
            yield Finding(
                "overlapping-sidecars",
                WARNING,
                newer.ref,
                "spec.workloadSelector" if newer.selector is not None else "spec",
                f"{older.ref} is for {common} too: that one holds there, and what this one lets in "
                "or hides has no effect.",
                "Put both into one Sidecar, or let their selectors choose different pods.",
                ("IST0110",) if newer.selector is not None else ("IST0111", "KIA0002"),
            )


def _common_pod(mesh: Mesh, one: Sidecar, other: Sidecar) -> str:
    """What both are for; empty where no pod is known that is chosen by both."""
    if one.selector is None or other.selector is None:
        return f"all pods of {one.ref.namespace}"
    wanted = {**one.selector, **other.selector}
    for pod in mesh.pods_by_namespace.get(one.ref.namespace, ()):
        if labels_in(wanted, pod.labels) and labels_in(one.selector, pod.labels):
            return f"pod {pod.name}"
    return ""
