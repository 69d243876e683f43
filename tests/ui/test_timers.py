"""A timer that ticks once does so however late: Textual leaves late ticks out."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

import meshtui.ui
from meshtui.ui.timers import CertainTimers

ROOT = Path(meshtui.ui.__file__).parent


def users() -> list[tuple[str, str]]:
    """Modules and classes that set timers of their own."""
    return [
        (".".join(("meshtui.ui", *path.relative_to(ROOT).with_suffix("").parts)), one.name)
        for path in sorted(ROOT.rglob("*.py"))
        for one in ast.walk(ast.parse(path.read_text()))
        if isinstance(one, ast.ClassDef) and "self.set_timer(" in ast.unparse(one)
    ]


@pytest.mark.parametrize(("module", "name"), users(), ids=lambda word: word.rpartition(".")[2])
def test_whoever_sets_a_timer_gets_one_that_ticks(module: str, name: str) -> None:
    assert issubclass(getattr(import_module(module), name), CertainTimers)
