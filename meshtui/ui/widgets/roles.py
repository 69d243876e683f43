"""What a piece of text is for, and the style that a theme gives it."""

from __future__ import annotations

from collections.abc import Mapping

from rich.color import Color as RichColor
from rich.style import Style
from textual.color import Color
from textual.theme import Theme

VARIABLES: Mapping[str, str] = {
    "muted": "foreground",
    "faint": "panel",
    "cursor": "panel",
    "cursor-blurred": "surface",
    "unknown": "secondary",
    "key": "accent",
    "draft": "accent",
    "bar": "primary",
    "spark": "secondary",
    "mark": "secondary",
    "notice": "panel",
    "on-loud": "background",
    "line-1": "primary",
    "line-2": "success",
    "line-3": "accent",
    "line-4": "secondary",
    "line-5": "warning",
    "line-6": "foreground",
}
"""Colours a theme may set beside Textual's own, with the one that stands in for each."""

BLENDS: Mapping[str, tuple[str, str, float]] = {
    # the ground, what is mixed into it, how much
    "track": ("background", "foreground", 0.16),
    "sick": ("background", "error", 0.16),
    "cursor-sick": ("background", "error", 0.24),
}
"""Grounds that are mixed from others where a theme does not set them."""

OWN = (*VARIABLES, *BLENDS)
"""All that a theme may set beside Textual's own."""

_ROLES: Mapping[str, tuple[str, str, str]] = {
    # role: colour of the text, of its ground, attributes
    "": ("", "", ""),
    "text": ("foreground", "", ""),
    "strong": ("foreground", "", "bold"),
    "muted": ("mesh-muted", "", ""),
    "faint": ("mesh-faint", "", ""),
    "old": ("mesh-muted", "", ""),
    "off": ("mesh-muted", "", ""),
    "head": ("mesh-muted", "", ""),
    "head-sorted": ("mesh-key", "", "bold"),
    "key": ("mesh-key", "", "bold"),
    "brand": ("primary", "", "bold"),
    "tab": ("primary", "", "bold"),
    "ok": ("success", "", ""),
    "degraded": ("warning", "", ""),
    "failing": ("error", "", "bold"),
    "refused": ("error", "", "bold"),
    "slow": ("warning", "", "bold"),
    "few requests": ("mesh-muted", "", ""),
    "only errors": ("mesh-on-loud", "error", "bold"),
    "no traffic": ("mesh-muted", "", ""),
    "unknown": ("mesh-unknown", "", ""),
    "bar": ("mesh-bar", "mesh-track", ""),
    "bar-sick": ("error", "mesh-track", ""),
    "bar-warning": ("warning", "mesh-track", ""),
    "bar-draft": ("mesh-draft", "mesh-track", ""),
    "draft": ("mesh-draft", "", "bold"),
    "spark": ("mesh-spark", "", ""),
    "mark": ("mesh-mark", "", ""),
    "warning": ("warning", "", ""),
    "error": ("error", "", "bold"),
    "loud": ("mesh-on-loud", "error", "bold"),
    "stale": ("mesh-on-loud", "warning", "bold"),
    "read-only": ("mesh-on-loud", "mesh-unknown", "bold"),
    "side": ("mesh-on-loud", "mesh-key", "bold"),
    "match": ("mesh-on-loud", "mesh-draft", "bold underline"),
    "notice": ("foreground", "mesh-notice", ""),
    "added": ("success", "", ""),
    "removed": ("error", "", ""),
    "hunk": ("mesh-unknown", "", ""),
    "cursor": ("", "mesh-cursor", ""),
    "cursor-blurred": ("", "mesh-cursor-blurred", ""),
    "cursor-sick": ("", "mesh-cursor-sick", ""),
    "sick": ("", "mesh-sick", ""),
    "pointer": ("mesh-key", "", "bold"),
    "pointer-sick": ("error", "", "bold"),
    "line-1": ("mesh-line-1", "", ""),
    "line-2": ("mesh-line-2", "", ""),
    "line-3": ("mesh-line-3", "", ""),
    "line-4": ("mesh-line-4", "", ""),
    "line-5": ("mesh-line-5", "", ""),
    "line-6": ("mesh-line-6", "", ""),
}

LINE_ROLES = tuple(role for role in _ROLES if role.startswith("line-"))

Styles = Mapping[str, Style]


def default_variables(theme: Theme) -> dict[str, str]:
    """The variables of `VARIABLES` for a theme that does not set them."""
    own = {name: getattr(theme, name, None) for name in VARIABLES.values()}
    found = {
        f"mesh-{role}": str(own[stand_in] or theme.primary) for role, stand_in in VARIABLES.items()
    }
    return found | {f"mesh-{role}": _blend(theme, found, *parts) for role, parts in BLENDS.items()}


def _blend(theme: Theme, found: Mapping[str, str], ground: str, colour: str, part: float) -> str:
    """Two of the theme's colours mixed; colours of the terminal's own cannot be mixed."""
    below = theme.variables.get(ground) or found.get(ground) or getattr(theme, ground, None)
    above = getattr(theme, colour, None) or theme.primary
    base = Color.parse(str(below or _GROUNDS[theme.dark]))
    mixed = Color.parse(str(above))
    return base.hex if theme.ansi else base.blend(mixed, part).hex


_GROUNDS = {True: "#121212", False: "#e0e0e0"}
"""Of Textual's own themes that name none."""


def styles(variables: Mapping[str, str]) -> Styles:
    """The style of each role, from the variables of the theme in use."""
    return {role: _style(variables, role, *parts) for role, parts in _ROLES.items()}


def _style(
    variables: Mapping[str, str], role: str, text: str, ground: str, attributes: str
) -> Style:
    below, above = _colour(variables, ground), _colour(variables, text)
    # Terminals make a bold black of the sixteen a grey, which cannot be read on a loud ground.
    grey = "bold" in attributes and above is not None and above.number == 0
    return Style(
        color=above,
        bgcolor=below,
        bold=True if "bold" in attributes and not grey else None,
        underline=True if "underline" in attributes else None,
        reverse=True if "cursor" in role and below is not None and below.is_default else None,
    )


def _colour(variables: Mapping[str, str], name: str) -> RichColor | None:
    return Color.parse(variables[name]).rich_color if name else None
