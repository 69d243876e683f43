"""AuthorizationPolicies and RequestAuthentications that reach nobody, or let nobody in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshtui.diagnosis.analysis.finding import ERROR, WARNING, Finding
from meshtui.mesh.access import DENIED, Decision, decide
from meshtui.mesh.authorization import (
    CUSTOM,
    DENY,
    AccessRule,
    AuthorizationPolicy,
    RequestAuthentication,
    Terms,
    in_force,
)
from meshtui.mesh.model import Mesh, Pod, Port, Ref, Service
from meshtui.mesh.resolution.protocols import service_protocol, takes_http_rules
from meshtui.mesh.routing import pods_of, pods_selected
from meshtui.mesh.text import clean, some_of

NAMED = 3


def idle_authorization(mesh: Mesh) -> Iterator[Finding]:
    """One whose selector selects no pod. `targetRefs` choose gateways by other means."""
    policies: tuple[AuthorizationPolicy | RequestAuthentication, ...] = (
        *mesh.authorization_policies,
        *mesh.request_authentications,
    )
    for policy in policies:
        if policy.targets or not policy.selector:
            continue
        everywhere = policy.ref.namespace == mesh.settings.root_namespace
        homes = None if everywhere else (policy.ref.namespace,)
        if not mesh.knows("pods", None if everywhere else policy.ref.namespace):
            continue
        if any(pod.sidecar for pod in pods_selected(mesh, policy.selector, homes)):
            continue
        where = "the mesh" if everywhere else policy.ref.namespace
        labels = ", ".join(f"{key}={value}" for key, value in policy.selector.items())
        yield Finding(
            "idle-authorization",
            WARNING,
            policy.ref,
            "spec.selector.matchLabels",
            f"No pod of {where} with a proxy has {labels}: this {policy.ref.kind} holds for none.",
            "Correct the selector, or remove the policy if its workload is gone.",
            ("IST0127", "KIA0004"),
        )


def unknown_provider(mesh: Mesh) -> Iterator[Finding]:
    """A CUSTOM policy whose provider meshConfig does not have: istiod has the proxies deny what its
    rules name."""
    known = mesh.settings.logs
    if known is None or not mesh.settings.known:
        return
    for policy in mesh.authorization_policies:
        if policy.action != CUSTOM or not policy.enforced or not policy.rules:
            continue
        if policy.provider in known.providers:
            continue
        yield Finding(
            "unknown-provider",
            ERROR,
            policy.ref,
            "spec.provider.name",
            f"meshConfig has no provider {clean(policy.provider) or '(without a name)'}: the "
            "proxies answer 403 to every request that a rule of this policy fits.",
            "Correct the name, or add the provider to extensionProviders in meshConfig.",
        )


def denied_service(mesh: Mesh) -> Iterator[Finding]:
    """A service all of whose requests are denied, whoever sends them."""
    if not mesh.authorization_policies:
        return
    found: dict[Ref, tuple[Decision, list[str]]] = {}
    for service in mesh.services:
        decision = _denied(mesh, service)
        if decision is not None:
            ref = decision.by[0].ref
            found.setdefault(ref, (decision, []))[1].append(str(service.key))
    for ref, (decision, names) in found.items():
        whom = some_of(names, NAMED)
        why = (
            "no rule of an AuthorizationPolicy lets anybody in there"
            if decision.unmatched
            else "a rule of it fits every request"
        )
        yield Finding(
            "denied-service",
            WARNING,
            ref,
            "spec.rules",
            f"Every request to {whom} is answered 403 by the proxies: {why}.",
            "If that is not meant, add an AuthorizationPolicy with action ALLOW that names the "
            "callers."
            if decision.unmatched
            else "If that is not meant, name in the rule what is to be denied.",
        )


_OF_REQUESTS = frozenset({"requestPrincipals", "hosts", "methods", "paths"})
"""What a rule asks of an HTTP request; of a `when` all that begins with `request.`."""


def denied_connections(mesh: Mesh) -> Iterator[Finding]:
    """A DENY rule that asks for HTTP alone: on TCP ports it denies every connection.

    There istiod leaves out what only a request could say, and in a DENY rule what is left holds
    for more. A rule that names its ports has no such effect on others.
    """
    for policy in mesh.authorization_policies:
        if policy.action != DENY:
            continue
        for index, rule in enumerate(policy.rules):
            lost = list(_streams_under(mesh, policy)) if _denies_streams(rule) else []
            if lost:
                yield Finding(
                    "denied-connections",
                    ERROR,
                    policy.ref,
                    f"spec.rules[{index}]",
                    f"Every connection to {some_of(lost, NAMED)} is closed: this rule "
                    "asks for HTTP only, and on TCP ports a DENY rule holds without that.",
                    "Name the HTTP ports in the rule (`to.operation.ports`).",
                    ("IST0133",),
                )


def _denies_streams(rule: AccessRule) -> bool:
    """Whether nothing but HTTP stands in the way of a rule."""
    blocks = (*rule.sources, *rule.operations, rule.conditions)
    if not any(map(_of_requests, (term for block in blocks for term in block))):
        return False
    return all(map(_of_requests, rule.conditions)) and all(
        not some or any(all(map(_of_requests, block)) for block in some)
        for some in (rule.sources, rule.operations)
    )


def _of_requests(term: Terms) -> bool:
    return term.name in _OF_REQUESTS or term.name.startswith("request.")


def _streams_under(mesh: Mesh, policy: AuthorizationPolicy) -> Iterator[str]:
    """The ports that are no HTTP of the services whose pods enforce a policy."""
    root = mesh.settings.root_namespace
    for service in mesh.services:
        home = service.key.namespace
        numbers = [port.number for port in service.ports if _is_stream(port)]
        pods = (pod for pod in pods_of(mesh, service) if pod.sidecar) if numbers else ()
        if any(in_force((policy,), root, home, pod.labels) for pod in pods):
            yield from (f"{service.key} port {number}" for number in numbers)


def _is_stream(port: Port) -> bool:
    protocol = service_protocol(port)
    return protocol != "UDP" and not takes_http_rules(protocol)


def _denied(mesh: Mesh, service: Service) -> Decision | None:
    """What denies all requests on all HTTP ports of all of its pods."""
    root, home = mesh.settings.root_namespace, service.key.namespace
    if not all(mesh.knows("authorizationpolicies", each) for each in (root, home)):
        return None
    pods = [pod for pod in pods_of(mesh, service) if pod.sidecar]
    each = [
        decide(in_force(mesh.authorization_policies, root, home, pod.labels), None, number)
        for pod in pods
        for number in _ports(service, pod)
    ]
    if not each or any(one.answer != DENIED for one in each):
        return None
    return each[0]


def _ports(service: Service, pod: Pod) -> Iterator[int]:
    for port in service.ports:
        named: Mapping[str, int] = pod.ports
        yield int(port.target) if port.target.isdigit() else named.get(port.target, port.number)
