"""VirtualServices as istiod uses them: full names, delegates merged, in the order of precedence.

For the mesh one VirtualService rules a host for a client. Those that are private to the client's
namespace come first, then those exported to it by name, then what was made of routes of the Gateway
API in its namespace, then what is public; within each group the older comes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from meshtui.lab.contract import Obj
from meshtui.lab.control.delegates import merged_rules
from meshtui.lab.control.hosts import covers, qualify, specificity
from meshtui.lab.control.reading import complain
from meshtui.lab.control.world import MALFORMED, Config, Service, exported

MESH = "mesh"
Rule = Mapping[str, Any]


def prepared(configs: Iterable[Config]) -> list[Config]:
    """Every VirtualService that has hosts, with full names and its delegates' rules in place."""
    full = [resolved(config) for config in configs]
    leaves = {(c.namespace, c.name): c for c in full if not c.spec["hosts"]}
    return [_with_delegates(config, leaves) for config in full if config.spec["hosts"]]


def resolved(config: Config) -> Config:
    """The VirtualService with full names of hosts and gateways; rules of no use are left out."""
    spec = config.spec
    listed = [h for h in spec.get("hosts") or () if isinstance(h, str)]
    full: Obj = {
        **spec,
        "hosts": [qualify(host, config.namespace) for host in listed],
        "gateways": _gateways(spec.get("gateways"), config.namespace),
    }
    for kind in ("http", "tcp", "tls"):
        rules = spec.get(kind)
        full[kind] = _resolved_rules(rules if isinstance(rules, list) else [], kind, config)
    return replace(config, spec=full)


def _gateways(names: object, namespace: str) -> list[str]:
    listed = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    return [_gateway(name, namespace) for name in listed] or [MESH]


def _gateway(name: str, namespace: str) -> str:
    return name if name == MESH or "/" in name else f"{namespace}/{name}"


def _resolved_rules(rules: list[Rule], kind: str, config: Config) -> list[Obj]:
    found = []
    for index, rule in enumerate(rules):
        try:
            found.append(_resolved_rule(rule, config.namespace))
        except MALFORMED as error:
            where = f"VirtualService {config.namespace}/{config.name} {kind}[{index}]"
            complain(f"{where} skipped: {error!r}")
    return found


def _resolved_rule(rule: Rule, namespace: str) -> Obj:
    full = dict(rule)
    if rule.get("match"):
        full["match"] = [_resolved_match(match, namespace) for match in rule["match"]]
    if rule.get("route"):
        full["route"] = [
            {**entry, "destination": _destination(entry["destination"], namespace)}
            for entry in rule["route"]
        ]
    if rule.get("mirror"):
        full["mirror"] = _destination(rule["mirror"], namespace)
    if rule.get("mirrors"):
        full["mirrors"] = [
            {**entry, "destination": _destination(entry["destination"], namespace)}
            for entry in rule["mirrors"]
        ]
    return full


def _resolved_match(match: Rule | None, namespace: str) -> Obj:
    named = [_gateway(name, namespace) for name in (match or {}).get("gateways") or ()]
    return {**(match or {}), **({"gateways": named} if named else {})}


def _destination(destination: Rule, namespace: str) -> Obj:
    host = str(destination["host"])
    return {**destination, "host": qualify(host, namespace) if host else ""}


def _with_delegates(config: Config, leaves: Mapping[tuple[str, str], Config]) -> Config:
    """A rule whose delegate is missing, or not exported to the root, is dropped."""
    rules: list[Obj] = []
    for rule in config.spec["http"]:
        delegate = rule.get("delegate")
        if not delegate:
            rules.append(rule)
            continue
        leaf = _leaf(delegate, config, leaves)
        if leaf is None:
            complain(f"VirtualService {config.namespace}/{config.name}: no delegate {delegate}")
        else:
            rules += merged_rules(rule, leaf.spec["http"])
    return replace(config, spec={**config.spec, "http": rules})


def _leaf(delegate: Rule, root: Config, leaves: Mapping[tuple[str, str], Config]) -> Config | None:
    namespace = str(delegate.get("namespace") or root.namespace)
    leaf = leaves.get((namespace, str(delegate.get("name"))))
    visible = leaf and exported(leaf.exports, leaf.namespace, root.namespace)
    return leaf if visible else None


def by_precedence(configs: Iterable[Config], namespace: str, gateway: str) -> list[Config]:
    """The VirtualServices bound to a gateway, or the mesh, that a namespace sees."""
    ranked = [
        (rank, config)
        for config in configs
        if gateway in config.spec["gateways"]
        and (rank := _rank(config, namespace, gateway)) is not None
    ]
    return [config for _, config in sorted(ranked, key=lambda found: found[0])]


def _rank(config: Config, namespace: str, gateway: str) -> int | None:
    """None where it is not seen. At a gateway what was made of routes comes before all else."""
    if config.routed:
        return _rank_of_routes(config, namespace, gateway)
    exports = config.exports or ("*",)
    if "*" in exports:
        return _PUBLIC
    if "~" in exports:
        return None
    if config.namespace == namespace and {".", namespace} & set(exports):
        return 0
    return 1 if namespace in exports else None


_OWN_ROUTES, _PUBLIC = 2, 3


def _rank_of_routes(config: Config, namespace: str, gateway: str) -> int | None:
    """A consumer's routes are private to its namespace."""
    if gateway != MESH:
        return -1
    if config.namespace == namespace:
        return _OWN_ROUTES
    return None if config.exports else _PUBLIC


def winners(configs: Iterable[Config], services: Iterable[Service]) -> dict[str, Config]:
    """The VirtualService with the most specific host for each service; the first of equals."""
    owner: dict[str, Config] = {}
    for config in configs:
        for host in config.spec["hosts"]:
            owner.setdefault(host, config)
    patterns = sorted(owner, key=specificity, reverse=True)
    found = {}
    for service in services:
        best = next((p for p in patterns if covers(p, service.host)), None)
        if best is not None:
            found[service.host] = owner[best]
    return found
