"""Adopting a service: the DestinationRule and VirtualService it has none of, from its pods."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from meshtui.changes.assemble import creation, free_name, policy_change, rule_change
from meshtui.changes.breaker_ops import API_VERSION
from meshtui.changes.change import Change, Operation, Target
from meshtui.changes.locate import HostSubset, Located, locate, resolve_service
from meshtui.changes.patch import APPEND, pointer, tokens
from meshtui.changes.weight_ops import destination_like
from meshtui.dataclass import dataclass
from meshtui.errors import NotFound, Refused
from meshtui.mesh.carrying import Route, ordinary, rivals, routes_to
from meshtui.mesh.gateway_api import STREAM_KINDS
from meshtui.mesh.model import DestinationRule, Mesh, Pod, Service, ServiceKey, VirtualService
from meshtui.mesh.nearest import nearest_words
from meshtui.mesh.pod import VERSION_LABELS
from meshtui.mesh.resolution.protocols import is_tls, service_protocol, takes_http_rules
from meshtui.mesh.routing import pods_of

VERB = "adopt"


@dataclass(frozen=True, slots=True)
class Adoption:
    """The two changes, in the order in which they must be made, and which version gets it all.

    `subsets` is None where the DestinationRule already names each version. `stable` is empty where
    the service has its weights already.
    """

    subsets: Change | None
    routes: Change
    stable: str
    why: str


@dataclass(frozen=True, slots=True)
class Version:
    """One value of the label that tells a service's pods apart, and what its subset is called."""

    subset: str
    label: str
    value: str
    ready: int


def adopt(mesh: Mesh, key: ServiceKey, stable: str = "", rule: str = "") -> Adoption:
    """All traffic stays on one version until somebody shifts it.

    `stable` names that version; by default the one with the most ready pods, the first by name
    where several have as many. Where there are rules already, `rule`, else the ordinary one, gets
    the versions that it lacks, with weight 0. Raises `Refused` where it lacks none, where several
    rules carry traffic and none is named, or where pods have no version label.
    """
    service = resolve_service(mesh, key.name, key.namespace)
    own = [r for r in routes_to(mesh, service) if service.host in r.service.hosts]
    if own:
        if stable:
            problem = f"{service.key} is routed by {own[0].service.ref} already"
            raise Refused(problem, "shift its weights, or adopt it without naming a version")
        return _completed(mesh, service, _rule_to_complete(mesh, service, own, rule))
    if rule:
        raise Refused(f"{service.key} has no rule yet", "adopt it without --rule: that makes one")
    kind = _kind_of_rules(service)
    versions = versions_of(service, pods_of(mesh, service))
    subsets, names = _subsets(mesh, service, versions)
    chosen, why = stable_of(service, versions, stable)
    named = [names[v.value] for v in versions]
    routes = _routes(mesh, service, kind, named, names[chosen.value])
    return Adoption(subsets, routes, names[chosen.value], why)


def _kind_of_rules(service: Service) -> str:
    """The list that counts on the service's ports: that of requests, else that of connections.

    Raises `Refused` where there are TLS ports alone: a rule there is for server names (SNI), and a
    connection by any other name would be closed.
    """
    spoken = [service_protocol(port) for port in service.ports]
    if not spoken or any(takes_http_rules(protocol) for protocol in spoken):
        return "http"
    if any(protocol != "UDP" and not is_tls(protocol) for protocol in spoken):
        return "tcp"
    ports = ", ".join(f"{port.number} {port.name}".rstrip() for port in service.ports)
    raise Refused(
        f"{service.key} has no HTTP port and no TCP port ({ports}): a TLS rule is for the server "
        "names that clients ask for, which are not known",
        "write a VirtualService with tls rules for these names",
    )


def _rule_to_complete(mesh: Mesh, service: Service, own: list[Route], rule: str) -> Route:
    if not rule and len(rivals(own)) < 2:
        return ordinary(own) or own[0]
    found = locate(mesh, Target(service.key, rule))
    place = (found.owner.ref, found.rule.protocol, found.rule.index)
    named = [r for r in own if (r.service.ref, r.rule.protocol, r.rule.index) == place]
    if not named:
        raise Refused(f"{found.owner.ref} is not for {service.host}", "name its own rule")
    return named[0]


def _completed(mesh: Mesh, service: Service, route: Route) -> Adoption:
    """The versions that the service's ordinary rule lacks, each with weight 0."""
    if route.unused:
        problem = f"{service.key} is routed by {route.service.ref} already"
        raise Refused(problem, f"that has no effect ({route.unused})")
    if not isinstance(route.service, VirtualService):
        problem = f"{service.key} is routed by {route.service.ref} already"
        hint = "its backends are the versions: shift between them"
        if route.service.ref.kind not in STREAM_KINDS:
            hint += ", or give it those that it lacks with --gateway-api"
        raise Refused(problem, hint)
    located = Located(mesh, service, route.service, route.rule)
    rule = f"rule {located.rule.title} of {located.owner.ref}"
    if any((d.host, d.subset) == (service.host, "") for d in located.rule.destinations):
        problem = f"{service.key} is routed by {located.owner.ref} already"
        raise Refused(problem, f"{rule} sends to all its pods, whatever their version")
    versions = versions_of(service, pods_of(mesh, service))
    subsets, names = _subsets(mesh, service, versions)
    known = {d.subset for d in located.rule.destinations if d.host == service.host}
    lacking = [names[v.value] for v in versions if names[v.value] not in known]
    if not lacking:
        raise Refused(f"{service.key} has each of its versions in {rule} already")
    change = rule_change(located, VERB, _without_weight(located, lacking))
    added = f"{', '.join(lacking)} added with weight 0"
    why = f"the weights of {rule} stay as they are"
    return Adoption(subsets, replace(change, words=(f"{rule}: {added}",)), "", why)


def _without_weight(located: Located, subsets: Iterable[str]) -> tuple[Operation, ...]:
    """A lone destination takes everything without a weight; beside others it needs one."""
    steps, routes = tokens(located.rule.pointer), located.raw_routes
    operations: list[Operation] = []
    if len(routes) == 1 and not routes[0].get("weight"):
        path = pointer(*steps, "route", 0, "weight")
        operations.append({"op": "add", "path": path, "value": 100})
    for subset in subsets:
        target = destination_like(located, HostSubset(located.service.host, subset))
        entry = {"destination": target, "weight": 0}
        path = pointer(*steps, "route", APPEND)
        operations.append({"op": "add", "path": path, "value": entry})
    return tuple(operations)


def versions_of(service: Service, pods: Iterable[Pod]) -> list[Version]:
    """Versions of a label that every pod of the service has, by name."""
    pods = list(pods)
    if not pods:
        raise Refused(f"{service.key} has no pods", "there is nothing to learn its versions from")
    label = next((name for name in VERSION_LABELS if all(p.labels.get(name) for p in pods)), "")
    if not label:
        bare = [p.name for p in pods if not any(p.labels.get(name) for name in VERSION_LABELS)]
        hint = f"{bare[0]} has none" if bare else "they use different ones"
        raise Refused(f"the pods of {service.key} do not all have a version label", hint)
    values = sorted({pod.labels[label] for pod in pods})
    ready = {v: sum(p.serving for p in pods if p.labels[label] == v) for v in values}
    return [Version(subset_name(value), label, value, ready[value]) for value in values]


def subset_name(version: str) -> str:
    """A version as a subset's name, which must be a DNS label (RFC 1123): `v1.2` is `v1-2`."""
    return re.sub(r"[^a-z0-9]+", "-", version.lower()).strip("-")[:63].strip("-") or "version"


def _subsets(
    mesh: Mesh, service: Service, versions: list[Version]
) -> tuple[Change | None, Mapping[str, str]]:
    """The subsets that are missing, and the name of each version's subset."""
    rules = mesh.rules_by_host.get(service.host, ())
    named = {
        version.value: subset.name
        for version in versions
        for rule in rules
        for subset in rule.subsets
        if dict(subset.labels) == {version.label: version.value}
    }
    missing = [version for version in versions if version.value not in named]
    taken = {subset.name for rule in rules for subset in rule.subsets}
    clash = next((version.subset for version in missing if version.subset in taken), "")
    if clash:
        raise Refused(f"subset {clash} of {service.key} selects other pods than its name says")
    names = {**{version.value: version.subset for version in versions}, **named}
    if len(set(names.values())) < len(names):
        raise Refused(f"two versions of {service.key} would have one subset name")
    if not missing:
        return None, names
    entries = [{"name": v.subset, "labels": {v.label: v.value}} for v in missing]
    if rules:
        return _more_subsets(rules[0], service, entries), names
    body = _body("DestinationRule", service, free_name(mesh.destination_rules, service))
    body["spec"] = {"host": service.key.name, "subsets": entries}
    words = f"DestinationRule with subsets {', '.join(v.subset for v in missing)} is made"
    return creation(service.key, VERB, body, (words,)), names


def _more_subsets(rule: DestinationRule, service: Service, entries: list[dict[str, Any]]) -> Change:
    present = "subsets" in (rule.raw.get("spec") or {})
    path = "/spec/subsets"
    operations = (
        tuple({"op": "add", "path": f"{path}/-", "value": entry} for entry in entries)
        if present
        else ({"op": "add", "path": path, "value": entries},)
    )
    return policy_change(rule, service.key, VERB, operations)


def stable_of(service: Service, versions: list[Version], wanted: str) -> tuple[Version, str]:
    """The version that gets all the traffic, and why: `wanted`, else that with most ready pods."""
    if wanted:
        for version in versions:
            if wanted in (version.value, version.subset):
                return version, "it was named"
        names = [version.value for version in versions]
        raise NotFound(f"{service.key} has no version {wanted}", nearest_words(wanted, names))
    if len(versions) == 1:
        return versions[0], "it is the only version"
    chosen = max(versions, key=lambda version: version.ready)
    return chosen, f"it has the most ready pods ({chosen.ready})"


def _routes(mesh: Mesh, service: Service, kind: str, subsets: list[str], stable: str) -> Change:
    route: list[dict[str, Any]] = [
        {"destination": {"host": service.key.name, "subset": subset}} for subset in subsets
    ]
    if len(route) > 1:
        for entry in route:
            entry["weight"] = 100 if entry["destination"]["subset"] == stable else 0
    body = _body("VirtualService", service, free_name(mesh.virtual_services, service))
    body["spec"] = {"hosts": [service.key.name], kind: [{"route": route}]}
    what = "traffic" if kind == "http" else "connections"
    words = f"VirtualService is made: all {what} to {stable}"
    return creation(service.key, VERB, body, (words,))


def _body(kind: str, service: Service, name: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": service.key.namespace}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata}
