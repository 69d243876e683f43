"""What a person may have meant by a name that nothing has. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from meshtui.mesh.text import some_of

MOST_NEAR, MOST_NAMED = 3, 12
ALIKE = 0.6
"""From `difflib`: the part of both names that is alike."""


def nearest_words(name: str, known: Iterable[str], nothing: str = "") -> str:
    """`did you mean reviews?`, else what there is; `nothing` where there is nothing."""
    names = list(dict.fromkeys(known))
    near = near_names(name, names)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there are: {some_of(names, MOST_NAMED)}" if names else nothing


def near_names(name: str, names: Iterable[str]) -> list[str]:
    """Those that are spelled nearly so, or begin so, or of which it is a part; nearest first."""
    from difflib import get_close_matches  # only where somebody was wrong

    by_lower: dict[str, str] = {}
    for one in names:
        by_lower.setdefault(one.lower(), one)
    wanted = name.lower()
    close = get_close_matches(wanted, by_lower, MOST_NEAR, ALIKE)
    held = [one for one in by_lower if len(wanted) > 1 and wanted in one]
    return [by_lower[one] for one in dict.fromkeys((*close, *held))][:MOST_NEAR]
