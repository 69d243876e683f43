"""What the README repeats is what the program itself has."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from meshtui.cli.parser import build_parser
from meshtui.config import load
from meshtui.mesh.judging import FAILING, FEW, NOT_KNOWN, OK, ONLY_ERRORS, REFUSED
from meshtui.ui.actions import registry
from meshtui.ui.panes.dock import PANES
from meshtui.ui.table.cells import SIGNS, STALE_SIGN
from meshtui.verbs import VERBS, log_filter, text
from meshtui.verbs.verb import CANARY, CHANGES, LOOKS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("commands", text.markdown()),
        ("options", text.everywhere()),
        ("log filter", log_filter.markdown()),
    ],
)
def test_a_table_is_the_registrys(name: str, table: str) -> None:
    _, _, after = README.partition(f"<!-- {name}: ")
    _, _, after = after.partition("prints this table -->\n")
    found, _, _ = after.strip().partition("\n\n")
    assert found == table.strip()


def test_the_tables_of_keys_are_the_registrys() -> None:
    _, _, after = README.partition("prints these tables -->\n")
    found, _, _ = after.partition("<!-- the end of the keys -->")
    assert found.strip() == registry.markdown()


def test_the_tables_of_keys_have_every_action_and_ten_come_first() -> None:
    _, first, *folded = re.split(r"ten most used:|<details>", registry.markdown())
    assert len(first.strip().splitlines()) == 12
    for action in registry.ACTIONS:
        assert any(f"| {action.help} |" in part for part in folded), action.id


NOT_BY_RULES = {"keep", "doctor", "completion", "config", "man"}
"""Verbs that look at no service's rules."""

STEERED = {"canary hold", "canary resume", "canary abort", "canary promote"}
"""What goes on with a canary that was begun."""


def rows_of_the_gateway_api() -> list[list[str]]:
    _, _, after = README.partition("| | VirtualService | HTTPRoute |")
    table, _, _ = after.partition("\n\n")
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines()[2:]]


def test_each_verb_and_each_pane_is_in_the_gateway_apis_table() -> None:
    rows = rows_of_the_gateway_api()
    words = {word for first, *_ in rows for word in re.findall(r"`([\w ]+)`", first)}
    verbs = {verb.name for verb in VERBS if verb.group in (CHANGES, LOOKS, CANARY)}
    assert verbs - NOT_BY_RULES - STEERED - words == set()
    assert PANES.keys() - words - {"canary"} == set()
    assert words - verbs - PANES.keys() == {"diff"}
    assert all(len(row) == 5 and all(row) for row in rows)


def test_what_is_refused_in_the_table_says_why() -> None:
    cells = [cell for row in rows_of_the_gateway_api() for cell in row if "refused" in cell]
    assert cells and not [cell for cell in cells if ":" not in cell and cell != LIKEWISE]


LIKEWISE = "refused, likewise"


def test_the_test_command_is_there_word_for_word() -> None:
    assert "pip install -e '.[demo,test]' && pytest\n" in README


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_each_file_that_a_document_names_is_there(name: str) -> None:
    named = set(re.findall(r"`((?:[\w.]+/)+[\w.]*)`", (ROOT / name).read_text()))
    there = [f"/{path.relative_to(ROOT)}" for top in TOPS for path in (ROOT / top).rglob("*")]
    missing = [one for one in named if not any(f"/{one}" in f"{path}/" for path in there)]
    assert [one for one in missing if "NAME" not in one and one.rstrip("/") not in TOPS] == []


TOPS = ("meshtui", "tests", "deploy", ".ci")


def test_the_signs_of_the_pictures_are_explained_as_the_table_has_them() -> None:
    _, _, after = README.partition("<!-- signs: ")
    told = dict(
        re.findall(
            r"`(\S)` ([a-z ]+)[,.\n]",
            after.partition("-->")[2].partition("\n\n")[0].replace("\n", " "),
        )
    )
    words = {OK: "ok", FEW: "too few requests", NOT_KNOWN: "not known"}
    alike = {ONLY_ERRORS, REFUSED}
    signs = {sign: words.get(state, state) for state, sign in SIGNS.items() if state not in alike}
    assert {SIGNS[state] for state in alike} == {SIGNS[FAILING]}
    assert {sign: told[sign] for sign in signs} == signs
    assert told[STALE_SIGN] == "old numbers"


def code_blocks(language: str = "") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)


def test_each_command_that_is_shown_is_one() -> None:
    lines = [line for block in code_blocks() for line in block.splitlines()]
    shown = [line.removeprefix("$ ") for line in lines if re.match(r"(\$ )?meshtui ", line)]
    assert len(shown) > 10
    for line in shown:
        command = re.split(r"\s{2,}", line)[0]
        build_parser().parse_args(shlex.split(command)[1:])


def test_the_settings_that_are_shown_are_taken(tmp_path: Path) -> None:
    (block,) = [one for one in code_blocks("yaml") if "theme:" in one]
    file = tmp_path / "config.yaml"
    file.write_text(block)
    found = load(file, {})
    assert set(found.config.contexts["audit"]) == {"read_only"}
    named = set(yaml.safe_load(block))
    assert {name for name, where in found.sources.items() if where != "default"} == named


def test_what_is_folded_is_opened_and_closed_in_turn() -> None:
    marks = re.findall(r"^</?details>", README, re.M)
    assert marks == ["<details>", "</details>"] * (len(marks) // 2) and marks
