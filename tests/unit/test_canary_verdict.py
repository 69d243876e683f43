"""The verdict: a table of situations, and what holds in all of them."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.canary.evidence import Evidence
from meshtui.canary.tally import Counts, Interval, Limits, Tally
from meshtui.canary.verdict import Outcome, judge

Pair = tuple[Counts, Counts | None]


def counts(n: float, errors: float = 0.0, slow: float = 0.0) -> Counts:
    return Counts(n, errors, n, slow)


def tally(*pairs: Pair, limits: Limits | None = None) -> Tally:
    made = Tally.begin(limits or Limits())
    for i, (canary, stable) in enumerate(pairs):
        made = made.add(Interval(10.0 * i, 10.0 * i + 10, canary, stable))
    return made


WELL = (counts(100, 0), counts(900, 2))
TABLE: list[tuple[str, list[Pair], bool, Outcome, str]] = [
    ("healthy, amid the step", [WELL] * 5, False, Outcome.WATCHING, "0 % errors of 500 requests"),
    ("healthy, at its end", [WELL] * 20, True, Outcome.PASS, "0.22 % of 18,000 on stable"),
    ("no interval at all", [], True, Outcome.TOO_LITTLE, "0 requests"),
    ("no request at all", [(counts(0), counts(900))] * 20, True, Outcome.TOO_LITTLE, "need 100"),
    ("five per cent", [(counts(100, 5), counts(900, 4))] * 9, False, Outcome.FAIL, "more errors"),
    (
        "below the limit but ten times the baseline",
        [(counts(1000, 5), counts(1000, 0.5))] * 12,
        False,
        Outcome.FAIL,
        "0.5 % errors of 12,000 requests, 0.05 % of 12,000 on stable",
    ),
    (
        "twenty per cent of much, in two intervals",
        [(counts(200, 40), counts(900, 2))] * 2,
        False,
        Outcome.FAIL,
        "gross failure: 20 % of 200 requests failed within 10 s",
    ),
    ("one gross interval", [(counts(200, 40), counts(900, 2))], False, Outcome.WATCHING, "20 %"),
    ("nothing answered", [(counts(50, 50), counts(900, 2))], False, Outcome.FAIL, "100 % of 50"),
    (
        "nothing answered on either",
        [(counts(50, 50), counts(900, 890))],
        False,
        Outcome.BOTH_BAD,
        "not the canary's doing",
    ),
    (
        "both over the limit alike",
        [(counts(500, 15), counts(500, 15))] * 9,
        False,
        Outcome.BOTH_BAD,
        "both are bad",
    ),
    (
        "bursts on both, which fell on the canary more often",
        [(counts(600, x), counts(600, y)) for x, y in ((40, 0), (30, 10), (20, 10), (10, 10))]
        + [(counts(600, 10), counts(600, 10))],
        False,
        Outcome.BOTH_BAD,
        "3.7 % errors of 3,000 requests, 1.3 % of 3,000 on stable",
    ),
    (
        "over the limit by chance, perhaps",
        [(counts(100, 2), counts(900, 8)), (counts(50, 0), counts(450, 4))],
        True,
        Outcome.TOO_LITTLE,
        "not proven",
    ),
    (
        "slower than stable",
        [(counts(200, 0, 6), counts(1800, 0, 9))] * 12,
        False,
        Outcome.FAIL,
        "slower than stable: 3 % of 2,400 requests took over 500 ms, 0.5 % of 21,600",
    ),
    (
        "both as slow",
        [(counts(200, 0, 10), counts(1800, 0, 90))] * 12,
        False,
        Outcome.BOTH_BAD,
        "p99 over the limit",
    ),
    (
        "a p99 of too few requests",
        [(counts(40, 0, 1), counts(300, 0, 5))] * 10,
        True,
        Outcome.PASS,
        "passed",
    ),
    (
        "over the limit without a baseline",
        [(counts(500, 20), counts(0))] * 6,
        False,
        Outcome.FAIL,
        "no request on stable",
    ),
]


@pytest.mark.parametrize(
    ("pairs", "over", "outcome", "words"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_the_table(pairs: list[Pair], over: bool, outcome: Outcome, words: str) -> None:
    verdict = judge(tally(*pairs), over)
    assert verdict.outcome is outcome, verdict.sentence
    assert words in verdict.sentence


def test_at_100_percent_the_stable_history_is_the_baseline() -> None:
    pairs: list[Pair] = [(counts(500, 0), counts(500, 0.25))] * 20
    alone = tally(*pairs).next_step()
    well, bad = alone, alone
    for i in range(20, 40):
        well = well.add(Interval(10.0 * i, 10.0 * i + 10, counts(1000, 0)))
        bad = bad.add(Interval(10.0 * i, 10.0 * i + 10, counts(1000, 8)))
    assert judge(well, True).outcome is Outcome.PASS
    assert "0.05 % of 10,000 on stable before" in judge(well, True).sentence
    assert judge(bad, True).outcome is Outcome.FAIL


@pytest.mark.parametrize("broken", [nan, inf, -1.0, 101.0])
def test_numbers_that_cannot_be_counts_are_broken_telemetry(broken: float) -> None:
    for bad in (counts(100, broken), Counts(100, 0, 100, broken)):
        for pair in ((bad, counts(100)), (counts(100), bad)):
            assert judge(tally(WELL, pair), True).outcome is Outcome.BROKEN


def test_telemetry_that_does_not_answer_leaves_the_evidence_as_it_is() -> None:
    before = tally(WELL)
    after = before.add(Interval(10, 20, problem="Prometheus does not answer"))
    assert judge(after, True).sentence == "telemetry broken: Prometheus does not answer"
    assert (after.errors, after.canary, after.stable) == (
        before.errors,
        before.canary,
        before.stable,
    )
    assert judge(after.add(Interval(20, 30, *WELL)), False).outcome is Outcome.WATCHING


@given(st.floats(-50, 9.9), st.floats(0.1, 40))
def test_what_overlaps_is_counted_once(start: float, length: float) -> None:
    before = tally(WELL)
    assert before.add(Interval(start, start + length, *WELL)) is before


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500)), max_size=30),
    st.booleans(),
)
def test_a_canary_without_an_error_is_never_rolled_back(
    rows: list[tuple[int, int, int]], over: bool
) -> None:
    pairs: list[Pair] = [(counts(n_c), counts(n_s, min(x, n_s))) for n_c, n_s, x in rows]
    assert judge(tally(*pairs), over).outcome in (
        Outcome.WATCHING,
        Outcome.PASS,
        Outcome.TOO_LITTLE,
    )


def test_two_errors_of_stable_are_no_excuse_for_a_quarter_of_the_canarys() -> None:
    known = tally(*[(counts(20, 5), counts(24, 0))] * 6)
    undecided = replace(known, stable=counts(130, 2), errors=Evidence())
    verdict = judge(undecided, False)
    assert (verdict.outcome, "over the limit" in verdict.sentence) == (Outcome.FAIL, True)
    as_bad = judge(replace(undecided, stable=counts(130, 17)), False)
    assert as_bad.outcome is Outcome.BOTH_BAD
