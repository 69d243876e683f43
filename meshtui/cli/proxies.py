"""`proxy …`: what a pod's proxy really does, and how that differs from what the rules ask."""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from meshtui.cli import connect as opening
from meshtui.cli import output
from meshtui.envoy.compare import IN_SYNC
from meshtui.envoy.routes import ProxyRoute
from meshtui.errors import Exit, Usage
from meshtui.operations.proxies.columns import COLUMNS, NUMBERS, SPARE, rows
from meshtui.operations.proxies.files import refuse_unfit, save_as
from meshtui.operations.proxies.matrix import OUT_OF_REACH, Matrix, Row
from meshtui.operations.proxies.narrowing import Narrowing, narrowed
from meshtui.operations.proxies.narrowing import refuse_unfit as refuse_unfit_filters
from meshtui.operations.proxies.proxy_reads import (
    CLUSTERS,
    ENDPOINTS,
    ROUTES,
    ProxyReads,
    SeenCluster,
    SeenEndpoint,
)
from meshtui.operations.proxies.views import LiveProxies, chosen_pod


async def show(arguments: argparse.Namespace) -> int:
    if arguments.file and arguments.what != "dump":
        raise Usage("--file belongs to `proxy dump`")
    narrowing = _narrowing(arguments)
    refuse_unfit_filters(narrowing, arguments.what)
    async with opening.session(arguments) as opened:
        mesh = await opened.read_mesh()
        if arguments.what == "diff":
            service = opening.find(mesh, arguments.pod, opened.cluster.namespace)
            sample, error = await opening.sample(opened, mesh, 0.0, about=service.key)
            if error:
                output.note(f"meshtui: telemetry: {error}")
            proxies = LiveProxies(opened.cluster, mesh, sample)
            return await _diff(proxies, proxies.matrix(service.key), opening.form(arguments))
        proxies = LiveProxies(opened.cluster, mesh)
        everywhere = getattr(arguments, "all_namespaces", False)
        near = "" if everywhere else opened.cluster.namespace
        pod, which = chosen_pod(mesh, arguments.pod, near)
        if which:
            output.note(f"meshtui: {which}")
        if arguments.what == "dump":
            return await _dump(proxies, pod, arguments.file, opening.form(arguments))
        reading = narrowed(await proxies.read(arguments.what, pod, None), narrowing)
        _show(reading, opening.form(arguments))
        if narrowing.words and not rows(reading):
            output.note(f"meshtui: {pod.name}.{pod.namespace}: nothing with {narrowing.words}")
    return Exit.DONE


def _narrowing(arguments: argparse.Namespace) -> Narrowing:
    given = vars(arguments)
    return Narrowing(**{one.name: given[one.name] for one in fields(Narrowing)})


async def _dump(proxies: LiveProxies, pod: Any, file: str, form: str) -> int:
    """To a new file; to stdout with `--file -`."""
    if not file:
        path, size = await proxies.dump(pod)
    else:
        from meshtui.envoy.proxy import read_dump

        if file != "-":
            refuse_unfit(Path(file))
        body = await read_dump(proxies.cluster, pod)
        if file == "-":
            output.octets(body)
            return Exit.DONE
        path, size = await asyncio.to_thread(save_as, Path(file), body), len(body)
    if form != "table":
        found = {"namespace": pod.namespace, "pod": pod.name, "file": str(path), "bytes": size}
        output.data(found, form)
        return Exit.DONE
    output.line(str(path))
    output.note(f"meshtui: {size} bytes")
    return Exit.DONE


def _show(reading: ProxyReads, form: str) -> None:
    if form == "table":
        columns = COLUMNS[reading.view]
        right = [place for place, title in enumerate(columns) if title in NUMBERS]
        output.table(columns, rows(reading), right=right, spare=SPARE.get(reading.view, ()))
        return
    found = {"namespace": reading.pod.namespace, "pod": reading.pod.name}
    output.data({**found, reading.view: _documents(reading), **_beside(reading)}, form)


def _beside(reading: ProxyReads) -> dict[str, Any]:
    """Virtual hosts that answer by themselves, and RouteConfigurations that were refused."""
    if reading.view != ROUTES:
        return {}
    special = [
        {
            "config": host.table,
            "vhost": host.name,
            "domains": list(host.domains),
            "requires_tls": host.requires_tls,
            "routes": len(host.routes),
        }
        for host in reading.special
    ]
    return {"special_virtual_hosts": special, "refused": dict(reading.refused)}


def _documents(reading: ProxyReads) -> list[dict[str, Any]]:
    if reading.view == ROUTES:
        return [route_json(route) for route in reading.routes]
    if reading.view == CLUSTERS:
        return [_cluster_json(seen) for seen in reading.clusters]
    if reading.view == ENDPOINTS:
        return [_endpoint_json(seen) for seen in reading.endpoints]
    return [_plain(asdict(listener)) for listener in reading.listeners]


def _plain(found: Any) -> Any:
    """Tuples as lists: YAML knows no others."""
    return json.loads(json.dumps(found))


def route_json(route: ProxyRoute) -> dict[str, Any]:
    """One entry of the proxy's route table, in order; times in seconds."""
    found = asdict(route)
    found["match"] = {"text": route.match.text, **asdict(route.match)}
    found["virtual_service"] = "/".join(route.virtual_service) if route.virtual_service else None
    document: dict[str, Any] = _plain(found)
    return document


def _cluster_json(seen: SeenCluster) -> dict[str, Any]:
    """Gauges and overflows that the proxy does not keep are null."""
    limits, owner = seen.configured.limits, seen.configured.destination_rule
    return {
        "name": limits.name.raw,
        "host": limits.name.host or None,
        "port": limits.name.port or None,
        "subset": limits.name.subset or None,
        "direction": limits.name.direction or None,
        "type": seen.configured.type,
        "destination_rule": "/".join(owner) if owner else None,
        "limits": dict(limits.thresholds),
        "outlier_detection": dict(limits.outlier) if limits.outlier is not None else None,
        "active": {what: seen.active(what) for what in ("requests", "connections", "pending")},
        "overflows": dict(seen.pressure.overflows) if seen.pressure else None,
        "full": None if seen.full is None else list(seen.full),
    }


def _endpoint_json(seen: SeenEndpoint) -> dict[str, Any]:
    pod = {"version": seen.pod.version, "pod": seen.pod.name} if seen.pod else {}
    where = {"elsewhere": seen.elsewhere or None}
    return {**asdict(seen.endpoint), "version": None, "pod": None, **pod, **where}


async def _diff(proxies: LiveProxies, matrix: Matrix, form: str) -> int:
    """1 where a proxy differs, 5 where the others agree but one could not be asked."""
    places = {(pod.namespace, pod.name): n for n, pod in enumerate(matrix.pods)}
    rows: dict[int, Row] = {}

    def report(row: Row) -> None:
        rows[places[row.pod.namespace, row.pod.name]] = row

    await proxies.rows(matrix, report)
    found = [row for _, row in sorted(rows.items())]
    if form == "table":
        _table(matrix, found)
    else:
        output.data(_diff_json(matrix, found), form)
    _notes(matrix)
    if any(matrix.differs(row) for row in found):
        return Exit.FAILED
    return Exit.UNREACHABLE if any(row.trouble for row in found) else Exit.DONE


def _table(matrix: Matrix, found: list[Row]) -> None:
    if not matrix.rules:
        if not matrix.unread:
            output.note("meshtui: no rule to compare with")
        return
    titles = matrix.titles
    lines = [
        (f"{row.pod.name}.{row.pod.namespace}", *(cell.state for cell in row.cells))
        if row.cells
        else (f"{row.pod.name}.{row.pod.namespace}", *[OUT_OF_REACH] * len(titles))
        for row in found
    ]
    output.table(("CLIENT", *titles), lines)
    for row in found:
        for text in _troubles(matrix, row):
            output.line(f"{row.pod.name}.{row.pod.namespace}: {text}")


def _troubles(matrix: Matrix, row: Row) -> list[str]:
    if row.trouble:
        return [row.trouble]
    found = [
        f"{title}: {text}"
        for title, cell in zip(matrix.titles, row.cells, strict=True)
        for text in (*cell.differences, *cell.notes)
    ]
    return [*found, row.behind] if row.behind else found


def _in_sync(matrix: Matrix, found: list[Row]) -> bool | None:
    """None where no proxy was found to serve a rule, and none not to."""
    if any(row.trouble or matrix.differs(row) for row in found):
        return False
    return any(cell.state == IN_SYNC for row in found for cell in row.cells) or None


def _diff_json(matrix: Matrix, found: list[Row]) -> dict[str, Any]:
    key = matrix.service.key
    return {
        "namespace": key.namespace,
        "service": key.name,
        "known": matrix.known,
        "left_out": matrix.left_out,
        "unread": list(matrix.unread),
        "in_sync": _in_sync(matrix, found),
        "proxies": [
            {
                "namespace": row.pod.namespace,
                "pod": row.pod.name,
                "gateway": row.pod.gateway,
                "state": row.state,
                "trouble": row.trouble or None,
                "behind": row.behind or None,
                "virtual_services": ["/".join(owner) for owner in row.owners],
                "rules": [
                    {
                        "virtual_service": f"{r.service.ref.namespace}/{r.service.ref.name}",
                        "rule": r.rule.title,
                        "index": r.rule.index,
                        "state": cell.state,
                        "differences": list(cell.differences),
                        "notes": list(cell.notes),
                        "routes": [route_json(route) for route in cell.served],
                    }
                    for r, cell in zip(matrix.rules, row.cells, strict=False)
                ],
            }
            for row in found
        ],
    }


def _notes(matrix: Matrix) -> None:
    if not matrix.pods:
        output.note("meshtui: no proxy is known to call the service")
    elif len(matrix.guessed) == len(matrix.pods):
        output.note("meshtui: telemetry names no caller: every proxy that may call was asked")
    elif matrix.guessed:
        count = len(matrix.guessed)
        output.note(f"meshtui: telemetry does not name {count} of these as callers: they may call")
    if matrix.left_out:
        output.note(f"meshtui: {matrix.left_out} more proxies were not asked")
    for words in matrix.unread:
        output.note(f"meshtui: {words}")
