"""Several clusters on one screen: rows, keys and panes are each their own cluster's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from meshtui.changes.change import Shift, Target, Together
from meshtui.errors import NotAllowed, Refused, Unreachable
from meshtui.journal import Entry, Journal, Status
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.placed import PlacedKey, cluster_of
from meshtui.operations.group.cockpit import GroupCockpit
from meshtui.operations.group.in_all import apart
from meshtui.operations.types import FeedHealth, Journaled
from meshtui.ui.app import MeshtuiApp
from meshtui.ui.dialogs.diff import DiffDialog
from meshtui.ui.dialogs.diffkeys import Phase
from meshtui.ui.dialogs.question import Question
from meshtui.ui.table.lineid import LineId
from tests.ui.driving import LARGE, SMALL, Drive
from tests.ui.fake import FakeCockpit
from tests.ui.test_load_pane import state as load_state
from tests.unit.test_journal import shift

REVIEWS = ServiceKey("bookinfo", "reviews")


class Both:
    """A screen on east and west. `again` lets a cluster that failed be tried again."""

    def __init__(self) -> None:
        self.east = FakeCockpit()
        self.west = FakeCockpit(clock=self.east.clock)
        self.again = asyncio.Event()
        members = {"east": self.east, "west": self.west}
        self.group = GroupCockpit(members, lambda _: self._pause())

    async def _pause(self) -> None:
        await self.again.wait()
        self.again.clear()

    @asynccontextmanager
    async def driving(self, size: tuple[int, int] = LARGE) -> AsyncIterator[Drive]:
        app = MeshtuiApp(self.group, clock=self.east.clock)
        async with app.run_test(size=size) as pilot:
            drive = Drive(app, self.east, pilot)
            await drive.until(lambda: app.opened is not None)
            await drive.until(lambda: app.main.snapshot and app.main.table.entries)
            yield drive


async def both_read(drive: Drive) -> None:
    await drive.until(lambda: {cluster_of(p.service) for p in places(drive)} == {"east", "west"})


def places(drive: Drive) -> list[LineId]:
    return [entry.place for entry in drive.app.main.table.entries]


async def go_to(drive: Drive, cluster: str) -> None:
    """The cursor to reviews in a cluster; what is meant there follows it."""
    drive.app.main.table.select(LineId(PlacedKey(REVIEWS, cluster)))
    await drive.until(lambda: drive.app.main.cockpit.context == cluster)


def row(drive: Drive, cluster: str) -> str:
    found = (line for line in drive.text.splitlines() if f"▾ @{cluster} reviews" in line)
    return next(found, "")


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_each_cluster_has_its_rows_and_its_state_in_the_header(size: tuple[int, int]) -> None:
    both = Both()
    async with both.driving(size) as drive:
        await both_read(drive)
        await drive.until(lambda: "east live" in drive.text and "west live" in drive.text)
        named = [place for place in places(drive) if place.service == REVIEWS and place.version]
        assert len(named) == 6 and len(set(named)) == 6


async def test_the_same_service_has_a_sum_that_is_unknown_where_one_is_out_of_reach() -> None:
    both = Both()
    async with both.driving() as drive:
        await both_read(drive)
        await drive.until(lambda: "Σ 80.0/s" in drive.text)
        total = drive.app.main.table.view
        assert total is not None and total.marks[-1].startswith("Σ ") and "/s" in total.marks[-1]
        both.west.cluster = FeedHealth("cluster", "stale", 60.0, "no route to host")
        both.west.push()
        await drive.until(lambda: "Σ unknown" in drive.text)


async def test_a_change_goes_to_the_rows_cluster_which_the_dialog_names() -> None:
    both = Both()
    async with both.driving() as drive:
        await both_read(drive)
        await go_to(drive, "west")
        await drive.press(":")
        await drive.type("shift v3=10")
        await drive.press("enter")
        dialog = await drive.armed()
        assert "reviews.bookinfo in west" in drive.text
        assert both.east.asked == []
        ((request, target),) = both.west.asked
        assert request == Shift({"v3": 10}) and type(target.service) is ServiceKey
        await drive.press("enter")
        await drive.until(lambda: both.west.applied and not drive.app.main.desk.busy)
        assert type(both.west.applied[0].change.service) is ServiceKey
        assert dialog.plan is not None and cluster_of(dialog.plan.change.service) == "west"
        assert both.east.applied == []
        await drive.until(lambda: "in sync" in drive.status)


async def test_a_load_is_made_in_the_selected_rows_cluster_and_stays_there() -> None:
    both = Both()
    both.east.read_only = True
    async with both.driving() as drive:
        await both_read(drive)
        await go_to(drive, "east")
        await drive.press("colon")
        await drive.type("load 50 10s")
        await drive.press("enter")
        await drive.until(lambda: "meshtui runs read-only" in drive.status)
        await go_to(drive, "west")
        await drive.press("colon")
        await drive.type("load 50 10s")
        await drive.press("enter")
        await drive.until(lambda: isinstance(drive.app.screen, Question))
        assert "Begin a load on reviews.bookinfo in west?" in drive.text
        await drive.press("enter")
        await drive.until(lambda: both.west.loads)
        ((question, _),) = both.west.load_asks
        assert type(question.service.key) is type(both.west.loads[0].service.key) is ServiceKey
        await go_to(drive, "east")
        both.west.load_states.put_nowait(load_state())
        await drive.until(lambda: "4 of 10 s" in drive.text)
        assert "load reviews.bookinfo in west" in drive.text
        await drive.press("X")
        await drive.until(lambda: both.west.loads_ended == ["stopped"])
        assert both.east.load_asks == []


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_cluster_without_rights_dims_its_own_verbs_alone(size: tuple[int, int]) -> None:
    both = Both()
    both.west.read_only = True
    both.west.denied = {"bookinfo": "you may not patch virtualservices"}
    async with both.driving(size) as drive:
        await both_read(drive)
        await go_to(drive, "west")
        await drive.until(lambda: "(R roll back)" in drive.text.splitlines()[-1])
        assert drive.app.main.situation().read_only
        await drive.press("m")
        await drive.until(lambda: "read-only" in drive.status)
        await go_to(drive, "east")
        await drive.until(lambda: "(R roll back)" not in drive.text.splitlines()[-1])
        assert "R roll back" in drive.text.splitlines()[-1]
        assert not drive.app.main.situation().read_only


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_other_rights_in_one_cluster_dim_its_verbs_alone(size: tuple[int, int]) -> None:
    both = Both()
    both.west.denied = {"bookinfo": "you may not patch virtualservices"}
    async with both.driving(size) as drive:
        await both_read(drive)
        await go_to(drive, "west")
        await drive.until(lambda: "(R roll back)" in drive.text.splitlines()[-1])
        await drive.press("m")
        await drive.until(lambda: "you may not patch virtualservices" in drive.status)
        await go_to(drive, "east")
        await drive.until(lambda: "(R roll back)" not in drive.text.splitlines()[-1])
        await drive.press("m")
        await drive.until(lambda: "Mirror reviews.bookinfo in east" in drive.text)


async def test_a_cluster_out_of_reach_greys_its_rows_alone() -> None:
    both = Both()
    async with both.driving() as drive:
        await both_read(drive)
        both.west.telemetry = FeedHealth("telemetry", "stale", 60.0, "no answer")
        both.west.push()
        await drive.until(lambda: "◌" in row(drive, "west"))
        assert "◌" not in row(drive, "east")
        await drive.until(lambda: "STALE" in drive.text.splitlines()[1])
        await go_to(drive, "west")
        assert drive.app.main.table.stale
        await go_to(drive, "east")
        assert not drive.app.main.table.stale


async def test_the_detail_names_the_cluster_and_the_header_a_reason_only_where_it_must() -> None:
    both = Both()
    async with both.driving() as drive:
        await both_read(drive)
        for cluster in ("west", "east"):
            await go_to(drive, cluster)
            await drive.until(lambda named=f"── @{cluster} reviews ─": named in drive.text)  # type: ignore[misc]
        both.west.cluster = FeedHealth("cluster", "stale", 60.0, "no route to host")
        both.west.push()
        await drive.until(lambda: "no route to host" in drive.text.splitlines()[1])
        assert "west: " not in drive.text.splitlines()[1]
        both.east.cluster = both.west.cluster
        both.east.push()
        await drive.until(lambda: "east: no route" in drive.text.splitlines()[1])
        assert "west: no route" in drive.text.splitlines()[1]


async def test_one_that_cannot_be_reached_is_tried_again_while_the_other_is_shown() -> None:
    both = Both()
    both.east.connect_error = Unreachable("https://e cannot be reached")
    async with both.driving() as drive:
        assert {cluster_of(place.service) for place in places(drive)} == {"west"}
        await drive.until(lambda: "east  OUT OF REACH" in drive.text)
        states = drive.text.splitlines()[1]
        assert "west live" in states and "https://" not in states
        assert states.index("west live") < states.index("east: cannot be reached")
        assert drive.app.main.cockpit.context == "west"
        both.east.connect_error = None
        both.again.set()
        await both_read(drive)
        await drive.until(lambda: "OUT OF REACH" not in drive.text)


async def test_where_none_can_be_reached_the_screen_says_why() -> None:
    both = Both()
    both.east.connect_error = Unreachable("https://e cannot be reached")
    both.west.connect_error = Unreachable("https://w cannot be reached")
    with pytest.raises(Unreachable, match="https://e cannot be reached"):
        await both.group.connect()
    await both.group.close()


async def test_logs_are_those_of_the_rows_cluster() -> None:
    both = Both()
    async with both.driving() as drive:
        await both_read(drive)
        await go_to(drive, "west")
        await drive.press("l")
        await drive.until(lambda: both.west.tailed)
        assert both.east.tailed == [] and set(map(type, both.west.tailed)) == {ServiceKey}
        await drive.until(lambda: "reviews @west" in drive.text)
        await go_to(drive, "east")
        await drive.until(lambda: both.east.tailed)


async def test_another_context_is_gone_on_with_alone() -> None:
    both = Both()
    async with both.driving() as drive:
        await both_read(drive)
        await drive.press(":")
        await drive.type("ctx west")
        await drive.press("enter")
        await drive.until(lambda: {cluster_of(p.service) for p in places(drive)} == {"west"})
        await drive.until(lambda: both.east.closed)
        assert drive.app.main.cockpit.context == "west" and not both.west.closed


async def in_both(drive: Drive, words: str, cluster: str = "west") -> DiffDialog:
    """The dialog of a change that is to be made in all clusters."""
    await both_read(drive)
    await go_to(drive, cluster)
    await drive.press(":")
    await drive.type(words)
    await drive.press("enter")
    await drive.armed()
    assert "in all clusters" in drive.text
    await drive.press("a")
    return await drive.armed()


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_change_goes_to_all_clusters_that_have_the_service(size: tuple[int, int]) -> None:
    both = Both()
    async with both.driving(size) as drive:
        dialog = await in_both(drive, "shift v3=10")
        assert "reviews.bookinfo in east, west" in drive.text
        assert dialog.plan is not None
        assert [cluster_of(c.service) for c in dialog.plan.changes] == ["east", "west"]
        assert "step 1 of 2" in drive.text and "in east" in drive.text
        assert "in all clusters" not in drive.text.splitlines()[-4]
        await drive.press("enter")
        await drive.until(lambda: both.west.applied and not drive.app.main.desk.busy)
        for cockpit in (both.east, both.west):
            (plan,) = cockpit.applied
            assert type(plan.change.service) is ServiceKey and not plan.others
            assert cockpit.asked[-1][0] == Shift({"v3": 10})
        await drive.until(lambda: "6 of 6 proxies in sync" in drive.status)


async def test_where_one_cluster_fails_the_others_are_undone() -> None:
    both = Both()
    both.west.apply_error = Refused("a webhook says no", "ask its owner")
    async with both.driving() as drive:
        dialog = await in_both(drive, "shift v3=10")
        await drive.press("enter")
        await drive.until(lambda: dialog.phase is Phase.FAILED)
        assert [plan.change.verb for plan in both.east.applied] == ["shift", "undo"]
        assert "west: a webhook says no" in drive.text
        assert "east: undone again by change c1" in drive.text


async def test_what_one_cluster_does_not_serve_is_undone_in_all() -> None:
    both = Both()
    both.west.verified = False
    async with both.driving() as drive:
        dialog = await in_both(drive, "shift v3=10")
        await drive.press("enter")
        await drive.until(lambda: dialog.phase is Phase.FAILED)
        for cockpit in (both.east, both.west):
            assert [plan.change.verb for plan in cockpit.applied] == ["shift", "undo"]


async def test_what_stands_is_said_loudly() -> None:
    both = Both()
    both.west.apply_error = Unreachable("no route to host")
    both.east.undo_error = Refused("somebody changed it since")
    async with both.driving() as drive:
        dialog = await in_both(drive, "shift v3=10")
        await drive.press("enter")
        await drive.until(lambda: dialog.phase is Phase.FAILED)
        assert "STANDS, it could not be undone: somebody changed it since" in drive.text


def made(name: str, together: Together) -> Entry:
    journal = Journal.for_cluster(f"https://{name}")
    journal.settle(journal.begin(replace(shift(), together=together), name), Status.VERIFIED)
    entry = journal.last_undoable()
    journal.close()
    assert entry is not None
    return replace(entry, id=f"{name}-1")


def both_made(both: Both) -> None:
    """The last change of each was made in both as one."""
    together = Together("a", ("east", "west"))
    for name, cockpit in (("east", both.east), ("west", both.west)):
        shown = Journaled(f"{name}-1", 0.0, "ann", "shift", REVIEWS, ("v3 20 → 10 %",), "verified")
        cockpit.entries = (shown,)
        cockpit.standing = made(name, together)


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("where", ["table", "journal"])
async def test_a_change_of_all_clusters_is_undone_in_all(size: tuple[int, int], where: str) -> None:
    both = Both()
    both_made(both)
    async with both.driving(size) as drive:
        await both_read(drive)
        await go_to(drive, "west")
        if where == "journal":
            await drive.press("J")
            await drive.until(lambda: drive.app.main.arrangement.focus == "journal")
        await drive.press("u")
        await drive.armed()
        assert "in all clusters" in drive.text
        await drive.press("a")
        dialog = await drive.armed()
        assert dialog.plan is not None
        assert [cluster_of(c.service) for c in dialog.plan.changes] == ["east", "west"]
        assert "in east, west" in drive.text
        await drive.press("enter")
        await drive.until(lambda: both.west.applied and not drive.app.main.desk.busy)
        assert (both.east.undos[-1], both.west.undos[-1]) == ("east-1", "west-1")
        assert [len(one.applied) for one in (both.east, both.west)] == [1, 1]


async def test_where_one_undo_fails_the_change_stands_in_all() -> None:
    both = Both()
    both_made(both)
    both.west.apply_error = Refused("a webhook says no", "ask its owner")
    async with both.driving() as drive:
        await both_read(drive)
        await go_to(drive, "east")
        await drive.press("u")
        await drive.armed()
        await drive.press("a")
        dialog = await drive.armed()
        await drive.press("enter")
        await drive.until(lambda: dialog.phase is Phase.FAILED)
        assert len(both.east.applied) == 2 and both.east.undos[-1] == "c1"
        assert "east: undone again by change c1" in drive.text


async def test_a_change_of_one_cluster_is_undone_there() -> None:
    both = Both()
    both_made(both)
    for cockpit in (both.east, both.west):
        assert cockpit.standing is not None
        cockpit.standing = replace(cockpit.standing, together=None)
    async with both.driving() as drive:
        await both_read(drive)
        await go_to(drive, "west")
        await drive.press("J")
        await drive.until(lambda: drive.app.main.arrangement.focus == "journal")
        await drive.press("u")
        await drive.armed()
        assert "in all clusters" not in drive.text


async def test_one_cluster_that_may_not_be_changed_stops_all() -> None:
    both = Both()
    both.west.plan_error = NotAllowed("you may not patch virtualservices")
    async with both.driving() as drive:
        await both_read(drive)
        await go_to(drive, "east")
        await drive.press(":")
        await drive.type("shift v3=10")
        await drive.press("enter")
        await drive.armed()
        await drive.press("a")
        await drive.until(lambda: "west: you may not patch virtualservices" in drive.text)
        assert not both.east.applied and not both.west.applied


async def test_a_service_of_one_cluster_has_no_such_key() -> None:
    both = Both()
    both.east.views_override = ()
    async with both.driving() as drive:
        await drive.until(lambda: {cluster_of(p.service) for p in places(drive)} == {"west"})
        await go_to(drive, "west")
        await drive.press(":")
        await drive.type("shift v3=10")
        await drive.press("enter")
        await drive.armed()
        assert "in all clusters" not in drive.text


async def test_an_adoption_goes_to_all_clusters_too() -> None:
    both = Both()
    async with both.driving() as drive:
        await both_read(drive)
        plan = await both.group.plan_in_all(None, Target(ServiceKey("bookinfo", "ratings")))
        parts = apart(plan)
        assert list(parts) == ["east", "west"]
        assert [change.action for change in parts["west"].changes] == ["create", "create"]
        assert [cluster_of(c.service) for c in plan.changes] == ["east"] * 2 + ["west"] * 2


async def test_the_proxies_and_findings_of_all_clusters_are_shown_by_cluster() -> None:
    both = Both()
    rules = both.west.raw["destinationrules"][0]["spec"]
    rules["subsets"] = [subset for subset in rules["subsets"] if subset["name"] != "v3"]
    async with both.driving() as drive:
        await both_read(drive)
        await go_to(drive, "east")
        await drive.press(":")
        await drive.type("status reviews-v1")
        await drive.press("enter")
        await drive.until(lambda: "in east" in drive.text and "in west" in drive.text)
        await drive.press("a")
        await drive.until(lambda: "bookinfo/reviews in west" in drive.text)
        assert "missing-subset" not in drive.text.partition("elsewhere in the mesh")[0]
        await go_to(drive, "west")
        await drive.until(lambda: "missing-subset" in drive.text.partition("elsewhere")[0])


async def test_a_cluster_out_of_reach_is_named_where_all_proxies_and_findings_are() -> None:
    both = Both()
    async with both.driving() as drive:
        await both_read(drive)
        both.west.break_feed(Unreachable("w cannot be reached"))
        await drive.until(lambda: "w cannot be reached" in drive.text)
        await drive.press(":")
        await drive.type("status all")
        await drive.press("enter")
        await drive.until(lambda: "the proxies of west are not known" in drive.text)
        await drive.press("a")
        await drive.until(lambda: "west was not judged: it is out of reach" in drive.text)


async def test_where_no_cluster_answers_each_says_why() -> None:
    both = Both()
    for name, one in (("east", both.east), ("west", both.west)):
        one.sync = NotAllowed(f"no rights in {name}")
    async with both.driving() as drive:
        await both_read(drive)
        with pytest.raises(Unreachable, match="east: no rights in east; west: no rights in west"):
            await both.group.mesh_sync()
