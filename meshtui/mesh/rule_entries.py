"""The entries a VirtualService's rules come apart into: one for each match, delegates included.

As istiod makes them (pilot/pkg/model/virtualservice.go, mergeVirtualServices): the rules of a
delegate stand in the place of the rule that delegates, each with the conditions of both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from meshtui.mesh import read
from meshtui.mesh.model import (
    DestinationRule,
    Json,
    Match,
    Mesh,
    Rule,
    StringMatch,
    VirtualService,
)

_NOT_INHERITED = frozenset({"match", "delegate", "name", "route"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One match of a rule. All of `conditions` must hold; none of them is any request.

    `service` is the VirtualService that the proxy names as the owner: the one that delegates.
    `note` says why an entry can never be in a proxy.
    """

    service: VirtualService
    title: str
    rule: Rule
    raw: Json
    conditions: tuple[Match, ...] = ()
    note: str = ""

    @property
    def catch_all(self) -> bool:
        return all(takes_all(match) for match in self.conditions)


def takes_all(match: Match) -> bool:
    """True where istiod sees that any request of the callers it is meant for is taken."""
    everything = match.uri is None or (match.uri.kind, match.uri.value) in (
        ("prefix", "/"),
        ("regex", ".*"),
        ("present", ""),
    )
    asked = (match.scheme, match.method, match.authority)
    named = (match.headers, match.without_headers, match.query_params)
    return everything and not any(asked) and not any(named)


def visible(found: VirtualService | DestinationRule, namespace: str) -> bool:
    """Whether `exportTo` lets a namespace see the object."""
    own = found.ref.namespace == namespace
    return any(to in ("*", namespace) or (to == "." and own) for to in found.export_to)


def rule_entries(mesh: Mesh, service: VirtualService) -> Iterator[Entry]:
    """Every http entry, in the order in which they are tried."""
    for rule in service.rules:
        if rule.protocol != "http":
            continue
        raw = _raw(service, rule)
        if rule.delegate is None:
            yield from _plain(service, rule, raw)
        else:
            yield from _delegated(mesh, service, rule, raw)


def _raw(service: VirtualService, rule: Rule) -> Json:
    rules = read.items(read.obj(service.raw, "spec"), rule.protocol)
    found = rules[rule.index] if rule.index < len(rules) else None
    return read.obj(found)


def _plain(service: VirtualService, rule: Rule, raw: Json) -> Iterator[Entry]:
    several = len(rule.matches) > 1
    for place, match in enumerate(rule.matches):
        title = f"{rule.title} match {match.name or place}" if several else rule.title
        yield Entry(service, title, rule, raw, (match,))
    if not rule.matches:
        yield Entry(service, rule.title, rule, raw)


def _delegated(mesh: Mesh, service: VirtualService, rule: Rule, raw: Json) -> Iterator[Entry]:
    target = next(
        (d for d in mesh.virtual_services if (d.ref.namespace, d.ref.name) == rule.delegate), None
    )
    trouble = _trouble(target, service)
    if target is None or trouble:
        namespace, name = rule.delegate or ("", "")
        yield Entry(service, rule.title, rule, raw, note=f"delegate {namespace}/{name} {trouble}")
        return
    for leaf in target.rules:
        if leaf.protocol == "http":
            yield from _merged(service, rule, raw, target, leaf)


def _trouble(target: VirtualService | None, service: VirtualService) -> str:
    """Why istiod takes no rules from a delegate; empty where it does."""
    if target is None or not visible(target, service.ref.namespace):
        return "is not there"
    return "has hosts of its own and is no delegate" if target.hosts else ""


def _merged(
    service: VirtualService, root: Rule, raw: Json, target: VirtualService, leaf: Rule
) -> Iterator[Entry]:
    title = f"{root.title} → {target.ref.name} {leaf.title}"
    if leaf.delegate is not None:
        yield Entry(service, title, leaf, raw, note="a delegate can't delegate")
        return
    own = {key: value for key, value in raw.items() if key not in _NOT_INHERITED}
    rule = replace(
        leaf,
        name="-".join(filter(None, (root.name, leaf.name))),
        mirrors=leaf.mirrors or root.mirrors,
        fault=leaf.fault or root.fault,
        timeout_s=leaf.timeout_s or root.timeout_s,
        retries=leaf.retries or root.retries,
    )
    merged = {**own, **_raw(target, leaf)}
    for inner in leaf.matches or (Match(),):
        for outer in root.matches or (Match(),):
            clash = "" if not root.matches or not leaf.matches else conflict(outer, inner)
            yield Entry(service, title, rule, merged, (outer, inner), clash)


def conflict(outer: Match, inner: Match) -> str:
    """Why istiod refuses to join two matches; empty where it does not."""
    pairs = [
        ("the path", outer.uri, inner.uri),
        ("the scheme", outer.scheme, inner.scheme),
        ("the method", outer.method, inner.method),
        ("the authority", outer.authority, inner.authority),
        *_same_names("header", outer.headers, inner.headers),
        *_same_names("header", outer.without_headers, inner.without_headers),
        *_same_names("query parameter", outer.query_params, inner.query_params),
    ]
    for what, one, other in pairs:
        if one is not None and other is not None and not _implied(one, other):
            return f"the delegate asks something else of {what}: istiod drops it"
    if outer.ignore_uri_case is not inner.ignore_uri_case:
        return "the delegate differs about the path's case: istiod drops it"
    return ""


def _same_names(
    what: str,
    outer: tuple[tuple[str, StringMatch], ...],
    inner: tuple[tuple[str, StringMatch], ...],
) -> Iterator[tuple[str, StringMatch, StringMatch]]:
    others = dict(inner)
    return ((f"{what} {name}", one, others[name]) for name, one in outer if name in others)


def _implied(outer: StringMatch, inner: StringMatch) -> bool:
    """Whether the inner condition only narrows the outer; expressions are never compared."""
    if "present" in (outer.kind, inner.kind):
        return True
    if outer.kind == "prefix" and inner.kind in ("prefix", "exact"):
        return inner.value.startswith(outer.value)
    return outer.kind == inner.kind == "exact" and outer.value == inner.value
