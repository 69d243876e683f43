"""`load`: a bounded load from inside the mesh, second by second, and what came of it."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import aclosing

from meshtui.cli import connect as opening
from meshtui.cli import output
from meshtui.cli.documents.load import load_json
from meshtui.cli.trace import request_of
from meshtui.errors import Exit, MeshtuiError, Refused
from meshtui.mesh.model import Mesh, Service
from meshtui.mesh.request import SAFE_METHODS
from meshtui.operations.look.trace import Question
from meshtui.operations.request.foretold import destinations
from meshtui.operations.request.load import (
    CallerCounters,
    LoadTarget,
    Reached,
    choose,
    load_targets,
    refuse_load,
    run_load,
    services_of,
)
from meshtui.operations.request.load_plan import LoadPlan, Tally
from meshtui.operations.session import Session

BAR, BARS = 40, 12


async def load(arguments: argparse.Namespace) -> int:
    """Status 0 once it has run, whatever the answers were; 1 where none came."""
    plan = LoadPlan(arguments.rps, vars(arguments)["for"], arguments.concurrency)
    plan.validate()
    async with opening.session(arguments) as opened:
        refuse_load(opened.options, opened.cluster.context)
        mesh = await opening.mesh(opened)
        service = opening.find(mesh, arguments.service, opened.cluster.namespace)
        target = await _target(arguments, opened, mesh, service)
        _consent(arguments, service, target, plan)
        counters = CallerCounters(opened.cluster, mesh, target.pod)
        await counters.begin()
        tally, trouble = await _run(opened, target, plan)
        reached = await counters.end(services_of(mesh, target, service.key))
    if counters.trouble:
        output.note(f"meshtui: the caller's counters: {counters.trouble}")
    form = opening.form(arguments)
    if form == "table":
        _show(tally, plan, reached)
    else:
        output.data(load_json(tally, plan, target, reached), form)
    if trouble is not None:
        raise trouble
    return Exit.DONE if tally.codes else Exit.FAILED


async def _target(
    arguments: argparse.Namespace, opened: Session, mesh: Mesh, service: Service
) -> LoadTarget:
    question = Question(service, request_of(arguments), vars(arguments)["from"], arguments.port)
    sample = None
    if not question.source:
        sample, error = await opening.sample(opened, mesh, 0.0, about=service.key)
        if error:
            output.note(f"meshtui: telemetry: {error}")
    targets = load_targets(mesh, question, sample, arguments.timeout)
    return await choose(opened.cluster, targets)


def _consent(
    arguments: argparse.Namespace, service: Service, target: LoadTarget, plan: LoadPlan
) -> None:
    """Says what it will hit. A method that is not safe wants the service's name."""
    pod, method, name = target.pod, target.outgoing.method, service.key.name
    output.note(
        f"{plan.requests} requests in {plan.seconds:g} s ({plan.rate:g}/s, at most "
        f"{plan.connections} at a time) from {pod.name}.{pod.namespace} ({target.container}):"
    )
    output.note(
        f"  {method} http://{target.outgoing.authority}{target.outgoing.target} "
        f"to {destinations(target.traced.intent) or 'nowhere: no route takes it'}"
    )
    if method not in SAFE_METHODS and not arguments.force:
        if output.ask(f"a {method} may change something: type {name} to begin: ") != name:
            raise Refused("nothing was sent", f"type {name} when asked, or give --force")
    elif not arguments.yes and output.ask("begin? [y/N] ").lower() not in ("y", "yes"):
        raise Refused("nothing was sent", "answer yes, or give --yes")


async def _run(
    opened: Session, target: LoadTarget, plan: LoadPlan
) -> tuple[Tally, MeshtuiError | None]:
    """All that came of it, and what ended it before its time: ^C does, too."""
    tally, stopped = Tally(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, stopped.set)
    try:
        async with aclosing(run_load(opened.cluster, target, plan)) as seconds:
            while (part := await _next(seconds, stopped)) is not None:
                tally += part
                if part.requests:
                    output.note(f"  {part.seconds:5.1f} s  {_line(part)}")
    except MeshtuiError as error:
        return tally, error
    finally:
        loop.remove_signal_handler(signal.SIGINT)
    early = stopped.is_set() and not tally.done
    return tally, Refused("the load was stopped", "what came of it is above") if early else None


async def _next(seconds: AsyncGenerator[Tally], stopped: asyncio.Event) -> Tally | None:
    """The next second's, or None at the end or once it is to stop."""
    coming = asyncio.ensure_future(anext(seconds, None))
    waiting = asyncio.ensure_future(stopped.wait())
    await asyncio.wait((coming, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if coming.done():
        return await coming
    coming.cancel()
    await asyncio.gather(coming, return_exceptions=True)
    return None


def _line(part: Tally) -> str:
    words = [f"{code}: {n}" for code, n in sorted(part.codes.items())]
    words += [f"failed: {part.errors.total()}"] if part.errors else []
    median, p99 = part.quantile_ms(0.5), part.quantile_ms(0.99)
    if median is not None and p99 is not None:
        words.append(f"p50 {median:.1f} ms  p99 {p99:.1f} ms")
    return "  ".join([*words, *([f"{part.late} late"] if part.late else [])])


def _show(tally: Tally, plan: LoadPlan, reached: tuple[Reached, ...]) -> None:
    output.line(
        f"{tally.requests} requests in {tally.seconds:.1f} s: {tally.rate:.1f}/s, "
        f"{plan.rate:g}/s asked"
    )
    for name, found in (*sorted(tally.codes.items()), *sorted(tally.errors.items())):
        output.line(f"  {found:>7}  {100 * found / tally.requests:5.1f} %  {name}")
    if tally.late:
        output.line(f"  {tally.late} began late: all {plan.connections} connections were busy")
    _times(tally)
    if reached:
        output.line("counted by the caller's proxy, with what else it sent meanwhile")
    for one in reached:
        flags = "  ".join(f"{flag}: {n:.0f}" for flag, n in sorted(one.signals.flags.items()))
        codes = "  ".join(f"{code}: {n:.0f}" for code, n in sorted(one.signals.codes.items()))
        who = one.workload or "(no pod reached)"
        output.line(f"  {one.signals.requests:>7.0f}  {who:<24} {codes}  {flags}".rstrip())


def _times(tally: Tally) -> None:
    points = [(f"p{100 * q:g}", tally.quantile_ms(q)) for q in (0.5, 0.9, 0.95, 0.99)]
    known = [f"{name} {ms:.1f} ms" for name, ms in points if ms is not None]
    if not known:
        return
    output.line(f"  {'  '.join(known)}")
    bars = list(tally.histogram(BARS))
    most = max(found for _, _, found in bars)
    for low, high, found in bars:
        output.line(f"  {low:8.1f} to {high:8.1f} ms  {found:>7}  {'#' * (BAR * found // most)}")
