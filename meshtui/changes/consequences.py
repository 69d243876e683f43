"""What a change does to the clients' proxies beside what it is meant for.

Two meshes are compared, without the change and with it, for each client: routes that lead nowhere
afterwards, and changes of which no client gets anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshtui.changes.change import Caution, Change
from meshtui.mesh.carrying import place_of, routes_to
from meshtui.mesh.gateway_api import rule_key
from meshtui.mesh.model import HttpRoute, Mesh
from meshtui.mesh.resolution import Callers, View, VirtualHost, world
from meshtui.mesh.text import some_of
from meshtui.mesh.touched import (
    DeadEnd,
    TouchedHost,
    dead_ends,
    hosts_of_policy,
    hosts_sending_to,
    touched_clusters,
    touched_hosts,
)
from meshtui.mesh.touched_ports import (
    ClosedEnd,
    TouchedPort,
    closed_ends,
    ports_sending_to,
    touched_ports,
)

_NAMED = 2
_SAME = 1e-6
"""Shares that differ by less are the same: they come from ratios."""


def consequences(before: Mesh, after: Mesh, change: Change) -> tuple[Caution, ...]:
    """Routes that a change breaks, and that it reaches nobody; each a danger."""
    old, new = world(before), world(after)
    groups = {group.client.key: group for group in (*old.callers, *new.callers)}
    lost: dict[tuple[str, str], list[tuple[DeadEnd, Callers]]] = {}
    closed: dict[tuple[str, int, str], list[tuple[ClosedEnd, Callers]]] = {}
    gets_it = False
    for group in groups.values():
        views = old.view(group.client), new.view(group.client)
        touched = _touched(*views, change)
        ports = _touched_ports(*views, change)
        gets_it = gets_it or touched is not None or bool(ports)
        for closing in _closed(*views, change, ports):
            key = (closing.port.title, closing.port.port, closing.cluster)
            closed.setdefault(key, []).append((closing, group))
        for end in _lost(*views, *(touched or ((), ()))):
            lost.setdefault((end.host.name, end.cluster), []).append((end, group))
    found = [_caution(ends) for ends in lost.values()]
    found += [_closing(ends) for ends in closed.values()]
    if groups and before.knows("pods") and not gets_it:
        found.append(Caution("danger", _nobody(change)))
    elif groups and before.knows("pods"):
        found += _idle_rule(before, change)
    return tuple(found)


_Hosts = Iterable[VirtualHost]


def _touched(old: View, new: View, change: Change) -> tuple[_Hosts, _Hosts] | None:
    """The client's virtual hosts that may lead elsewhere, before and after; None for no concern."""
    if change.target.kind != "DestinationRule":
        hosts = touched_hosts(old, new, change.target)
        used = (_leads_somewhere(view, h) for view, h in _both(old, new, hosts))
        if not any(used):
            return None
        return [h.before for h in hosts if h.before], [h.after for h in hosts if h.after]
    names = hosts_of_policy(old.shared, new.shared, change.target)
    clusters = touched_clusters(old, new, change.target, names)
    if not clusters:
        return None
    gone = {c.before.host.name for c in clusters if c.before and c.after is None}
    if not gone:
        return (), ()
    return hosts_sending_to(old, gone).values(), hosts_sending_to(new, gone).values()


def _touched_ports(old: View, new: View, change: Change) -> tuple[TouchedPort, ...]:
    if change.target.kind == "DestinationRule":
        return ()
    return touched_ports(old, new, change.target)


def _closed(
    old: View, new: View, change: Change, ports: Iterable[TouchedPort]
) -> Iterator[ClosedEnd]:
    """Connections that lead to no cluster afterwards, more than before."""
    before = [port.before for port in ports if port.before]
    after = [port.after for port in ports if port.after]
    if change.target.kind == "DestinationRule":
        names = hosts_of_policy(old.shared, new.shared, change.target)
        before, after = (list(ports_sending_to(view, names)) for view in (old, new))
    known: dict[tuple[str, int, str], float] = {}
    for end in closed_ends(old, before):
        place = (end.port.title, end.port.port, end.cluster)
        known[place] = max(end.share, known.get(place, 0.0))
    for end in closed_ends(new, after):
        if end.share > known.get((end.port.title, end.port.port, end.cluster), 0.0) + _SAME:
            yield end


def _both(old: View, new: View, hosts: Iterable[TouchedHost]) -> Iterator[tuple[View, VirtualHost]]:
    for touched in hosts:
        for view, host in ((old, touched.before), (new, touched.after)):
            if host is not None:
                yield view, host


def _leads_somewhere(view: View, host: VirtualHost) -> bool:
    """False for a name of no service, as `reviews.prod`, whose routes lead nowhere, too."""
    if host.host is not None or view.client.gateway:
        return True
    dead = {id(end.route) for end in dead_ends(view, (host,))}
    return any(id(route) not in dead for route in host.routes)


def _lost(old: View, new: View, before: _Hosts, after: _Hosts) -> Iterator[DeadEnd]:
    """What leads nowhere afterwards, more than before."""
    known: dict[tuple[str, str, str], float] = {}
    for end in dead_ends(old, before):
        place = (end.host.table, end.host.name, end.cluster)
        known[place] = max(end.share, known.get(place, 0.0))
    for end in dead_ends(new, after):
        key = (end.host.table, end.host.name, end.cluster)
        if end.share > known.get(key, 0.0) + _SAME:
            yield end


def _caution(ends: list[tuple[DeadEnd, Callers]]) -> Caution:
    end = ends[0][0]
    holder = end.route.holder
    code = 500 if holder and isinstance(holder.service, HttpRoute) else 503
    return Caution(
        "danger",
        f"{end.share * 100:.4g} % of the requests to {end.host.name} would be answered {code} "
        f"({_whose(group for _, group in ends)}): {end.why}",
    )


def _closing(ends: list[tuple[ClosedEnd, Callers]]) -> Caution:
    end = ends[0][0]
    return Caution(
        "danger",
        f"{end.share * 100:.4g} % of the connections to {end.port.title}:{end.port.port} would be "
        f"closed ({_whose(group for _, group in ends)}): {end.why}",
    )


def _whose(groups: Iterable[Callers]) -> str:
    clients = list(dict.fromkeys(str(group.client) for group in groups))
    return some_of(clients, _NAMED)


def _nobody(change: Change) -> str:
    if change.target.kind == "DestinationRule":
        return f"no client has a cluster with its policy from {change.target}: it has no effect"
    return f"no client has a route from {change.target}: it has no effect"


def _idle_rule(mesh: Mesh, change: Change) -> Iterator[Caution]:
    """The rule that is changed carries nobody's requests."""
    service = mesh.by_key.get(change.service)
    if service is None or change.rule is None or change.action != "patch":
        return
    target, rule = change.target, change.rule
    place = rule_key(target, rule.protocol, rule.index)
    for route in routes_to(mesh, service):
        if place_of(route) == place and route.unused:
            what = "requests" if route.rule.protocol == "http" else "connections"
            yield Caution("danger", f"no client's {what} come to rule {rule}: {route.unused}")
