"""What somebody sees of a canary who does not drive it, and the orders that they give."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from meshtui.canary.events import Asked, Order
from meshtui.canary.progress import document, progress_of
from meshtui.canary.stored import to_text
from meshtui.errors import NotAllowed, Refused
from meshtui.journal.canaries import CanaryRow
from meshtui.operations.canary import watching
from meshtui.operations.canary.lease import Holder
from meshtui.operations.canary.offers import Offers
from meshtui.operations.session import Session
from tests.unit.fake_cluster import FakeCluster, policy, routed, session
from tests.unit.objects import route
from tests.unit.test_canary_stored import run
from tests.unit.test_mesh import REVIEWS

STORED = run([(200, 1)])


class FakeLease:
    """Stands for the Lease of `REVIEWS`."""

    found: Holder | None = None
    error: Exception | None = None
    orders: list[Asked]

    def __call__(self, *_: object) -> FakeLease:
        return self

    async def holder(self) -> Holder | None:
        if self.error is not None:
            raise self.error
        return self.found

    async def order(self, asked: Asked) -> None:
        self.orders.append(asked)


@pytest.fixture
def lease(monkeypatch: pytest.MonkeyPatch) -> FakeLease:
    lease = FakeLease()
    lease.orders = []
    monkeypatch.setattr(watching, "ServiceLease", lease)
    return lease


@pytest.fixture
async def opened() -> AsyncIterator[Session]:
    rule = {"name": "all", "route": [route("v1", 95), route("v2", 5)]}
    opened = session(FakeCluster(routed(rule), policy("v1", "v2", "v3")))
    yield opened
    await opened.close()


def written(opened: Session, at: float, text: str = "") -> None:
    assert opened.journal is not None
    row = CanaryRow("1", REVIEWS, 1.0, at, "ann", False, "on hold", text or to_text(STORED))
    opened.journal.save_canary(row)


def report(at: float, **more: Any) -> dict[str, Any]:
    return {**document(progress_of(STORED.state, time=at)), **more}


async def test_none_is_known(opened: Session, lease: FakeLease) -> None:
    assert await watching.watch_run(opened, REVIEWS) == watching.CanaryRun(REVIEWS)


async def test_the_newer_of_the_drivers_report_and_the_journal_is_shown(
    opened: Session, lease: FakeLease
) -> None:
    written(opened, 50.0)
    lease.found = Holder("ann@desk/1", 1.0, True, report(60.0, sentence="the driver's"))
    seen = await watching.watch_run(opened, REVIEWS)
    assert (seen.driver, seen.live, seen.trouble) == ("ann@desk/1", True, "")
    assert seen.progress is not None and seen.progress.sentence == "the driver's"
    lease.found = replace(lease.found, live=False, progress=report(40.0))
    seen = await watching.watch_run(opened, REVIEWS)
    assert seen.progress == progress_of(STORED.state, time=50.0) and not seen.live


async def test_the_measured_share_of_an_older_report_of_the_same_step_is_kept(
    opened: Session, lease: FakeLease
) -> None:
    written(opened, 50.0)
    lease.found = Holder("ann@desk/1", 1.0, True, report(48.0, measured_share=0.05))
    seen = await watching.watch_run(opened, REVIEWS)
    assert seen.progress is not None and (seen.progress.time, seen.progress.share) == (50.0, 0.05)


async def test_what_nobody_drives_is_offered_until_somebody_goes_on(
    opened: Session, lease: FakeLease
) -> None:
    offers = Offers(opened)
    await offers.refresh()
    assert offers.notices() == ()
    written(opened, 50.0)
    lease.found = Holder("ann@desk/1", 1.0, True, report(60.0))
    await offers.refresh()
    assert offers.notices() == ()
    lease.found = replace(lease.found, live=False)
    await offers.refresh()
    (line,) = offers.notices()
    assert "a canary of reviews.default to v2 is unfinished at 5 %" in line
    assert "`:canary` shows it, `meshtui canary resume reviews.default` goes on" in line
    written(opened, 70.0)
    assert offers.notices() == ()


async def test_without_the_right_to_the_lease_the_journal_is_shown_and_it_is_said(
    opened: Session, lease: FakeLease
) -> None:
    written(opened, 50.0)
    lease.error = NotAllowed("you may not get leases")
    seen = await watching.watch_run(opened, REVIEWS)
    assert seen.progress is not None and "you may not get leases" in seen.trouble


async def test_a_state_of_another_version_is_said_and_the_report_shown(
    opened: Session, lease: FakeLease
) -> None:
    written(opened, 50.0, "{}")
    lease.found = Holder("ann@desk/1", 1.0, True, report(40.0))
    seen = await watching.watch_run(opened, REVIEWS)
    assert seen.progress is not None and "cannot be read" in seen.trouble


async def test_an_order_goes_to_the_driver_and_to_nobody_else(
    opened: Session, lease: FakeLease
) -> None:
    for nobody in (None, Holder("ann@desk/1", 1.0, False, {})):
        lease.found = nobody
        with pytest.raises(Refused, match="nobody drives"):
            await watching.give_order(opened, REVIEWS, Order.ABORT)
    lease.found = Holder("ann\x1b@desk/1", 1.0, True, {})
    assert "\x1b" not in await watching.give_order(opened, REVIEWS, Order.ABORT)
    assert lease.orders == [Asked(Order.ABORT)]
