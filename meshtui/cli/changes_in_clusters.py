"""A verb in several clusters: a plan for each that has the service, one question, one by one."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from meshtui.changes.change import Plan
from meshtui.changes.outcome import Outcome
from meshtui.cli import change_commands as one
from meshtui.cli import connect as opening
from meshtui.cli import output
from meshtui.cli.documents.changes import change_json
from meshtui.cli.pages import CURRENT, Page, in_context
from meshtui.dataclass import dataclass
from meshtui.errors import Exit, MeshtuiError, NotFound, Refused, Usage
from meshtui.mesh.model import Mesh
from meshtui.mesh.signals import Sample
from meshtui.operations.change.in_clusters import Made, apply_in_turn
from meshtui.operations.session import Session


@dataclass(slots=True)
class Place:
    """A cluster that has the service, and what is going to be done there."""

    page: Page
    opened: Session
    mesh: Mesh
    sample: Sample | None = None
    plan: Plan | None = None
    undoes: str = ""
    """The identity of the change that is taken back here."""

    @property
    def name(self) -> str:
        return self.page.name

    @property
    def planned(self) -> Plan:
        assert self.plan is not None  # noqa: S101 - see `_plan`
        return self.plan


async def change(arguments: argparse.Namespace, contexts: Sequence[str]) -> int:
    """In the one cluster that has the service; in several only where --all-clusters says so.

    Raises the first cluster's error where one can't be read: it may have the service too.
    """
    async with AsyncExitStack() as stack:
        places = await _places(arguments, contexts, stack)
        if len(places) > 1:
            if not arguments.all_clusters:
                raise _several(arguments, places)
            return await in_all(arguments, places)
        alone = places[0].name
    output.note(f"meshtui: {arguments.service} stands in {alone} alone")
    return int(await arguments.run(in_context(arguments, alone)))


def _several(arguments: argparse.Namespace, places: Sequence[Place]) -> Usage:
    names = ", ".join(place.name for place in places)
    hint = f"name one, as in --context {places[0].name}, or change all with --all-clusters"
    return Usage(f"{arguments.service} stands in several clusters ({names})", hint)


async def sessions(
    arguments: argparse.Namespace, contexts: Sequence[str], stack: AsyncExitStack
) -> list[tuple[Page, Session]]:
    """One in each cluster; none of them was asked anything yet."""
    logging_in = asyncio.Lock()
    opened = []
    for context in contexts:
        page = Page(context, logging_in)
        with _in(page):
            logged_in = opening.session(in_context(arguments, context))
            opened.append((page, await stack.enter_async_context(logged_in)))
    return opened


async def read_all(opened: Sequence[tuple[Page, Session]]) -> list[Mesh | BaseException]:
    """The mesh of each, or why it can't be read."""
    reading = (session.read_mesh() for _, session in opened)
    return await asyncio.gather(*reading, return_exceptions=True)


async def _places(
    arguments: argparse.Namespace, contexts: Sequence[str], stack: AsyncExitStack
) -> list[Place]:
    """Those that have the service. Raises `NotFound` where none has."""
    opened = await sessions(arguments, contexts, stack)
    meshes = await read_all(opened)
    found, missing = [], []
    for (page, session), mesh in zip(opened, meshes, strict=True):
        if isinstance(mesh, NotFound):
            missing.append(named(page.name, mesh))
        elif isinstance(mesh, BaseException):
            raise named(page.name, mesh) if isinstance(mesh, MeshtuiError) else mesh
        else:
            try:
                opening.find(mesh, arguments.service, session.cluster.namespace)
                found.append(Place(page, session, mesh))
            except NotFound as error:
                missing.append(named(page.name, error))
    if not found:
        raise missing[0]
    return found


def named(cluster: str, error: MeshtuiError) -> MeshtuiError:
    """The error with the cluster that it is about; before anything is written."""
    return type(error)(f"{cluster}: {error.what}", error.hint or "nothing was written")


class _in:  # noqa: N801 - reads as a statement
    """What is noted meanwhile is of this cluster."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def __enter__(self) -> None:
        self._token = CURRENT.set(self._page)

    def __exit__(self, *_: object) -> None:
        CURRENT.reset(self._token)


async def in_all(arguments: argparse.Namespace, places: Sequence[Place]) -> int:
    planned = (_plan(arguments, place) for place in places)
    for error in await asyncio.gather(*planned, return_exceptions=True):
        if error is not None:
            raise error
    if arguments.dry_run or all(p.planned.empty and not p.planned.dangerous for p in places):
        made = tuple(Made(place.name, place.planned) for place in places)
        return _report(arguments, made, dry=True)
    _consent(arguments, places)
    by_name = {place.name: place for place in places}
    written: list[tuple[str, Outcome]] = []

    async def apply(name: str, plan: Plan) -> Outcome:
        place = by_name[name]
        with _in(place.page):
            outcome = await one.made(arguments, place.opened, place.mesh, plan, place.sample)
        written.append((name, outcome))
        return outcome

    async def revert(name: str, change_id: str) -> Outcome:
        output.note(f"meshtui: {name}: undoing change {change_id}")
        return await _take_back(by_name[name], change_id)

    plans = [(place.name, place.planned) for place in places]
    async with _interrupted(written):
        made = await apply_in_turn(plans, apply, revert)
    return _report(arguments, made, dry=False)


@asynccontextmanager
async def _interrupted(written: Sequence[tuple[str, Outcome]]) -> AsyncIterator[None]:
    """Who ends it in the middle reads what stands."""
    try:
        yield
    except BaseException:
        for name, outcome in written:
            back = f"`meshtui undo {outcome.change_id} --context {name}` undoes it"
            output.note(f"meshtui: {name}: change {outcome.change_id} was made; {back}")
        raise


async def _plan(arguments: argparse.Namespace, place: Place) -> None:
    planning = _planning(in_context(arguments, place.name), place)
    with _in(place.page):
        try:
            await one.report_interrupted(place.opened, place.mesh)
            place.sample = await one.rates(arguments, place.opened, place.mesh)
            place.plan = await planning(place.opened, place.mesh, place.sample)
        except MeshtuiError as error:
            raise named(place.name, error) from error


def _planning(here: argparse.Namespace, place: Place) -> one.Planning:
    if place.undoes:
        return one.undoing(place.undoes)
    if here.command == "adopt":
        from meshtui.cli.object_commands import adopting

        return adopting(here)
    return one.planning_of(here)


async def _take_back(place: Place, change_id: str) -> Outcome:
    mesh = await place.opened.read_mesh()
    plan = await place.opened.plan_undo(mesh, change_id, place.sample)
    return await place.opened.apply(plan, mesh, place.sample, lambda _: None)


def _consent(arguments: argparse.Namespace, places: Sequence[Place]) -> None:
    """One yes for all of them, after each plan was shown. Raises `Refused`."""
    if not arguments.yes:
        for place in places:
            output.note(f"in {place.name} ({place.opened.cluster.server})")
            one.show(place.planned)
        name = places[0].planned.change.service.name
        dangerous = any(p.planned.dangerous for p in places) and not one.consented(arguments)
        where = ", ".join(place.name for place in places)
        question = f"type {name} to apply it" if dangerous else "apply"
        answer = output.ask(f"{question} in {where}{': ' if dangerous else '? [y/N] '}")
        if answer.lower() in ((name,) if dangerous else ("y", "yes")):
            return
    for place in places:
        try:
            one.refuse_danger(arguments, place.planned)
        except Refused as refused:
            raise named(place.name, refused) from None
    if not arguments.yes:
        raise Refused("not applied, nothing was written", "answer yes, or give --yes")


def _report(arguments: argparse.Namespace, made: Sequence[Made], *, dry: bool) -> int:
    failed = next((each for each in made if each.failed), None)
    with output.settled([f"{each.cluster}: {each.sentence}" for each in made if each.written]):
        if opening.form(arguments) == "table":
            _lines(made, dry=dry)
            _undo_line(arguments, made)
        else:
            document = {"clusters": [_document(each) for each in made]}
            output.data(document, opening.form(arguments))
    if failed is None:
        return Exit.DONE
    output.note(f"meshtui: {failed.cluster}: {failed.error or failed.sentence}")
    standing = [each.cluster for each in made if each.stands]
    what = f"it STANDS in {', '.join(standing)}" if standing else "what was made before is undone"
    output.note(f"meshtui: not done in all clusters: {what}")
    return failed.error.exit if failed.error else Exit.FAILED


def _lines(made: Sequence[Made], *, dry: bool) -> None:
    for each in made:
        for changed in each.plan.changes:
            for text in changed.words:
                output.line(f"{each.cluster}: {changed.service}: {text}")
        if dry:
            for part in each.plan.parts:
                for text in filter(None, (part.blast, *part.change.diff)):
                    output.line(text)
            output.line(f"{each.cluster}: nothing {'to do' if each.plan.empty else 'was written'}")
        else:
            output.line(f"{each.cluster}: {each.sentence}")
            if each.written and not each.undone and each.outcome:
                change_id = each.outcome.change_id
                undo = f"`meshtui undo {change_id} --context {each.cluster}` undoes it"
                output.line(f"{each.cluster}: change {change_id}; {undo}")
        warnings = (*each.plan.warnings, *(each.outcome.warnings if each.outcome else ()))
        for warning in warnings:
            output.note(f"warning: {each.cluster}: {warning}")


def _undo_line(arguments: argparse.Namespace, made: Sequence[Made]) -> None:
    standing = [one for one in made if one.written and not one.undone and one.outcome]
    if len(standing) > 1 and standing[0].outcome:
        command = f"meshtui undo {standing[0].outcome.change_id}"
        output.line(f"`{command} --context {arguments.context} --all-clusters` undoes all of it")


def _document(made: Made) -> dict[str, Any]:
    """`document` is that of a change in one cluster."""
    outcome = made.outcome or Outcome("", made.plan, applied=False)
    return {
        "cluster": made.cluster,
        "error": str(made.error) if made.error else made.stands or None,
        "undone_by": made.undone or None,
        "stands": made.written and not made.undone,
        "document": change_json(outcome, parts=made.plan.change.verb == "adopt"),
    }
