"""`exposure`: how traffic from outside gets to services, and what limits it."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Iterable, Sequence

from meshtui.cli import connect as opening
from meshtui.cli import output
from meshtui.cli.documents.exposure import exposed_json, overview_json
from meshtui.diagnosis.limit_words import (
    NO_WAY,
    api_route_words,
    asked_words,
    effect_words,
    limit_words,
    not_read_words,
    of_what,
    pods_words,
    rate_words,
    refused_words,
    round_about,
    silent_words,
    tls_words,
)
from meshtui.errors import Exit
from meshtui.mesh.exposure import Door, api_routes_known, api_routes_to, doors_to
from meshtui.mesh.model import Mesh, Service, ServiceKey
from meshtui.mesh.ratelimits import RateLimit, rate_limits
from meshtui.mesh.service_limits import Exposed, Limiting, exposed
from meshtui.operations.look.exposure import Tally, growth, read_counters, tally
from meshtui.operations.session import Session

Counted = Sequence[tuple[Tally, float | None]]


async def exposure(arguments: argparse.Namespace) -> int:
    """One service with what its limits refuse now, or all ways in of a namespace (`-A`: of all)."""
    async with opening.session(arguments) as opened:
        mesh = await opening.mesh(opened)
        if arguments.service:
            service = opening.find(mesh, arguments.service, opened.cluster.namespace)
            return await _one(arguments, opened, mesh, service)
        everywhere = getattr(arguments, "all_namespaces", False)
        _all(arguments, mesh, "" if everywhere else opened.cluster.namespace)
    return Exit.DONE


async def _one(arguments: argparse.Namespace, opened: Session, mesh: Mesh, service: Service) -> int:
    """Telemetry and the proxies' counters are read over the same seconds."""
    first, error = await opening.sample(opened, mesh, 0.0)
    found = exposed(mesh, service, first)
    pods = found.limiting_pods
    before = await read_counters(opened.cluster, pods)
    began = time.monotonic()
    sample, error = await opening.sample(opened, mesh, arguments.window)
    if error:
        output.note(f"meshtui: telemetry: {error}")
    if pods:
        await asyncio.sleep(max(0.0, arguments.window - (time.monotonic() - began)))
    after = await read_counters(opened.cluster, pods)
    seconds = time.monotonic() - began
    found = exposed(mesh, service, sample or first)
    counted = []
    for one in found.limits:
        last = tally(one, after)
        counted.append((last, growth(tally(one, before), last, seconds)))
    form = opening.form(arguments)
    if form == "table":
        _show(found, counted)
    else:
        output.data(exposed_json(found, counted), form)
    return Exit.DONE


def _all(arguments: argparse.Namespace, mesh: Mesh, namespace: str) -> None:
    services = [s for s in mesh.services if namespace in ("", s.key.namespace)]
    entrances = [(service.key, door) for service in services for door in doors_to(mesh, service)]
    limits = [
        limit
        for limit in rate_limits(mesh)
        if namespace in ("", limit.ref.namespace, *(ns for ns, _ in limit.workloads))
    ]
    form = opening.form(arguments)
    if form != "table":
        output.data(overview_json(entrances, limits), form)
        return
    _doors_table(mesh, entrances)
    for service in services:
        for route in api_routes_to(mesh, service):
            output.note(f"meshtui: {service.key}: {api_route_words(route)}")
    if limits:
        output.line()
        _limits_table(limits)
    for service in services:
        past = round_about(service)
        if past:
            output.note(f"meshtui: {service.key}: {past}")


def _doors_table(mesh: Mesh, entrances: Iterable[tuple[ServiceKey, Door]]) -> None:
    header = ("HOST", "PORT", "PROTOCOL", "TLS", "GATEWAY", "PODS", "RULES OF", "SERVICE")
    rows = [_door_row(key, door, host) for key, door in entrances for host in door.hosts]
    if rows:
        output.table(header, rows, right=(1,))
    else:
        output.note("no way in: no Gateway leads to a service here")
        output.note(not_read_words(api_routes_known(mesh)))


def _door_row(key: ServiceKey, door: Door, host: str) -> tuple[str, ...]:
    ready = sum(pod.serving for pod in door.pods)
    owner = door.rules_of
    return (
        host,
        str(door.port),
        door.protocol,
        "redirect" if door.redirect else door.tls or "none",
        f"{door.gateway.namespace}/{door.gateway.name}" + (door.listener and f"/{door.listener}"),
        f"{ready}/{len(door.pods)}",
        f"{owner.namespace}/{owner.name}" if owner else "-",
        str(key),
    )


def _limits_table(limits: Iterable[RateLimit]) -> None:
    rows = [
        (
            f"{limit.ref.namespace}/{limit.ref.name}",
            limit.kind,
            limit_words(limit),
            limit.context,
            limit.scope,
            _reach(limit),
        )
        for limit in limits
    ]
    output.table(("ENVOYFILTER", "KIND", "LIMIT", "CONTEXT", "SCOPE", "REACHES"), rows)


def _reach(limit: RateLimit) -> str:
    names = ", ".join(f"{name}.{namespace}" for namespace, name in limit.workloads)
    return names or ("not known (targetRefs)" if limit.unknown else "NO PROXY")


def _show(found: Exposed, counted: Counted) -> None:
    output.line("ways in from outside")
    for door in found.doors:
        _door(door)
    past = round_about(found.service)
    nothing = [] if found.doors else [NO_WAY, not_read_words(found.routes_known)]
    routes = map(api_route_words, found.routes)
    for text in (*nothing, *routes, *([past] if past else [])):
        output.line(f"  {text}")
    for key, doors in found.callers:
        hosts = dict.fromkeys(f"{host}:{door.port}" for door in doors for host in door.hosts)
        output.line(f"  {key.name} calls it, and is reached at {', '.join(hosts)}")
    output.line("what limits it")
    refused = refused_words(found)
    if refused:
        output.line(f"  {refused}")
    for place, one in enumerate(found.limits):
        _field("limit", f"{limit_words(one.limit)}  ({one.place}, {one.limit.scope})")
        _field("", f"{one.limit.ref}, {one.limit.path}")
        _field("", f"reaches {pods_words(one.pods)}")
        _field("", effect_words(one.limit))
        if one.limit.limits:
            _field("", _refusals(one, *counted[place]))
    if not found.limits:
        output.line("  no EnvoyFilter with a rate limit is on the way to it")
    for limit in (*found.idle, *found.unknown):
        output.note(f"meshtui: {limit.ref}: {limit_words(limit)}: {_reach(limit)}")
    if found.unread:
        output.note(f"meshtui: not read everywhere: {', '.join(found.unread)}")


def _door(door: Door) -> None:
    _field("way", f"{door.protocol} {door.port}  {', '.join(door.hosts)}  ({tls_words(door)})")
    served = pods_words(door.pods) if door.pods else "NO POD: its selector finds none"
    listener = f" listener {door.listener}" if door.listener else ""
    _field("", f"{door.gateway}{listener}, {served}")
    for trouble in door.troubles:
        _field("", f"its status: {trouble.words}")
    for front in door.fronts:
        _field("", f"Service {front.key} ({front.type or 'type not known'})")
    for lead in door.leads:
        share = f"{lead.percent:g} % of " if lead.percent is not None else ""
        own = door.rules_of and not lead.rule.startswith(str(door.rules_of))
        owner = f"{door.rules_of} " if own else ""
        _field("", f"{owner}{lead.rule}: {share}{lead.match}")


def _refusals(one: Limiting, found: Tally, rps: float | None) -> str:
    parts = []
    if found.refused is not None:
        now = f", {rate_words(rps)} now" if rps is not None else ""
        text = f"{found.refused} refused since the proxies started{now}{of_what(one)}"
        parts.append(text)
    if found.silent:
        parts.append(silent_words(one.limit, found.silent))
    if found.unanswered:
        parts.append(f"{found.unanswered} questions were not answered")
    if found.unasked:
        parts.append(asked_words(found.asked, found.unasked))
    return "; ".join([*parts, *found.troubles])


def _field(label: str, text: str) -> None:
    output.line(f"  {label:<6} {text}".rstrip())
