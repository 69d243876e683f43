"""What the README repeats is what the program itself has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from meshtui.ui.actions.registry import markdown

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_table_of_keys_is_the_registrys() -> None:
    _, _, after = README.partition("prints this table -->\n")
    table, _, _ = after.strip().partition("\n\n")
    assert table == markdown().strip()


def test_the_test_command_is_there_word_for_word() -> None:
    assert "pip install -e '.[demo,test]' && pytest\n" in README


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_each_file_that_a_document_names_is_there(name: str) -> None:
    named = set(re.findall(r"`((?:[\w.]+/)+[\w.]*)`", (ROOT / name).read_text()))
    there = [f"/{path.relative_to(ROOT)}" for top in TOPS for path in (ROOT / top).rglob("*")]
    missing = [one for one in named if not any(f"/{one}" in f"{path}/" for path in there)]
    assert [one for one in missing if "NAME" not in one and one.rstrip("/") not in TOPS] == []


TOPS = ("meshtui", "tests", "deploy", ".ci")
