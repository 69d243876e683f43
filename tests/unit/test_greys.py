"""The screen without colours: what fails is told by more than its sign, and stands out."""

from __future__ import annotations

import pytest
from rich.style import Style
from textual.color import Color
from textual.theme import Theme

from meshtui.ui import paths
from meshtui.ui.themes import load_themes
from meshtui.ui.widgets.greys import grey
from meshtui.ui.widgets.roles import default_variables, styles

THEMES = [theme for theme in load_themes((paths.shipped_themes(),)).found if not theme.ansi]


def found(theme: Theme, role: str) -> Style:
    known = theme.to_color_system().generate() | default_variables(theme) | theme.variables
    return styles(known)[role]


def distance(theme: Theme, role: str) -> int:
    """Between the grey of a role's text and its ground's."""
    ground = Color.parse(str(theme.background))
    shown = grey(found(theme, role), ground)
    assert shown.color is not None
    below = Color.from_rich_color(shown.bgcolor) if shown.bgcolor else ground.monochrome
    text = Color.from_rich_color(shown.color)
    assert len({*text.rgb}) == len({*below.rgb}) == 1
    return abs(text.r - below.r)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("role", ["failing", "degraded", "slow", "error"])
def test_what_is_wrong_is_no_quieter_than_what_is_beside_it(theme: Theme, role: str) -> None:
    assert distance(theme, role) > distance(theme, "muted")


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("role", ["only errors", "stale", "read-only", "match"])
def test_what_is_loud_is_read_on_its_ground(theme: Theme, role: str) -> None:
    assert distance(theme, role) > 80


def test_the_sixteen_of_a_terminal_become_its_own_two() -> None:
    style = grey(Style.parse("bold bright_red on white"), Color(0, 0, 0))
    assert style.bold and style.color is not None and style.bgcolor is not None
    assert style.color.is_default and style.bgcolor.is_default
