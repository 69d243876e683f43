"""What a piece of text is for, and the style that a theme gives it."""

from __future__ import annotations

from collections.abc import Mapping

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

_ROLES: Mapping[str, tuple[str, str, str]] = {
    # role: colour of the text, of its ground, attributes
    "": ("", "", ""),
    "text": ("foreground", "", ""),
    "strong": ("foreground", "", "bold"),
    "muted": ("mesh-muted", "", ""),
    "faint": ("mesh-faint", "", ""),
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
    "bar": ("mesh-bar", "", ""),
    "draft": ("mesh-draft", "", "bold"),
    "spark": ("mesh-spark", "", ""),
    "mark": ("mesh-mark", "", ""),
    "warning": ("warning", "", ""),
    "error": ("error", "", "bold"),
    "loud": ("mesh-on-loud", "error", "bold"),
    "stale": ("mesh-on-loud", "warning", "bold"),
    "read-only": ("mesh-on-loud", "mesh-unknown", "bold"),
    "side": ("mesh-on-loud", "mesh-key", "bold"),
    "notice": ("foreground", "mesh-notice", ""),
    "added": ("success", "", ""),
    "removed": ("error", "", ""),
    "hunk": ("mesh-unknown", "", ""),
    "cursor": ("", "mesh-cursor", ""),
    "cursor-blurred": ("", "mesh-cursor-blurred", ""),
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
    return {
        f"mesh-{role}": str(own[stand_in] or theme.primary) for role, stand_in in VARIABLES.items()
    }


def styles(variables: Mapping[str, str]) -> Styles:
    """The style of each role, from the variables of the theme in use."""
    return {role: _style(variables, *parts) for role, parts in _ROLES.items()}


def _style(variables: Mapping[str, str], text: str, ground: str, attributes: str) -> Style:
    return Style(
        color=_colour(variables, text),
        bgcolor=_colour(variables, ground),
        bold=True if "bold" in attributes else None,
    )


def _colour(variables: Mapping[str, str], name: str) -> str | None:
    return Color.parse(variables[name]).hex6 if name else None
