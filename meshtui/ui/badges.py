"""How loud a context's name is in the header, so that production looks like production."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

RED, YELLOW, PLAIN = "red", "yellow", "plain"

_PRODUCTION = re.compile(r"(?<![a-z])(prod|prd|production)(?![a-z])")


def badge_of(context: str, badges: Mapping[str, str], production: bool = False) -> str:
    """By the first pattern that the name matches; else red where the name says production, or
    the configuration does."""
    for pattern, badge in badges.items():
        if fnmatchcase(context, pattern):
            return badge
    return RED if production or _PRODUCTION.search(context.lower()) else PLAIN
