"""Plans: what is read, and one clear line for what is wrong."""

from __future__ import annotations

import pytest

from meshtui.canary.ladder import Rung, ladder, rung_below
from meshtui.canary.plan import Choice, Plan, plan_of, read_plans
from meshtui.canary.tally import Limits
from meshtui.errors import Usage

FULL = """
service: reviews.shop
to: v2
steps: [5, 50%, 100]
every: 5m
max-errors: 0.5%
max-p99: 250ms
min-requests: 400
shadow: 10m
pause-at: [50]
gate: ./smoke.sh
gate-timeout: 90s
on-fail: hold
on-no-data: continue
on-interrupt: rollback
restart-on-new-build: true
"""


def test_a_full_plan() -> None:
    assert read_plans(FULL) == (
        Plan(
            "reviews.shop",
            "v2",
            (5, 50, 100),
            300,
            Limits(errors=0.005, p99_ms=250, requests=400),
            shadow_s=600,
            pause_at=frozenset({50.0}),
            gate="./smoke.sh",
            gate_s=90,
            on_fail=Choice.HOLD,
            on_no_data=Choice.CONTINUE,
            on_interrupt=Choice.ROLLBACK,
            restart_on_new_build=True,
        ),
    )


def test_the_shadow_step_stands_before_the_ladder() -> None:
    (plan,) = read_plans(FULL)
    rungs = ladder(plan)
    assert rungs[:2] == (Rung(0, 600, shadow=True), Rung(5, 300))
    assert [rung_below(rungs, weight) for weight in (1, 5, 49, 100)] == [None, 1, 1, 3]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("steps", "5,5", "each is higher"),
        ("steps", "50,5", "each is higher"),
        ("steps", "0,5", "above 0"),
        ("steps", "5,101", "more than 100 %"),
        ("steps", [], "steps: each is above 0"),
        ("steps", "nan", "not a number"),
        ("every", "5", "not a duration"),
        ("every", 300, "not a duration"),
        ("max-errors", "100%", "below 100 %"),
        ("max-errors", 0, "above 0 %"),
        ("max-p99", "fast", "not a duration"),
        ("min-requests", -1, "not a value"),
        ("min-requests", True, "not a value"),
        ("min-requests", float("nan"), "not a value"),
        ("min-requests", [], "not a value"),
        ("pause-at", "33", "33 is no step"),
        ("on-fail", "continue", "expected rollback or hold"),
        ("on-fail", ["hold"], "expected rollback or hold"),
        ("evidence", 5, "from 20"),
        ("gate", "", "expected a word"),
        ("gate", {"a": 1}, "expected a word"),
        ("restart-on-new-build", "yes", "not a value"),
        ("interval", "10m", "at least one interval"),
        ("interval", "10ms", "from 500ms"),
        ("rule", "", "expected a word"),
        ("step", "5", "no key 'step'"),
        (7, "5", "no key '7'"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_key(key: object, value: object, words: str) -> None:
    with pytest.raises(Usage) as wrong:
        plan_of({"service": "reviews", "to": "v2", key: value})  # type: ignore[dict-item]
    assert words in str(wrong.value)
    assert str(key) in str(wrong.value)
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize(("every", "interval_s"), [("5m", 5), ("4s", 1), ("1s", 0.5)])
def test_a_short_step_is_counted_several_times(every: str, interval_s: float) -> None:
    assert plan_of({"service": "a", "to": "b", "every": every}).interval_s == interval_s


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "keys and values"),
        ("[]", "keys and values"),
        ("[1, 2]", "keys and values"),
        ("{", "not YAML"),
        ("to: v2", "needs 'service'"),
        ("[{service: a, to: b}, {service: a, to: c}]", "two canary plans for a"),
    ],
)
def test_a_file_that_is_no_plan(text: str, words: str) -> None:
    with pytest.raises(Usage, match=words):
        read_plans(text)
