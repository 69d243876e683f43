"""A share is `5 %` in a sentence; in a cell, a mark or words that can be typed it is `5%`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import meshtui

ROOT = Path(meshtui.__file__).parent
GOES_ON = r"(of|is|are|may|has|have|asked|left|more|less|errors|to|in|for|and|would|at|than)\b"
TIGHT = re.compile(rf"(\d|\0)% {GOES_ON}")
TYPED = {"verbs/canary_verbs.py", "verbs/labs.py", "cli/labs.py", "ui/actions/registry.py"}
"""Where examples of what can be typed stand in sentences."""


def texts(tree: ast.AST) -> Iterator[str]:
    """What is written in strings; a value in an f-string is one sign, with `%` where its format
    adds that."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(map(_piece, node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _piece(value: ast.expr) -> str:
    if isinstance(value, ast.Constant):
        return str(value.value)
    form = ast.unparse(value.format_spec) if getattr(value, "format_spec", None) else ""
    return "\0%" if form.rstrip("'\"").endswith("%") else "\0"


FILES = sorted(path for path in ROOT.rglob("*.py") if ROOT / "lab" not in path.parents)


@pytest.mark.parametrize("room", sorted({path.relative_to(ROOT).parts[0] for path in FILES}))
def test_a_share_in_a_sentence_has_its_blank(room: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {text[:90]}"
        for path in FILES
        if path.relative_to(ROOT).parts[0] == room
        and path.relative_to(ROOT).as_posix() not in TYPED
        for text in texts(ast.parse(path.read_text()))
        if TIGHT.search(text)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("source", "tight"),
    [
        ('f"{a:g}% of it"', True),
        ('f"{a:.0%} of it"', True),
        ('"12% is left"', True),
        ('f"{a:g} % of it"', False),
        ('f"fault abort {a:g}%"', False),
    ],
)
def test_the_search_finds_what_it_should(source: str, tight: bool) -> None:
    assert any(TIGHT.search(text) for text in texts(ast.parse(source))) is tight
