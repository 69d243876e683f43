"""The DestinationRules that count for a client, joined, and the policy of each cluster.

From istiod (pilot/pkg/model: setDestinationRules, mergeDestinationRule, destinationRule; and
networking/util: GetPortLevelTrafficPolicy, MergeSubsetTrafficPolicy).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from functools import cached_property

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.istio import Json, Ref
from meshtui.mesh.model import DestinationRule, Mesh, Subset
from meshtui.mesh.resolution.backend_policies import backend_rules, filled, is_backend
from meshtui.mesh.resolution.client import Client
from meshtui.mesh.resolution.names import full_name, is_wild, labels_in, most_specific
from meshtui.mesh.resolution.registry import PRIVATE, PUBLIC, Host

PARTS = ("connectionPool", "outlierDetection", "loadBalancer", "tls")
_KEPT = (*PARTS, "tunnel", "proxyProtocol", "retryBudget")


@dataclass(frozen=True)
class Joined:
    """What DestinationRules of one namespace for one host come to.

    `rules` are those that went into it, the one whose policy holds for all first. `policy` and
    `subsets` are as istiod joins them: the first policy holds, the first of two subsets of one
    name; `policy` is None where no rule has one. `backend` are the BackendTLSPolicies that fill
    what the rules leave open: there may be no rule then.
    """

    rules: tuple[DestinationRule, ...]
    policy: Json | None = None
    subsets: tuple[Subset, ...] = ()
    exports: frozenset[str] = frozenset()
    selector: Mapping[str, str] | None = None
    backend: tuple[Ref, ...] = ()
    began_as_backend: bool = False

    @property
    def namespace(self) -> str:
        return self.refs[0].namespace

    @property
    def refs(self) -> tuple[Ref, ...]:
        """All that went into it."""
        return (*(rule.ref for rule in self.rules), *self.backend)

    def subset(self, name: str) -> Subset | None:
        return next((subset for subset in self.subsets if subset.name == name), None)

    def with_rule(self, rule: DestinationRule) -> Joined:
        known = {subset.name for subset in self.subsets}
        more = tuple(subset for subset in rule.subsets if subset.name not in known)
        if is_backend(rule):
            policy = filled(self.policy, _policy(rule))
            return replace(self, policy=policy, backend=(*self.backend, rule.ref))
        policy = self.policy if self.policy is not None else _policy(rule)
        if self.began_as_backend:  # of several rules the newest fields hold then
            policy = filled(_policy(rule), self.policy)
        rules = (*self.rules, rule)
        return replace(self, rules=rules, policy=policy, subsets=self.subsets + more)


def _policy(rule: DestinationRule) -> Json | None:
    found = read.obj(rule.raw, "spec").get("trafficPolicy")
    return found if isinstance(found, Mapping) else None


def selector(rule: DestinationRule) -> Mapping[str, str] | None:
    """The clients it is for; None for all. An empty selector is one that all fit."""
    found = read.obj(rule.raw, "spec").get("workloadSelector")
    return read.labels(found, "matchLabels") if isinstance(found, Mapping) else None


def exports(rule: DestinationRule) -> frozenset[str]:
    """`exportTo` as written; one with a selector is its namespace's own business."""
    if selector(rule) is not None:
        return frozenset({PRIVATE})
    return frozenset(read.texts(read.obj(rule.raw, "spec"), "exportTo"))


def in_order(rules: Iterable[DestinationRule]) -> list[DestinationRule]:
    """Rules in the order in which they are joined: the older first, those for some before."""
    return sorted(
        rules, key=lambda r: (selector(r) is None, r.created, r.ref.name, r.ref.namespace)
    )


@dataclass(frozen=True)
class _Shelf:
    """DestinationRules of one namespace by host, in the order in which they are joined."""

    exact: Mapping[str, tuple[DestinationRule, ...]]
    wild: Mapping[str, tuple[DestinationRule, ...]]
    joined: dict[str, tuple[Joined, ...]] = field(default_factory=dict, compare=False, repr=False)

    def find(self, host: str) -> tuple[Joined, ...]:
        found = most_specific(host, self.exact, self.wild)
        if found is None:
            return ()
        if found[0] not in self.joined:
            self.joined[found[0]] = join(found[1])
        return self.joined[found[0]]


def join(rules: Iterable[DestinationRule]) -> tuple[Joined, ...]:
    """Rules for one host of one namespace, joined where istiod joins them."""
    entries: list[Joined] = []
    for rule in rules:
        seen_by, wanted = exports(rule), selector(rule)
        alone = True
        for index, entry in enumerate(entries):
            if seen_by == entry.exports:
                alone = False
            elif not (entry.exports and seen_by >= entry.exports):
                alone = True
                continue
            else:
                alone = True
            if entry.selector is not None and wanted is not None and entry.selector != wanted:
                alone = True
                continue
            if entry.selector == wanted:
                alone = False
            entries[index] = entry.with_rule(rule)
        if alone:
            entries.append(_first(rule, seen_by, wanted))
    return tuple(entries)


def _first(
    rule: DestinationRule, seen_by: frozenset[str], wanted: Mapping[str, str] | None
) -> Joined:
    if is_backend(rule):
        return Joined((), _policy(rule), backend=(rule.ref,), began_as_backend=True)
    return Joined((rule,), _policy(rule), rule.subsets, seen_by, wanted)


class Policies:
    """The DestinationRules of a mesh by who sees them."""

    def __init__(self, mesh: Mesh) -> None:
        self._root = mesh.settings.root_namespace
        self._domain = mesh.settings.domain
        self._private_default = PRIVATE in mesh.settings.destination_rule_exports
        self._rules = in_order((*mesh.destination_rules, *backend_rules(mesh)))

    def chosen(self, host: Host, client: Client) -> Joined | None:
        """What counts for a client that calls the host.

        The client's namespace, else the service's, else the root namespace: the most specific
        host there, and of its rules the one for the client's labels, else the one for all.
        """
        general = None
        for entry in self._for_namespace(host, client.namespace):
            if entry.selector is None:
                general = entry
            elif entry.namespace == client.namespace and labels_in(entry.selector, client.labels):
                return entry
        return general

    def _for_namespace(self, host: Host, namespace: str) -> tuple[Joined, ...]:
        own = self._own_root if namespace == self._root else self._local.get(namespace)
        if own is not None and (found := own.find(host.name)):
            return found
        for home in (host.namespace, self._root):
            shelf = self._exported.get(home)
            seen = [
                entry
                for entry in (shelf.find(host.name) if shelf else ())
                if not entry.exports or {PUBLIC, namespace} & entry.exports
            ]
            if seen:
                return tuple(seen)
        return ()

    @cached_property
    def _local(self) -> Mapping[str, _Shelf]:
        """What each namespace has for itself: the rules that it may see of its own."""
        return self._shelves(
            rule
            for rule in self._rules
            if not exports(rule) or {PUBLIC, PRIVATE, rule.ref.namespace} & exports(rule)
        )

    @cached_property
    def _exported(self) -> Mapping[str, _Shelf]:
        return self._shelves(rule for rule in self._rules if not self._private(rule))

    @cached_property
    def _own_root(self) -> _Shelf | None:
        """Clients of the root namespace have its private rules first."""
        private = (r for r in self._rules if r.ref.namespace == self._root and self._private(r))
        return self._shelves(private).get(self._root)

    def _private(self, rule: DestinationRule) -> bool:
        seen_by = exports(rule)
        if not seen_by:
            return self._private_default
        return len(seen_by) == 1 and bool({PRIVATE, rule.ref.namespace} & seen_by)

    def _shelves(self, rules: Iterable[DestinationRule]) -> Mapping[str, _Shelf]:
        found: dict[str, tuple[dict[str, list[DestinationRule]], ...]] = {}
        for rule in rules:
            written = read.text(read.obj(rule.raw, "spec"), "host") or rule.host
            host = full_name(written, rule.ref.namespace, self._domain)
            exact, wild = found.setdefault(rule.ref.namespace, ({}, {}))
            (wild if is_wild(host) else exact).setdefault(host, []).append(rule)
        return {
            namespace: _Shelf(
                {host: tuple(rules) for host, rules in exact.items()},
                {host: tuple(rules) for host, rules in wild.items()},
            )
            for namespace, (exact, wild) in found.items()
        }


def for_port(policy: Json | None, port: int) -> tuple[Json | None, bool]:
    """The policy on a port, and whether it is the port's own: that inherits nothing."""
    if policy is None:
        return None, False
    for setting in read.objects(policy, "portLevelSettings"):
        if read.integer(read.obj(setting, "port"), "number") == port:
            return {key: setting[key] for key in PARTS if setting.get(key) is not None}, True
    return policy, False


def host_policy(joined: Joined | None, port: int, default: Json) -> Json:
    """The policy of the host's own cluster on a port, over the mesh's `defaultTrafficPolicy`."""
    found, _ = for_port(joined.policy if joined else None, port)
    policy = {key: (found or {})[key] for key in _KEPT if (found or {}).get(key) is not None}
    for key in ("connectionPool", "outlierDetection"):
        if key not in policy and isinstance(default.get(key), Mapping):
            policy[key] = default[key]
    return policy


def subset_policy(host: Json, subset: Subset, port: int) -> Json:
    """The host's policy with the parts that the subset has instead.

    A subset's own settings for the port stand for themselves; without them the host's hold.
    """
    written = subset.policy
    found, own = for_port(written, port)
    if not written or found is None:
        return host
    policy = dict(host)
    for key in _KEPT:
        if found.get(key) is not None:
            policy[key] = found[key]
        elif own and key in PARTS:
            policy.pop(key, None)
    return policy
