"""Rules that no request reaches, because a rule above takes everything they would."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from meshtui.diagnosis.analysis.finding import INFO, WARNING, Finding
from meshtui.diagnosis.analysis.lookup import raw_rule, rule_path
from meshtui.diagnosis.analysis.match_cover import KNOWN, any_path, covers, in_one_case
from meshtui.diagnosis.analysis.resolved_hosts import resolved_hosts
from meshtui.mesh import read
from meshtui.mesh.model import Json, Match, Mesh, Rule, VirtualService
from meshtui.mesh.resolution.matches import envoy_match, takes_everything
from meshtui.mesh.resolution.names import gateway_name

ALL = Match()


@dataclass(slots=True)
class _Claims:
    """The matches of the rules so far, kept by path so that hundreds of rules stay quick."""

    service: VirtualService
    anywhere: list[tuple[Match, Rule]] = field(default_factory=list)
    exact: dict[str, list[tuple[Match, Rule]]] = field(default_factory=dict)
    prefix: dict[str, list[tuple[Match, Rule]]] = field(default_factory=dict)

    def add(self, match: Match, rule: Rule) -> None:
        uri = match.uri
        if uri is None or any_path(uri) or uri.kind not in ("exact", "prefix"):
            self.anywhere.append((match, rule))
        else:
            places = self.exact if uri.kind == "exact" else self.prefix
            places.setdefault(in_one_case(uri.value), []).append((match, rule))

    def by(self, match: Match) -> Rule | None:
        """The first rule that is certain to take all that `match` would."""
        found = [rule for taken, rule in self._candidates(match) if self._covers(taken, match)]
        return min(found, key=lambda rule: rule.index, default=None)

    def _candidates(self, match: Match) -> Iterator[tuple[Match, Rule]]:
        yield from self.anywhere
        if match.uri is None:
            return
        path = in_one_case(match.uri.value)
        yield from self.exact.get(path, ())
        if self.prefix:
            for end in range(len(path) + 1):
                yield from self.prefix.get(path[:end], ())

    def _covers(self, wide: Match, narrow: Match) -> bool:
        wider = not wide.gateways or (
            _gateways(self.service, narrow) <= _gateways(self.service, wide)
        )
        return wider and covers(wide, narrow)


def _gateways(service: VirtualService, match: Match) -> set[str]:
    """The Gateways a match is for, among those of its VirtualService."""
    listed = {gateway_name(name, service.ref.namespace) for name in service.gateways}
    named = {gateway_name(name, service.ref.namespace) for name in match.gateways}
    return listed & named if named else listed


def _matches_all(service: VirtualService, rule: Rule) -> bool:
    """Whether istiod makes nothing behind the rule, for all callers."""
    return _takes_all(raw_rule(service, rule))


def _takes_all(rule: Json) -> bool:
    matches = read.objects(rule, "match")
    return not matches or any(
        takes_everything(envoy_match(raw))
        and not any(raw.get(key) for key in ("port", "sourceLabels", "sourceNamespace", "gateways"))
        for raw in matches
    )


def unreachable_rule(mesh: Mesh) -> Iterator[Finding]:
    """A rule all of whose matches are taken above it, or one match of it that is.

    Only what is certain: each match must be taken whole by one match above. Of rules that hand
    over to another VirtualService, those take for certain whose delegate takes everything.
    """
    handing = _handing_all_over(mesh)
    for service in mesh.virtual_services:
        rules = [rule for rule in service.rules if rule.protocol == "http"]
        if len(rules) > 1:
            place = (service.ref.namespace, service.ref.name)
            yield from _in_list(service, rules, handing.get(place, frozenset()))


def _handing_all_over(mesh: Mesh) -> Mapping[tuple[str, str], frozenset[int]]:
    """By VirtualService: the rules whose delegate has one that takes everything from everybody."""
    found: dict[tuple[str, str], set[int]] = {}
    for ruling in resolved_hosts(mesh).rulings:
        for rule in ruling.rules:
            if rule.holder != rule.root and not rule.dropped and _takes_all(rule.raw):
                found.setdefault(ruling.place[:2], set()).add(rule.root.index)
    return {place: frozenset(indices) for place, indices in found.items()}


def _in_list(
    service: VirtualService, rules: list[Rule], handing: frozenset[int]
) -> Iterator[Finding]:
    taken = _Claims(service)
    for rule in rules:
        entries = _entries(service, rule)
        by = [taken.by(match) if match is not None else None for match in entries]
        if by and all(by):
            yield _unreachable(service, rule, [found for found in by if found])
        else:
            for index, found in enumerate(by):
                if found:
                    yield _ineffective(service, rule, index, found)
        if rule.index in handing:
            taken.add(ALL, rule)
        elif rule.delegate is None and (rule.destinations or rule.terminal):
            for match in entries:
                if match is not None:
                    taken.add(match, rule)


def _entries(service: VirtualService, rule: Rule) -> list[Match | None]:
    """The rule's matches; None stands for one that is not understood whole."""
    raws = read.items(raw_rule(service, rule), "match")
    if not raws:
        return [ALL]
    if len(raws) != len(rule.matches):
        return [None] * len(raws)
    return [
        match if KNOWN.issuperset(raw) else None
        for match, raw in zip(rule.matches, raws, strict=True)
    ]


def _unreachable(service: VirtualService, rule: Rule, by: list[Rule]) -> Finding:
    above = by[0]
    names = ", ".join(dict.fromkeys(found.title for found in by))
    if _matches_all(service, above):
        why = f"rule {above.title} above it takes every request"
    else:
        why = f"all that it asks for is taken above, by rule {names}"
    return Finding(
        "unreachable-rule",
        WARNING,
        service.ref,
        rule_path(rule),
        f"Rule {rule.title} is never reached: {why}.",
        f"Move it above rule {above.title}, or remove it.",
        ("IST0130",),
    )


def _ineffective(service: VirtualService, rule: Rule, index: int, above: Rule) -> Finding:
    return Finding(
        "ineffective-match",
        INFO,
        service.ref,
        f"{rule_path(rule)}.match[{index}]",
        f"No request comes to rule {rule.title} by this match: rule {above.title} takes them all.",
        f"Remove the match, or move the rule above rule {above.title}.",
        ("IST0131",),
    )
