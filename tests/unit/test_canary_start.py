"""The words after `:canary run`: what the command line takes, in its words."""

from __future__ import annotations

import shlex
from types import SimpleNamespace
from typing import cast

import pytest

from meshtui.canary.plan import Plan, from_where_it_is, left_out, plans_of
from meshtui.cli.parser import build_parser
from meshtui.errors import Refused, Usage
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.view import ServiceView
from meshtui.ui.panes.canarystart import begin_question, proposed, read_run, run_words

REVIEWS = ServiceKey("shop", "reviews")


def unread(file: str) -> str:
    raise AssertionError(file)


GOOD = (
    "reviews --to v3",
    "reviews --to=v3 --steps 5,50 --every 10m --interval 2s --max-errors 0.5% --max-p99 80ms",
    "reviews --to v3 --min-requests 20 --evidence 200 --shadow 10m --pause-at 5,50 --rule all",
    "reviews --to v3 --gate 'curl -f http://x/y' --gate-timeout 5s --on-fail hold",
    "reviews --to v3 --on-no-data continue --on-interrupt rollback --restart-on-new-build",
)


@pytest.mark.parametrize("words", GOOD)
def test_the_screen_and_the_command_line_make_one_plan_and_hand_it_on(words: str) -> None:
    """What is handed on to the new process gives the same plan again."""
    parser = build_parser()
    arguments = parser.parse_args(["canary", "run", *shlex.split(words)])
    (wanted,) = plans_of(vars(arguments), unread)
    request = read_run(shlex.split(words))
    assert request.plan == wanted
    again = parser.parse_args(["canary", *request.words(REVIEWS)])
    (handed,) = plans_of({**vars(again), "service": "reviews"}, unread)
    assert handed == wanted and again.service == "reviews.shop" and again.yes


@pytest.mark.parametrize(
    "words",
    [
        "--steps 5,x",
        "--steps 50,5",
        "--steps 0,5",
        "--every 5",
        "--max-errors 100%",
        "--min-requests none",
        "--evidence 2",
        "--pause-at 30",
        "--shadow soon",
        "--every 1s --interval 2s",
    ],
)
def test_what_is_wrong_is_said_in_the_same_words(words: str) -> None:
    given = shlex.split(f"reviews --to v3 {words}")
    with pytest.raises(Usage) as shell:
        plans_of(vars(build_parser().parse_args(["canary", "run", *given])), unread)
    with pytest.raises(Usage) as screen:
        read_run(given)
    assert str(screen.value) == str(shell.value)


@pytest.mark.parametrize("version", ["v3", ""])
def test_the_prepared_line_is_a_canary_once_it_names_a_version(version: str) -> None:
    words = shlex.split(run_words(REVIEWS, version))
    assert words[:3] == ["canary", "run", "reviews.shop"]
    if version:
        assert read_run(words[2:]).plan.version == version
    else:
        with pytest.raises(Usage):
            read_run(words[2:])


def test_a_version_that_is_no_word_is_not_put_into_the_line() -> None:
    assert run_words(REVIEWS, "v3 --force").endswith("--to ")
    assert run_words(REVIEWS, "v3\x1b[2J").endswith("--to ")


@pytest.mark.parametrize(
    ("weights", "at", "wanted"),
    [
        ((90, 10), "v2", "v2"),
        ((90, 10), "v1", "v2"),
        ((90, 10), "", "v2"),
        ((0, 100), "v2", "v1"),
        ((80, 10, 10), "v3", "v3"),
        ((80, 10, 10), "v1", ""),
        ((80, 10, 10), "", ""),
    ],
)
def test_the_version_that_carries_the_traffic_is_not_proposed(
    weights: tuple[int, ...], at: str, wanted: str
) -> None:
    rows = (SimpleNamespace(host="h", label=f"v{n}", percent=w) for n, w in enumerate(weights, 1))
    assert proposed(cast("ServiceView", SimpleNamespace(versions=tuple(rows))), at) == wanted


@pytest.mark.parametrize(
    ("weights", "steps", "worse", "back"),
    [
        ((100, 0), "5 % → 50 % → 100 %, 5m each", "no worse than v1.", "goes back to v1 at once"),
        ((80, 20), "50 % → 100 %, 5m each", "no worse than v1.", "goes back to v1 at once"),
        (
            (50, 20, 30), "50 % → 100 %, 5m each", "no worse than v1 and v3.",
            "goes back to v1 62.5 %, v3 37.5 % at once",
        ),
    ],
)  # fmt: skip
def test_the_question_begins_where_the_canary_is(
    weights: tuple[int, ...], steps: str, worse: str, back: str
) -> None:
    rows = (SimpleNamespace(host="h", label=f"v{n}", percent=w) for n, w in enumerate(weights, 1))
    view = cast("ServiceView", SimpleNamespace(versions=tuple(rows)))
    request = read_run(["--to", "v2", "--steps", "5,50,100"])
    question, consequence = begin_question(request, REVIEWS, view)
    assert question == "Start a canary of reviews.shop to v2?"
    first, second, *_ = consequence.splitlines()
    assert first == f"{steps}."
    passed = "The canary has 20 % already: step 5 is left out."
    assert (second == passed) is (weights[1] == 20)
    assert worse in consequence and back in consequence


def test_a_canary_beyond_its_last_step_is_refused_before_the_question() -> None:
    row = SimpleNamespace(host="h", label="v2", percent=80)
    view = cast("ServiceView", SimpleNamespace(versions=(row,)))
    with pytest.raises(Refused, match="has 80 % already"):
        begin_question(read_run(["--to", "v2", "--steps", "5,50"]), REVIEWS, view)


def test_steps_and_pauses_that_are_behind_are_said() -> None:
    plan = Plan("reviews", "v2", steps=(5, 10, 50), pause_at=frozenset({10, 50}))
    assert left_out(plan, 5.0) == ""
    assert left_out(plan, 8.0) == "the canary has 8 % already: step 5 is left out"
    assert left_out(plan, 20.0) == (
        "the canary has 20 % already: steps 5, 10 are left out, and so is asking there"
    )
    assert from_where_it_is(plan, 20.0).pause_at == {50}
