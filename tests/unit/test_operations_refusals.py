"""A refusal is told from slowness by a counter that rises, and by nothing else."""

from __future__ import annotations

from meshtui.changes.change import ProxyVerdict
from meshtui.operations.change.rejections import with_refusals

POD = ("default", "client-1")


def verdict(state: str, detail: str = "") -> ProxyVerdict:
    return ProxyVerdict(*POD, state, detail)


def test_an_old_proxy_whose_count_has_risen_has_rejected_the_change() -> None:
    (found,) = with_refusals([verdict("old", "v3 gets 0%, asked 20%")], {POD: 3}, {POD: 4})
    assert found.state == "rejected"
    said = "its Envoy has refused 1 configuration since; v3 gets 0%, asked 20%"
    assert found.detail == said


def test_an_old_proxy_that_refused_nothing_since_is_only_late() -> None:
    late = verdict("old")
    assert with_refusals([late], {POD: 3}, {POD: 3}) == (late,)


def test_a_proxy_that_serves_the_change_did_not_reject_it_whatever_else_it_refused() -> None:
    served = verdict("in sync")
    assert with_refusals([served], {POD: 3}, {POD: 9}) == (served,)


def test_without_a_count_from_before_nothing_is_claimed() -> None:
    late = verdict("old")
    assert with_refusals([late], {}, {POD: 9}) == (late,)
    assert with_refusals([late], {POD: 3}, {}) == (late,)


def test_a_proxy_that_began_anew_counts_from_zero_and_is_not_accused() -> None:
    late = verdict("old")
    assert with_refusals([late], {POD: 7}, {POD: 0}) == (late,)
