"""A load as it is typed: `50 10s GET /path header k=v from WORKLOAD concurrency 64`. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import field, replace

from meshtui.dataclass import dataclass
from meshtui.errors import Usage
from meshtui.mesh.request import Request
from meshtui.operations.request.load_plan import LoadPlan
from meshtui.ui.panes.trace_request import TraceRequest, words_of
from meshtui.verbs.line_values import parse_words
from meshtui.verbs.read_verbs import LOAD

EXAMPLE = "as in :load 50 10s /path header k=v from WORKLOAD concurrency 64"
USUAL = LoadPlan(50.0, 10.0, 16)
"""What is proposed: within 10 s the limit of a breaker is seen."""

SCREENS_OWN = ("yes", "force", "timeout")
"""What only the command line takes: the screen always asks."""


@dataclass(frozen=True, slots=True)
class LoadAsk:
    """A load whatever the service."""

    plan: LoadPlan = USUAL
    request: TraceRequest = field(default_factory=TraceRequest)


def parse_load(words: Sequence[str]) -> LoadAsk:
    """What the words ask; values with spaces stand in quotes. Raises `Usage`."""
    try:
        left = shlex.split(" ".join(words))
    except ValueError as error:
        raise Usage("a quote is not closed", EXAMPLE) from error
    own = next((word for word in left if word.removeprefix("--") in SCREENS_OWN), "")
    if own:
        raise Usage(f"{own} is of the command line: here you are asked", EXAMPLE)
    values = parse_words(LOAD, left)
    if not values["rps"] or not values["for"]:
        raise Usage("a load wants a rate and a time", EXAMPLE)
    plan = LoadPlan(values["rps"], values["for"], values["concurrency"], values["by"])
    plan.validate()
    path = values["path"] if values["path"].startswith("/") else f"/{values['path']}"
    request = Request(
        method=values["method"].upper(),
        path=path,
        authority=values["host"],
        headers=tuple(values["header"]),
    )
    return LoadAsk(plan, TraceRequest(request, values["from"], values["port"]))


def load_words(ask: LoadAsk) -> str:
    """The words that ask the same, to be edited."""
    plan = ask.plan
    more = f" concurrency {plan.connections}" if plan.connections != USUAL.connections else ""
    more += f" by {plan.by}" if plan.by else ""
    plain = replace(ask.request.request, scheme="http")
    request = replace(ask.request, request=plain)
    return f"{plan.rate:g} {plan.seconds:g}s {words_of(request)}{more}"
