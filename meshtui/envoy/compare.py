"""Does a proxy serve what a rule asks? "Applied" is true when the proxies say so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from meshtui.envoy.differences import differences
from meshtui.envoy.expected import Entry, ProxyFacts, entries
from meshtui.envoy.routes import ProxyRoute
from meshtui.mesh.model import Rule, VirtualService

IN_SYNC, OLD, ABSENT = "in sync", "old", "absent"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a proxy does about a rule.

    `state` is "in sync", "old" (something differs, see `differences`) or "absent": the proxy has
    no route of that VirtualService at all, as one that never calls the service may have none.
    """

    state: str
    differences: tuple[str, ...] = ()

    @property
    def in_sync(self) -> bool:
        return self.state == IN_SYNC


def in_sync(
    routes: Iterable[ProxyRoute], service: VirtualService, rule: Rule, proxy: ProxyFacts
) -> Verdict:
    """Compare a proxy's route table with one http rule of `service`, as it is meant to be now.

    Every virtual host that carries routes of the VirtualService must agree. A rule that is not
    meant for this proxy (other sources, other gateways, behind a catch-all) is in sync.
    """
    owner = (service.ref.namespace, service.ref.name)
    own = [route for route in routes if route.virtual_service == owner]
    if not own:
        return Verdict(ABSENT)
    found = tuple(
        dict.fromkeys(
            difference
            for table in _by_virtual_host(own)
            for difference in _table_differences(table, service, rule, proxy)
        )
    )
    return Verdict(OLD if found else IN_SYNC, found)


def _by_virtual_host(routes: Iterable[ProxyRoute]) -> Iterable[Sequence[ProxyRoute]]:
    tables: dict[tuple[str, str], list[ProxyRoute]] = {}
    for route in routes:
        tables.setdefault((route.config, route.vhost), []).append(route)
    return tables.values()


def _table_differences(
    table: Sequence[ProxyRoute], service: VirtualService, rule: Rule, proxy: ProxyFacts
) -> Iterator[str]:
    for entry, route in _paired(table, service, proxy):
        if entry.rule.index != rule.index:
            continue
        if route is None:
            yield f"there is no route for {_title(entry)}"
            continue
        yield from _match_differences(entry, route)
        yield from differences(entry.rule, route)


def served(
    routes: Iterable[ProxyRoute], service: VirtualService, rule: Rule, proxy: ProxyFacts
) -> tuple[ProxyRoute, ...]:
    """The proxy's routes that stand for a rule, as `in_sync` compares them."""
    owner = (service.ref.namespace, service.ref.name)
    own = [route for route in routes if route.virtual_service == owner]
    return tuple(
        route
        for table in _by_virtual_host(own)
        for entry, route in _paired(table, service, proxy)
        if route is not None and entry.rule.index == rule.index
    )


def _paired(
    table: Sequence[ProxyRoute], service: VirtualService, proxy: ProxyFacts
) -> Iterator[tuple[Entry, ProxyRoute | None]]:
    """Each entry that the virtual host should have, with the route that stands for it."""
    expected = list(entries(service, proxy, table[0].port))
    delegates = any(entry.rule.delegate for entry in expected)
    positions = len(expected) == len(table) and not delegates
    for position, entry in enumerate(expected):
        if not entry.rule.delegate:
            yield entry, table[position] if positions else _find(table, entry)


def _find(table: Sequence[ProxyRoute], entry: Entry) -> ProxyRoute | None:
    """By name, else by what it takes: the table is of another edition of the VirtualService."""
    named = [route for route in table if entry.name and route.name == entry.name]
    if named:
        return named[0]
    return next((route for route in table if route.match == entry.match), None)


def _match_differences(entry: Entry, route: ProxyRoute) -> Iterator[str]:
    if entry.match is not None and route.match != entry.match:
        yield f"it takes {route.match.text}, asked {entry.match.text}"


def _title(entry: Entry) -> str:
    return entry.name or (entry.match.text if entry.match else entry.rule.title)
