"""Routing objects in words, and as YAML. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from meshtui.mesh import read
from meshtui.mesh.carrying import Route
from meshtui.mesh.hosts import short_host
from meshtui.mesh.model import (
    DestinationRule,
    HttpRoute,
    Json,
    Mesh,
    Rule,
    RuleOwner,
    VirtualService,
)
from meshtui.mesh.resolution.backend_policies import Attachment, attachments
from meshtui.mesh.resolution.backends import backend_troubles
from meshtui.mesh.route_status import route_troubles
from meshtui.mesh.view import ServiceView
from meshtui.ui.main.rule_selection import place_of
from meshtui.ui.table.numbers import bar, percent
from meshtui.ui.widgets.item_list import Picked
from meshtui.ui.widgets.paint import BLANK, Line, Span, span, wrapped

ARROW = Span("   → ", "muted")
HIDDEN_METADATA = ("managedFields", "annotations")


def rules_lines(view: ServiceView, mesh: Mesh, width: int) -> list[Picked]:
    """All rules for the service in the order in which they are tried, then its subsets."""
    lines: list[Picked] = []
    before: RuleOwner | None = None
    for route in view.routes:
        if route.service is not before:
            lines += map(Picked, _owner_lines(route.service, width))
            before = route.service
        *mine, gap = _rule_lines(route, view, width)
        lines += [*(Picked(line, place_of(route)) for line in mine), Picked(gap)]
    if not view.routes:
        notice = wrapped("no VirtualService names this service: its pods share the traffic", width)
        lines += map(Picked, [*notice, BLANK])
    for rule in mesh.rules_by_host.get(view.service.host, ()):
        lines += map(Picked, _destination_rule_lines(rule, width))
    for one in attachments(mesh):
        if view.service.host in one.hosts or _is_target(one, view):
            lines += map(Picked, _backend_tls_lines(one, width))
    return lines


def _is_target(one: Attachment, view: ServiceView) -> bool:
    place = (one.policy.ref.namespace, one.target.kind, one.target.name)
    return place == (view.key.namespace, "Service", view.key.name)


def _backend_tls_lines(one: Attachment, width: int) -> list[Line]:
    """With which TLS its pods are called, or why they are not."""
    policy = one.policy
    name = f"{policy.ref.namespace}/{policy.ref.name}"
    lines: list[Line] = [(Span("BackendTLSPolicy ", "muted"), span(name, "strong"))]
    ca = f"the CA of ConfigMap {policy.config_map}" if policy.config_map else "the system's CAs"
    where = f"port {one.target.section}: " if one.target.section else ""
    lines += wrapped(f"{where}TLS as {policy.hostname}, with {ca}", width, "mark", "   ")
    if one.why:
        lines += wrapped(f"▲ has no effect: {one.why}", width, "warning", "   ")
    if policy.lacks_ca:
        text = f"▲ sidecars send plain text, gateways answer 503: {policy.lacks_ca}"
        lines += wrapped(text, width, "warning", "   ")
    return [*lines, BLANK]


def _owner_lines(vs: RuleOwner, width: int) -> list[Line]:
    """What holds rules, whose requests they are for, and what is wrong with it."""
    name = span(f"{vs.ref.namespace}/{vs.ref.name}", "strong")
    title: Line = (Span(f"{vs.ref.kind} ", "muted"), name)
    hosts = ", ".join(short_host(host, vs.ref.namespace) for host in vs.hosts)
    lines: list[Line] = [title]
    if hosts:
        lines.append((Span("hosts ", "muted"), span(hosts)))
    if isinstance(vs, HttpRoute):
        lines += _route_lines(vs, width)
    if isinstance(vs, VirtualService) and vs.gateways != ("mesh",):
        lines.append((Span("gateways ", "muted"), span(", ".join(vs.gateways))))
    return [*lines, BLANK]


def _route_lines(route: HttpRoute, width: int) -> list[Line]:
    """Its Gateways, and what its status says is wrong."""
    lines: list[Line] = []
    if route.at_gateways:
        names = ", ".join(read.texts(read.obj(route.raw, "spec"), "hostnames")) or "any host"
        where = f"{', '.join(route.at_gateways)}: {names}"
        lines += wrapped(f"at Gateway {where}", width, "text")
    for condition in route_troubles(route):
        lines += wrapped(f"▲ {condition}", width, "warning")
    return lines


def _rule_lines(route: Route, view: ServiceView, width: int) -> list[Line]:
    rule = route.rule
    usual = view.usual
    head: Line = (span(rule.title, "key"), Span("  "))
    if usual is not None and place_of(usual) == place_of(route):
        head += (Span("ordinary", "brand"), Span("  "))
    elif view.route is not None and place_of(view.route) == place_of(route):
        head += (Span("shown and changed", "draft"), Span("  "))
    lines = [head, *wrapped(route.match_text, width - 3, "text", "   ")]
    if route.unused:
        lines += wrapped(f"▲ nobody has it: {route.unused}", width - 3, "warning", "   ")
    namespace = route.service.ref.namespace
    for destination in rule.destinations:
        name = destination.subset or short_host(destination.host, namespace)
        lines.append(weight_line(name, rule.percent(destination)))
    if isinstance(route.service, HttpRoute) and not route.unused:
        for text in backend_troubles(view.mesh, route.service, rule):
            lines += wrapped(f"▲ {text}", width - 3, "warning", "   ")
    lines += [(Span("   "), piece) for piece in _extras(rule, namespace)]
    return [*lines, BLANK]


def weight_line(name: str, weight: float) -> Line:
    """A destination with its part of the rule; where it is cut off, the bar is."""
    return (
        ARROW,
        span(f"{name:<13} ", "text"),
        Span(f"{percent(weight):>4}% ", "text" if weight else "muted"),
        Span(bar(weight, 8), "bar"),
    )


def _extras(rule: Rule, namespace: str) -> Iterable[Span]:
    for mirror in rule.mirrors:
        where = mirror.subset or short_host(mirror.host, namespace)
        yield span(f"mirror → {where} {mirror.percent:g}%", "mark")
    if rule.fault is not None:
        role = "warning" if rule.fault.active else "muted"
        yield span(f"fault {rule.fault}", role)
    if rule.timeout_s:
        yield span(f"timeout {rule.timeout_s:g}s", "mark")
    if rule.retries is not None:
        yield span(f"retries {rule.retries}", "mark")
    if rule.delegate:
        yield span(f"delegates to {'/'.join(rule.delegate)}", "mark")
    if rule.terminal:
        yield span(f"answers by itself: {rule.terminal}", "mark")


def _destination_rule_lines(rule: DestinationRule, width: int) -> list[Line]:
    name = f"{rule.ref.namespace}/{rule.ref.name}"
    lines: list[Line] = [(Span("DestinationRule ", "muted"), span(name, "strong"))]
    lines += _policy_lines(rule.policy, width, "")
    for subset in rule.subsets:
        labels = ", ".join(f"{key}={value}" for key, value in subset.labels.items())
        lines.append((Span("   "), span(f"{subset.name:<14}", "text"), span(labels, "muted")))
        lines += _policy_lines(subset.policy, width, "   ")
    return [*lines, BLANK]


def _policy_lines(policy: Json, width: int, indent: str) -> list[Line]:
    return [
        line
        for name, value in policy.items()
        for line in wrapped(f"{name}: {_flat(value)}", width, "mark", indent + "   ")
    ]


def _flat(value: Any) -> str:
    """A small nested value on one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_flat(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_flat(inner) for inner in value)
    return str(value)


def yaml_lines(view: ServiceView, mesh: Mesh) -> list[Line]:
    """The objects themselves, without what only machines write into them."""
    services = dict.fromkeys(route.service.ref for route in view.routes)
    by_ref = {route.service.ref: route.service.raw for route in view.routes}
    raws = [by_ref[ref] for ref in services]
    raws += [rule.raw for rule in mesh.rules_by_host.get(view.service.host, ())]
    lines: list[Line] = []
    for raw in raws:
        lines += [(Span("---", "faint"),)] if lines else []
        lines += [_yaml_line(text) for text in _dump(raw).splitlines()]
    return lines


def _dump(raw: Json) -> str:
    from meshtui.changes.kube_yaml import dump_yaml  # only when the YAML is asked for

    shown = {key: value for key, value in raw.items() if key != "status"}
    metadata = raw.get("metadata")
    if isinstance(metadata, Mapping):
        shown["metadata"] = {k: v for k, v in metadata.items() if k not in HIDDEN_METADATA}
    return dump_yaml(shown, allow_unicode=True, width=1000)


def _yaml_line(text: str) -> Line:
    key, colon, rest = text.partition(":")
    if colon and (not rest or rest.startswith(" ")):
        return span(key + colon, "muted"), span(rest, "text")
    return (span(text, "text"),)
