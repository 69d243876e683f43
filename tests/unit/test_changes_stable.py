from __future__ import annotations

from typing import Any

from meshtui.changes.stable import Step, stable_version


def rule(**weights: int) -> dict[str, Any]:
    return {"destinations": [{"host": "r", "subset": s, "weight": w} for s, w in weights.items()]}


def stable(now: dict[str, Any], *history: Step) -> str | None:
    found = stable_version(now, history)
    return found.subset if found else None


def test_the_version_that_carried_everything_when_the_rollout_began() -> None:
    begun = Step(rule(v1=100), rule(v1=90, v2=10), "a")
    further = Step(rule(v1=90, v2=10), rule(v1=20, v2=80), "b")
    assert stable(rule(v1=20, v2=80), further, begun) == "v1"


def test_a_promotion_is_still_the_rollout_that_began_before_it() -> None:
    begun = Step(rule(v1=100), rule(v1=90, v2=10))
    promoted = Step(rule(v1=90, v2=10), rule(v2=100, v1=0))
    assert stable(rule(v2=100), promoted, begun) == "v1"


def test_the_newest_rollout_counts() -> None:
    old = Step(rule(v1=100), rule(v1=0, v2=100))
    new = Step(rule(v2=100), rule(v2=90, v3=10))
    assert stable(rule(v2=90, v3=10), new, old) == "v2"


def test_without_a_single_carrier_the_heaviest_at_the_beginning() -> None:
    begun = Step(rule(v1=50, v2=30, v3=20), rule(v1=20, v2=60, v3=20))
    assert stable(rule(v1=20, v2=60, v3=20), begun) == "v1"


def test_without_a_journal_the_heaviest_now() -> None:
    assert stable(rule(v1=10, v2=90)) == "v2"
    assert stable(rule()) is None


def test_a_mirror_or_fault_moves_no_traffic() -> None:
    fault = Step(rule(v2=100), rule(v2=100))
    begun = Step(rule(v1=100), rule(v1=50, v2=50))
    assert stable(rule(v1=50, v2=50), fault, begun) == "v1"


def test_rolling_back_twice_is_rolling_back_once() -> None:
    promoted = Step(rule(v1=100), rule(v3=100))
    back = Step(rule(v3=100), rule(v1=100), "r", rollback=True)
    assert stable(rule(v1=100), back, promoted) == "v1"
    assert stable(rule(v2=100), Step(rule(v1=100), rule(v2=100)), back, promoted) == "v1"
