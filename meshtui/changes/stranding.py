"""Traffic that a change would send where nobody answers it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from meshtui.changes.change import Caution, Change
from meshtui.changes.stream_rules import is_stream
from meshtui.mesh.carrying import routes_to
from meshtui.mesh.gateway_api import RULES
from meshtui.mesh.governing import Governed, Workload, governed
from meshtui.mesh.hosts import split_host
from meshtui.mesh.model import (
    Destination,
    DestinationRule,
    Json,
    Mesh,
    Mirror,
    Pod,
    Ref,
    Rule,
    Service,
)
from meshtui.mesh.parse_gateway_api import parse_owner
from meshtui.mesh.parse_rules import parse_destination_rule
from meshtui.mesh.resolution.endpoints import ADDED
from meshtui.mesh.resolution.names import covered, full_name
from meshtui.mesh.routing import pods_of, pods_of_subset

ERROR, NO_COPY, CLOSED = "answers 503", "gets no copy", "gets no connection"
INVALID = "answers 500"
"""What routes of the Gateway API say of a backend that is none, and where nothing is sent on."""


def stranding(mesh: Mesh, change: Change) -> tuple[Caution, ...]:
    """Destinations that gain traffic, or a mirror, and can't serve it; subsets taken from rules.

    Looks at the whole object, not only at the rule that the change is named after.
    """
    if change.target.kind == "DestinationRule":
        found = tuple(_of_policy(mesh, change))
    else:
        before, after = (
            rules_in(change, spec, mesh.settings.domain)
            for spec in (change.spec_before, change.spec_after)
        )
        found = (
            *_of_rules(mesh, before, after, _carried(mesh, change)),
            *_by_address(mesh, change, before, after),
        )
    return tuple(dict.fromkeys(found))


def rules_in(change: Change, spec: Json, domain: str) -> list[Rule]:
    """The rules of an object's spec, before or after the change."""
    meta = {"namespace": change.target.namespace}
    raw = {"kind": change.target.kind, "metadata": meta, "spec": spec}
    return list(parse_owner(raw, domain).rules)


def sent_to(change: Change, mesh: Mesh) -> frozenset[str]:
    """The hosts that an object's rules send or copy requests to, before or after the change."""
    specs = (change.spec_before, change.spec_after)
    rules = [rule for spec in specs for rule in rules_in(change, spec, mesh.settings.domain)]
    destinations = (target.host for rule in rules for target in rule.destinations)
    mirrors = (target.host for rule in rules for target in rule.mirrors)
    return frozenset((*destinations, *mirrors))


def _name(ref: Ref) -> tuple[str, str]:
    return ref.namespace, ref.name


def _carried(mesh: Mesh, change: Change) -> frozenset[Workload]:
    """The callers whose traffic goes by the rules of the object; none where that is not known."""
    service = mesh.by_key.get(change.service)
    place = (change.target.kind, *_name(change.target))
    return frozenset(
        caller
        for route in (routes_to(mesh, service) if service else ())
        if (route.service.ref.kind, *_name(route.service.ref)) == place
        for caller in route.callers
    )


def _by_address(
    mesh: Mesh, change: Change, before: list[Rule], after: list[Rule]
) -> Iterator[Caution]:
    """Weights of a host whose callers choose the pod themselves, as at a headless Service."""
    service = mesh.by_key.get(change.service)
    chosen = {
        (route.rule.protocol, route.rule.index)
        for route in (routes_to(mesh, service) if service else ())
        if route.by_address and route.service.ref == change.target
    }
    for rule in after:
        old = counterpart(before, rule)
        moved = percents_of(old) != percents_of(rule)
        if old is not None and moved and (old.protocol, old.index) in chosen:
            text = "callers choose the pod themselves (headless Service): weights do nothing there"
            yield Caution("danger", text)


def _of_rules(
    mesh: Mesh, before: list[Rule], after: list[Rule], callers: frozenset[Workload]
) -> Iterator[Caution]:
    for rule in after:
        effect = CLOSED if is_stream(rule) else ERROR
        if len(rule.destinations) > 1 and rule.total_weight == 0:
            text = f"all weights of rule {rule.title} are 0: it {_nowhere(rule, effect)}"
            yield Caution("danger", text)
        old = counterpart(before, rule)
        percents = percents_of(old)
        for place, percent in percents_of(rule).items():
            if percent > percents.get(place, 0.0) + 1e-9:
                gone = _nowhere(rule, effect)
                yield from _cannot_serve(mesh, place, "danger", effect, callers, gone)
        mirrored = {(mirror.host, mirror.subset) for mirror in (old.mirrors if old else ())}
        for mirror in rule.mirrors:
            if _place(mirror) not in mirrored:
                yield from _cannot_serve(mesh, _place(mirror), "warning", NO_COPY, callers)


def _nowhere(rule: Rule, effect: str) -> str:
    return INVALID if rule.place == RULES and effect == ERROR else effect


def counterpart(rules: list[Rule], wanted: Rule) -> Rule | None:
    """The rule before the change: by name and match, else by place."""
    known = (wanted.protocol, wanted.name, wanted.matches)
    for rule in rules:
        if (rule.protocol, rule.name, rule.matches) == known:
            return rule
    place = (wanted.protocol, wanted.index)
    return next((rule for rule in rules if (rule.protocol, rule.index) == place), None)


HostAndSubset = tuple[str, str]


def _place(target: Destination | Mirror) -> HostAndSubset:
    return target.host, target.subset


def percents_of(rule: Rule | None) -> dict[HostAndSubset, float]:
    found: dict[HostAndSubset, float] = {}
    for destination in rule.destinations if rule else ():
        place = _place(destination)
        found[place] = found.get(place, 0.0) + (rule.percent(destination) if rule else 0.0)
    return found


def _of_policy(mesh: Mesh, change: Change) -> Iterator[Caution]:
    """What rules send to subsets that are defined no more, or select no pod any more."""
    later = _with_policy(mesh, change)
    policies = (
        _policy(change, spec, mesh.settings.domain)
        for spec in (change.spec_before, change.spec_after)
        if spec
    )
    patterns = dict.fromkeys(
        full_name(policy.host, change.target.namespace, mesh.settings.domain) for policy in policies
    )
    for host, users in mesh.rules_by_destination.items():
        for vs, rule in users if any(covered(host, pattern) for pattern in patterns) else ():
            for place, percent in percents_of(rule).items():
                if place[0] != host or percent <= 0:
                    continue
                effect = CLOSED if is_stream(rule) else ERROR
                known = set(_cannot_serve(mesh, place, "danger", effect))
                for finding in _cannot_serve(later, place, "danger", effect):
                    if finding not in known:
                        text = f"rule {rule.title} of {vs.ref} sends traffic there: {finding.text}"
                        yield Caution("danger", text)


def _with_policy(mesh: Mesh, change: Change) -> Mesh:
    target = change.target
    place = (target.namespace, target.name)
    rules = [r for r in mesh.destination_rules if (r.ref.namespace, r.ref.name) != place]
    if change.spec_after:
        old = [r for r in mesh.destination_rules if (r.ref.namespace, r.ref.name) == place]
        made = _policy(change, change.spec_after, mesh.settings.domain)
        rules.append(replace(made, created=old[0].created) if old else made)
    ordered = sorted(rules, key=lambda rule: (rule.ref.namespace, rule.ref.name))
    return replace(mesh, destination_rules=tuple(ordered))


def _policy(change: Change, spec: Json, domain: str) -> DestinationRule:
    meta = {"namespace": change.target.namespace, "name": change.target.name}
    return parse_destination_rule({"metadata": meta, "spec": spec}, domain)


def _cannot_serve(
    mesh: Mesh,
    place: HostAndSubset,
    level: str,
    effect: str,
    callers: frozenset[Workload] = frozenset(),
    gone: str = "",
) -> Iterator[Caution]:
    """Why requests, of the given callers if any, find nobody there; `gone`: where no host is."""
    host, name = place
    service = mesh.by_host.get(host)
    unread = _unread(mesh, host, name)
    if unread:
        yield Caution("warning", unread)
    elif service is None and split_host(host) is not None and host not in mesh.service_entry_hosts:
        yield Caution(level, f"host {host} does not exist: traffic to it {gone or effect}")
    elif not name:
        yield from (
            _unserved(mesh, service, pods_of(mesh, service), host, level, effect) if service else ()
        )
    elif service is not None or host in mesh.service_entry_hosts:
        all_of_them = governed(mesh, host)
        asked = [one for one in all_of_them if not callers or callers & one.workloads]
        asked = asked or list(all_of_them)
        lacking = [one for one in asked if one.subset(name) is None]
        if lacking or not asked:
            yield Caution(level, _undefined(host, name, lacking, len(asked), effect))
        for subset in filter(None, (one.subset(name) for one in asked)):
            if service is not None and not ADDED & subset.labels.keys():
                pods = pods_of_subset(pods_of(mesh, service), subset)
                yield from _unserved(mesh, service, pods, name, level, effect)


def _unread(mesh: Mesh, host: str, name: str) -> str:
    """Why nobody can say whether it serves; empty where all that it takes was read."""
    service, key = mesh.by_host.get(host), split_host(host)
    home = service.key.namespace if service else key.namespace if key else ""
    if service is None and home and not mesh.knows("services", home):
        return f"whether host {host} exists is not known: Services of {home} can't be read"
    if service is not None and name and not mesh.knows("destinationrules", home):
        what = f"whether subset {name} of {host} exists"
        return f"{what} is not known: DestinationRules of {home} can't be read"
    if service is not None and not mesh.knows("pods", home):
        return f"whether {name or host} has a ready pod is not known: pods of {home} can't be read"
    return ""


def _undefined(host: str, name: str, lacking: list[Governed], asked: int, effect: str) -> str:
    """Who misses the subset, where others have it, and which rules are in its way."""
    if len(lacking) == asked:
        return f"no DestinationRule defines subset {name} of {host}: {effect}"
    whose = ", ".join(one.whose for one in lacking)
    rules = dict.fromkeys(str(found.ref) for one in lacking if one.rule for found in one.rule.rules)
    instead = f" (they have {', '.join(rules)})" if rules else ""
    return f"no DestinationRule defines subset {name} of {host} for {whose}{instead}: {effect}"


def _unserved(
    mesh: Mesh, service: Service, pods: Sequence[Pod], what: str, level: str, effect: str
) -> Iterator[Caution]:
    home = service.key.namespace
    if not pods and not mesh.knows("workloadentries", home):
        words = f"those of {home} can't be read"
        unread = f"whether a WorkloadEntry serves it is not known: {words}"
        yield Caution("warning", f"{what} has no pod, and {unread}")
    elif not pods:
        yield Caution(level, f"{what} has no pod: traffic to it {effect}")
    elif not any(pod.serving for pod in pods):
        yield Caution(level, f"{what} has no ready pod ({len(pods)} not ready): {effect}")
