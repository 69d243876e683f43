"""Time limits: ended when over, closed when somebody already did, and said when they can't be."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meshtui.changes.change import (
    ClearAll,
    ClearFault,
    ClearMirror,
    Request,
    Rollback,
    SetFault,
    SetMirror,
    Shift,
    Target,
)
from meshtui.errors import JournalError, Unreachable
from meshtui.journal import Journal, Status
from meshtui.journal.open_limits import OpenLimits
from meshtui.mesh.model import ServiceKey
from meshtui.operations.change.time_limits import NEWS_S, RETRY_S, Limits
from meshtui.operations.look.doctor import limit_checks
from meshtui.operations.session import Session
from tests.unit.fake_cluster import VS, FakeCluster, failing, mesh_of, policy, routed, session
from tests.unit.objects import Obj, route

RULE = {"route": [route("v1", 90), route("v2", 10)]}
SPECIAL = {"match": [{"uri": {"exact": "/x"}}], "route": [route("v2")]}
FAULT = SetFault(abort_http=503, abort_percent=10, expires_s=60)
TARGETED = SetFault(abort_http=503, header=("x-chaos", "1"), expires_s=60)


class Desk:
    """A session on the fake, a clock, and what ends limits."""

    def __init__(self, *rules: Obj, **options: Any) -> None:
        self.now = 0.0
        self.cluster = FakeCluster(routed(*rules or (RULE,)), policy("v1", "v2", "v3"))
        self.opened: Session = session(self.cluster, **options)
        assert self.opened.journal is not None
        self.journal: Journal = self.opened.journal
        self.journal._clock = lambda: self.now
        self.limits = Limits(self.opened, clock=lambda: self.now)

    async def make(self, request: Request, rule: str = "") -> str:
        mesh, target = mesh_of(self.cluster), Target(ServiceKey("default", "reviews"), rule)
        plan = await self.opened.plan(mesh, request, target, None)
        return (await self.opened.apply(plan, mesh, None, lambda _: None)).change_id

    async def later(self, seconds: float) -> tuple[str, ...]:
        self.now += seconds
        return await self.limits.end_overdue(mesh_of(self.cluster))

    @property
    def rules(self) -> list[Obj]:
        found: list[Obj] = self.cluster.spec()["http"]
        return found


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@pytest.mark.parametrize("request_", [FAULT, TARGETED, SetMirror("v3", expires_s=60)])
async def test_what_is_over_is_taken_back_and_not_before(request_: Request) -> None:
    desk = Desk()
    await desk.make(request_)
    assert await desk.later(59) == ()
    assert desk.rules != [RULE]
    (line,) = await desk.later(2)
    assert "its time was over" in line
    assert (desk.rules, desk.limits.pending()) == ([RULE], ())


async def test_without_a_limit_nothing_is_ended() -> None:
    desk = Desk()
    await desk.make(SetMirror("v3"))
    await desk.make(SetFault(abort_http=503, expires_s=None))
    assert await desk.later(1e9) == ()
    assert (desk.limits.pending(), desk.limits.notices()) == ((), ())


async def test_other_changes_since_are_kept() -> None:
    desk = Desk()
    await desk.make(FAULT)
    await desk.make(Shift({"v2": 50}))
    await desk.later(61)
    assert desk.rules == [{"route": [route("v1", 50), route("v2", 50)]}]


@pytest.mark.parametrize("fault", [FAULT, TARGETED])
async def test_a_rule_put_above_by_another_does_not_keep_a_fault_alive(fault: SetFault) -> None:
    desk = Desk()
    await desk.make(fault)
    desk.cluster.edit(VS, lambda spec: spec["http"].insert(0, SPECIAL))
    await desk.later(61)
    assert desk.rules == [SPECIAL, RULE]


@pytest.mark.parametrize("fault", [FAULT, TARGETED])
async def test_a_fault_that_somebody_took_off_is_closed(fault: SetFault) -> None:
    desk = Desk()
    await desk.make(fault)
    desk.cluster.edit(VS, lambda spec: spec.update(http=[RULE]))
    (line,) = await desk.later(61)
    assert "taken off already" in line
    assert (desk.limits.pending(), desk.rules) == ((), [RULE])


async def test_a_fault_of_another_rule_does_not_keep_the_limit_open() -> None:
    desk = Desk(
        {
            "name": "other",
            "match": SPECIAL["match"],
            "route": [route("v2")],
            "fault": {"abort": {"httpStatus": 500, "percentage": {"value": 1}}},
        },
        RULE,
    )
    await desk.make(FAULT)
    await desk.make(Rollback("v1"))
    await desk.later(61)
    assert desk.limits.pending() == ()
    assert "fault" in desk.rules[0]


@pytest.mark.parametrize("off", [ClearFault(), Rollback("v1")])
async def test_a_fault_taken_off_by_its_own_verb_is_closed(off: Request) -> None:
    desk = Desk()
    await desk.make(FAULT)
    await desk.make(off)
    await desk.later(61)
    assert desk.limits.pending() == ()


def change_percent(spec: Obj) -> None:
    spec["http"][0]["fault"]["abort"]["percentage"]["value"] = 20


def change_match(spec: Obj) -> None:
    spec["http"][0] |= {"match": [{"uri": {"prefix": "/new"}}]}
    spec["http"][0]["fault"]["abort"]["percentage"]["value"] = 20


@pytest.mark.parametrize("other", [change_percent, change_match])
async def test_a_fault_that_somebody_changed_stays_open_and_says_why(
    other: Callable[[Obj], None],
) -> None:
    desk = Desk()
    await desk.make(FAULT)
    desk.cluster.edit(VS, other)
    assert await desk.later(61) == ()
    (notice,) = desk.limits.notices()
    assert notice.startswith("OVERDUE 1s")
    assert "somebody else touched the same place" in notice
    assert "fault" in desk.rules[0]


async def test_what_can_not_be_ended_is_tried_again_after_a_while() -> None:
    desk = Desk()
    await desk.make(FAULT)
    desk.cluster.before_write = failing(Unreachable("the server is out of reach"))
    assert await desk.later(61) == ()
    assert "out of reach" in desk.limits.notices()[0]
    desk.cluster.before_write = lambda method, path: None
    assert await desk.later(RETRY_S - 1) == ()
    assert len(await desk.later(2)) == 1
    assert desk.rules == [RULE]


async def test_an_object_that_is_gone_has_no_fault() -> None:
    desk = Desk()
    await desk.make(FAULT)
    del desk.cluster.objects[VS]
    assert len(await desk.later(61)) == 1
    assert desk.limits.pending() == ()


async def test_a_disk_that_says_no_is_said_and_does_not_end_the_watch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk()
    await desk.make(FAULT)
    desk.cluster.edit(VS, lambda spec: spec.update(http=[RULE]))

    def full(*words: Any) -> None:
        raise JournalError("disk is full")

    monkeypatch.setattr(OpenLimits, "close", full)
    assert await desk.later(61) == ()
    assert "disk is full" in desk.limits.notices()[0]


async def test_a_read_only_session_ends_nothing() -> None:
    desk = Desk()
    await desk.make(FAULT)
    desk.opened = session(desk.cluster, read_only=True)
    looking = Limits(desk.opened, clock=lambda: 1e6)
    assert await looking.end_overdue(mesh_of(desk.cluster)) == ()
    assert "fault" in desk.rules[0]


async def test_the_way_back_of_an_ended_fault_is_in_the_journal() -> None:
    desk = Desk()
    fault = await desk.make(FAULT)
    await desk.later(61)
    undo, made = desk.journal.entries()
    assert (undo.undoes, undo.status, made.undone_by) == (fault, Status.WRITTEN, undo.id)


async def test_a_fault_that_was_cleared_is_no_longer_announced_and_comes_back_with_it() -> None:
    desk = Desk()
    await desk.make(FAULT)
    assert len(desk.limits.pending(mesh_of(desk.cluster))) == 1
    cleared = await desk.make(ClearFault())
    desk.now += NEWS_S
    assert desk.limits.pending(mesh_of(desk.cluster)) == ()
    mesh = mesh_of(desk.cluster)
    plan = await desk.opened.plan_undo(mesh, cleared, None)
    await desk.opened.apply(plan, mesh, None, lambda _: None)
    assert len(desk.limits.pending(mesh_of(desk.cluster))) == 1


async def test_a_fault_is_announced_before_the_watched_mesh_has_it() -> None:
    desk = Desk()
    before = mesh_of(desk.cluster)
    await desk.make(FAULT)
    assert len(desk.limits.pending(before)) == 1


@pytest.mark.parametrize(
    ("limited", "off", "again"),
    [
        (SetMirror("v2", 50, expires_s=12), ClearMirror(), SetMirror("v2", 50)),
        (
            SetFault(abort_http=503, expires_s=12),
            ClearFault(),
            SetFault(abort_http=503, expires_s=None),
        ),
        (replace(TARGETED, expires_s=12), ClearFault(), replace(TARGETED, expires_s=None)),
        (SetMirror("v2", 50, expires_s=12), ClearAll(), SetMirror("v2", 50)),
        (SetMirror("v2", 50, expires_s=12), Rollback("v1"), SetMirror("v2", 50)),
    ],
)
async def test_the_same_put_on_anew_without_a_limit_stays(
    limited: Request, off: Request, again: Request
) -> None:
    desk = Desk()
    for request in (limited, off, again):
        await desk.make(request)
    rules = desk.rules
    assert await desk.later(13) == ()
    assert (desk.rules, desk.limits.pending(), desk.limits.notices()) == (rules, (), ())
    assert await limit_checks(desk.opened, mesh_of(desk.cluster)) == []


@pytest.mark.parametrize("by_itself", [True, False])
async def test_doctor_lists_what_is_on_alone(by_itself: bool) -> None:
    """Whether its own verb took it off or somebody else, who left no word in the journal."""
    desk = Desk()
    made = await desk.make(SetMirror("v2", 50, expires_s=60))
    (check,) = await limit_checks(desk.opened, mesh_of(desk.cluster))
    assert (check.level, made in check.text, "ends in" in check.text) == ("ok", True, True)
    if by_itself:
        await desk.make(ClearMirror())
    else:
        desk.cluster.edit(VS, lambda spec: spec.update(http=[RULE]))
        desk.now += NEWS_S
    assert await limit_checks(desk.opened, mesh_of(desk.cluster)) == []


@pytest.mark.parametrize("after_s", [7200.0, 5.0])
async def test_another_limit_is_a_change_of_the_journal_alone(after_s: float) -> None:
    desk = Desk()
    await desk.make(SetMirror("v2", 50, expires_s=600))
    writes = list(desk.cluster.writes)
    change_id = await desk.make(SetMirror("v2", 50, expires_s=after_s))
    assert desk.cluster.writes == writes
    entry = desk.journal.get(change_id)
    assert (entry.status, entry.patch) == (Status.RECORDED, ())
    assert entry.words[0].startswith("time limit of the mirror: 10m left → ")
    await desk.later(after_s - 1)
    assert desk.rules != [RULE]
    assert len(await desk.later(2)) == 1
    assert (desk.rules, desk.limits.pending()) == ([RULE], ())


async def test_a_limit_taken_off_what_is_on_leaves_it_on_and_its_undo_brings_it_back() -> None:
    desk = Desk()
    made = await desk.make(SetMirror("v2", 50, expires_s=60))
    await desk.make(SetMirror("v2", 50))
    assert await desk.make(SetMirror("v2", 50)) == ""
    assert desk.limits.pending() == ()
    mesh = mesh_of(desk.cluster)
    outcome = await desk.opened.apply(
        await desk.opened.plan_undo(mesh, "", None), mesh, None, lambda _: None
    )
    assert (outcome.applied, "nothing was written" in outcome.sentence) == (False, True)
    assert [pending.change_id for pending in desk.limits.pending()] == [made]
    await desk.later(61)
    assert desk.rules == [RULE]


async def test_a_limit_can_be_given_to_what_somebody_else_put_on() -> None:
    fault = {"abort": {"httpStatus": 503, "percentage": {"value": 10}}}
    desk = Desk({**RULE, "fault": fault})
    await desk.make(FAULT)
    assert len(await desk.later(61)) == 1
    assert desk.rules == [RULE]


async def test_a_limit_of_one_part_does_not_take_the_other() -> None:
    desk = Desk()
    await desk.make(SetFault(delay_s=1, abort_http=503, expires_s=60))
    await desk.make(SetFault(abort_http=503, expires_s=None))
    assert len(await desk.later(61)) == 1
    assert set(desk.rules[0]["fault"]) == {"abort"}
    assert (await desk.later(1e6), desk.limits.pending()) == ((), ())


async def test_a_mirror_whose_rule_was_written_in_the_other_form_since_ends_all_the_same() -> None:
    desk = Desk()
    await desk.make(SetMirror("v2", 50, expires_s=60))
    await desk.make(SetMirror("v3", 20))
    assert len(await desk.later(61)) == 1
    (rule,) = mesh_of(desk.cluster).virtual_services[0].rules
    assert [mirror.subset for mirror in rule.mirrors] == ["v3"]


async def test_of_several_keepers_one_acts() -> None:
    desk = Desk()
    await desk.make(FAULT)
    others = []
    for opened in (session(desk.cluster) for _ in range(3)):
        assert opened.journal is not None
        opened.journal._clock = lambda: desk.now
        others.append(Limits(opened))
    desk.now += 61
    mesh, writes = mesh_of(desk.cluster), len(desk.cluster.writes)
    lines = await asyncio.gather(*(keeper.end_overdue(mesh) for keeper in (desk.limits, *others)))
    assert sorted(map(len, lines)) == [0, 0, 0, 1]
    assert len(desk.cluster.writes) == writes + 1
    assert [str(entry.status) for entry in desk.journal.entries()] == ["written", "written"]


async def test_a_replaced_limit_holds_again_when_the_newer_one_is_over() -> None:
    desk = Desk()
    await desk.make(SetMirror("v3", 20, expires_s=200))
    await desk.make(SetMirror("v3", 50))
    await desk.make(SetMirror("v3", 50, expires_s=100))
    assert len(await desk.later(101)) == 1
    (rule,) = mesh_of(desk.cluster).virtual_services[0].rules
    assert [mirror.percent for mirror in rule.mirrors] == [20]
    (pending,) = desk.limits.pending()
    assert pending.left_s == 99
    assert len(await desk.later(100)) == 1
    assert desk.rules == [RULE] and desk.limits.pending() == ()


async def test_an_end_that_meets_another_writer_is_tried_again_at_once() -> None:
    desk = Desk()
    await desk.make(FAULT)
    writers = iter(["a", "b"])

    def somebody_first(method: str, path: str) -> None:
        if method == "PATCH" and (name := next(writers, "")):
            desk.cluster.edit(VS, lambda spec: spec["http"].insert(0, SPECIAL | {"name": name}))

    desk.cluster.before_write = somebody_first
    assert len(await desk.later(61)) == 1
    assert desk.limits.notices() == () and not any("fault" in rule for rule in desk.rules)


async def test_a_keeper_that_was_killed_at_it_is_followed_by_the_next_at_once() -> None:
    desk = Desk()
    await desk.make(FAULT)
    desk.now += 61
    with sqlite3.connect(desk.journal.path) as file:
        file.execute(
            "UPDATE limits SET next_try = 161, tried_by = ?", (f"{socket.gethostname()} 999999999",)
        )
    assert len(await desk.later(0)) == 1
    assert desk.rules == [RULE]


async def test_what_was_limited_before_limits_were_facts_of_their_own_still_ends() -> None:
    desk = Desk()
    await desk.make(FAULT)
    await desk.opened.close()
    with sqlite3.connect(desk.journal.path) as file:
        file.execute("DROP TABLE limits")
        file.execute("DROP TABLE canaries")
        file.execute("ALTER TABLE changes DROP COLUMN together")
        file.execute("PRAGMA user_version = 2")
    desk.opened = session(desk.cluster)
    desk.limits = Limits(desk.opened, clock=lambda: desk.now)
    assert len(await desk.later(61)) == 1
    assert desk.rules == [RULE]
