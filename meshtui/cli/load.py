"""`load`: a bounded load from inside the mesh, second by second, and what came of it."""

from __future__ import annotations

import argparse
import asyncio
import signal
from contextlib import aclosing

from meshtui.cli import connect as opening
from meshtui.cli import output
from meshtui.cli.documents.load import load_json
from meshtui.cli.trace import request_of
from meshtui.errors import Exit, MeshtuiError, Refused
from meshtui.mesh.model import Mesh, Service
from meshtui.mesh.request import SAFE_METHODS
from meshtui.operations.look.trace import Question
from meshtui.operations.request import load_words as words
from meshtui.operations.request.load import refuse_load
from meshtui.operations.request.load_plan import LoadPlan, Tally
from meshtui.operations.request.loading import LoadState, ReadyLoad, loading, prepare_load
from meshtui.operations.session import Session

BAR, BARS = 40, 12


async def load(arguments: argparse.Namespace) -> int:
    """Status 0 once it has run, whatever the answers were; 1 where none came."""
    plan = LoadPlan(arguments.rps, vars(arguments)["for"], arguments.concurrency, arguments.by)
    plan.validate()
    async with opening.session(arguments) as opened:
        refuse_load(
            opened.cluster.context,
            production=opened.options.config.production,
            read_only=opened.options.read_only,
        )
        mesh = await opening.mesh(opened)
        service = opening.find(mesh, arguments.service, opened.cluster.namespace)
        ready = await _ready(arguments, opened, mesh, service, plan)
        _consent(arguments, ready)
        state, trouble = await _run(opened, mesh, ready)
    for unread in state.counted.troubles:
        output.note(f"meshtui: the caller's counters: {unread}")
    form = opening.form(arguments)
    if form == "table":
        _show(state)
    else:
        output.data(load_json(state), form)
    if trouble is not None:
        raise trouble
    return Exit.DONE if state.tally.codes else Exit.FAILED


async def _ready(
    arguments: argparse.Namespace, opened: Session, mesh: Mesh, service: Service, plan: LoadPlan
) -> ReadyLoad:
    question = Question(service, request_of(arguments), vars(arguments)["from"], arguments.port)
    sample = None
    if not question.source:
        sample, error = await opening.sample(opened, mesh, 0.0, about=service.key)
        if error:
            output.note(f"meshtui: telemetry: {error}")
    return await prepare_load(opened.cluster, mesh, question, plan, sample, arguments.timeout)


def _consent(arguments: argparse.Namespace, ready: ReadyLoad) -> None:
    """Says what it will hit. A method that is not safe wants the service's name."""
    method, name = ready.target.outgoing.method, ready.service.key.name
    output.note(f"{words.plan_words(ready.plan)} from {words.caller_words(ready)}:")
    output.note(f"  {words.request_words(ready)}")
    output.note(f"  {words.way_words(ready)}")
    if method not in SAFE_METHODS and not arguments.force:
        if output.ask(f"a {method} may change something: type {name} to begin: ") != name:
            raise Refused("nothing was sent", f"type {name} when asked, or give --force")
    elif not arguments.yes and output.ask("begin? [y/N] ").lower() not in ("y", "yes"):
        raise Refused("nothing was sent", "answer yes, or give --yes")


async def _run(
    opened: Session, mesh: Mesh, ready: ReadyLoad
) -> tuple[LoadState, MeshtuiError | None]:
    """All that came of it, and what ended it before its time: ^C does, too."""
    state, stop = LoadState(ready), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, stop.set)
    try:
        async with aclosing(loading(opened.cluster, mesh, ready, stop)) as states:
            async for state in states:
                if state.part.requests:
                    output.note(f"  {state.part.seconds:5.1f} s  {words.second_words(state)}")
    except MeshtuiError as error:
        return state, error
    finally:
        loop.remove_signal_handler(signal.SIGINT)
    early = Refused("the load was stopped", "what came of it is above")
    return state, early if state.stopped else None


def _show(state: LoadState) -> None:
    tally, ready = state.tally, state.ready
    output.line(words.rate_words(tally, ready.plan))
    for name, found, percent, _ in words.outcomes(tally):
        output.line(f"  {found:>7}  {percent:5.1f}%  {name}")
    late = words.late_words(tally, ready.plan)
    if late:
        output.line(f"  {late}")
    _times(tally)
    if state.counted.reached:
        output.line(words.BY_PROXY)
    for one in state.counted.reached:
        who, counts = words.reached_words(one)
        output.line(f"  {one.signals.requests:>7.0f}  {who:<24} {counts}".rstrip())
    _breaker(state)


def _breaker(state: LoadState) -> None:
    rows = state.counted.breaker
    if rows:
        output.line(words.BREAKER)
    for row in (one for one in rows if not one.unlimited):
        place = words.place_words(row, state.ready)
        for name, said in words.breaker_words(row):
            output.line(f"  {place:<10} {name:<9} {said.text}")
            place = ""
    unlimited = words.unlimited_words(rows, state.ready)
    if unlimited:
        output.line(f"  {unlimited}")


def _times(tally: Tally) -> None:
    times = words.times_words(tally)
    if not times:
        return
    output.line(f"  {times}")
    bars = list(tally.histogram(BARS))
    most = max(found for _, _, found in bars)
    for low, high, found in bars:
        output.line(f"  {low:8.1f} to {high:8.1f} ms  {found:>7}  {'#' * (BAR * found // most)}")
