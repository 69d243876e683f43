"""What is written and used by nobody: rules, VirtualServices, hosts, and why."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.diagnosis.analysis.destinations import REFUSED
from meshtui.diagnosis.analysis.finding import ERROR, INFO, WARNING, Finding
from meshtui.diagnosis.analysis.lookup import rule_path
from meshtui.diagnosis.analysis.resolved_hosts import ResolvedHosts, at, resolved_hosts, whole_name
from meshtui.diagnosis.analysis.sendings import ResolvedHost
from meshtui.mesh.gateway_api import object_key, rule_key
from meshtui.mesh.model import Match, Mesh, Rule, VirtualService
from meshtui.mesh.resolution import Door, MergedRule, RulePlace, Ruling
from meshtui.mesh.resolution.gateways import admitted, passes_through
from meshtui.mesh.resolution.names import MESH, gateway_name
from meshtui.mesh.resolution.protocols import is_http, parse_protocol
from meshtui.mesh.resolution.rulings import exports

_LISTS = {"http": "HTTP", "tcp": "TCP", "tls": "TLS"}


def missing_delegate(mesh: Mesh) -> Iterator[Finding]:
    """A rule that hands over to a VirtualService that is not there, not exported, or disagrees.

    istiod leaves such a rule out whole: its requests go on to the next rule, and no error says so.
    """
    for ruling in resolved_hosts(mesh).rulings:
        if not isinstance(ruling.service, VirtualService):
            continue
        dropped: dict[int, MergedRule] = {}
        for rule in ruling.rules:
            if rule.dropped:
                dropped.setdefault(rule.root.index, rule)
        for rule in dropped.values():
            yield _undelegated(ruling, rule)


def _undelegated(ruling: Ruling, rule: MergedRule) -> Finding:
    gone = rule.holder == rule.root
    place = rule.root if gone else rule.holder
    others = [other for other in ruling.rules if not other.dropped]
    path = (
        "the rules behind it take its requests, or nothing does (404)"
        if others
        else "the service gets its requests as if there were no VirtualService"
    )
    what = "" if gone else f", which {ruling.service.ref} hands over to in rule {_title(rule.root)}"
    return Finding(
        "missing-delegate" if gone else "delegate-conflict",
        ERROR if gone else WARNING,
        place.service.ref,
        f"spec.http[{place.index}]{'.delegate' if gone else '.match'}",
        f"Rule {_title(place)}{what}{',' if what else ''} is left out without an error: "
        f"{rule.dropped}; {path}.",
        "Create the delegate and export it to this namespace, or remove the rule."
        if gone
        else "Let the delegate's match only narrow the one that hands over.",
        ("IST0101",) if gone else (),
    )


def nested_delegate(mesh: Mesh) -> Iterator[Finding]:
    """A delegate that hands over itself: only one level exists, and the rule goes nowhere."""
    for ruling in resolved_hosts(mesh).rulings:
        for rule in ruling.rules:
            raw = rule.holder.raw
            if rule.holder == rule.root or rule.dropped or "delegate" not in raw:
                continue
            if not any(key in raw for key in ("route", "redirect", "directResponse")):
                yield Finding(
                    "nested-delegate",
                    ERROR,
                    rule.holder.service.ref,
                    f"spec.http[{rule.holder.index}].delegate",
                    f"{ruling.service.ref} delegates to this, and a delegate can't delegate: the "
                    f"rule has no destination. {REFUSED}",
                    "Put the rules into the first delegate.",
                    ("IST0106",),
                )


def _title(place: RulePlace) -> str:
    return place.rule.title if place.rule else f"{place.protocol}[{place.index}]"


def wrong_protocol(mesh: Mesh) -> Iterator[Finding]:
    """Rules of a kind that their port, or their Gateway's server, does not have.

    HTTP rules do nothing on a TCP port or at a server that passes TLS through, TCP rules nothing
    on an HTTP port. The protocol is that of the port's `appProtocol`, else of its name.
    """
    whole = resolved_hosts(mesh)
    for ruling in whole.rulings:
        service = ruling.service
        if not isinstance(service, VirtualService):
            continue
        lists = list(dict.fromkeys(rule.protocol for rule in _own_or_handed(ruling)))
        for where, able, named in _sides(whole, ruling):
            useless = [one for one in lists if one not in able]
            if able and useless and len(useless) == len(lists):
                yield _useless(service, where, useless[0], able, named)


def _own_or_handed(ruling: Ruling) -> Iterator[Rule]:
    if isinstance(ruling.service, VirtualService):
        yield from ruling.service.rules


def _sides(whole: ResolvedHosts, ruling: Ruling) -> Iterator[tuple[str, set[str], str]]:
    """Where rules are asked, which lists count there, and by which ports."""
    if MESH in ruling.gateways:
        able: set[str] = set()
        ports: dict[str, None] = {}
        for host in ruling.lower_hosts:
            for known in whole.world.shared.registry.by_name.get(host, ()):
                for port in known.ports:
                    able |= {"http"} if port.takes_http_rules else set()
                    able |= set() if port.http else {"tls" if port.tls else "tcp"}
                    ports[f"port {port.number} ({port.name or 'no name'})"] = None
        yield "in the mesh", able, ", ".join(ports)
    for gateway in whole.mesh.gateways:
        if f"{gateway.ref.namespace}/{gateway.ref.name}" not in ruling.gateways:
            continue
        doors = [
            door
            for _, door in whole.askers.doors(gateway)
            if admitted(door.hosts, ruling.hosts, ruling.namespace)
        ]
        named = ", ".join(
            dict.fromkeys(
                f"port {d.server.port} ({d.server.protocol} {d.server.tls}".rstrip() + ")"
                for d in doors
            )
        )
        yield f"at {gateway.ref}", {_list_of(door) for door in doors} - {""}, named


def _list_of(door: Door) -> str:
    """Which list of rules a server asks: http, tls or tcp; none where it goes by SNI alone."""
    server = door.server
    if server.tls == "AUTO_PASSTHROUGH":
        return ""
    protocol = parse_protocol(server.protocol)
    if is_http(protocol) or door.table:
        return "http"
    return "tls" if passes_through(server) else "tcp"


def _useless(
    service: VirtualService, where: str, useless: str, able: set[str], named: str
) -> Finding:
    index = next(rule.index for rule in service.rules if rule.protocol == useless)
    wanted = " or ".join(_LISTS[one] for one in sorted(able))
    return Finding(
        "wrong-protocol",
        WARNING,
        service.ref,
        f"spec.{useless}[{index}]",
        f"{_LISTS[useless]} rules have no effect {where}: {named} asks for {wanted} rules only. "
        "Requests go on as if there were no rule.",
        f"Write {wanted} rules, or give the port the protocol that is spoken on it (its name or "
        "appProtocol, the server's protocol and TLS mode).",
    )


def half_name(mesh: Mesh) -> Iterator[Finding]:
    """A host `name.namespace` of a VirtualService: no service is called so for istiod.

    Only names without a dot are completed (pkg/config/host, ResolveShortnameToFQDN).
    """
    for ruling in resolved_hosts(mesh).rulings:
        if MESH not in ruling.gateways or not isinstance(ruling.service, VirtualService):
            continue
        for index, host in enumerate(ruling.hosts):
            meant = whole_name(mesh, host)
            if meant:
                yield Finding(
                    "half-name",
                    WARNING,
                    ruling.service.ref,
                    f"spec.hosts[{index}]",
                    f"Istio does not complete {host}: these rules are not used for {meant}, whose "
                    "callers get the service without them.",
                    f"Write {meant}.",
                )


def unlisted_gateway(mesh: Mesh) -> Iterator[Finding]:
    """A match that names a Gateway which its VirtualService does not list: it is never asked."""
    for service in mesh.virtual_services:
        listed = {gateway_name(name, service.ref.namespace) for name in service.gateways}
        for rule, index, match in _matches(service):
            named = [gateway_name(name, service.ref.namespace) for name in match.gateways]
            if service.hosts and named and listed.isdisjoint(named):
                yield Finding(
                    "unlisted-gateway",
                    WARNING,
                    service.ref,
                    f"{rule_path(rule)}.match[{index}].gateways",
                    f"Rule {rule.title} is for {', '.join(match.gateways)} by this match, and the "
                    f"VirtualService is for {', '.join(service.gateways)}: no request comes here.",
                    "List the Gateway in spec.gateways, or correct it in the match.",
                )


def _matches(service: VirtualService) -> Iterator[tuple[Rule, int, Match]]:
    for rule in service.rules:
        for index, match in enumerate(rule.matches):
            yield rule, index, match


def unused_rule(mesh: Mesh) -> Iterator[Finding]:
    """A rule that none of its callers has: for other ports, or for callers that are not there."""
    whole = resolved_hosts(mesh)
    reasons = _reasons(whole)
    for ruling in whole.rulings:
        service = ruling.service
        if not isinstance(service, VirtualService):
            continue
        for rule in service.rules:
            place = rule_key(service.ref, rule.protocol, rule.index)
            why = reasons.get(place, []) or _other_port(whole, ruling, rule)
            if not why or place in whole.used_rules or any(one is None for one in why):
                continue
            why_text = "; ".join(dict.fromkeys(one for one in why if one))
            yield Finding(
                "unused-rule",
                INFO if "callers" in why_text else WARNING,
                service.ref,
                rule_path(rule),
                f"No request comes to rule {rule.title}: {why_text}, and there is no such "
                f"{'caller' if 'callers' in why_text else 'port'}.",
                "Correct what the rule asks for, or remove it.",
            )


def _other_port(whole: ResolvedHosts, ruling: Ruling, rule: Rule) -> list[str | None]:
    """Why a TCP or TLS rule of the mesh gets no connection: its hosts have not its ports."""
    asks = {match.port for match in rule.matches}
    hosts = [host for host in ruling.lower_hosts if whole.world.shared.registry.by_name.get(host)]
    if rule.protocol == "http" or not asks or 0 in asks or ruling.gateways != (MESH,) or not hosts:
        return []
    known = {port for host in hosts for port in whole.ports(host)}
    return [] if asks & known else [f"it is for port {', '.join(map(str, sorted(asks)))}"]


def _reasons(whole: ResolvedHosts) -> dict[tuple[str, str, str, int], list[str | None]]:
    """Why rules come to no route; None where another check says it."""
    found: dict[tuple[str, str, str, int], list[str | None]] = {}
    for answer in whole.answers:
        for unused in answer.unused:
            sentence = (
                unused.why
                if unused.why.startswith(("it is for port", "it is for callers"))
                else None
            )
            if unused.behind or unused.rule.dropped:
                sentence = None
            found.setdefault(at(unused.rule.root), []).append(sentence)
    return found


def unused_virtual_service(mesh: Mesh) -> Iterator[Finding]:
    """A VirtualService whose rules come to none of the callers, by its `exportTo`.

    Said of hosts that exist, and where all callers are known.
    """
    whole = resolved_hosts(mesh)
    for ruling in whole.rulings:
        service = ruling.service
        if not isinstance(service, VirtualService) or not service.rules:
            continue
        if _is_used(whole, ruling):
            continue
        inside = [a for a in whole.answers if not a.edge and a.host in ruling.lower_hosts]
        if MESH in ruling.gateways and inside and not whole.askers.stand_ins:
            seen = exports(mesh, service)
            if "*" not in seen and all(a.client.namespace not in seen for a in inside):
                yield _not_exported(service, inside)
        if MESH not in ruling.gateways:
            yield from _not_exported_to_gateways(whole, ruling)


def _is_used(whole: ResolvedHosts, ruling: Ruling) -> bool:
    return object_key(ruling.service.ref) in whole.used_objects


def _not_exported(service: VirtualService, inside: list[ResolvedHost]) -> Finding:
    homes = ", ".join(dict.fromkeys(answer.client.namespace for answer in inside))
    return Finding(
        "unused-virtual-service",
        WARNING,
        service.ref,
        "spec.exportTo",
        f"It is exported to {', '.join(service.export_to)}, and its hosts are called from "
        f"{homes}: nobody has these rules.",
        "Export it to the namespaces of the callers.",
    )


def _not_exported_to_gateways(whole: ResolvedHosts, ruling: Ruling) -> Iterator[Finding]:
    service = ruling.service
    if not isinstance(service, VirtualService):
        return
    seen = exports(whole.mesh, service)
    for gateway in whole.mesh.gateways:
        name = f"{gateway.ref.namespace}/{gateway.ref.name}"
        homes = {view.client.namespace for view, _ in whole.askers.doors(gateway)}
        if name in ruling.gateways and homes and "*" not in seen and homes.isdisjoint(seen):
            yield Finding(
                "unused-virtual-service",
                WARNING,
                service.ref,
                "spec.exportTo",
                f"It is exported to {', '.join(service.export_to)}, and the gateway of "
                f"{', '.join(sorted(homes))} does not see it: these routes are served nowhere.",
                "Export it to the gateway's namespace, too.",
            )
            return
