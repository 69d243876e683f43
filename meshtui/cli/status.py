"""`status`: how each proxy of the mesh stands with the control plane."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from meshtui.cli import connect as opening
from meshtui.cli import output
from meshtui.cli.documents.status import status_json
from meshtui.diagnosis.proxy_sync import ProxyRow, counts_of, row_lines, types_words
from meshtui.errors import Exit
from meshtui.mesh.quantity import human_duration, number_of
from meshtui.mesh.row_pods import pods_behind
from meshtui.mesh.syncz import TYPES, ProxySync
from meshtui.operations.look.proxy_sync import MeshSync, read_sync


async def status(arguments: argparse.Namespace) -> int:
    """Every proxy of the mesh, with `-n` of a namespace. 5 where nobody has answered."""
    async with opening.session(arguments) as opened:
        mesh = await opening.mesh(opened)
        namespace = getattr(arguments, "namespace", None) or ""
        places: set[tuple[str, str]] | None = None
        if arguments.service:
            service = opening.find(mesh, arguments.service, opened.cluster.namespace)
            places = {(pod.namespace, pod.name) for pod in pods_behind(mesh, service)}
        elif getattr(arguments, "all_namespaces", False):
            namespace = ""

        def chosen(where: str, name: str) -> bool:
            return namespace in ("", where) if places is None else (where, name) in places

        found = await read_sync(opened.cluster, mesh, chosen)
    form = opening.form(arguments)
    if form == "table":
        _show(found)
    else:
        output.data(status_json(found), form)
    _notes(found)
    return Exit.UNREACHABLE if found.silent else Exit.DONE


WIDE = 130
"""Columns from which each type has a column of its own."""


def _show(found: MeshSync) -> None:
    columns = output.columns()
    if found.rows:
        wide = columns is None or columns >= WIDE
        output.table(*(_wide if wide else _narrow)(found))
    words = ((f"{one.name}.{one.namespace}", row_lines(one, found.time)) for one in found.rows)
    for text in grouped(words):
        output.line(text)


def grouped(found: Iterable[tuple[str, Iterable[str]]]) -> list[str]:
    """`NAME: words`, each words once: of those that several have the first, and how many more."""
    names: dict[str, list[str]] = {}
    for name, texts in found:
        for text in texts:
            names.setdefault(text, []).append(name)
    return [
        f"{theirs[0]}{f' and {len(theirs) - 1} more' if theirs[1:] else ''}: {text}"
        for text, theirs in names.items()
    ]


Table = tuple[tuple[str, ...], list[tuple[str, ...]]]


def _wide(found: MeshSync) -> Table:
    """A column for each type, and for the istiod."""
    types = [name for name in TYPES if name != "ECDS" or _any_of(found, name)]
    rows = [
        (
            *_begin(row),
            *(_type_cell(row.sync, name) for name in types),
            _sent(row.sync, found.time),
            (row.sync.istiod if row.sync else "") or "-",
        )
        for row in found.rows
    ]
    return ("PROXY", "KIND", "VERSION", "STATE", *types, "SENT", "ISTIOD"), rows


def _narrow(found: MeshSync) -> Table:
    """All types in one column: how many are in sync, and which are not."""
    rows = [
        (*_begin(row), types_words(row.sync) if row.sync else "-", _sent(row.sync, found.time))
        for row in found.rows
    ]
    return ("PROXY", "KIND", "VERSION", "STATE", "TYPES", "SENT"), rows


def _begin(row: ProxyRow) -> tuple[str, ...]:
    return f"{row.name}.{row.namespace}", row.kind, row.version or "?", row.state


def _type_cell(sync: ProxySync | None, name: str) -> str:
    one = sync.of(name) if sync else None
    return one.state.replace("_", " ") if one else "-"


def _sent(sync: ProxySync | None, now: float) -> str:
    return human_duration(now - sync.newest) if sync and sync.newest else "-"


def _any_of(found: MeshSync, name: str) -> bool:
    return any(row.sync is not None and row.sync.of(name) is not None for row in found.rows)


def _notes(found: MeshSync) -> None:
    if found.unsaid:
        output.note(f"meshtui: {found.unsaid}")
    if not found.rows:
        output.note("meshtui: no proxy here")
        return
    counted = ", ".join(f"{number} {state}" for state, number in counts_of(found.rows).items())
    output.note(f"meshtui: {number_of(len(found.rows), 'proxy', 'proxies')}: {counted}")
