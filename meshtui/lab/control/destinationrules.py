"""DestinationRules: which one counts for a client and a host, and what those of a host merge to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from meshtui.lab.control.hosts import best_match, qualify
from meshtui.lab.control.reading import complain
from meshtui.lab.control.world import MALFORMED, ROOT, Config, Proxy, Service, selects

Policy = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Subset:
    """A named part of a service's endpoints."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    policy: Policy = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Destination:
    """What the DestinationRules of one namespace, host and audience say together."""

    config: Config
    host: str
    exports: frozenset[str] = frozenset()
    policy: Policy | None = None
    subsets: tuple[Subset, ...] = ()
    selector: Mapping[str, str] | None = None

    def subset(self, name: str) -> Subset | None:
        return next((subset for subset in self.subsets if subset.name == name), None)


ByHost = dict[str, list[Destination]]


class DestinationRules:
    """All DestinationRules, merged once and asked for every client and service."""

    def __init__(self, configs: Iterable[Config]) -> None:
        self._local: dict[str, ByHost] = {}
        self._exported: dict[str, ByHost] = {}
        self._root_private: ByHost = {}
        read = [found for config in configs if (found := _read(config))]
        for rule in sorted(read, key=_precedence):
            self._add(rule)

    def _add(self, rule: Destination) -> None:
        home, exports = rule.config.namespace, rule.exports
        if not exports or exports & {"*", ".", home}:
            _merge(self._local.setdefault(home, {}), rule)
        if exports not in ({"."}, {home}):
            _merge(self._exported.setdefault(home, {}), rule)
        elif home == ROOT:
            _merge(self._root_private, rule)

    def find(self, proxy: Proxy, service: Service) -> Destination | None:
        """What counts for a proxy: a rule for its labels before one for everybody."""
        everybody = None
        for rule in self._listed(proxy.namespace, service):
            if rule.selector is None:
                everybody = rule
            elif rule.config.namespace == proxy.namespace and selects(rule.selector, proxy.labels):
                return rule
        return everybody

    def _listed(self, namespace: str, service: Service) -> list[Destination]:
        """Those of the client's namespace, else of the service's, else of the root namespace."""
        own = self._root_private if namespace == ROOT else self._local.get(namespace, {})
        found = _most_specific(own, service.host)
        for home in (service.namespace, ROOT):
            if not found:
                listed = _most_specific(self._exported.get(home, {}), service.host)
                found = [r for r in listed if not r.exports or r.exports & {"*", namespace}]
        return found


def _precedence(rule: Destination) -> tuple[bool, str, str, str]:
    config = rule.config
    return (rule.selector is None, config.created, config.name, config.namespace)


def _most_specific(rules: ByHost, host: str) -> list[Destination]:
    best = best_match(rules, host)
    return rules[best] if best is not None else []


def _merge(rules: ByHost, rule: Destination) -> None:
    """Joined with the earlier rules of its host that are for the same audience and clients.

    It stands by itself as well, unless the last one it was held against was for the same.
    """
    listed = rules.setdefault(rule.host, [])
    apart = True
    for index, earlier in enumerate(listed):
        same = rule.exports == earlier.exports
        wider = bool(earlier.exports) and rule.exports > earlier.exports
        apart = not same
        if not same and not wider:
            continue
        if None not in (earlier.selector, rule.selector) and earlier.selector != rule.selector:
            apart = True
            continue
        if earlier.selector == rule.selector:
            apart = False
        listed[index] = _joined(earlier, rule)
    if apart:
        listed.append(rule)


def _joined(first: Destination, second: Destination) -> Destination:
    """Subsets one after the other, the first of a name; the policy of the first that has one."""
    more = [subset for subset in second.subsets if first.subset(subset.name) is None]
    policy = second.policy if first.policy is None else first.policy
    return replace(first, policy=policy, subsets=(*first.subsets, *more))


def _read(config: Config) -> Destination | None:
    spec = config.spec
    try:
        selector = (spec.get("workloadSelector") or {}).get("matchLabels")
        chosen = dict(selector or {}) if spec.get("workloadSelector") is not None else None
        exports = frozenset(config.exports) if chosen is None else frozenset({"."})
        return Destination(
            config,
            qualify(str(spec.get("host", "")), config.namespace),
            exports,
            spec.get("trafficPolicy"),
            tuple(_subsets(config)),
            chosen,
        )
    except MALFORMED as error:
        complain(f"DestinationRule {config.namespace}/{config.name} skipped: {error!r}")
        return None


def _subsets(config: Config) -> list[Subset]:
    found = []
    for entry in config.spec.get("subsets") or ():
        try:
            policy = entry.get("trafficPolicy") or {}
            labels = dict(entry.get("labels") or {})
            found.append(Subset(str(entry["name"]), labels, dict(policy)))
        except MALFORMED as error:
            complain(f"DestinationRule {config.namespace}/{config.name} subset skipped: {error!r}")
    return found
