"""`undo` in several clusters: what was made in them as one is taken back as one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import AsyncExitStack

from meshtui.cli import output
from meshtui.cli.changes_in_clusters import Place, in_all, named, read_all, sessions
from meshtui.cli.pages import Page, in_context
from meshtui.errors import MeshtuiError, NotFound, Usage
from meshtui.journal import Entry
from meshtui.operations.change.undo_in_clusters import newest, parts_of
from meshtui.operations.session import Session

Opened = Sequence[tuple[Page, Session]]


async def undo(arguments: argparse.Namespace, contexts: Sequence[str]) -> int:
    """Takes the change back where it was made: in several clusters only with --all-clusters."""
    async with AsyncExitStack() as stack:
        opened = await sessions(arguments, contexts, stack)
        found = _meant(arguments.change, opened)
        meant = newest(found)
        parts = _parts(meant, opened) or {name: e for name, e in found.items() if e is meant}
        if len(parts) > 1 and not arguments.all_clusters:
            raise _several(meant, parts)
        if len(parts) > 1:
            return await in_all(arguments, await _places(opened, parts))
    ((alone, entry),) = parts.items()
    output.note(f"meshtui: change {entry.id} stands in {alone} alone")
    here = in_context(arguments, alone)
    here.change = entry.id
    return int(await arguments.run(here))


def _meant(change_id: str, opened: Opened) -> dict[str, Entry]:
    """The change that is asked for, in each journal that has it, or the last of each.

    Raises `Usage` where an identity fits several changes that have nothing to do with each other.
    """
    found: dict[str, Entry] = {}
    missing: NotFound | None = None
    for page, session in opened:
        try:
            found[page.name] = session.entry_to_undo(change_id)
        except NotFound as error:
            missing = error
        except MeshtuiError as error:
            raise named(page.name, error) from error
    if missing and not found:
        raise missing
    common = {entry.together for entry in found.values()}
    if change_id and len(found) > 1 and (len(common) > 1 or None in common):
        hint = f"name one, as in --context {next(iter(found))}"
        raise Usage(f"several clusters ({', '.join(found)}) have a change {change_id!r}", hint)
    return found


def _parts(meant: Entry, opened: Opened) -> dict[str, Entry]:
    journals = {page.name: session.readable_journal.made_together for page, session in opened}
    return parts_of(meant, journals)


def _several(meant: Entry, parts: dict[str, Entry]) -> Usage:
    hint = f"name one, as in --context {next(iter(parts))}, or undo all with --all-clusters"
    return Usage(f"change {meant.id} was made in several clusters ({', '.join(parts)})", hint)


async def _places(opened: Opened, parts: dict[str, Entry]) -> list[Place]:
    """Raises the first cluster's error where one can't be read: then none is changed."""
    concerned = [(page, session) for page, session in opened if page.name in parts]
    places = []
    for (page, session), mesh in zip(concerned, await read_all(concerned), strict=True):
        if isinstance(mesh, BaseException):
            raise named(page.name, mesh) if isinstance(mesh, MeshtuiError) else mesh
        places.append(Place(page, session, mesh, undoes=parts[page.name].id))
    return places
