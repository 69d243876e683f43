"""A VirtualService as a whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from meshtui.lab.control.hosts import covers, overlap
from meshtui.lab.webhook import words
from meshtui.lab.webhook.findings import Findings
from meshtui.lab.webhook.http import http_rule
from meshtui.lab.webhook.overlaps import Prefixed, overlapping
from meshtui.lab.webhook.shared import destinations, exports, gateway_names

Rule = Mapping[str, Any]


def virtual_service(namespace: str, spec: Rule) -> Findings:
    hosts = [str(host) for host in spec.get("hosts") or ()]
    gateways = [str(name) for name in spec.get("gateways") or ()]
    found = Findings()
    if not hosts:
        found.all_of(_leaf(spec))
    if gateways:
        found.add(gateway_names(gateways))
    at_gateway = any(name != "mesh" for name in gateways)
    if not at_gateway:
        found.all_of(_claims(spec, gateways))
    found.add(_hosts(hosts, at_gateway))
    rules = {kind: spec.get(kind) or [] for kind in ("http", "tls", "tcp")}
    if not any(rules.values()):
        found.error("http, tcp or tls must be provided in virtual service")
    found.add(*(http_rule(rule, leaf=not hosts) for rule in rules["http"]))
    found.add(*(_tls_rule(rule, hosts) for rule in rules["tls"]))
    found.add(*(_tcp_rule(rule) for rule in rules["tcp"]))
    found.add(exports(namespace, spec.get("exportTo") or []))
    for kind in ("http", "tcp", "tls"):
        _unreachable(rules[kind], found.warn)
    return found


def _leaf(spec: Rule) -> list[str]:
    return [
        f"delegate virtual service must have no {what} specified"
        for key, what in (("gateways", "gateways"), ("tls", "tls route"), ("tcp", "tcp route"))
        if spec.get(key)
    ]


def _claims(spec: Rule, gateways: list[str]) -> list[str]:
    matches = [m or {} for rule in spec.get("http") or () for m in rule.get("match") or ()]
    keys = [
        key
        for match in matches
        for part in ("headers", "withoutHeaders")
        for key in match.get(part) or {}
    ]
    shown = " ".join(gateways)
    return [
        f"JWT claim based routing (key: {key}) is only supported for gateway, "
        f"found no gateways: [{shown}]"
        for key in keys
        if words.is_claim(key)
    ]


def _hosts(hosts: list[str], at_gateway: bool) -> Findings:
    found = Findings()
    for host in hosts:
        error = words.wildcard_domain(host)
        if error and not words.is_address(host):
            found.error(error)
        elif host == "*" and not at_gateway:
            found.error(
                "wildcard host * is not allowed for virtual services bound to the mesh gateway"
            )
    if not found.errors:
        found.all_of(
            f"duplicate hosts in virtual service: {one} & {other}"
            for index, one in enumerate(hosts)
            for other in hosts[index + 1 :]
            if overlap(one, other)
        )
    return found


def _tls_rule(rule: Rule, hosts: list[str]) -> Findings:
    found = Findings()
    if not rule.get("match"):
        found.error("TLS route must have at least one match condition")
    for match in rule.get("match") or ():
        if not match.get("sniHosts"):
            found.error("TLS match must have at least one SNI host")
        for sni in match.get("sniHosts") or ():
            found.add(_sni(str(sni), hosts))
        found.add(_connection(match))
    if not rule.get("route"):
        found.error("TLS route is required")
    found.add(destinations(rule.get("route") or []))
    return found


def _sni(sni: str, hosts: list[str]) -> Findings:
    found = Findings()
    error = words.wildcard_domain(sni)
    if error and words.is_address(sni):
        found.warn(
            f"using an IP address ({words.quoted(sni)}) goes against SNI spec and most clients do "
            "not support this"
        )
    elif error:
        found.error(error)
    elif not any(covers(host, sni) for host in hosts):
        found.error(
            f"SNI host {words.quoted(sni)} is not a compatible subset of any of the virtual "
            f"service hosts: [{', '.join(hosts)}]"
        )
    return found


def _tcp_rule(rule: Rule) -> Findings:
    found = Findings()
    for match in rule.get("match") or ():
        found.add(_connection(match))
    if not rule.get("route"):
        found.error("TCP route is required")
    found.add(destinations(rule.get("route") or []))
    return found


def _connection(match: Rule) -> Findings:
    found = Findings()
    if match.get("port"):
        found.all_of([words.port(match["port"])])
    found.all_of([words.labels(match.get("sourceLabels"))])
    found.add(gateway_names(match.get("gateways") or []))
    return found


def _unreachable(rules: list[Rule], warn: Callable[[str], None]) -> None:
    """Rules behind one without a match, and matches that an earlier rule has already."""
    seen: dict[str, int] = {}
    prefixed: list[Prefixed] = []
    empty = False
    for index, rule in enumerate(rules):
        name = _name(rule, index)
        if not rule.get("match"):
            if empty:
                warn(_unused(name, "only the last rule can have no matches"))
            empty = True
            continue
        again = 0
        for place, match in enumerate(rule["match"]):
            if empty:
                warn(_unused(name, "route without matches defined before"))
                continue
            before = seen.setdefault(_canonical(match), index)
            if before == index and place == _first(rule["match"], match):
                prefixed.append(Prefixed(name, _name(match or {}, place), match or {}))
                continue
            again += 1
            earlier = _name(rules[before], before)
            warn(
                f"virtualService rule {name} match {_name(match or {}, place)} is not used "
                f"(duplicate/overlapping match in rule {earlier})"
            )
        if again == len(rule["match"]):
            warn(_unused(name, "all matches used by prior rules"))
    for text in overlapping(prefixed):
        warn(text)


def _unused(name: str, reason: str) -> str:
    return f"virtualService rule {name} not used ({reason})"


def _first(matches: list[Rule], match: Rule) -> int:
    return [_canonical(other) for other in matches].index(_canonical(match))


def _canonical(match: Rule | None) -> str:
    retained = {key: value for key, value in (match or {}).items() if key != "name"}
    return json.dumps(retained, sort_keys=True)


def _name(part: Rule, index: int) -> str:
    return words.quoted(str(part["name"])) if part.get("name") else f"#{index}"
