"""Words, blast radius and journal name the rule that is changed, wherever in its list it stands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.changes.assemble import rule_change
from meshtui.changes.blast import blast_radius
from meshtui.changes.build import build_change
from meshtui.changes.change import Change, Rollback, SetFault, Target
from meshtui.changes.locate import Located
from meshtui.changes.undo import place_of, undo_operations
from meshtui.journal import Journal
from meshtui.mesh.model import Mesh, ServiceKey
from tests.unit.objects import reviews, route

REVIEWS = ServiceKey("default", "reviews")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "j.sqlite")


def rule(name: str, weight: int) -> dict[str, Any]:
    match = [{"uri": {"exact": f"/{name}"}}]
    return {"name": name, "match": match, "route": [route("v1", 100 - weight), route("v2", weight)]}


@dataclass
class Story:
    """A list of rules, which of them is changed, and operations with others put in and gone."""

    rules: list[dict[str, Any]]
    name: str
    operations: list[dict[str, Any]]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    rules = [rule(f"r{n}", draw(st.integers(1, 40))) for n in range(draw(st.integers(1, 5)))]
    names = [found["name"] for found in rules]
    mine = draw(st.sampled_from(names))
    steps = draw(st.lists(st.sampled_from(["add", "remove"]), max_size=4))
    turn = draw(st.integers(0, len(steps)))
    operations: list[dict[str, Any]] = []
    for number, step in enumerate([*steps[:turn], "shift", *steps[turn:]]):
        others = [index for index, name in enumerate(names) if name != mine]
        if step == "shift":
            path = f"/spec/http/{names.index(mine)}/route"
            operations += [
                {"op": "replace", "path": f"{path}/0/weight", "value": 10},
                {"op": "replace", "path": f"{path}/1/weight", "value": 90},
            ]
        elif step == "add":
            index, new = draw(st.integers(0, len(names))), f"new{number}"
            names.insert(index, new)
            value = rule(new, draw(st.integers(1, 40)))
            operations.append({"op": "add", "path": f"/spec/http/{index}", "value": value})
        elif others:
            index = draw(st.sampled_from(others))
            del names[index]
            operations.append({"op": "remove", "path": f"/spec/http/{index}"})
    return Story(rules, mine, operations)


def located(mesh: Mesh, name: str) -> Located:
    (service,) = mesh.virtual_services
    found = next(rule for rule in service.rules if rule.name == name)
    return Located(mesh, mesh.by_key[REVIEWS], service, found)


def of(story: Story) -> Change:
    there = located(reviews(*story.rules), story.name)
    return rule_change(there, "edit", tuple(story.operations))


def weight_of(story: Story) -> int:
    found = next(found for found in story.rules if found["name"] == story.name)
    weight: int = found["route"][1]["weight"]
    return weight


def is_about(change: Change, story: Story, old: int, new: int) -> None:
    assert change.rule is not None
    assert change.rule.name == story.name
    assert change.spec_after["http"][change.rule.index]["name"] == story.name
    assert (change.before["name"], change.after["name"]) == (story.name, story.name)
    assert f"v2 {old} → {new} %" in change.words
    assert f"v1 {100 - old} → {100 - new} %" in change.words
    moved = [text for text in change.words if "→" in text]
    assert len(moved) == 2
    assert blast_radius(change, 100.0).startswith(f"moves {abs(new - old)} %")
    gone = {r["name"] for r in change.spec_before["http"]} - {
        r["name"] for r in change.spec_after["http"]
    }
    told = {text.split()[1] for text in change.words if text.endswith("is taken away")}
    assert gone <= told


@given(stories())
def test_the_rule_whose_weights_change_is_named(story: Story) -> None:
    is_about(of(story), story, weight_of(story), 90)


@given(stories())
def test_its_undo_names_it_too(story: Story) -> None:
    change = of(story)
    assert change.rule is not None
    place = place_of(change.rule, change.spec_after, change.spec_after)
    assert place == change.rule.index
    raw = reviews(*change.spec_after["http"])
    back = rule_change(located(raw, story.name), "undo", change.inverse)
    is_about(back, story, 90, weight_of(story))
    assert back.spec_after == change.spec_before


def test_the_undo_of_a_rollback_that_took_a_rule_away_tells_what_moves(journal: Journal) -> None:
    base = reviews({"name": "all", "route": [route("v1", 100), route("v2", 0)]})
    faulty = build_change(base, SetFault(abort_http=503, header=("x", "1")), Target(REVIEWS))
    rules = [dict(found) for found in faulty.spec_after["http"]]
    rules[1]["route"] = [route("v1", 0), route("v2", 100)]
    rolled = build_change(reviews(*rules), Rollback("v1"), Target(REVIEWS, "all"))
    assert blast_radius(rolled, None).startswith("moves 100 %")
    entry = journal.get(journal.begin(rolled, "lab"))
    operations, differences = undo_operations(entry.record, rolled.spec_after)
    assert differences == ()
    back = rule_change(located(reviews(*rolled.spec_after["http"]), "all"), "undo", operations)
    assert "v2 0 → 100 %" in back.words
    assert blast_radius(back, None).startswith("moves 100 %")
    assert back.rule is not None
    assert (back.rule.name, back.rule.index) == ("all", 1)


def test_rules_changed_with_it_are_named_in_the_words() -> None:
    mesh = reviews(rule("r0", 20), rule("r1", 30))
    operations = tuple(
        {"op": "replace", "path": f"/spec/http/{index}/route/{entry}/weight", "value": weight}
        for index in (0, 1)
        for entry, weight in ((0, 100), (1, 0))
    )
    change = rule_change(located(mesh, "r1"), "rollback", operations)
    assert change.words == (
        "v1 70 → 100 %",
        "v2 30 → 0 %",
        "rule r0: v1 80 → 100 %",
        "rule r0: v2 20 → 0 %",
    )
