"""One command in several clusters: which commands can, and what is printed of each."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module
from typing import Any, Generic, TypeVar

from meshtui.cli import connect as opening
from meshtui.cli import output
from meshtui.cli.pages import CURRENT, Page, in_context
from meshtui.dataclass import dataclass
from meshtui.errors import Exit, MeshtuiError, NotFound, Usage

TOGETHER = {"services": ("services_of_clusters", "services")}
"""Commands that make one of what the clusters have: the module and its function."""

PAGED = (
    *("analyze", "status", "pods", "graph", "signals", "exposure", "trace", "doctor", "journal"),
)
"""Commands that run in each cluster, and print what they find under its name."""

CHANGES = ("shift", "promote", "rollback", "mirror", "fault", "timeout", "breaker", "adopt")
"""Commands that change one service: where it stands in several clusters, in all of them or none."""

T = TypeVar("T")


def contexts_of(arguments: argparse.Namespace) -> tuple[str, ...]:
    """The contexts that --context names where it is a list or a group, else none.

    Raises `Usage` where one of them is wrong.
    """
    from meshtui.config import load

    given = arguments.context
    groups = load(lenient=True).config.groups
    if "," not in given and given not in groups:
        return ()
    from meshtui.kube.context_group import members_of
    from meshtui.kube.kubeconfig import read_kubeconfig

    return members_of(given, read_kubeconfig(getattr(arguments, "kubeconfig", None)), groups)


def in_clusters(arguments: argparse.Namespace, contexts: tuple[str, ...]) -> Any:
    """The work of the command. Raises `Usage` where it is one for a single cluster."""
    command = arguments.command
    if command in TOGETHER:
        module, function = TOGETHER[command]
        run = getattr(import_module(f"meshtui.cli.{module}"), function)
        return run(arguments, contexts)
    if command in CHANGES:
        from meshtui.cli.changes_in_clusters import change

        return change(arguments, contexts)
    if command == "undo":
        from meshtui.cli.undo_in_clusters import undo

        return undo(arguments, contexts)
    if command in PAGED or getattr(arguments, "check", False):
        return _paged(arguments, contexts)
    if not command:
        arguments.contexts = contexts
        return arguments.run(arguments)
    raise Usage(f"{command} works in one cluster", f"name one, as in --context {contexts[0]}")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What one cluster gave: `found`, or the error that stands in its place."""

    page: Page
    found: T | None = None
    error: MeshtuiError | None = None

    @property
    def name(self) -> str:
        return self.page.name


async def each(
    arguments: argparse.Namespace,
    contexts: Sequence[str],
    work: Callable[[argparse.Namespace], Awaitable[T]],
) -> list[Answer[T]]:
    """The work in all contexts at once; what it prints is kept, its notes name the cluster."""
    logging_in = asyncio.Lock()

    async def one(context: str) -> Answer[T]:
        page = Page(context, logging_in)
        CURRENT.set(page)
        try:
            return Answer(page, await work(in_context(arguments, context)))
        except MeshtuiError as error:
            return Answer(page, error=error)

    tasks = [asyncio.create_task(one(context)) for context in contexts]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()


def status_of(answers: Sequence[Answer[T]], status: Callable[[T], int]) -> int:
    """0 where all clusters answered; 5 where one is out of reach; else the first failure's.

    That one of them does not have what was asked for is no failure where another has it.
    """
    found = [one for one in answers if one.found is not None]
    codes = [status(one.found) for one in found if one.found is not None]
    codes += [
        one.error.exit
        for one in answers
        if one.error is not None and not (found and isinstance(one.error, NotFound))
    ]
    if Exit.UNREACHABLE in codes:
        return Exit.UNREACHABLE
    return next((code for code in codes if code), Exit.DONE)


def note_errors(answers: Sequence[Answer[Any]]) -> None:
    """A line for each cluster that gave nothing."""
    for one in answers:
        if one.error is not None:
            output.note(f"meshtui: {one.name}: {one.error}")


async def _paged(arguments: argparse.Namespace, contexts: Sequence[str]) -> int:
    async def run(of_one: argparse.Namespace) -> int:
        result = of_one.run(of_one)
        return result if isinstance(result, int) else int(await result)

    answers = await each(arguments, contexts, run)
    form = opening.form(arguments)
    if form == "table":
        _print(answers)
    else:
        output.data({"clusters": [_document(one) for one in answers]}, form)
    note_errors(answers)
    return status_of(answers, lambda status: status)


def _document(answer: Answer[int]) -> dict[str, Any]:
    """`document` is what the command prints of one cluster alone."""
    documents = answer.page.documents
    return {
        "cluster": answer.name,
        "error": str(answer.error) if answer.error else None,
        "document": documents[0] if documents else None,
    }


def _print(answers: Sequence[Answer[int]]) -> None:
    """Tables of the same columns become one, with a column for the cluster; lines stay apart."""
    headers = dict.fromkeys(table.header for one in answers for table in one.page.tables)
    for header in headers:
        rows: list[Sequence[str]] = []
        right: frozenset[int] = frozenset()
        spare: tuple[str, ...] = ()
        whole: tuple[str, ...] = ()
        for one in answers:
            for table in (table for table in one.page.tables if table.header == header):
                right, spare, whole = table.right, table.spare, table.whole
                rows += [(one.name, *row) for row in table.rows]
            if one.error is not None and not isinstance(one.error, NotFound):
                rows.append((one.name, *["?"] * len(header)))
        output.table(("CLUSTER", *header), rows, [at + 1 for at in right], spare, whole)
    for one in answers:
        if one.page.lines:
            output.line(f"{one.name}:")
        for text in one.page.lines:
            output.line(text)
