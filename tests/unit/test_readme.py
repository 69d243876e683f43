"""What the README repeats is what the program itself has."""

from __future__ import annotations

from pathlib import Path

from meshtui.ui.actions.registry import markdown

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_table_of_keys_is_the_registrys() -> None:
    _, _, after = README.partition("prints this table -->\n")
    table, _, _ = after.strip().partition("\n\n")
    assert table == markdown().strip()


def test_the_test_command_is_there_word_for_word() -> None:
    assert "pip install -e '.[demo,test]' && pytest\n" in README
