"""The greys of a screen that may have no colours (NO_COLOR).

Textual's own take a colour for as bright as the eye does, and red is dark to it: what fails would
be the quietest text of the screen.
"""

from __future__ import annotations

from functools import lru_cache

from rich.color import Color as RichColor
from rich.color import ColorType
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

MIDDLE = 128
"""The grey from which a ground is light."""


class Greys(LineFilter):
    """Grounds as bright as they are; text as far from its ground as its strongest part is."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            Segment(text, style and grey(style, background), control)
            for text, style, control in segments
        ]


@lru_cache(maxsize=1024)
def grey(style: Style, background: Color) -> Style:
    """`style` without its colours, on `background` where it has no ground of its own."""
    ground = _parsed(style.bgcolor) or background
    light = ground.monochrome.r >= MIDDLE
    return style + Style(
        color=style.color and _as_grey(style.color, light),
        bgcolor=style.bgcolor and (ground.monochrome.rich_color if _parsed(style.bgcolor) else OWN),
    )


def _as_grey(colour: RichColor, light: bool) -> RichColor:
    """As far from a light ground, or a dark one, as the strongest part of the colour is."""
    known = _parsed(colour)
    if known is None:
        return OWN
    level = min(known.rgb) if light else max(known.rgb)
    return Color(level, level, level).rich_color


def _parsed(colour: RichColor | None) -> Color | None:
    """None for the sixteen of a terminal: nobody knows how bright they are."""
    if colour is None or colour.type in (ColorType.DEFAULT, ColorType.STANDARD):
        return None
    return Color.from_rich_color(colour)


OWN = RichColor.default()
"""What the terminal has where nothing is said."""
