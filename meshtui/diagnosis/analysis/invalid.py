"""What Istio's validation refuses of a VirtualService, and is in the cluster all the same.

It got there past the webhook: before it was installed, while it was down, by another revision's.
Requests may be fine. The next change to the object is not: the webhook looks at all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http import HTTPStatus

from meshtui.diagnosis.analysis.finding import WARNING, Finding
from meshtui.diagnosis.analysis.lookup import raw_rule, rule_path
from meshtui.mesh import read
from meshtui.mesh.model import Json, Mesh, VirtualService
from meshtui.mesh.resolution.names import MESH, covered

_Said = Iterator[tuple[str, str]]
_Rule = Callable[[Json], _Said]

_SMALLEST_PERCENT = 0.0001
_STATUSES = frozenset(str(status.value) for status in HTTPStatus)
_SETTLED_BY = ("redirect", "directResponse", "direct_response", "delegate")
_MATCHED = ("uri", "scheme", "method", "authority")
_BY_NAME = ("headers", "withoutHeaders", "queryParams")


def invalid_rule(mesh: Mesh) -> Iterator[Finding]:
    """Rules after Istio's `validation.go`; weights and delegates have checks of their own."""
    for service in mesh.virtual_services:
        for path, why in _in_object(service):
            yield _finding(service, path, why)
        for rule in service.rules:
            raw = raw_rule(service, rule)
            checks = _HTTP if rule.protocol == "http" else ()
            for path, why in (said for check in checks for said in check(raw)):
                yield _finding(service, f"{rule_path(rule)}.{path}", why)


def _finding(service: VirtualService, path: str, why: str) -> Finding:
    return Finding(
        "invalid-rule",
        WARNING,
        service.ref,
        path,
        f"Istio's validation refuses this: {why}. The next change to this object will be refused.",
        "Correct it together with the next change.",
        ("IST0106",),
    )


def _in_object(service: VirtualService) -> _Said:
    spec = read.obj(service.raw, "spec")
    hosts = read.texts(spec, "hosts")
    if "*" in hosts and (not service.gateways or MESH in service.gateways):
        yield f"spec.hosts[{hosts.index('*')}]", "the host * is for gateways only"
    for index, rule in enumerate(read.objects(spec, "tls")):
        for at, match in enumerate(read.objects(rule, "match")):
            for name in read.texts(match, "sniHosts"):
                if not any(host == name or covered(name, host) for host in hosts):
                    where = f"spec.tls[{index}].match[{at}].sniHosts"
                    yield where, f"{name} is below none of the object's hosts"


def _one_action(rule: Json) -> _Said:
    settled = [key for key in _SETTLED_BY if key in rule]
    for key in settled:
        if read.objects(rule, "route"):
            yield key, f"a rule has a route or a {key}, not both"
        if "fault" in rule and key == "redirect":
            yield "fault", "a redirect has no fault"
    if "redirect" in rule and not read.obj(rule, "redirect"):
        yield "redirect", "it says nothing of where to"
    if "mirror" in rule and "mirrors" in rule:
        yield "mirror", "a rule has mirror or mirrors, not both"


def _retries(rule: Json) -> _Said:
    retries = read.obj(rule, "retries")
    if not retries.get("attempts") and {"retryOn", "perTryTimeout"} & retries.keys():
        yield "retries", "how to retry is said, and no attempts are"
    for word in read.text(retries, "retryOn").split(","):
        if word.strip().isdecimal() and word.strip() not in _STATUSES:
            yield "retries.retryOn", f"{word.strip()} is no status code"


def _percentages(rule: Json) -> _Said:
    fault = read.obj(rule, "fault")
    parts = {f"fault.{kind}.percentage": read.obj(fault, kind, "percentage") for kind in fault}
    parts["mirrorPercentage"] = read.obj(rule, "mirrorPercentage")
    for path, percentage in parts.items():
        value = percentage.get("value")
        if isinstance(value, int | float) and 0 < value < _SMALLEST_PERCENT:
            yield path, f"less than {_SMALLEST_PERCENT} is neither some nor none"
    if "exponentialDelay" in read.obj(fault, "delay"):
        yield "fault.delay.exponentialDelay", "it is not supported"


def _one_authority(rule: Json) -> _Said:
    named = [key.lower() for key in read.obj(rule, "headers", "request", "set")]
    given = sum(key in ("host", ":authority") for key in named)
    if given + ("authority" in read.obj(rule, "rewrite")) > 1:
        yield "headers.request.set", "the authority is set more than once"


def _expressions(rule: Json) -> _Said:
    for index, match in enumerate(read.objects(rule, "match")):
        conditions = {key: read.obj(match, key) for key in _MATCHED}
        for key in _BY_NAME:
            named = read.obj(match, key)
            conditions |= {f"{key}.{name}": read.obj(named, name) for name in named}
        for path, condition in conditions.items():
            if read.text(condition, "regex")[:1] in ("*", "+", "?"):
                yield f"match[{index}].{path}.regex", "there is nothing that it repeats"


_HTTP: tuple[_Rule, ...] = (
    _one_action,
    _retries,
    _percentages,
    _one_authority,
    _expressions,
)
