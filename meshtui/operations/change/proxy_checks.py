"""What to ask a proxy about a change: its routes, and the clusters and endpoints behind them.

What a proxy should have is what istiod makes of the objects for this client; what it has is read
whole. A route to a cluster that the proxy has not is not served, whatever the route says.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from meshtui.changes.adopt_by_route import SERVICE
from meshtui.changes.change import Change
from meshtui.changes.locate import whole_rule
from meshtui.changes.outcome import GONE, NOT_MEANT, WITHOUT, ProxyVerdict
from meshtui.changes.patch import tokens
from meshtui.changes.stream_rules import STREAMS
from meshtui.dataclass import dataclass
from meshtui.envoy.cluster_facts import cluster_differences
from meshtui.envoy.compare import (
    IN_SYNC,
    OLD,
    Compared,
    Pair,
    RulePlace,
    Verdict,
    compare_host,
    host_of,
)
from meshtui.envoy.dead_ends import hosts_behind, unanswered, unreachable
from meshtui.errors import MeshtuiError, NotAllowed, NotFound
from meshtui.mesh import read
from meshtui.mesh.gateway_api import RULES, STREAM_KINDS, rule_key
from meshtui.mesh.hosts import service_host
from meshtui.mesh.model import Json, Mesh, Pod
from meshtui.mesh.parse_rules import PROTOCOLS
from meshtui.mesh.resolution import View, VirtualHost, client_of, world
from meshtui.mesh.routing import pods_of
from meshtui.mesh.touched import (
    TouchedCluster,
    TouchedHost,
    dead_ends,
    hosts_named,
    hosts_of_policy,
    hosts_sending_to,
    roots_of,
    touched_clusters,
    touched_hosts,
)
from meshtui.mesh.touched_ports import TouchedPort, touched_ports
from meshtui.operations.change.listener_checks import check_ports, worst_of
from meshtui.operations.change.verify import Ask, is_for

if TYPE_CHECKING:
    from meshtui.envoy.virtual_hosts import ProxyHost
    from meshtui.kube.cluster import Cluster

OUT_OF_REACH = "out of reach"
REFUSED = "the proxy refused a newer table: "
_TIMEOUT_S = 3.0
_LISTS = (*PROTOCOLS, RULES)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a client's proxy should have once a change is in it.

    `rules` are those that the change is about, None for all. `reason` says why the change is none
    for this client; `meant`: it would be, by what kind of client it is.
    """

    view: View
    hosts: tuple[TouchedHost, ...] = ()
    ports: tuple[TouchedPort, ...] = ()
    clusters: tuple[TouchedCluster, ...] = ()
    rules: frozenset[RulePlace] | None = None
    reason: str = ""
    meant: bool = False
    answered: frozenset[str] = frozenset()
    """Clusters that must have an endpoint, since there are ready pods behind them."""


def question_of(cluster: Cluster, before: Mesh, after: Mesh, change: Change) -> Ask | None:
    """The question whose yes means that the proxy serves `change`."""
    make = {"DestinationRule": _of_policy, SERVICE: _of_service}.get(change.target.kind, _of_rules)
    known: dict[object, Wanted] = {}

    async def ask(pod: Pod) -> ProxyVerdict:
        key = client_of(after, pod).key
        if key not in known:
            known[key] = make(before, after, change, pod)
        wanted = known[key]
        if wanted.reason:
            state = WITHOUT if wanted.meant else NOT_MEANT
            return ProxyVerdict(pod.namespace, pod.name, state, wanted.reason, final=True)
        try:
            verdict, notes = await check(cluster, pod, wanted)
        except MeshtuiError as error:
            if not isinstance(error, NotAllowed) and await has_ended(cluster, pod):
                return gone(pod)
            final = isinstance(error, NotAllowed)
            return ProxyVerdict(pod.namespace, pod.name, OUT_OF_REACH, error.what, final)
        detail = "; ".join((*verdict.differences, *notes))
        return ProxyVerdict(pod.namespace, pod.name, verdict.state, detail)

    return ask


async def has_ended(cluster: Cluster, pod: Pod) -> bool:
    """Whether the pod is on its way out or not there any more; False where that is not known."""
    from meshtui.kube.objects import get_object
    from meshtui.kube.resources import PODS

    try:
        raw = await get_object(cluster, PODS, pod.namespace, pod.name)
    except NotFound:
        return True
    except MeshtuiError:
        return False
    meta, phase = read.obj(raw, "metadata"), read.text(read.obj(raw, "status"), "phase")
    return bool(read.text(meta, "deletionTimestamp")) or phase in ("Succeeded", "Failed")


def gone(pod: Pod) -> ProxyVerdict:
    return ProxyVerdict(pod.namespace, pod.name, GONE, "its pod ended meanwhile", final=True)


def _of_rules(before: Mesh, after: Mesh, change: Change, pod: Pod) -> Wanted:
    old, new = (world(mesh).view(client_of(mesh, pod)) for mesh in (before, after))
    rules = _rules(change)
    streams = change.target.kind in STREAM_KINDS or (
        rules is not None and all(place[2] in STREAMS for place in rules)
    )
    touched = () if streams else touched_hosts(old, new, change.target)
    ports = touched_ports(old, new, change.target) if streams or rules is None else ()
    if not touched and not ports:
        return _not_touched(new, before, after, change)
    if not touched:
        return _of_connections(new, ports, rules)
    if rules is not None and not any(_contains_any(host.after, rules) for host in touched):
        if not any(_contains_any(host.before, rules) for host in touched):
            return Wanted(new, reason=_why_no_rule(touched, rules))
        rules = None
    return Wanted(new, touched, ports, rules=rules)


def _of_connections(
    view: View, ports: tuple[TouchedPort, ...], rules: frozenset[RulePlace] | None
) -> Wanted:
    sides = [side for touched in ports for side in touched.both]
    if rules is not None and all(side.rules.isdisjoint(rules) for side in sides):
        return Wanted(view, reason="no connection of it comes to this rule")
    return Wanted(view, ports=ports)


def _contains_any(host: VirtualHost | None, rules: Collection[RulePlace]) -> bool:
    return host is not None and compare_host(host, None).holds(rules)


def _not_touched(view: View, before: Mesh, after: Mesh, change: Change) -> Wanted:
    """Why the client gets nothing of what holds the rules."""
    roots = [r for mesh in (before, after) for r in roots_of(world(mesh).shared, change.target)]
    if not any(is_for(view, root) for root in roots):
        gateway = view.client.gateway
        whom = "not for this gateway" if gateway else "for gateways only"
        return Wanted(view, reason=f"{change.target} is {whom}")
    return Wanted(view, reason=_why_not(view, change), meant=True)


def _why_not(view: View, change: Change) -> str:
    """Why it has no effect for a client that it would be for."""
    place = (change.target.namespace, change.target.name)
    for name in _named(change, view):
        for port in sorted(view.shared.registry.ports):
            for other in view.resolve(name, port).overruled:
                if (other.service.ref.namespace, other.service.ref.name) == place:
                    return f"it does not get this {change.target.kind}: {other.why}"
    return f"it does not get this {change.target.kind}"


def _named(change: Change, view: View) -> list[str]:
    roots = roots_of(view.shared, change.target)
    domain = view.mesh.settings.domain
    return [name.lower() for root in roots for name in hosts_named(root, domain)]


def _why_no_rule(touched: Collection[TouchedHost], rules: Collection[RulePlace]) -> str:
    for host in touched:
        for unused in host.after.unused if host.after else ():
            for place in (unused.rule.root, unused.rule.holder):
                if rule_key(place.service.ref, place.protocol, place.index) in rules:
                    return f"it does not get this rule: {unused.why}"
    return "it does not get this rule"


def _rules(change: Change) -> frozenset[RulePlace] | None:
    """The rules that were changed; None where the change is not inside of rules."""
    if change.action != "patch" or change.rule is None:
        return None
    if len(change.patch) == 1 and whole_rule(change.patch[0]):
        return None
    steps = [tokens(operation["path"]) for operation in change.patch]
    if not all(len(step) > 3 and step[1] in _LISTS and step[2].isdigit() for step in steps):
        return None
    if len({step[1] in STREAMS for step in steps}) > 1:
        return None
    return frozenset(rule_key(change.target, step[1], int(step[2])) for step in steps)


def _of_policy(before: Mesh, after: Mesh, change: Change, pod: Pod) -> Wanted:
    whole = (world(before), world(after))
    old, new = (one.view(client_of(one.mesh, pod)) for one in whole)
    names = hosts_of_policy(old.shared, new.shared, change.target)
    clusters = touched_clusters(old, new, change.target, names)
    if not clusters:
        return _no_policy(new, names)
    served = {c.host.name for t in clusters for c in (t.before, t.after) if c}
    was, will = (hosts_sending_to(view, served) for view in (old, new))
    dead = {(d.host.table, d.host.name) for d in dead_ends(new, will.values())}
    hosts = [TouchedHost(was.get(key), will.get(key)) for key in will]
    hosts = [h for h in hosts if h.changes or (h.after and (h.after.table, h.after.name) in dead)]
    return Wanted(new, tuple(hosts), clusters=clusters)


def _of_service(before: Mesh, after: Mesh, change: Change, pod: Pod) -> Wanted:
    """A Service that is made or taken away: its clusters and, before a route names it, endpoints.

    A cluster comes before the pods behind it are known: a route to it would be answered 503.
    """
    old, new = (world(mesh).view(client_of(mesh, pod)) for mesh in (before, after))
    target = change.target
    host = service_host(target.namespace, target.name, after.settings.domain)
    was, will = old.clusters(host), new.clusters(host)
    if not (was or will):
        return Wanted(new, reason=f"it sees no {target}", meant=True)
    names = dict.fromkeys((*was, *will))
    clusters = tuple(TouchedCluster(name, was.get(name), will.get(name)) for name in names)
    service = after.by_host.get(host)
    ready = service is not None and any(one.serving for one in pods_of(after, service))
    answered = frozenset(will) if ready else frozenset()
    return Wanted(new, clusters=clusters, answered=answered)


def _no_policy(view: View, names: Collection[str]) -> Wanted:
    """Of a client that can't call the host nothing is expected."""
    seen = [name for name in names if view.host(name) is not None]
    if not seen:
        return Wanted(view, reason="it sees no host of this DestinationRule")
    rules = [str(rule.ref) for name in seen if (j := view.rule(name)) for rule in j.rules]
    instead = f": it has {', '.join(dict.fromkeys(rules))}" if rules else ""
    why = f"no cluster of it has its policy from this DestinationRule{instead}"
    return Wanted(view, reason=why, meant=True)


async def check(cluster: Cluster, pod: Pod, wanted: Wanted) -> tuple[Verdict, tuple[str, ...]]:
    """What the proxy has against what it should have, and what is worth a word beside it."""
    from meshtui.envoy.proxy import read_clusters

    if wanted.clusters:
        names = {c.host.name for t in wanted.clusters for c in (t.before, t.after) if c}
        found = await read_clusters(cluster, pod, names, timeout=_TIMEOUT_S)
        verdict = clusters_verdict(wanted.clusters, found)
        if verdict.in_sync and wanted.answered:
            verdict = await _answered(cluster, pod, names, wanted.answered)
        if not verdict.in_sync or not (wanted.hosts or wanted.ports):
            return verdict, ()
    if wanted.ports:
        verdict, notes = await check_ports(cluster, pod, wanted.view, wanted.ports)
        if not verdict.in_sync or not wanted.hosts:
            return verdict, notes
    compared = compare_hosts(wanted.hosts, await _hosts(cluster, pod, wanted))
    verdict = worst_of(host.verdict(wanted.rules) for host in compared)
    if not verdict.in_sync:
        return verdict, refusals(compared)
    return await _reached(cluster, pod, wanted.view, pairs_of(compared, wanted.rules))


async def _answered(
    cluster: Cluster, pod: Pod, hosts: Collection[str], clusters: Collection[str]
) -> Verdict:
    from meshtui.envoy.proxy import read_counts

    counts = await read_counts(cluster, pod, hosts, timeout=_TIMEOUT_S)
    empty = tuple(
        f"cluster {name} has no endpoint yet" for name in clusters if not counts.get(name)
    )
    return Verdict(OLD if empty else IN_SYNC, empty)


async def _reached(
    cluster: Cluster, pod: Pod, view: View, pairs: Collection[Pair]
) -> tuple[Verdict, tuple[str, ...]]:
    """Whether the routes lead anywhere; asked for only once they are as they should be."""
    from meshtui.envoy.proxy import read_counts

    hosts = hosts_behind(pairs)
    if not hosts:
        return Verdict(IN_SYNC), ()
    counts = await read_counts(cluster, pod, hosts, timeout=_TIMEOUT_S)
    missing = unreachable(pairs, view, counts)
    if missing:
        return Verdict(OLD, missing), ()
    return Verdict(IN_SYNC), unanswered(pairs, view, counts)


async def _hosts(cluster: Cluster, pod: Pod, wanted: Wanted) -> tuple[ProxyHost, ...]:
    from meshtui.envoy.proxy import read_hosts

    both = (host for touched in wanted.hosts for host in (touched.before, touched.after))
    names = tables_regex({host.table for host in both if host})
    inline = bool(wanted.view.client.waypoint)
    return await read_hosts(cluster, pod, name_regex=names, inline=inline, timeout=_TIMEOUT_S)


def tables_regex(tables: Collection[str]) -> str:
    """A `name_regex` for some RouteConfigurations."""
    return f"({'|'.join(re.escape(table) for table in sorted(tables))})"


def compare_hosts(
    touched: Collection[TouchedHost], hosts: Collection[ProxyHost]
) -> tuple[Compared, ...]:
    """Each virtual host that should be there, or should be gone, beside the proxy's."""
    found = []
    for host in touched:
        known = host.after or host.before
        if known is not None:
            found.append(compare_host(host.after, host_of(hosts, known)))
    return tuple(found)


def refusals(compared: Collection[Compared]) -> tuple[str, ...]:
    """With which words the proxy refused newer tables, where it has them."""
    words = (host.actual.refused for host in compared if host.actual)
    return tuple(dict.fromkeys(f"{REFUSED}{refusal}" for refusal in words if refusal))


def pairs_of(
    compared: Collection[Compared], rules: Collection[RulePlace] | None
) -> tuple[Pair, ...]:
    wanted = set(rules or ())
    pairs = (pair for host in compared for pair in host.pairs if pair.asked is not None)
    return tuple(pair for pair in pairs if rules is None or pair.rules & wanted)


def clusters_verdict(touched: Collection[TouchedCluster], found: Mapping[str, Json]) -> Verdict:
    """Clusters that should be there with their policies, and those that should be gone."""
    differences: list[str] = []
    for one in touched:
        raw = found.get(one.name)
        if one.after is None:
            differences += [f"cluster {one.name} is still there"] if raw else []
        elif raw is None:
            differences.append(f"there is no cluster {one.name}")
        else:
            differences += cluster_differences(one.after, raw)
    return Verdict(OLD if differences else IN_SYNC, tuple(dict.fromkeys(differences)))
