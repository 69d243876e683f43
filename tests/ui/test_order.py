"""Rows keep their places among equals, and the cursor begins where somebody should look."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from meshtui.mesh.judging import DEGRADED, FAILING, OK
from meshtui.mesh.leaving import Leaving
from meshtui.mesh.model import Service, ServiceKey
from meshtui.mesh.signals import Signals
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView
from meshtui.ui.table.lineid import LineId
from meshtui.ui.table.marks import service_marks, version_marks
from meshtui.ui.table.order import CalmOrder, Sort
from meshtui.ui.table.outline import Block, worst_place
from tests.ui.driving import LARGE, SMALL, driving

REVIEWS = ServiceKey("bookinfo", "reviews")


def one(name: str, state: str, ratio: float, rps: float = 40.0) -> ServiceView:
    key = ServiceKey("shop", name)
    signals = Signals(10 * rps, rps, ratio, 5, 9, 20)
    return ServiceView(Service(key, f"{name}.shop.svc.cluster.local"), caller=signals, state=state)


def names(views: tuple[ServiceView, ...]) -> list[str]:
    return [view.key.name for view in views]


@pytest.mark.parametrize("key", ["worst", "traffic"])
def test_rows_that_chance_alone_tells_apart_stay_where_they_are(key: str) -> None:
    chance, calm = random.Random(5), CalmOrder()
    rows = [("c", 0.012), ("a", 0.009), ("b", 0.011)]

    def wobbled() -> list[ServiceView]:
        drawn = [(n, ratio * chance.uniform(0.6, 1.4)) for n, ratio in rows]
        return [one(n, DEGRADED, r, 40 * chance.uniform(0.9, 1.1)) for n, r in drawn]

    first = names(calm.arrange(wobbled(), Sort(key), 1.0))
    for tick in range(2, 60):
        assert names(calm.arrange(wobbled(), Sort(key), float(tick))) == first


def test_what_clearly_changed_moves() -> None:
    calm = CalmOrder()
    calm.arrange([one("a", DEGRADED, 0.02), one("b", DEGRADED, 0.01)], Sort(), 1.0)
    worse = [one("a", DEGRADED, 0.02), one("b", DEGRADED, 0.08)]
    assert names(calm.arrange(worse, Sort(), 2.0)) == ["b", "a"]
    state = [one("a", FAILING, 0.3), one("b", DEGRADED, 0.08)]
    assert names(calm.arrange(state, Sort(), 3.0)) == ["a", "b"]


def test_equal_rows_of_a_new_order_stand_by_name() -> None:
    calm = CalmOrder()
    rows = [one("b", OK, 0.0), one("a", OK, 0.0, 90.0)]
    assert names(calm.arrange(rows, Sort("traffic"), 1.0)) == ["a", "b"]
    assert names(calm.arrange(rows, Sort("errors"), 1.0)) == ["a", "b"]
    assert names(calm.arrange(rows, Sort("errors", True), 1.0)) == ["b", "a"]


def versions(**states: tuple[str, float]) -> Block:
    rows = tuple(
        VersionView(label, subset=label, percent=50.0, state=state, caller=Signals(100, 10, ratio))
        for label, (state, ratio) in states.items()
    )
    view = replace(one("reviews", OK, 0.0), versions=rows)
    return Block(view, closed=False)


def place_in(block: Block, now: str = "") -> str:
    key = block.view.key
    return worst_place(block, LineId(key, now)).version


def test_the_cursor_begins_on_the_worst_version_that_has_a_weight() -> None:
    bad = versions(v1=(OK, 0.0), v2=(DEGRADED, 0.02), v3=(FAILING, 0.3))
    assert place_in(bad) == "v3"
    assert place_in(versions(v1=(OK, 0.0), v2=(OK, 0.0))) == ""
    assert place_in(Block(bad.view, closed=True)) == ""
    away = replace(bad.view, versions=tuple(replace(v, percent=None) for v in bad.view.versions))
    assert place_in(Block(away, closed=False)) == ""


def test_it_does_not_jump_between_versions_that_are_equally_bad() -> None:
    both = versions(v1=(DEGRADED, 0.02), v2=(DEGRADED, 0.03))
    assert place_in(both) == "v2" and place_in(both, "v1") == "v1"
    assert place_in(versions(v1=(DEGRADED, 0.02), v2=(FAILING, 0.3)), "v1") == "v2"


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_chosen_row_stays_chosen_whatever_becomes_worse(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        assert drive.app.main.table.place == LineId(REVIEWS, "v3")
        await drive.press("k", "j")
        for _ in range(3):
            await drive.tick()
        assert drive.app.main.table.place == LineId(REVIEWS, "v3")


def test_a_row_that_keeps_its_state_without_a_failure_says_since_when_none_failed() -> None:
    fine = VersionView("v3", state=DEGRADED, caller=Signals(100, 10, 0.0), failed_at=1000.0)
    assert marked(fine, 40).startswith("none failed since ") and marked(fine, 8) == "none now"
    assert "since" not in marked(replace(fine, caller=Signals(100, 10, 0.02)), 40)
    assert marked(replace(fine, state=OK), 40) == ""
    soon = replace(fine, leaving=Leaving(83.2, 1300.0))
    assert ", degraded until 84 more succeed or it is " in marked(soon, 80)
    assert marked(soon, 40).startswith("none fails now, ok by ")
    assert marked(soon, 12).startswith("ok by ") and marked(soon, 8) == "none now"
    service = replace(one("a", DEGRADED, 0.0), failed_at=1000.0)
    told = "".join(piece.text for piece in service_marks(service, (), 40))
    assert told.startswith("none failed since ")
    assert "".join(piece.text for piece in service_marks(service, (), 6)) == "none now"
    service = replace(service, leaving=Leaving(83.2, 1300.0))
    told = ["".join(p.text for p in service_marks(service, (), n)) for n in (80, 30, 12, 8)]
    assert [words[:6] for words in told] == ["none f", "none f", "ok by ", "none n"]


def marked(version: VersionView, cells: int) -> str:
    return "".join(piece.text for piece in version_marks(version, cells))
