"""What the README repeats is what the program itself has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from meshtui.ui.actions import registry
from meshtui.verbs import VERBS, text
from meshtui.verbs.verb import CHANGES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("keys", registry.markdown()),
        ("commands", text.markdown()),
        ("options", text.everywhere()),
    ],
)
def test_a_table_is_the_registrys(name: str, table: str) -> None:
    _, _, after = README.partition(f"<!-- {name}: ")
    _, _, after = after.partition("prints this table -->\n")
    found, _, _ = after.strip().partition("\n\n")
    assert found == table.strip()


def test_each_verb_that_changes_a_service_is_in_the_gateway_apis_table() -> None:
    _, _, after = README.partition("| | VirtualService | HTTPRoute |")
    table, _, _ = after.partition("\n\n")
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines()[2:]]
    named = {word for first, *_ in rows for word in re.findall(r"`([\w ]+)`|(canary)", first)}
    words = {one or other for one, other in named}
    assert {verb.name for verb in VERBS if verb.group == CHANGES} - words == set()
    assert all(len(row) == 5 and all(row) for row in rows)


def test_the_test_command_is_there_word_for_word() -> None:
    assert "pip install -e '.[demo,test]' && pytest\n" in README


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_each_file_that_a_document_names_is_there(name: str) -> None:
    named = set(re.findall(r"`((?:[\w.]+/)+[\w.]*)`", (ROOT / name).read_text()))
    there = [f"/{path.relative_to(ROOT)}" for top in TOPS for path in (ROOT / top).rglob("*")]
    missing = [one for one in named if not any(f"/{one}" in f"{path}/" for path in there)]
    assert [one for one in missing if "NAME" not in one and one.rstrip("/") not in TOPS] == []


TOPS = ("meshtui", "tests", "deploy", ".ci")
