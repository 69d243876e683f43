"""The keys of the line that is typed in: whole words, what is wrong, nothing that is a letter."""

from __future__ import annotations

import pytest

from meshtui.mesh.text import ELLIPSIS
from meshtui.ui.widgets.paint import width_of
from meshtui.ui.widgets.prompt_keys import Typing, prompt_line

LINES = ("fault delay ", "fault abort ", "fault header ", "fault for ")


def shown(typing: Typing, width: int) -> str:
    line = prompt_line(typing, width)
    assert width_of(line) == width
    return "".join(piece.text for piece in line).rstrip()


@pytest.mark.parametrize("width", range(50, 130))
def test_what_tab_offers_are_whole_words_and_a_cut_list_says_so(width: int) -> None:
    offered = shown(Typing(":", LINES), width).partition("Tab")[2].split()
    words = [line.split()[1] for line in LINES]
    assert offered in (
        *([*words[:n], ELLIPSIS] for n in range(1, len(words))),
        words,
        [],
    )


def test_what_is_wrong_takes_the_place_of_what_else_can_be_typed() -> None:
    right = Typing("/", grammar="!text without it")
    assert shown(right, 120).endswith("!text without it")
    wrong = Typing("/", trouble="/rev( is no expression", grammar="!text without it")
    assert shown(wrong, 120).endswith("/rev( is no expression")


@pytest.mark.parametrize("kind", ["/", ":"])
def test_the_way_out_and_the_rollback_have_room_at_80_columns(kind: str) -> None:
    line = shown(Typing(kind, LINES), 80)
    assert "Esc back" in line and "Ctrl+R roll back" in line
    assert "roll back" not in shown(Typing(kind, may_roll_back=False), 80)
