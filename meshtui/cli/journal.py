"""`journal`: what was done to this cluster."""

from __future__ import annotations

import argparse
import time
from collections.abc import Coroutine, Sequence
from contextlib import closing
from typing import Any

from meshtui.cli import connect as opening
from meshtui.cli import output
from meshtui.cli.documents.journal import journal_json
from meshtui.cli.options import note_left_out, options
from meshtui.errors import Exit, MeshtuiError, NotFound
from meshtui.journal import Entry, Journal, Unread, count_unread
from meshtui.kube.credentials import server_for


def journal(arguments: argparse.Namespace) -> int | Coroutine[Any, Any, int]:
    """The newest changes to this cluster, newest first.

    Nobody logs in to the cluster itself, except to learn whether there is a service at all of which
    the journal has no change.
    """
    given = options(arguments)
    note_left_out(given)
    context, server = server_for(given.kubeconfig, given.context)
    service = None
    if arguments.service:
        service = opening.key_of(arguments.service, given.namespace or context.namespace)
    with closing(Journal.for_cluster(server)) as opened:
        rows = opened.changes(
            service=service,
            since=time.time() - arguments.since if arguments.since else 0.0,
            who=arguments.who,
            limit=arguments.limit,
        )
        never = service and not rows and not opened.listing(service=service, limit=1)
    if never:
        return _of_none(arguments)
    return _show(rows, opening.form(arguments))


async def _of_none(arguments: argparse.Namespace) -> int:
    """Empty for a service that nobody changed. Raises `NotFound` where there is no such service;
    where that can't be asked, nothing is said against it."""
    try:
        async with opening.session(arguments) as opened:
            await opening.refuse_unknown_service(opened, arguments.service)
    except NotFound:
        raise
    except MeshtuiError:
        pass
    return _show((), opening.form(arguments))


def _show(rows: Sequence[Entry | Unread], form: str) -> int:
    if form != "table":
        output.data({"changes": [journal_json(row) for row in rows]}, form)
        return Exit.DONE
    header = ("CHANGE", "TIME", "WHO", "VERB", "SERVICE", "STATUS", "WHAT")
    narrow = (output.columns() or ROOMY) < ROOMY
    spare = ("TIME", "WHO") if narrow else ()
    output.table(header, [_journal_cells(row) for row in rows], spare=spare, whole=("CHANGE",))
    if unread := count_unread(rows):
        output.note(f"meshtui: {unread}: not known what became of it")
    return Exit.DONE


ROOMY = 120
"""Cells that hold all columns; in fewer the time, with which each change's name begins, goes."""


def _journal_cells(row: Entry | Unread) -> tuple[str, ...]:
    at, status = time.localtime(row.created), ""
    if isinstance(row, Entry):
        status = row.status_words
    else:
        status = "newer version" if row.newer else "cannot be read"
    return (
        row.id or "?",
        time.strftime("%Y-%m-%d %H:%M:%S", at) if row.created else "?",
        f"{row.who}@{row.host}",
        row.verb or "?",
        str(row.service or "?"),
        f"undone by {row.undone_by}" if row.undone_by else status,
        "; ".join(row.words) or (row.why if isinstance(row, Unread) else ""),
    )
