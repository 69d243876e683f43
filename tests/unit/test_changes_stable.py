"""Which version a rollback goes to: a table of situations, and what holds in all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.changes.health import SUSPECT, VersionHealth
from meshtui.changes.stable import Stable, Step, choose_stable, named_stable
from meshtui.mesh.judging import DEGRADED, FAILING, NO_TRAFFIC, NOT_KNOWN, OK, ONLY_ERRORS


def rule(**weights: int) -> dict[str, Any]:
    return {"destinations": [{"host": "r", "subset": s, "weight": w} for s, w in weights.items()]}


def version(
    name: str,
    percent: float,
    errors: float | None = 0.0,
    requests: float = 1000.0,
    ready: int = 1,
) -> VersionHealth:
    if errors is None:
        state = NOT_KNOWN
    else:
        state = FAILING if errors >= 0.1 else DEGRADED if errors else OK
    counted = requests if errors is not None else 0.0
    return VersionHealth("r", name, name, percent, 1, ready, state, errors, counted)


def step(before: dict[str, Any], after: dict[str, Any], how: str = "shift", by: str = "x") -> Step:
    return Step(before, after, by, rollback=how == "rollback", promote=how == "promote")


def chosen(versions: list[VersionHealth], *history: Step, configured: str = "") -> Stable:
    named = next((v for v in versions if v.label == configured), None)
    found = choose_stable(versions, history, named)
    assert found is not None
    return found


ALL_WELL = [version("v1", 80), version("v2", 20)]
BEGUN = step(rule(v1=100), rule(v1=90, v2=10), by="a")
FURTHER = step(rule(v1=90, v2=10), rule(v1=20, v2=80), by="b")
PROMOTED_1 = step(rule(v2=100), rule(v1=100), "promote", "p1")
PROMOTED_3 = step(rule(v1=100), rule(v3=100), "promote", "p3")
MITIGATED = step(rule(v3=100), rule(v1=50, v2=30, v3=20), by="m")
MIXED = [version("v1", 50), version("v2", 30), version("v3", 20, errors=0.2)]
BACK = step(rule(v3=100), rule(v1=100), "rollback", "r")

TABLE = [
    ("what carried everything when the rollout began", ALL_WELL, (FURTHER, BEGUN), "v1", False),
    (
        "a promotion is still the rollout that began before it",
        [version("v2", 100), version("v1", 0, None)],
        (step(rule(v1=90, v2=10), rule(v2=100), "promote"), BEGUN),
        "v1",
        False,
    ),
    (
        "the newest rollout counts",
        [version("v2", 90), version("v3", 10)],
        (step(rule(v2=100), rule(v2=90, v3=10)), step(rule(v1=100), rule(v2=100))),
        "v2",
        False,
    ),
    ("a promoted version that fails is none", MIXED, (MITIGATED, PROMOTED_3), "v1", False),
    (
        "one that was promoted last is none, failing or not",
        [version("v1", 50), version("v3", 50)],
        (MITIGATED, PROMOTED_3, PROMOTED_1),
        "v1",
        False,
    ),
    (
        "promoted long ago and proven by nothing better: it has at least carried everything",
        [version("v2", 90), version("v3", 10)],
        (step(rule(v2=100), rule(v2=90, v3=10)), step(rule(v1=100), rule(v2=100), "promote")),
        "v2",
        False,
    ),
    (
        "one that a rollback left is none",
        [version("v1", 10), version("v3", 90)],
        (step(rule(v3=100), rule(v1=10, v3=90)), step(rule(v1=100), rule(v3=100)), BACK),
        "v1",
        False,
    ),
    (
        "rolling back twice is rolling back once",
        [version("v1", 100)],
        (BACK, PROMOTED_3),
        "v1",
        False,
    ),
    (
        "without a journal the heaviest is a guess, and a failing one a danger",
        [version("v1", 10, None), version("v3", 90, None)],
        (),
        "v3",
        True,
    ),
    (
        "without a journal the healthy one, though it is the lighter",
        [version("v1", 10), version("v3", 90, errors=0.2)],
        (),
        "v1",
        False,
    ),
    (
        "the only one that does not fail, though nothing is known of it",
        [version("v1", 10, None), version("v3", 90, errors=0.2)],
        (),
        "v1",
        False,
    ),
    (
        "the healthy one without a ready pod does not count",
        [version("v1", 10, ready=0), version("v2", 30), version("v3", 60, errors=0.5)],
        (),
        "v2",
        False,
    ),
    (
        "where all fail the choice is dangerous",
        [version("v1", 50, errors=0.3), version("v3", 50, errors=0.2)],
        (),
        "v1",
        True,
    ),
    ("two that can't be told apart are a guess", ALL_WELL, (), "v1", True),
    (
        "two that can be told apart are not",
        [version("v1", 20, errors=0.001), version("v2", 80, errors=0.08)],
        (),
        "v1",
        False,
    ),
    (
        "what carried most before is a guess while nothing is known of it",
        [version("v1", 20, None), version("v2", 80, None)],
        (step(rule(v1=60, v2=40), rule(v1=20, v2=80)),),
        "v1",
        True,
    ),
    (
        "a carrier that has no pod any more is dangerous",
        [version("v1", 90, None, ready=0), version("v2", 10)],
        (BEGUN,),
        "v1",
        True,
    ),
    (
        "a mirror or a fault moves no traffic",
        ALL_WELL,
        (step(rule(v2=100), rule(v2=100)), BEGUN),
        "v1",
        False,
    ),
]


@pytest.mark.parametrize(("why", "versions", "history", "goes_to", "dangerous"), TABLE)
def test_the_choice(
    why: str,
    versions: list[VersionHealth],
    history: tuple[Step, ...],
    goes_to: str,
    dangerous: bool,
) -> None:
    found = chosen(versions, *history)
    assert (found.version.label, bool(found.dangers)) == (goes_to, dangerous), (why, found)


def test_the_configured_version_comes_first_and_is_judged_too() -> None:
    assert chosen(ALL_WELL, BEGUN, configured="v2").version.label == "v2"
    fails = chosen([*ALL_WELL[:1], version("v2", 20, errors=0.5)], configured="v2")
    assert fails.dangers == ("v2 is failing now: 50 % errors of 1,000 requests, 1 of 1 pod ready",)
    gone = chosen([*ALL_WELL[:1], version("v2", 20, ready=0)], configured="v2")
    assert gone.dangers == ("v2 has no ready pod",)


def test_a_named_version_is_judged_too() -> None:
    assert named_stable(version("v2", 0)).dangers == ()
    assert named_stable(version("v2", 0, errors=1.0)).dangers


def test_what_speaks_against_history_is_said() -> None:
    found = chosen(MIXED, MITIGATED, PROMOTED_3)
    assert "v3 carried all traffic before change m, but it is failing now" in found.doubts[0]


def test_what_history_says_does_not_hold_for_a_version_that_may_be_failing() -> None:
    doubtful = replace(version("v3", 90, errors=0.2), state=SUSPECT, requests=20)
    found = chosen([doubtful, version("v1", 10)], step(rule(v3=100), rule(v3=90, v1=10)))
    assert found.version.label == "v1"
    assert "v3 carried all traffic before change x, but it may be failing" in found.doubts[0]
    assert named_stable(doubtful).dangers == (f"v3 may be failing: {doubtful.words}",)


def test_what_is_not_known_is_said_and_is_not_healthy() -> None:
    found = chosen([version("v1", 90, None), version("v2", 10, None)], BEGUN)
    assert found.dangers == ()
    assert "the health of v1 is not known" in found.doubts[0]


def test_without_traffic_there_is_no_choice() -> None:
    assert choose_stable([version("v1", 0)], ()) is None


STATES = (OK, DEGRADED, FAILING, ONLY_ERRORS, NO_TRAFFIC, NOT_KNOWN)
NAMES = ("v1", "v2", "v3")


@st.composite
def healths(draw: st.DrawFn) -> list[VersionHealth]:
    found = []
    for name in NAMES:
        state = draw(st.sampled_from(STATES))
        errors = {OK: 0.0, DEGRADED: 0.02, FAILING: 0.3, ONLY_ERRORS: 1.0}.get(state)
        requests = draw(st.integers(1, 5000)) if errors is not None else 0
        ready, percent = draw(st.integers(0, 1)), draw(st.integers(0, 100))
        found.append(VersionHealth("r", name, name, percent, 1, ready, state, errors, requests))
    return found


steps = st.builds(
    lambda before, after, how: step(rule(**before), rule(**after), how),
    *(st.dictionaries(st.sampled_from(NAMES), st.integers(0, 100)) for _ in range(2)),
    st.sampled_from(("shift", "promote", "rollback")),
)


@given(healths(), st.lists(steps, max_size=5), st.sampled_from(("", *NAMES)))
def test_never_to_a_failing_version_while_a_sound_one_serves(
    versions: list[VersionHealth], history: list[Step], configured: str
) -> None:
    named = next((v for v in versions if v.label == configured), None)
    found = choose_stable(versions, history, named)
    if found is None:
        return
    if found.version.failing or found.version.without_pods:
        assert found.dangers
    sound = [v for v in versions if v.healthy and v.ready and v.percent > 0]
    if sound and not named:
        assert not found.version.failing
