"""`trace`: which rule takes a request and what becomes of it, by the objects and by each proxy."""

from __future__ import annotations

import argparse

from meshtui.cli import connect as opening
from meshtui.cli import output
from meshtui.cli.documents.trace import traced_json
from meshtui.errors import Exit
from meshtui.mesh.decision import Decision, Tried
from meshtui.mesh.effects import effect_lines
from meshtui.mesh.model import Mesh
from meshtui.mesh.request import Request
from meshtui.mesh.signals import Sample
from meshtui.operations.look.trace import ProxyTrace, Question, Traced, callers, trace_request
from meshtui.operations.session import Session


async def trace(arguments: argparse.Namespace) -> int:
    """Status 5 where no proxy could be asked; what the objects say is printed all the same."""
    async with opening.session(arguments) as opened:
        named = await _by_callers(arguments, opened)
        mesh, question, sample = named or await _by_all(arguments, opened)
        traced = await trace_request(opened.cluster, mesh, question, sample)
    form = opening.form(arguments)
    if form == "table":
        _show(traced)
    else:
        output.data(traced_json(traced), form)
    _notes(traced)
    reached = [seen for seen in traced.seen if seen.pod is None or not seen.trouble]
    return Exit.DONE if reached else Exit.UNREACHABLE


_Asked = tuple[Mesh, Question, Sample | None]


async def _by_callers(arguments: argparse.Namespace, opened: Session) -> _Asked | None:
    """On as much of the mesh as the service and the callers that telemetry names rest on; None
    where it names none, or another host or caller is asked about.
    """
    if vars(arguments)["from"] or request_of(arguments).authority:
        return None
    part = await opening.part(opened, arguments.service)
    if part is None:
        return None
    question = _question(arguments, opened, part.mesh)
    sample, _ = await opening.sample(opened, part.mesh, 0.0, about=question.service.key)
    if not opening.suits_part(opened, sample):
        return None
    few = await opened.with_callers(part, sample)
    if few is None or not callers(few.mesh, question, sample).known:
        return None
    return few.mesh, question, sample


async def _by_all(arguments: argparse.Namespace, opened: Session) -> _Asked:
    mesh = await opened.read_mesh()
    question, sample = _question(arguments, opened, mesh), None
    if not question.source:
        sample, error = await opening.sample(opened, mesh, 0.0, about=question.service.key)
        if error:
            output.note(f"meshtui: telemetry: {error}")
    return mesh, question, sample


def _question(arguments: argparse.Namespace, opened: Session, mesh: Mesh) -> Question:
    service = opening.find(mesh, arguments.service, opened.cluster.namespace)
    return Question(service, request_of(arguments), vars(arguments)["from"], arguments.port)


def request_of(arguments: argparse.Namespace) -> Request:
    """The request that the options describe."""
    path = arguments.path if arguments.path.startswith("/") else f"/{arguments.path}"
    sni = getattr(arguments, "sni", "")
    return Request(
        method=arguments.method.upper(),
        path=path,
        authority=sni or arguments.host,
        scheme="https" if sni else getattr(arguments, "scheme", "http"),
        headers=tuple(arguments.header),
    )


def _show(traced: Traced) -> None:
    """Callers that are to do the same share one picture of the objects."""
    groups: dict[tuple[Request, Decision], list[ProxyTrace]] = {}
    for seen in traced.seen:
        groups.setdefault((seen.request, seen.intent), []).append(seen)
    for place, ((request, intent), found) in enumerate(groups.items()):
        if place:
            output.line()
        headers = "".join(f"  {name}: {value}" for name, value in request.headers)
        output.line(
            f"{request.method} {request.scheme}://{request.authority}{request.path}{headers}"
        )
        output.line("by the objects")
        _decision(intent)
        _proxies(found)


def _decision(decision: Decision) -> None:
    rows = [_row("not" if tried.holds is False else "maybe", tried) for tried in decision.above]
    if decision.taken is not None:
        rows.append(_row("takes" if decision.sure else "else", decision.taken))
        rows += [(f"  {label}", text, "") for label, text in effect_lines(decision.effects)]
    rows += [("note", text, "") for text in decision.notes]
    for mark, text, why in rows:
        output.line(f"  {mark:<9} {text}{f'  ({why})' if why else ''}".rstrip())


def _row(mark: str, tried: Tried) -> tuple[str, str, str]:
    return mark, str(tried), tried.why or tried.match


def _proxies(found: list[ProxyTrace]) -> None:
    asked = [(seen, seen.pod) for seen in found if seen.pod is not None]
    if not asked:
        output.line("no proxy was asked: none is known to call the service")
        return
    output.line("by each proxy")
    for seen, pod in asked:
        says = {True: "agrees", False: "DIFFERS", None: "not decided"}[seen.agrees]
        state = f"out of reach: {seen.trouble}" if seen.trouble else says
        output.line(f"  {pod.name}.{pod.namespace}: {state}")
        for text in seen.differences:
            output.line(f"    {text}")
        if seen.agrees is not True and seen.actual is not None:
            _decision(seen.actual)


def _notes(traced: Traced) -> None:
    if not traced.known:
        output.note("meshtui: telemetry names no caller: every proxy that may call was asked")
    if traced.left_out:
        output.note(f"meshtui: {traced.left_out} more proxies were not asked")
    for words in traced.unread:
        output.note(f"meshtui: {words}")
