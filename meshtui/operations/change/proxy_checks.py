"""What to ask a proxy about a change: its routes for a rule, its clusters for a policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from meshtui.changes.change import Change, ProxyVerdict
from meshtui.changes.locate import whole_rule
from meshtui.changes.patch import tokens
from meshtui.envoy.compare import ABSENT, IN_SYNC, OLD, Verdict, in_sync
from meshtui.envoy.policies import cluster_differences
from meshtui.errors import MeshtuiError, NotAllowed
from meshtui.mesh import read
from meshtui.mesh.hosts import full_host
from meshtui.mesh.model import Mesh, Pod, Rule, VirtualService
from meshtui.mesh.routing import subsets_of
from meshtui.operations.change.objects import object_of
from meshtui.operations.change.verify import Ask, proxy_facts

if TYPE_CHECKING:
    from meshtui.envoy.routes import ProxyRoute
    from meshtui.kube.cluster import Cluster

OUT_OF_REACH = "out of reach"
_TIMEOUT_S = 3.0


def question_of(cluster: Cluster, mesh: Mesh, change: Change) -> Ask | None:
    """The question whose yes means that the proxy serves `change`; None where there is none.

    `mesh` is the one after the change.
    """
    item = object_of(mesh, change.target)
    if change.target.kind == "DestinationRule":
        return _about_clusters(cluster, mesh, change)
    if change.action == "delete":
        return _about_absence(cluster, (change.target.namespace, change.target.name))
    if not isinstance(item, VirtualService):
        return None
    rules = _rules(change, item)
    return _about_routes(cluster, mesh, item, rules, _taken_away(change)) if rules else None


def _rules(change: Change, vs: VirtualService) -> Sequence[Rule]:
    """The rules that were changed, or all of them where the change is not inside of rules."""
    http = [rule for rule in vs.rules if rule.protocol == "http"]
    if change.rule is not None and len(change.patch) == 1 and whole_rule(change.patch[0]):
        return [rule for rule in http if rule.index == change.rule.index]
    steps = [tokens(operation["path"]) for operation in change.patch]
    if change.rule is None or not all(len(s) > 3 and s[1] == "http" for s in steps):
        return http
    touched = {step[2] for step in steps}
    return [rule for rule in http if str(rule.index) in touched]


def _taken_away(change: Change) -> frozenset[str]:
    """Names of rules that are no more. One without a name can't be told from its neighbours."""
    before, after = (
        {read.text(rule, "name") for rule in read.objects(spec, "http")}
        for spec in (change.spec_before, change.spec_after)
    )
    return frozenset(before - after - {""})


def _about_routes(
    cluster: Cluster,
    mesh: Mesh,
    vs: VirtualService,
    rules: Sequence[Rule],
    gone: frozenset[str],
) -> Ask:
    names = _route_names(mesh, vs)
    owner = (vs.ref.namespace, vs.ref.name)

    async def ask(pod: Pod) -> ProxyVerdict:
        try:
            routes = await _routes(cluster, pod, "" if pod.gateway else names)
        except MeshtuiError as error:
            return _unreached(pod, error)
        left = {r.name for r in routes if r.virtual_service == owner} & gone
        if left:
            return _told(pod, Verdict(OLD, (f"rule {min(left)} is still there",)))
        facts = proxy_facts(mesh, pod)
        return _told(pod, _worst([in_sync(routes, vs, rule, facts) for rule in rules]))

    return ask


def _about_absence(cluster: Cluster, owner: tuple[str, str]) -> Ask:
    async def ask(pod: Pod) -> ProxyVerdict:
        try:
            routes = await _routes(cluster, pod, "")
        except MeshtuiError as error:
            return _unreached(pod, error)
        left = any(route.virtual_service == owner for route in routes)
        return _told(pod, Verdict(OLD, ("its rules are still there",)) if left else _YES)

    return ask


_YES = Verdict(IN_SYNC)


def _about_clusters(cluster: Cluster, mesh: Mesh, change: Change) -> Ask:
    """The clusters of the host that the DestinationRule is, or was, about."""
    spec = change.spec_after or change.spec_before
    host = full_host(read.text(spec, "host"), change.target.namespace)
    rules = mesh.rules_by_host.get(host, ())
    policy = next((rule.policy for rule in rules if rule.policy), {})
    subsets = {subset.name: subset.policy for subset in subsets_of(mesh, host)}
    before = {read.text(entry, "name") for entry in read.objects(change.spec_before, "subsets")}
    gone = before - subsets.keys()

    async def ask(pod: Pod) -> ProxyVerdict:
        from meshtui.envoy.proxy import read_clusters

        try:
            found = await read_clusters(cluster, pod, host, timeout=_TIMEOUT_S)
        except MeshtuiError as error:
            return _unreached(pod, error)
        if not found:
            return _told(pod, Verdict(ABSENT))
        differences = cluster_differences(found, host, policy, subsets, gone)
        return _told(pod, Verdict(OLD, differences) if differences else _YES)

    return ask


async def _routes(cluster: Cluster, pod: Pod, names: str) -> tuple[ProxyRoute, ...]:
    from meshtui.envoy.proxy import read_routes

    return await read_routes(cluster, pod, name_regex=names, timeout=_TIMEOUT_S)


def _route_names(mesh: Mesh, vs: VirtualService) -> str:
    """The route tables of the hosts' ports; all of them where a host's ports are not known."""
    from meshtui.envoy.proxy import sidecar_route_names

    known = [mesh.by_host.get(host) for host in vs.hosts]
    ports = {port.number for service in known if service for port in service.ports}
    return sidecar_route_names(ports) if ports and None not in known else ""


def _worst(verdicts: Sequence[Verdict]) -> Verdict:
    differences = tuple(d for verdict in verdicts for d in verdict.differences)
    if any(verdict.state == OLD for verdict in verdicts):
        return Verdict(OLD, differences)
    return verdicts[0]


def _told(pod: Pod, verdict: Verdict) -> ProxyVerdict:
    detail = "; ".join(verdict.differences)
    return ProxyVerdict(pod.namespace, pod.name, verdict.state, detail)


def _unreached(pod: Pod, error: MeshtuiError) -> ProxyVerdict:
    final = isinstance(error, NotAllowed)
    return ProxyVerdict(pod.namespace, pod.name, OUT_OF_REACH, error.what, final)
