"""A fault is taken off by the key that sets one, whichever rule of the service has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from meshtui.changes.change import ClearAll, ClearFault
from meshtui.operations.types import Pending
from tests.ui.driving import LARGE, SMALL, driving
from tests.ui.fake import FakeCockpit
from tests.ui.test_verbs import REVIEWS

ABORT = {"abort": {"percentage": {"value": 100}, "httpStatus": 503}}
CHAOS = {"headers": {"x-chaos": {"exact": "true"}}}
Rules = list[dict[str, Any]]


def own(rules: Rules) -> None:
    """The ordinary rule's."""
    rules[1]["fault"] = ABORT


def targeted(rules: Rules) -> None:
    """As meshtui puts one in for a header."""
    name = "meshtui-fault-rule-x-chaos-true"
    rules.insert(1, {**rules[1], "name": name, "match": [CHAOS], "fault": ABORT})


def by_hand(rules: Rules) -> None:
    """As somebody else wrote one."""
    rules.insert(0, {**rules[1], "name": "chaos", "match": [CHAOS], "fault": ABORT})


def faulted(put: Callable[[Rules], None]) -> FakeCockpit:
    cockpit = FakeCockpit()
    put(cockpit.raw["virtualservices"][0]["spec"]["http"])
    return cockpit


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize(("put", "rule"), [(own, ""), (targeted, ""), (by_hand, "chaos")])
async def test_f_offers_to_take_off_whatever_fault_there_is(
    size: tuple[int, int], put: Callable[[Rules], None], rule: str
) -> None:
    async with driving(faulted(put), size=size) as drive:
        await drive.go_to("reviews")
        await drive.press("f")
        await drive.armed()
        request, target = drive.cockpit.asked[-1]
        assert request == ClearFault() and target.rule == rule
        assert "Fault off for reviews" in drive.text
        await drive.press("enter")
        await drive.until(lambda: drive.cockpit.applied)
        patch = drive.cockpit.applied[-1].change.patch
        assert any(op["op"] == "remove" for op in patch)


@pytest.mark.parametrize(
    ("put", "request_"), [(own, ClearAll()), (targeted, ClearAll()), (by_hand, ClearFault())]
)
async def test_c_clears_it_too(put: Callable[[Rules], None], request_: object) -> None:
    async with driving(faulted(put)) as drive:
        await drive.go_to("reviews")
        await drive.press("c")
        await drive.armed()
        assert drive.cockpit.asked[-1][0] == request_


async def test_without_a_fault_the_form_opens() -> None:
    async with driving() as drive:
        await drive.go_to("reviews")
        await drive.press("f")
        await drive.until(lambda: "Inject a fault into" in drive.text)


@pytest.mark.parametrize("size", [(120, 36), LARGE])
async def test_the_row_and_the_detail_say_for_which_header(size: tuple[int, int]) -> None:
    async with driving(faulted(targeted), size=size) as drive:
        drive.cockpit.pendings = (Pending("c1", REVIEWS, "rule meshtui-fault… added", 840.0),)
        await drive.tick()
        await drive.go_to("reviews")
        assert "x-chaos=true 14m" in drive.text or size == (120, 36)
        for words in ("fault abort 503 100% where header", "x-chaos = true, ends in 14m"):
            assert words in drive.text
