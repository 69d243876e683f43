"""`request`: one real request from inside the mesh, and what became of it."""

from __future__ import annotations

import argparse

from meshtui.cli import connect as opening
from meshtui.cli import output
from meshtui.cli.documents.request import asked_json
from meshtui.errors import Exit, Refused
from meshtui.mesh.model import Service
from meshtui.mesh.request import SAFE_METHODS
from meshtui.operations.look.trace import Question
from meshtui.operations.request.ask import ask_service
from meshtui.operations.request.words import request_line, request_rows


async def request(arguments: argparse.Namespace) -> int:
    """Status 0 whatever the answer's code is, 1 where none came."""
    from meshtui.cli.trace import request_of

    async with opening.session(arguments) as opened:
        mesh = await opened.read_mesh()
        service = opening.find(mesh, arguments.service, opened.cluster.namespace)
        question = Question(service, request_of(arguments), vars(arguments)["from"], arguments.port)
        if not opened.cluster.read_only:
            _consent(arguments, service)
        sample = None
        if not question.source:
            sample, error = await opening.sample(opened, mesh, 0.0, about=service.key)
            if error:
                output.note(f"meshtui: telemetry: {error}")
        asked = await ask_service(
            opened.cluster,
            mesh,
            question,
            sample,
            timeout_s=arguments.timeout,
            wait_s=arguments.wait,
        )
    form = opening.form(arguments)
    if form == "table":
        output.line(request_line(asked))
        for name, value in asked.traced.request.headers:
            output.line(f"  {name}: {value}")
        for label, text in request_rows(asked):
            output.line(f"  {label:<9} {text}")
    else:
        output.data(asked_json(asked), form)
    return Exit.DONE if asked.sent.answer.code else Exit.FAILED


def _consent(arguments: argparse.Namespace, service: Service) -> None:
    """A method that is not safe wants the service's name. Raises Refused."""
    method, name = arguments.method, service.key.name
    if method in SAFE_METHODS or arguments.force:
        return
    if output.ask(f"a {method} may change something: type {name} to send it: ") != name:
        raise Refused("nothing was sent", f"type {name} when asked, or give --force")
