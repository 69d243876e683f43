"""Intent against actual: each rule of a service, and what each client's proxy makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from meshtui.changes.outcome import NOT_MEANT
from meshtui.dataclass import dataclass
from meshtui.diagnosis.refused_config import RefusedConfigs, behind, sentence
from meshtui.envoy.compare import ABSENT, IN_SYNC, OLD, Compared, Verdict, compare_host, host_of
from meshtui.envoy.compare_chains import (
    compare_port,
    refused_listeners,
    unanswered_ends,
    unreachable_ends,
)
from meshtui.envoy.dead_ends import Counts, hosts_behind, unanswered, unreachable
from meshtui.envoy.listeners import ProxyListener
from meshtui.envoy.proxy import read_counts, read_hosts
from meshtui.envoy.route_facts import owner_of
from meshtui.envoy.routes import ProxyRoute
from meshtui.envoy.virtual_hosts import ProxyHost, routes_in
from meshtui.errors import MeshtuiError
from meshtui.mesh.absence import unread_words
from meshtui.mesh.ambient import waypoint_name
from meshtui.mesh.carrying import Route, place_of, routes_to
from meshtui.mesh.model import Mesh, Pod, RuleOwner, Service
from meshtui.mesh.resolution import Chain, View, VirtualHost, client_of, world
from meshtui.mesh.signals import Sample
from meshtui.mesh.touched import ruled_hosts
from meshtui.mesh.touched_ports import PortChains, TouchedPort, ruled_ports
from meshtui.operations.change.listener_checks import read_ends, read_ports, worst_of
from meshtui.operations.change.proxy_checks import pairs_of, refusals, tables_regex
from meshtui.operations.change.verify import MOST_PROXIES, client_proxies

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

OUT_OF_REACH = "out of reach"
_CONCURRENCY = 8
_TIMEOUT_S = 5.0
_SEVERITY = (OUT_OF_REACH, OLD, ABSENT, IN_SYNC, NOT_MEANT)


@dataclass(frozen=True, slots=True)
class Cell:
    """A rule in a proxy: "in sync", "old" (see `differences`), "absent" (it has no virtual host
    for it) or "not meant" for it. `served` are its routes there; `notes` are worth a word.
    """

    state: str
    differences: tuple[str, ...] = ()
    served: tuple[ProxyRoute, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One proxy. `owners` (namespace, name) are the VirtualServices whose routes it has for the
    service; `trouble` says why it could not be asked, and then there are no cells. `updated` is
    when its routes came, in seconds since the epoch; `behind` why they are old, where that is
    known.
    """

    pod: Pod
    cells: tuple[Cell, ...] = ()
    owners: tuple[tuple[str, str], ...] = ()
    trouble: str = ""
    updated: float | None = None
    behind: str = ""

    @property
    def state(self) -> str:
        """The worst of its cells; what is not meant for it says nothing."""
        if self.trouble:
            return OUT_OF_REACH
        states = {cell.state for cell in self.cells}
        return next((state for state in _SEVERITY if state in states), NOT_MEANT)


@dataclass(frozen=True, slots=True)
class Matrix:
    """What to ask whom. `guessed` are those of the pods (namespace, name) that may call, though
    telemetry does not say that they do; `left_out` proxies are not asked. `unread` are the kinds
    that can't be read, and what is not known without them.
    """

    service: Service
    rules: tuple[Route, ...] = ()
    pods: tuple[Pod, ...] = ()
    guessed: frozenset[tuple[str, str]] = frozenset()
    left_out: int = 0
    unread: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Whether telemetry names all of them as callers."""
        return not self.guessed

    @property
    def titles(self) -> tuple[str, ...]:
        """The rules' titles, with the names of their objects where two are called alike."""
        plain = [route.rule.title for route in self.rules]
        named = [f"{r.service.ref.name} {t}" for r, t in zip(self.rules, plain, strict=True)]
        return tuple(
            title
            if plain.count(title) == 1
            else name
            if named.count(name) == 1
            else f"{route.service.ref.kind} {name}"
            for route, title, name in zip(self.rules, plain, named, strict=True)
        )

    @staticmethod
    def differs(row: Row) -> bool:
        """True where the proxy does something else than what istiod should have sent to it."""
        return row.state in (OLD, ABSENT)


def matrix_of(mesh: Mesh, service: Service, sample: Sample | None) -> Matrix:
    """The rules for the service, and the proxies that any of them is for.

    Rules of connections stand among them where they carry some.
    """
    found_rules = routes_to(mesh, service)
    rules = tuple(r for r in found_rules if r.rule.protocol == "http" or r.carries)
    owners: list[RuleOwner | None] = []
    owners += {route.service.ref: route.service for route in rules}.values()
    named: dict[tuple[str, str], Pod] = {}
    others: dict[tuple[str, str], Pod] = {}
    left_out = 0
    for owner in owners or [None]:
        clients = client_proxies(mesh, service.key, owner, sample)
        found = {(pod.namespace, pod.name): pod for pod in clients.pods}
        if clients.known:
            named |= found
        else:
            others |= found
        left_out = max(left_out, clients.left_out)
    chosen = tuple((named | others).items())
    beyond = max(0, len(chosen) - MOST_PROXIES)
    asked = dict(chosen[:MOST_PROXIES])
    guessed = frozenset(asked.keys() - named.keys())
    unread = unread_words(mesh, service.key.namespace)
    return Matrix(service, rules, tuple(asked.values()), guessed, left_out + beyond, unread)


async def ask_rows(
    cluster: Cluster, mesh: Mesh, matrix: Matrix, report: Callable[[Row], None]
) -> tuple[Row, ...]:
    """Every proxy once, some at a time; each row is told when it is there."""
    gate = asyncio.Semaphore(_CONCURRENCY)

    async def one(pod: Pod) -> Row:
        async with gate:
            row = await _ask(cluster, mesh, matrix, pod)
        report(row)
        return row

    return tuple(await asyncio.gather(*(one(pod) for pod in matrix.pods)))


async def _ask(cluster: Cluster, mesh: Mesh, matrix: Matrix, pod: Pod) -> Row:
    asked, ports = asked_hosts(mesh, matrix, pod), asked_ports(mesh, matrix, pod)
    names = tables_regex({host.table for host in asked}) if asked else ""
    try:
        inline = bool(waypoint_name(mesh, pod))
        hosts = await read_hosts(cluster, pod, name_regex=names, inline=inline, timeout=_TIMEOUT_S)
        behind = hosts_behind(pairs_of(_compared(asked, hosts), None))
        counts = await read_counts(cluster, pod, behind, timeout=_TIMEOUT_S) if behind else {}
        listeners = await read_ports(cluster, pod, ports) if ports else ()
        counts |= await read_ends(cluster, pod, ports) if ports else {}
    except MeshtuiError as error:
        return Row(pod, trouble=str(error))
    return row_of(mesh, matrix, pod, hosts, counts, listeners)


def asked_hosts(mesh: Mesh, matrix: Matrix, pod: Pod) -> tuple[VirtualHost, ...]:
    """The virtual hosts in which the proxy should have rules of the matrix."""
    view = world(mesh).view(client_of(mesh, pod))
    found: dict[tuple[str, str], VirtualHost] = {}
    for ref in dict.fromkeys(route.service.ref for route in matrix.rules):
        found |= {(host.table, host.name): host for host in ruled_hosts(view, ref)}
    return tuple(found.values())


def asked_ports(mesh: Mesh, matrix: Matrix, pod: Pod) -> tuple[PortChains, ...]:
    """The ports on which the proxy should send connections by rules of the matrix."""
    view = world(mesh).view(client_of(mesh, pod))
    streams = [route for route in matrix.rules if route.rule.protocol != "http"]
    found: dict[tuple[str, int], PortChains] = {}
    for ref in dict.fromkeys(route.service.ref for route in streams):
        found |= {(port.title, port.port): port for port in ruled_ports(view, ref)}
    return tuple(found.values())


def row_of(
    mesh: Mesh,
    matrix: Matrix,
    pod: Pod,
    hosts: Iterable[ProxyHost],
    counts: Counts | None = None,
    listeners: Collection[ProxyListener] = (),
) -> Row:
    """What a proxy with these virtual hosts and listeners does about each rule.

    `counts` are its clusters with their endpoints; None where they were not asked for.
    """
    known = tuple(hosts)
    view = world(mesh).view(client_of(mesh, pod))
    compared = _compared(asked_hosts(mesh, matrix, pod), known)
    refs = [(r.service.ref.namespace, r.service.ref.name) for r in matrix.rules]
    owners = [
        owner
        for host in known
        for owner in map(owner_of, host.routes)
        if owner in refs or host.name.rpartition(":")[0] == matrix.service.host
    ]
    ports = asked_ports(mesh, matrix, pod)
    cells = tuple(
        _cell(view, route, compared, counts)
        if route.rule.protocol == "http"
        else _stream_cell(view, route, ports, counts, listeners)
        for route in matrix.rules
    )
    times = [host.actual.updated for host in compared if host.actual]
    updated = min((time for time in times if time is not None), default=None)
    return Row(pod, cells, tuple(dict.fromkeys(filter(None, owners))), updated=updated)


def with_reasons(rows: Iterable[Row], refused: RefusedConfigs, now: float) -> tuple[Row, ...]:
    """The rows with something to say beside them: of those that differ why, by istiod's count,
    else by what the other proxies took; of all what they have refused besides routes.
    """
    known = tuple(rows)
    times = [row.updated for row in known if row.state == IN_SYNC and row.updated is not None]
    found = []
    for row in known:
        one = refused.of(row.pod.namespace, row.pod.name)
        differs = Matrix.differs(row)
        if one is not None and ((differs and one.still) or one.unseen):
            found.append(replace(row, behind=sentence(one, now)))
        elif differs:
            found.append(replace(row, behind=behind(times, row.updated, now)))
    return tuple(row for row in found if row.behind)


def _compared(asked: Iterable[VirtualHost], hosts: tuple[ProxyHost, ...]) -> tuple[Compared, ...]:
    return tuple(compare_host(host, host_of(hosts, host)) for host in asked)


def _stream_cell(
    view: View,
    route: Route,
    ports: Iterable[PortChains],
    counts: Counts | None,
    listeners: Collection[ProxyListener],
) -> Cell:
    """A rule of connections in the proxy's listeners."""
    own = place_of(route)
    mine = [port for port in ports if own in port.rules]
    if not mine:
        return Cell(NOT_MEANT)
    touched = [TouchedPort(port, port) for port in mine]
    verdict = worst_of(compare_port(one, listeners) for one in touched)
    if not verdict.in_sync or counts is None:
        return Cell(verdict.state, verdict.differences, (), refused_listeners(touched, listeners))
    ends = [replace(port, chains=tuple(_chains_of(own, port))) for port in mine]
    if missing := unreachable_ends(ends, view, counts):
        return Cell(OLD, missing)
    return Cell(verdict.state, (), (), unanswered_ends(ends, view, counts))


def _chains_of(own: tuple[str, str, str, int], port: PortChains) -> Iterator[Chain]:
    """Those of a rule: a gateway's port has other rules' too."""
    for chain in port.chains:
        if own in replace(port, chains=(chain,)).rules:
            yield chain


def _cell(view: View, route: Route, compared: tuple[Compared, ...], counts: Counts | None) -> Cell:
    rules = (place_of(route),)
    holding = [host for host in compared if host.holds(rules)]
    if not holding:
        return Cell(NOT_MEANT)
    verdict = worst_of(host.verdict(rules) for host in holding)
    pairs = pairs_of(holding, rules)
    notes = refusals(holding) if not verdict.in_sync else ()
    if counts is not None:
        missing = unreachable(pairs, view, counts) if verdict.state != ABSENT else ()
        verdict = worst_of([verdict, Verdict(OLD, missing)]) if missing else verdict
        notes += unanswered(pairs, view, counts)
    both = ((host.actual, host.served(rules)) for host in holding)
    served = tuple(route for host, found in both if host for route in routes_in(host, found))
    return Cell(verdict.state, verdict.differences, served, notes)
