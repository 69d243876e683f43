"""From keys to the exact plan, and what is said about its outcome."""

from __future__ import annotations

import pytest

from meshtui.changes.change import (
    Caution,
    ClearAll,
    ClearFault,
    ClearMirror,
    Promote,
    Rollback,
    SetFault,
    SetMirror,
    Shift,
    Target,
)
from meshtui.errors import Conflict, NotAllowed, Unreachable
from meshtui.mesh.model import ServiceKey
from meshtui.ui.dialogs.diff import DiffDialog, Phase
from meshtui.ui.dialogs.form import FormDialog
from meshtui.ui.dialogs.help import HelpDialog
from meshtui.ui.main.screen import MainScreen
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.fake import FakeCockpit

REVIEWS = ServiceKey("bookinfo", "reviews")
LOOKED_AT = Target(REVIEWS, uid="uid-reviews", resource_version="100")


def weights(drive: Drive) -> dict[str, int]:
    rule = drive.cockpit.raw["virtualservices"][0]["spec"]["http"][1]
    return {route["destination"]["subset"]: route["weight"] for route in rule["route"]}


def reviews_row(drive: Drive) -> str:
    return next((row for row in drive.text.splitlines() if "▾ reviews" in row), "")


async def made(drive: Drive, count: int = 1) -> None:
    """The change is made and its dialog is gone."""
    await drive.until(lambda: len(drive.cockpit.applied) == count)
    await drive.until(lambda: not drive.app.main.desk.busy)
    await drive.until(lambda: isinstance(drive.app.screen, MainScreen))


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_draft_becomes_exactly_the_change_that_was_shown(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        await drive.go_to("reviews", "v3")
        await drive.press("minus", "minus", "enter")
        dialog = await drive.armed()
        assert drive.cockpit.asked == [(Shift({"v1": 90, "v2": 0, "v3": 10}), LOOKED_AT)]
        assert "v3 20 → 10 %" in drive.text and "+      weight: 90" in drive.text
        assert "Enter apply" in drive.text
        await drive.press("enter")
        await made(drive)
        assert drive.cockpit.applied == [dialog.plan]
        assert weights(drive) == {"v1": 90, "v2": 0, "v3": 10}
        assert "3 of 3 proxies in sync in 42 ms" in drive.status
        assert "→" not in drive.text.split("3 of 3")[0].split("reviews:")[0]


async def test_escape_leaves_the_dialog_and_keeps_the_draft() -> None:
    async with driving() as drive:
        await drive.go_to("reviews", "v3")
        await drive.press("minus", "enter")
        await drive.armed()
        await drive.press("escape")
        await drive.until(lambda: "20→15%" in drive.text and drive.cockpit.applied == [])


async def test_an_enter_before_the_plan_is_there_is_kept_until_it_was_on_the_screen() -> None:
    async with driving() as drive:
        await drive.go_to("reviews", "v3")
        with drive.cockpit.slow_plans():
            await drive.press("minus", "enter", "enter", "enter")
            await drive.until(
                lambda: "Enter is kept for the plan" in drive.text and drive.cockpit.applied == []
            )
            dialog = drive.dialog
        await drive.until(lambda: drive.cockpit.applied)
        await made(drive)
        assert drive.cockpit.applied == [dialog.plan]


@pytest.mark.parametrize("key", ["escape", "x"])
async def test_an_enter_that_is_kept_is_forgotten_by_any_other_key(key: str) -> None:
    async with driving() as drive:
        await drive.go_to("reviews", "v3")
        await drive.press("minus", "enter")
        await drive.until(lambda: "Enter apply" in drive.text)
        await drive.press("enter")
        if drive.cockpit.applied:
            return
        assert drive.dialog.armed or "Enter applies it in a moment" in drive.text
        dialog = drive.dialog
        await drive.press(key)
        dialog._arm()
        assert drive.cockpit.applied == [] and dialog.phase is Phase.SHOWN


@pytest.mark.parametrize("level", ["warning", "danger"])
async def test_an_enter_does_not_overtake_what_was_found(level: str) -> None:
    async with driving() as drive:
        drive.cockpit.findings = (Caution(level, "Argo CD owns this"),)
        await drive.go_to("reviews", "v3")
        with drive.cockpit.slow_plans():
            await drive.press("minus", "enter", "enter")
        await drive.armed()
        assert "Argo CD owns this" in drive.text and drive.cockpit.applied == []
        await drive.until(lambda: not drive.dialog._kept)
        assert drive.cockpit.applied == []


async def test_an_enter_that_plans_again_after_a_conflict_is_not_one_to_apply() -> None:
    async with driving() as drive:
        drive.cockpit.apply_error = Conflict("it was changed by kubectl-edit", "plan again")
        await drive.go_to("reviews", "v3")
        await drive.press("minus", "enter")
        await drive.armed()
        await drive.press("enter")
        await drive.until(lambda: drive.dialog.phase is Phase.CONFLICT)
        tried = len(drive.cockpit.applied)
        with drive.cockpit.slow_plans():
            await drive.press("enter", "enter")
        await drive.armed()
        assert len(drive.cockpit.applied) == tried


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_rolling_back_is_two_keys(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        await drive.press("R")
        await drive.armed()
        assert drive.cockpit.asked == [(Rollback(), LOOKED_AT)]
        await drive.press("enter")
        await made(drive)
        assert weights(drive) == {"v1": 100, "v2": 0, "v3": 0}


@pytest.mark.parametrize(
    "before",
    [
        ["question_mark"],
        ["f"],
        ["m"],
        ["minus", "enter"],
        ["l"],
        ["p", "y"],
        ["u"],
        ["left"],
    ],
)
async def test_rolling_back_works_from_inside_whatever_is_open(before: list[str]) -> None:
    async with driving() as drive:
        await drive.press(*before)
        await drive.press("R")
        await drive.armed()
        assert drive.cockpit.asked[-1] == (Rollback(), LOOKED_AT)
        await drive.press("enter")
        await made(drive)
        assert weights(drive)["v1"] == 100


@pytest.mark.parametrize("before", [["slash"], ["colon"], ["ctrl+p"], ["question_mark"]])
async def test_control_r_rolls_back_even_while_typing(before: list[str]) -> None:
    async with driving() as drive:
        await drive.press(*before, "ctrl+r")
        await drive.armed()
        assert [request for request, _ in drive.cockpit.asked] == [Rollback()]


async def test_a_typed_r_is_a_letter() -> None:
    async with driving() as drive:
        await drive.press("slash", "R", "e")
        assert drive.app.main.table.filter.source == "Re" and drive.cockpit.asked == []


async def test_rolling_back_overtakes_a_change_that_is_being_verified() -> None:
    async with driving() as drive:
        drive.cockpit.apply_gate.clear()
        await drive.go_to("reviews", "v3")
        await drive.press("plus", "enter")
        await drive.armed()
        await drive.press("enter")
        await drive.until(lambda: "write" in drive.text)
        await drive.press("escape", "P")
        await drive.until(lambda: "is being applied" in drive.status)
        await drive.press("R")
        await drive.armed()
        drive.cockpit.apply_gate.set()


async def test_a_danger_wants_the_name_typed() -> None:
    async with driving(size=SMALL) as drive:
        drive.cockpit.findings = (Caution("danger", "v3 has no ready pod"),)
        await drive.go_to("reviews", "v3")
        await drive.press("P")
        await drive.armed()
        assert "✖ danger: v3 has no ready pod" in drive.text
        assert "type reviews to go on" in drive.text
        await drive.press("enter")
        assert drive.cockpit.applied == []
        await drive.type("review")
        await drive.press("enter")
        assert drive.cockpit.applied == []
        await drive.type("s")
        assert "Enter apply" in drive.text
        await drive.press("enter")
        await made(drive)


@pytest.mark.parametrize("danger", [False, True])
async def test_one_more_key_takes_along_what_a_rollback_does_not_reach(danger: bool) -> None:
    async with driving(size=SMALL) as drive:
        drive.cockpit.not_reached = ("rule testers: 100 % to v3",)
        drive.cockpit.findings = (Caution("danger", "v1 fails"),) if danger else ()
        await drive.go_to("reviews", "v3")
        await drive.press("R")
        await drive.armed()
        assert ("Ctrl+E everywhere" if danger else "e everywhere") in drive.text
        await drive.press("ctrl+e" if danger else "e")
        await drive.armed()
        assert "everywhere" not in drive.text
        asked = [request for request, _ in drive.cockpit.asked]
        assert asked == [Rollback(), Rollback(everywhere=True)]


async def test_findings_are_shown_the_gravest_first() -> None:
    async with driving() as drive:
        drive.cockpit.findings = (
            Caution("info", "an info"),
            Caution("warning", "Argo CD owns this"),
            Caution("danger", "a danger"),
        )
        await drive.press("R")
        await drive.armed()
        text = drive.text
        assert text.index("danger: a danger") < text.index("warning: Argo") < text.index("an info")


async def test_a_conflict_says_who_and_offers_to_plan_again() -> None:
    async with driving() as drive:
        drive.cockpit.apply_error = Conflict(
            "VirtualService bookinfo/reviews was changed by kubectl-edit", "plan again"
        )
        await drive.go_to("reviews", "v3")
        await drive.press("minus", "enter")
        await drive.armed()
        await drive.press("enter")
        await drive.until(lambda: "kubectl-edit" in drive.text and "plan again" in drive.text)
        assert drive.dialog.phase is Phase.CONFLICT
        drive.cockpit.apply_error = None
        await drive.press("enter")
        await drive.armed()
        assert drive.cockpit.asked[-1] == (
            Shift({"v1": 85, "v2": 0, "v3": 15}),
            Target(REVIEWS),
        )
        await drive.press("enter")
        await made(drive, 2)


async def test_a_plan_that_is_refused_is_one_line_and_nothing_else() -> None:
    async with driving() as drive:
        drive.cockpit.plan_error = NotAllowed("you may not patch virtualservices", "ask for it")
        await drive.press("R")
        await drive.until(lambda: "you may not patch" in drive.text)
        await drive.press("enter")
        assert isinstance(drive.app.screen, MainScreen) and drive.cockpit.applied == []


async def test_an_unexpected_failure_of_a_plan_does_not_end_the_program() -> None:
    async with driving() as drive:
        drive.cockpit.plan_error = ZeroDivisionError("oops")  # type: ignore[assignment]
        await drive.press("R")
        await drive.until(lambda: "planning failed unexpectedly" in drive.text)
        await drive.press("escape")
        assert isinstance(drive.app.screen, MainScreen)


async def test_not_verified_is_loud_and_stays_with_the_row() -> None:
    async with driving() as drive:
        drive.cockpit.verified = False
        await drive.press("R")
        await drive.armed()
        await drive.press("enter")
        await drive.until(lambda: drive.dialog.phase is Phase.OVER)
        assert "NOT VERIFIED" in drive.text and "0 of 3 proxies in sync" in drive.text
        await drive.press("enter")
        await drive.tick()
        row = next(line for line in drive.text.splitlines() if "reviews" in line)
        assert "NOT VERIFIED" in row
        drive.cockpit.verified = True
        await drive.press("u")
        await drive.armed()
        await drive.press("enter")
        await drive.until(lambda: "NOT VERIFIED" not in drive.text)


async def test_a_change_that_the_proxies_take_up_later_is_not_marked_any_more() -> None:
    async with driving() as drive:
        drive.cockpit.verified = False
        await drive.press("R")
        await drive.armed()
        await drive.press("enter")
        await drive.until(lambda: drive.dialog.phase is Phase.OVER)
        await drive.press("enter")
        drive.cockpit.settled = {REVIEWS: "change c1 is in the proxies now: 3 of 3 in sync"}
        await drive.tick()
        assert "NOT VERIFIED" not in drive.text
        assert "is in the proxies now" in drive.text


async def test_a_failed_write_is_said_where_it_happened() -> None:
    async with driving() as drive:
        drive.cockpit.apply_error = Unreachable("the API server does not answer", "try again")
        await drive.press("R")
        await drive.armed()
        await drive.press("enter")
        await drive.until(lambda: drive.dialog.phase is Phase.FAILED)
        assert "does not answer" in drive.text
        await drive.press("escape")
        await drive.until(
            lambda: "does not answer" in drive.status and "applying" not in drive.text
        )


async def test_a_closed_dialog_does_not_stop_the_change() -> None:
    async with driving() as drive:
        drive.cockpit.apply_gate.clear()
        await drive.press("R")
        await drive.armed()
        await drive.press("enter")
        await drive.until(lambda: "write" in drive.text)
        await drive.press("escape")
        await drive.until(
            lambda: "applying…" in next(x for x in drive.text.splitlines() if "▾ reviews" in x)
        )
        await drive.press("q")
        await drive.until(lambda: "q again" in drive.status)
        drive.cockpit.apply_gate.set()
        await made(drive)
        assert "3 of 3" in drive.status


async def test_undo_takes_back_what_was_made() -> None:
    async with driving() as drive:
        await drive.press("R")
        await drive.armed()
        await drive.press("enter")
        await made(drive)
        await drive.press("u")
        await drive.armed()
        await drive.press("enter")
        await made(drive, 2)
        assert weights(drive) == {"v1": 80, "v2": 0, "v3": 20}


async def test_promote_means_the_selected_version() -> None:
    async with driving() as drive:
        await drive.go_to("reviews", "v2")
        await drive.press("P")
        await drive.armed()
        assert drive.cockpit.asked == [(Promote("v2"), LOOKED_AT)]


async def test_mirror_by_form_then_off_by_the_same_key() -> None:
    async with driving(size=SMALL) as drive:
        await drive.go_to("reviews", "v2")
        await drive.press("m")
        await drive.until(
            lambda: isinstance(drive.app.screen, FormDialog) and "‹ v2 ›" in drive.text
        )
        await drive.press("tab", "5", "0", "enter")
        await drive.armed()
        assert drive.cockpit.asked[-1] == (SetMirror("v2", 50.0, None), LOOKED_AT)
        await drive.press("enter")
        await made(drive)
        await drive.until(lambda: "mirror v2 50" in drive.text)
        await drive.press("m")
        await drive.armed()
        assert drive.cockpit.asked[-1][0] == ClearMirror()


async def test_fault_by_form_with_mistakes_said_in_place() -> None:
    async with driving(size=SMALL) as drive:
        await drive.press("f", "enter")
        await drive.until(lambda: "needs a delay or an abort" in drive.text)
        await drive.type("3")
        await drive.press("enter")
        await drive.until(lambda: "'3' is not a duration" in drive.text)
        await drive.type("s")
        await drive.press("enter")
        await drive.armed()
        assert drive.cockpit.asked[-1][0] == SetFault(delay_s=3.0, expires_s=900.0)
        await drive.press("enter")
        await made(drive)
        await drive.until(lambda: "fault" in reviews_row(drive))
        await drive.press("f")
        await drive.armed()
        assert drive.cockpit.asked[-1][0] == ClearFault()


async def test_clear_takes_fault_and_mirror_off_in_one_change() -> None:
    cockpit = FakeCockpit()
    rule = cockpit.raw["virtualservices"][0]["spec"]["http"][1]
    rule["fault"] = {"abort": {"httpStatus": 503, "percentage": {"value": 10}}}
    rule["mirror"] = {"host": "reviews", "subset": "v2"}
    async with driving(cockpit) as drive:
        await drive.press("c")
        await drive.armed()
        await drive.press("enter")
        await made(drive)
        assert [request for request, _ in cockpit.asked] == [ClearAll()]
        left = cockpit.raw["virtualservices"][0]["spec"]["http"][1]
        assert "fault" not in left and "mirror" not in left
        await drive.until(lambda: "fault" not in reviews_row(drive))
        await drive.press("c")
        await drive.until(lambda: "no mirror and no fault" in drive.status)


async def test_commands_act_on_the_selected_service() -> None:
    async with driving() as drive:
        await drive.press("colon")
        await drive.type("shift v1=60 v2=40 v3=0")
        await drive.press("enter")
        await drive.armed()
        assert drive.cockpit.asked == [(Shift({"v1": 60, "v2": 40, "v3": 0}), LOOKED_AT)]


async def test_a_wrong_command_is_one_line() -> None:
    async with driving() as drive:
        await drive.press("colon")
        await drive.type("shift lots")
        await drive.press("enter")
        await drive.until(
            lambda: (
                "'lots' names no version" in drive.status
                and isinstance(drive.app.screen, MainScreen)
            )
        )


async def test_the_dialog_keeps_its_target_while_the_table_changes() -> None:
    async with driving() as drive:
        await drive.press("R")
        dialog = await drive.armed()
        plan = dialog.plan
        drive.cockpit.rps = 4000
        await drive.tick()
        assert isinstance(drive.app.screen, DiffDialog) and drive.dialog.plan is plan


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_help_shows_every_action_and_command(size: tuple[int, int]) -> None:
    from meshtui.ui.actions.registry import ACTIONS
    from meshtui.ui.main.commands import examples

    async with driving(size=size) as drive:
        await drive.press("question_mark")
        await drive.until(lambda: "Keys of the table" in drive.text)
        seen = ""
        for _ in range(30):
            seen += " ".join(drive.text.split())
            await drive.press("pagedown")
        for action in ACTIONS:
            assert action.help.split()[0] in seen and action.shown in seen
        for example, _ in examples():
            assert f":{example}" in seen
        await drive.press("question_mark")
        assert not isinstance(drive.app.screen, HelpDialog)
