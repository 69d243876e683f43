"""What the signals pane says, on the command line: with commands in place of keys."""

from __future__ import annotations

import shlex

import pytest

from meshtui.cli.parser import build_parser
from meshtui.cli.step_commands import COMMANDS, commands
from meshtui.diagnosis.explain import explanations
from meshtui.diagnosis.explain.steps import FAULT_OFF, Step, Steps, lines_of, steps_text, typed
from meshtui.envoy.logfilter import parse_filter
from meshtui.mesh.flags import FLAGS
from meshtui.mesh.model import ServiceKey
from meshtui.ui.actions.registry import BY_ID
from meshtui.ui.panes.signalstext import signals_lines, to_be_typed
from tests.ui.test_signals_steps import scopes
from tests.unit.explaining import mesh_of, scope, signals

SHOP = commands(ServiceKey("shop", "reviews"))


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ((Step("logs", "its log lines"),), "meshtui logs reviews.shop: its log lines"),
        ((lines_of("code:401", "why"),), "meshtui logs reviews.shop --filter code:401: why"),
        (
            (lines_of("flag:UF", callers=True),),
            "meshtui logs reviews.shop --callers --filter flag:UF",
        ),
        (
            (
                Step("rollback", "roll back"),
                Step("lighter", "take weight off v3", "v3=15", instead=True),
                lines_of(">=1s", "what is slow"),
            ),
            "meshtui rollback reviews.shop: roll back, or meshtui shift reviews.shop v3=15: take "
            "weight off v3; meshtui logs reviews.shop --filter '>=1s': what is slow",
        ),
        (
            (Step(FAULT_OFF, "unless", "2"),),
            "meshtui fault reviews.shop --off --rule 2: unless",
        ),
        ((typed("kubectl get pods", "why"),), "kubectl get pods: why"),
    ],
)
def test_steps_become_commands(steps: Steps, text: str) -> None:
    assert steps_text(steps, SHOP) == text


def test_every_action_that_becomes_a_command_is_one_of_the_screen() -> None:
    assert set(COMMANDS) <= set(BY_ID)


@pytest.mark.parametrize("code", [*sorted(FLAGS), "500", "403", "404", "429", "0"])
def test_every_step_is_a_command_that_is_understood(code: str) -> None:
    for found in scopes(code):
        for step in (step for one in explanations([found]) for step in one.next):
            words = shlex.split(SHOP(step))
            if words[:1] == ["meshtui"] and "…" not in words:
                asked = build_parser(words[1:]).parse_args(words[1:])
                if getattr(asked, "filter", ""):
                    assert parse_filter(asked.filter)


@pytest.mark.parametrize("width", [40, 80, 100])
@pytest.mark.parametrize("flag", sorted(FLAGS))
def test_every_command_stands_whole_on_a_line_of_its_own(flag: str, width: int) -> None:
    found = scope(mesh_of(), "v1", signals(c503=10, **{flag: 10}))
    shown = signals_lines(found, "", width, told=to_be_typed(SHOP))
    lines = {"".join(piece.text for piece in line).strip(" →") for line in shown}
    steps = [step for one in explanations([found]) for step in one.next]
    assert steps and all(SHOP(step) in lines for step in steps)
