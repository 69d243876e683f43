"""What the signals pane says, on the command line: with commands in place of keys."""

from __future__ import annotations

import pytest

from meshtui.cli.key_commands import COMMANDS, as_commands
from meshtui.mesh.flags import FLAGS
from meshtui.mesh.model import ServiceKey
from meshtui.ui.actions.registry import ACTIONS
from meshtui.ui.panes.signalstext import signals_lines
from tests.unit.explaining import mesh_of, scope, signals, told

SHOP = as_commands(ServiceKey("shop", "reviews"))


@pytest.mark.parametrize(
    ("keys", "typed"),
    [
        ("l: its log lines", "meshtui logs reviews.shop: its log lines"),
        ("why: :logs code:401", "why: meshtui logs reviews.shop --filter 'code:401'"),
        (":logs flag:UC: which paths", "meshtui logs reviews.shop --filter 'flag:UC': which paths"),
        (
            "R: roll back, or -: take weight off v3; :logs >=1s: what is slow",
            "meshtui rollback reviews.shop: roll back, or meshtui shift reviews.shop …: take "
            "weight off v3; meshtui logs reviews.shop --filter '>=1s': what is slow",
        ),
        (":fault off rule 2 — unless", "meshtui fault reviews.shop --off rule 2 — unless"),
        ("y: the rule", "y: the rule"),
    ],
)
def test_keys_become_commands(keys: str, typed: str) -> None:
    assert SHOP(keys) == typed


def test_every_key_that_becomes_a_command_is_a_key_of_the_screen() -> None:
    keys = {key for action in ACTIONS for key in action.keys}
    shown = {"-": "minus"}
    assert {shown.get(key, key) for key in COMMANDS} <= keys


@pytest.mark.parametrize("flag", sorted(FLAGS))
def test_the_text_has_what_to_do_next_as_a_command(flag: str) -> None:
    found = scope(mesh_of(), "v1", signals(c503=10, **{flag: 10}))
    one = told(found, flag)
    typed = ["".join(p.text for p in each) for each in signals_lines(found, "", 500, step=SHOP)]
    assert any(SHOP(one.next) in line for line in typed)
