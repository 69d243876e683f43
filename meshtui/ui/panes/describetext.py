"""What configures a service and its versions, as it is read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshtui.diagnosis.limit_words import NO_WAY, tls_words
from meshtui.mesh.authorization import AuthorizationPolicy
from meshtui.mesh.description import Description, Sending
from meshtui.mesh.exposure import Door
from meshtui.mesh.istio import Ref
from meshtui.mesh.model import Mesh, Port
from meshtui.mesh.quantity import number_of
from meshtui.mesh.resolution.protocols import service_protocol
from meshtui.mesh.security import DISABLE, STRICT
from meshtui.mesh.subsets import usable_subsets
from meshtui.mesh.text import clean
from meshtui.mesh.view import ServiceView
from meshtui.ui.main.rule_selection import place_of
from meshtui.ui.panes.graphtext import rule_words
from meshtui.ui.table.outline import version_name
from meshtui.ui.widgets.paint import BLANK, LIMIT, Line, Span, jointed, span, wrapped

LABEL = 11
MOST = 8
"""Rules, doors, policies and callers that are written out."""

_NAMES = {
    "peerauthentications": "PeerAuthentications",
    "authorizationpolicies": "AuthorizationPolicies",
    "requestauthentications": "RequestAuthentications",
    "sidecars": "Sidecars",
}


def describe_lines(
    view: ServiceView, found: Sequence[Description], doors: Sequence[Door], width: int
) -> list[Line]:
    """The service, then each version that is described."""
    lines = _service(view, doors, width)
    for one in found:
        lines += [BLANK, *_version(one, view.mesh, view, width)]
    return lines


def _service(view: ServiceView, doors: Sequence[Door], width: int) -> list[Line]:
    service = view.service
    kind = service.type or "Service"
    lines: list[Line] = [(Span(f"{kind} ", "muted"), span(str(view.key), "strong"))]
    lines += _field("host", service.host, width)
    for port in service.ports:
        lines += _field("port", _port(port), width)
    for route in view.routes[:MOST]:
        usual = view.usual is not None and place_of(route) == place_of(view.usual)
        used = "" if route.carries else f" (unused: {route.unused})"
        words = f"{route.service.ref}: {rule_words(route, view.key)}{used}"
        lines += _field("ordinary" if usual else "rule", words, width, "text" if usual else "muted")
    if not view.routes:
        lines += _field("rule", "none: its pods share the traffic", width, "muted")
    for door in doors[:MOST]:
        words = f"{door.protocol} {door.port} {', '.join(door.hosts)} ({tls_words(door)})"
        lines += _field("outside", f"{words} through {door.gateway}", width)
    if not doors:
        lines += _field("outside", NO_WAY, width, "muted")
    more = max(len(view.routes) - MOST, 0) + max(len(doors) - MOST, 0)
    return lines + (_field("", f"{more} more: y and x show them", width, "muted") if more else [])


def _port(port: Port) -> str:
    target = f" → {port.target}" if port.target else ""
    name = f"{port.name} " if port.name else ""
    return f"{name}{port.number}{target}, {service_protocol(port) or port.transport}"


def _version(one: Description, mesh: Mesh, view: ServiceView, width: int) -> list[Line]:
    row = one.row
    lines: list[Line] = [(Span("version ", "muted"), span(version_name(row), "strong"))]
    ready = row.pods_ready == row.pods and row.pods > 0
    known = view.pods_known and row.pods_known
    pods = f"{row.pods_ready}/{row.pods} ready" if known else "not known: can't be read"
    lines += _field("pods", pods, width, "text" if ready else "failing")
    for words in (row.pods_words, *one.rollouts):
        lines += _field("", f"▲ {words}", width, "warning") if words else []
    lines += _subset(one, mesh, width)
    for container, image in one.images:
        lines += _field("image", f"{image or '?'} in {container}", width)
    lines += _proxy(one, width)
    lines += _tls(one, width)
    lines += _access(one, width)
    lines += _refs("sidecar", "limits what its pods see as callers", one.sidecars, width)
    if one.unread:
        words = ", ".join(_NAMES[kind] for kind in one.unread)
        lines += _field("not known", f"{words} can't be read", width, "unknown")
    return lines


def _subset(one: Description, mesh: Mesh, width: int) -> list[Line]:
    subset = next((s for s in usable_subsets(mesh, one.row.host) if s.name == one.row.subset), None)
    if subset is None:
        return _field("subset", "none: no DestinationRule names it", width, "muted")
    labels = ", ".join(f"{key}={value}" for key, value in subset.labels.items()) or "all pods"
    policy = f"; policy: {', '.join(subset.policy)}" if subset.policy else ""
    rules = mesh.rules_by_host.get(one.row.host, ())
    owner = next((rule.ref for rule in rules if subset in rule.subsets), None)
    by = f" ({owner})" if owner else ""
    return _field("subset", f"{subset.name}: {labels}{policy}{by}", width)


def _proxy(one: Description, width: int) -> list[Line]:
    """Several revisions or versions are an upgrade under way, or one that was left half done."""
    words = " and ".join(one.proxies) or ("none" if one.bare or not one.row.pods else "not known")
    if one.revisions:
        words += f", revision {' and '.join(one.revisions)}"
    mixed = len(one.proxies) > 1 or len(one.revisions) > 1
    lines = _field("proxy", f"▲ {words}" if mixed else words, width, "warning" if mixed else "text")
    if one.bare:
        noun = "pod has" if one.bare == 1 else "pods have"
        lines += _field("", f"▲ {one.bare} {noun} no proxy", width, "warning")
    return lines


def _tls(one: Description, width: int) -> list[Line]:
    known = "peerauthentications" not in one.unread
    lines: list[Line] = []
    for accepts in one.accepts if known else ():
        by = str(accepts.by) if accepts.by else "Istio's default"
        meaning = {STRICT: "mutual TLS only", DISABLE: "plain text only"}.get(
            accepts.mode, "mutual TLS and plain text"
        )
        lines += _field("accepts", f"{accepts.port}: {accepts.mode}, {meaning} ({by})", width)
    for sending in one.sends[:MOST]:
        role = "failing" if sending.conflict else "text"
        lines += _field("sent by", _sending(sending), width, role)
    return lines


def _sending(sending: Sending) -> str:
    if sending.conflict:
        return f"✖ {sending.whose}: {sending.conflict} ({sending.flag})"
    how = f"TLS mode {sending.mode}" if sending.mode else "mutual TLS where the pod accepts it"
    how += f" as {sending.name}" if sending.name else ""
    how += f" ({sending.by})" if sending.by else ""
    return f"{sending.whose}: {how}"


def _access(one: Description, width: int) -> list[Line]:
    """Who may call, as the policies that are enforced say."""
    if "authorizationpolicies" in one.unread:
        return []
    if not one.policies:
        lines = _field("policies", "none: anybody may call", width, "muted")
    else:
        lines = []
        for policy in one.policies[:MOST]:
            lines += _field("policy", _policy(policy), width)
    return lines + _refs("tokens", "checks tokens", (token.ref for token in one.tokens), width)


def _policy(policy: AuthorizationPolicy) -> str:
    rules = len(policy.rules)
    number = "no rule" if not rules else number_of(rules, "rule")
    nothing = ": allows nobody" if not rules and policy.action == "ALLOW" else ""
    return f"{policy.action} {policy.ref.namespace}/{policy.ref.name}, {number}{nothing}"


def _refs(label: str, does: str, refs: Iterable[Ref], width: int) -> list[Line]:
    lines: list[Line] = []
    for ref in refs:
        lines += _field(label, f"{ref} {does}", width)
    return lines


def _field(label: str, text: str, width: int, role: str = "text") -> list[Line]:
    """A label and its text, whose further lines stand below the first."""
    indent = LABEL + 2
    head, room = Span(f"  {label:<{LABEL}}", "muted"), max(width - indent, 8)
    words = jointed(clean(text, LIMIT), room)
    return [
        (Span(" " * indent) if at else head, *line)
        for at, line in enumerate(wrapped(words, room, role))
    ]
