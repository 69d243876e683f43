"""Routes that lead nowhere: hosts, subsets and ports that do not exist, weights that add to 0."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.diagnosis.analysis.finding import ERROR, WARNING, Finding
from meshtui.diagnosis.analysis.lookup import (
    Target,
    definitions,
    is_missing,
    raw_rule,
    rule_path,
    targets,
)
from meshtui.mesh import read
from meshtui.mesh.hosts import short_host, split_host
from meshtui.mesh.model import Mesh, Ref, Rule, VirtualService


def missing_host(mesh: Mesh) -> Iterator[Finding]:
    """A destination that no Service and no ServiceEntry has: Envoy has no cluster for it."""
    for target in targets(mesh):
        if is_missing(mesh, target.host):
            yield Finding(
                "missing-host",
                _severity(target),
                target.service.ref,
                f"{target.path}.host",
                f"Host {target.host} does not exist: {_loss(target)}.",
                _host_advice(mesh, target),
                ("IST0101", "KIA1101"),
            )


def _host_advice(mesh: Mesh, target: Target) -> str:
    name, dot, rest = target.host.partition(".")
    meant = f"{name}.{rest.removesuffix('.svc')}.svc.cluster.local"
    if dot and meant in mesh.by_host:
        return f"Write {meant}: Istio completes only names without a dot."
    if dot and split_host(target.host) is None:
        return "Add a ServiceEntry for the host, or correct its name."
    same = next((s.host for s in mesh.services if s.key.name == name), "")
    if same:
        return f"Correct the name or its namespace (there is {same})."
    return "Correct the host's name, or create the Service."


def missing_subset(mesh: Mesh) -> Iterator[Finding]:
    """A subset that no DestinationRule for the host defines, whoever may see it."""
    for target in targets(mesh):
        if target.subset and _undefined(mesh, target):
            host = short_host(target.host, target.service.ref.namespace)
            yield Finding(
                "missing-subset",
                _severity(target),
                target.service.ref,
                f"{target.path}.subset",
                f"No DestinationRule defines subset {target.subset} of {host}: {_loss(target)}.",
                f"Define subset {target.subset} in the DestinationRule of {host} first, "
                "or route to one that is defined.",
                ("IST0101", "KIA1107"),
            )


def _undefined(mesh: Mesh, target: Target) -> bool:
    """Not said of a host that does not exist: that is the first thing to put right."""
    if is_missing(mesh, target.host) or definitions(mesh, target.host, target.subset):
        return False
    key = split_host(target.host)
    places = {target.service.ref.namespace, key.namespace if key else ""} - {""}
    return all(mesh.knows("destinationrules", place) for place in places)


def missing_port(mesh: Mesh) -> Iterator[Finding]:
    """A destination port that the Service does not have."""
    for target in targets(mesh):
        service = mesh.by_host.get(target.host)
        ports = {port.number for port in service.ports} if service else set()
        if target.port and ports and target.port not in ports:
            known = ", ".join(map(str, sorted(ports)))
            yield Finding(
                "missing-port",
                _severity(target),
                target.service.ref,
                f"{target.path}.port.number",
                f"{target.host} has no port {target.port}: {_loss(target)}.",
                f"Use a port that the Service has ({known}).",
            )


def _severity(target: Target) -> str:
    return WARNING if target.mirror or target.idle else ERROR


def _loss(target: Target) -> str:
    """What becomes of the traffic when Envoy has no cluster for the destination."""
    title = target.rule.title
    if target.mirror:
        return f"the copies of rule {title}'s requests are lost, which no caller notices"
    if target.idle:
        return f"rule {title} gives it no weight now; whatever weight it gets is answered 503 (NC)"
    if target.rule.protocol != "http":
        return f"connections of rule {title} are closed"
    return f"{target.part} {title} is answered 503 (NC, no cluster)"


def no_weight(mesh: Mesh) -> Iterator[Finding]:
    """Several destinations whose weights are all 0, or one that is negative.

    Weights are ratios, each at least 0 with a sum above 0; a single destination's is not looked
    at, and among several a missing one is 0 (Istio's validation of routes).
    """
    for service in mesh.virtual_services:
        for rule in service.rules:
            if len(rule.destinations) > 1:
                yield from _bad_weights(service, rule)


def _bad_weights(service: VirtualService, rule: Rule) -> Iterator[Finding]:
    routes = read.objects(raw_rule(service, rule), "route")
    path = f"{rule_path(rule)}.route"
    negative = [i for i, route in enumerate(routes) if read.integer(route, "weight") < 0]
    for index in negative:
        yield _weight(
            service.ref,
            f"{path}[{index}].weight",
            f"Istio refuses a negative weight, and with it the whole of rule {rule.title}.",
        )
    if not negative and rule.total_weight == 0:
        text = f"All weights of rule {rule.title} are 0: none of its requests has a destination."
        yield _weight(service.ref, path, text)


def _weight(ref: Ref, path: str, effect: str) -> Finding:
    advice = "Give at least one destination a weight above 0, and none a weight below."
    return Finding("no-weight", ERROR, ref, path, effect, advice, ("IST0106",))
