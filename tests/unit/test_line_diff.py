"""The diff of a plan: what it says, and that items of a list stand in one piece."""

from __future__ import annotations

import difflib
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meshtui.changes.line_diff import unified
from meshtui.changes.shape import yaml_diff

LINES = st.lists(
    st.sampled_from(["- a:", "  - b: 1", "    c: 2", "  d:", "- e", "    - f: 1"]), max_size=14
)


@given(LINES, LINES)
def test_both_sides_can_be_read_from_it(old: list[str], new: list[str]) -> None:
    lines = [line for line in unified(old, new, 99) if not line.startswith("@@")]
    if old == new:
        assert not lines
        return
    assert [line[1:] for line in lines if line[0] != "+"] == old
    assert [line[1:] for line in lines if line[0] != "-"] == new


@given(LINES, LINES, st.integers(0, 4))
def test_the_ranges_are_those_of_the_lines(old: list[str], new: list[str], context: int) -> None:
    lines = [*unified(old, new, context), "@@ end"]
    heads = [at for at, line in enumerate(lines) if line.startswith("@@")]
    for at, end in pairwise(heads):
        hunk = lines[at + 1 : end]
        for side, sign in (("-", "+"), ("+", "-")):
            shown = [line[1:] for line in hunk if line[0] != sign]
            start, _, length = _range(lines[at], side)
            assert length == len(shown)
            whole = old if side == "-" else new
            assert whole[start : start + length] == shown


def _range(head: str, side: str) -> tuple[int, str, int]:
    text = next(word[1:] for word in head.split() if word[0] == side and word != "@@")
    start, comma, length = text.partition(",")
    count = int(length) if comma else 1
    return (int(start) - 1 if count else int(start)), comma, count


@given(LINES, LINES)
def test_no_more_lines_change_than_must(old: list[str], new: list[str]) -> None:
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    kept = sum(block.size for block in matcher.get_matching_blocks())
    lines = list(unified(old, new, 99))
    assert sum(line[0] in "+-" for line in lines) <= len(old) + len(new) - 2 * kept


def test_an_item_that_is_put_in_before_one_like_it_is_one_piece() -> None:
    one = {"route": [{"destination": {"host": "a"}, "weight": 1}]}
    two = {**one, "timeout": "1s"}
    added = [line for line in yaml_diff({"http": [one]}, {"http": [two, one]}) if line[0] == "+"]
    assert added[0] == "+  - route:"
    assert added[-1] == "+    timeout: 1s"
    taken = [line for line in yaml_diff({"http": [two, one]}, {"http": [one]}) if line[0] == "-"]
    assert [line[1:] for line in taken] == [line[1:] for line in added]


SENT = [
    {"destination": {"host": "reviews", "subset": subset}, "weight": weight}
    for subset in ("v1", "v2")
    for weight in (10, 90, 100)
]
HEADERS = st.fixed_dictionaries(
    {}, optional={name: st.just({"exact": "true"}) for name in ("a", "x-chaos", "end-user")}
)
MATCH = st.fixed_dictionaries(
    {}, optional={"uri": st.sampled_from([{"prefix": "/a"}, {"exact": "/"}]), "headers": HEADERS}
)
RULES = st.lists(
    st.fixed_dictionaries(
        {"route": st.lists(st.sampled_from(SENT), min_size=1, max_size=2)},
        optional={
            "name": st.sampled_from(["x", "y"]),
            "match": st.lists(MATCH, min_size=1, max_size=2),
            "fault": st.just({"abort": {"httpStatus": 503}}),
            "timeout": st.just("1s"),
        },
    ).map(lambda rule: dict(sorted(rule.items()))),
    min_size=2,
    max_size=4,
)
LIKE_ITS_OWN_LAST_LINES: list[Any] = [
    {"name": "x", "route": [SENT[3]]},
    {"name": "y", "route": [SENT[4], SENT[1]]},
    {"name": "y", "route": [SENT[1]]},
]


def put_in(rules: list[Any], at: int) -> tuple[list[str], list[str]]:
    """The diffs of a rule that is put in among the others, and of the same taken away."""
    others = [*rules[:at], *rules[at + 1 :]]
    return yaml_diff({"http": others}, {"http": rules}), yaml_diff(
        {"http": rules}, {"http": others}
    )


@example(LIKE_ITS_OWN_LAST_LINES, 1)
@given(RULES, st.integers(0, 3))
def test_a_rule_that_is_put_in_or_taken_away_is_one_piece(rules: list[Any], at: int) -> None:
    for lines, sign in zip(put_in(rules, at % len(rules)), "+-", strict=True):
        changed = [n for n, line in enumerate(lines) if line[0] in "+-"]
        assert {lines[n][0] for n in changed} == {sign}
        assert changed == list(range(changed[0], changed[-1] + 1))
        assert lines[changed[0]][1:].lstrip().startswith("- ")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("- w: 20|m:|  h: a", "- w: 0", "-- w: 20|+- w: 0|-m:|-  h: a"),
        ("- w: 0", "- w: 20|m:|  h: a", "-- w: 0|+- w: 20|+m:|+  h: a"),
        ("a: 1|b: 2|w: 3", "w: 4", "-a: 1|-b: 2|-w: 3|+w: 4"),
        ("w: 1|x: 1|m: 1", "w: 2|x: 2", "-w: 1|-x: 1|+w: 2|+x: 2|-m: 1"),
        ("w: 1|m: 1", "w: 2|n: 1", "-w: 1|-m: 1|+w: 2|+n: 1"),
        ("a: 1|m: 1", "c: 3", "-a: 1|-m: 1|+c: 3"),
    ],
)
def test_a_value_stands_with_its_own_and_not_behind_what_is_taken_away_beside_it(
    old: str, new: str, said: str
) -> None:
    assert list(unified(old.split("|"), new.split("|")))[1:] == said.split("|")
