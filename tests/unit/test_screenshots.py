"""Each picture of `screenshots/` shows what is claimed of it, and speaks as the program does."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from meshtui.ui.actions import registry
from tests.tools.picture import Piece, Row, rows_of, svg_in
from tests.tools.scenes import ELSEWHERE, FAILING, SCENES, Shows, missing
from tests.tools.take_screenshots import OTHERS

ROOT = Path(__file__).parents[2]
FILES = {path.stem: path for path in (ROOT / "screenshots").glob("*.png")}
CLAIMS = {**{scene.name: scene.shows for scene in SCENES}, **ELSEWHERE}


@cache
def rows(name: str) -> tuple[Row, ...]:
    return rows_of(svg_in(FILES[name]))


def test_there_are_the_pictures_that_the_script_takes_and_the_readme_shows() -> None:
    shown = set(re.findall(r"screenshots/([\w-]+)\.png", (ROOT / "README.md").read_text()))
    assert set(CLAIMS) == set(FILES) == shown
    assert [path.name for path in (ROOT / "screenshots").iterdir() if path.suffix != ".png"] == []
    assert set(OTHERS) == set(ELSEWHERE)
    assert {name for name in FILES if not svg_in(FILES[name])} == set()


@pytest.mark.parametrize("name", sorted(CLAIMS))
def test_a_picture_shows_what_is_claimed_of_it(name: str) -> None:
    assert missing(rows(name), CLAIMS[name]) == []


@pytest.mark.parametrize("name", sorted(CLAIMS))
def test_a_picture_has_no_key_that_is_called_otherwise_by_now(name: str) -> None:
    """What a person reads there and does not find is worse than no picture."""
    words = {f"{action.shown} {action.label}" for action in registry.ACTIONS}
    footer = rows(name)[-1]
    if "help" in footer.text:
        entries = re.split(r" {2,}|│", footer.text.strip().replace(" │ ", "  "))
        assert {entry.strip(" ()") for entry in entries if entry.strip()} - words == set()


def failing(text: str = " ✖ v3   20%  19%  7.6  11.8%  9ms  1/1  503") -> Row:
    at = text.index("11.8")
    tint = "#362228"
    return Row(text, (Piece(at, "11.8%", "#ff7070", True),), (tint,) * len(text))


def test_a_claim_is_about_words_their_weight_and_their_ground() -> None:
    row = failing()
    assert missing([row], [FAILING]) == []
    plain = replace(row, pieces=(replace(row.pieces[0], bold=False),))
    untinted = replace(row, grounds=("#10141b",) * len(row.text))
    for other in (plain, untinted, failing(row.text.replace("v3", "v2"))):
        assert missing([other], [FAILING]) == [FAILING.pattern]
    assert missing([row], [Shows("503", never=True)]) == ["503"]
    assert missing([], [Shows("503", never=True)]) == []
