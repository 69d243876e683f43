"""Timeouts, breakers, adopting, editing, the ladder: from keys to the exact change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from meshtui.changes.change import ClearBreaker, ClearTimeout, SetBreaker, SetTimeout, Shift, Target
from meshtui.errors import Conflict, Unreachable
from meshtui.mesh.model import ServiceKey
from meshtui.ui.app import MeshtuiApp
from meshtui.ui.dialogs.diff import Phase
from meshtui.ui.dialogs.form import FormDialog
from meshtui.ui.dialogs.forms import BREAKER_FIELDS, LIMIT_HINTS
from meshtui.ui.main.screen import MainScreen
from tests.ui import bookinfo
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.fake import FakeCockpit

REVIEWS = ServiceKey("bookinfo", "reviews")


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_timeout_by_form_starts_from_what_is_there(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        await drive.press("o")
        await drive.until(lambda: "Timeout and retries of" in drive.text)
        assert "10s" in drive.text
        await drive.press("tab", "3", "tab", "3", "s", "enter")
        await drive.armed()
        assert drive.cockpit.asked[-1][0] == SetTimeout(10.0, 3, 3.0, None)


async def test_off_in_the_timeout_field_takes_it_off() -> None:
    async with driving() as drive:
        await drive.press("o", "backspace", "backspace", "backspace")
        await drive.type("off")
        await drive.press("enter")
        await drive.armed()
        assert drive.cockpit.asked[-1][0] == ClearTimeout()


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_breaker_by_form_for_the_selected_subset(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        await drive.go_to("reviews", "v3")
        await drive.press("b")
        await drive.until(lambda: "Circuit breaker of" in drive.text)
        assert "‹ v3 ›" in drive.text and "the host has 100" in drive.text
        await drive.press("enter")
        await drive.until(lambda: "say a limit" in drive.text)
        await drive.press("tab", "5", "0", "enter")
        await drive.armed()
        assert drive.cockpit.asked[-1][0] == SetBreaker("v3", {"max_connections": 50})


async def test_one_key_leads_from_a_version_to_the_limits_of_the_whole_host() -> None:
    async with driving() as drive:
        await drive.go_to("reviews", "v2")
        await drive.press("b")
        await drive.until(lambda: "this one alone; → " in drive.text)
        await drive.press("right")
        await drive.until(lambda: "all versions; → v1" in drive.text)
        await drive.press("tab", "5", "0", "enter")
        await drive.armed()
        assert drive.cockpit.asked[-1][0] == SetBreaker("", {"max_connections": 50})


async def test_the_breaker_form_says_whose_limits_change() -> None:
    cockpit = FakeCockpit()
    spec = cockpit.raw["destinationrules"][0]["spec"]
    spec["subsets"][2]["trafficPolicy"] = {"outlierDetection": {"interval": "5s"}}
    async with driving(cockpit, SMALL) as drive:
        await drive.go_to("reviews", "v1")
        await drive.press("b")
        for told in (
            "‹ v1 ›  this one alone; → the whole host",
            "‹ the whole host ›  all but v3; → v2",
            "‹ v2 ›  this one alone; → v3",
            "‹ v3 ›  this one alone; → v1",
            "‹ v1 ›  this one alone; → the whole host",
        ):
            await drive.until(lambda: told in re.sub(r"(?<=›) +", "  ", drive.text))  # noqa: B023
            await drive.press("right")


async def test_the_breaker_form_limits_a_host_outside_of_the_cluster() -> None:
    cockpit = FakeCockpit()
    outside = "api.example.com"
    ports = [{"number": 9080, "name": "http", "protocol": "HTTP"}]
    cockpit.raw["serviceentries"] = [
        {
            "metadata": {"name": "ext", "namespace": "default"},
            "spec": {"hosts": [outside], "ports": ports, "resolution": "DNS"},
        }
    ]
    rule = cockpit.raw["virtualservices"][0]["spec"]["http"][-1]
    rule["route"].append({"destination": {"host": outside}, "weight": 0})
    async with driving(cockpit) as drive:
        await drive.go_to("reviews", outside)
        await drive.press("b")
        await drive.until(lambda: "this one alone; → " in drive.text)
        await drive.press("tab", "5", "0", "enter")
        await drive.until(lambda: bool(drive.cockpit.asked))
        assert drive.cockpit.asked[-1][0] == SetBreaker(outside, {"max_connections": 50})


def test_each_limit_says_what_it_limits_in_the_room_that_it_has() -> None:
    """Of 78 cells the border, the padding, the label and the field take 45."""
    assert LIMIT_HINTS.keys() == set(BREAKER_FIELDS)
    assert max(map(len, LIMIT_HINTS.values())) <= 33


async def test_breaker_is_taken_off_by_the_same_form() -> None:
    async with driving() as drive:
        await drive.go_to("reviews")
        await drive.press("b", "up", "right", "enter")
        await drive.armed()
        assert drive.cockpit.asked[-1][0] == ClearBreaker("")


async def test_the_breaker_form_starts_with_the_only_place_that_has_limits() -> None:
    cockpit = FakeCockpit()
    spec = cockpit.raw["destinationrules"][0]["spec"]
    spec["subsets"][2]["trafficPolicy"] = {"outlierDetection": {"interval": "5s"}}
    del spec["trafficPolicy"]
    async with driving(cockpit) as drive:
        await drive.go_to("reviews")
        await drive.press("b", "up", "right", "enter")
        await drive.armed()
        assert drive.cockpit.asked[-1][0] == ClearBreaker("v3")


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_the_breaker_form_has_the_limits_that_are_set(size: tuple[int, int]) -> None:
    """Those of the place that is chosen; what was typed stays, and only that is asked for."""
    cockpit = FakeCockpit()
    spec = cockpit.raw["destinationrules"][0]["spec"]
    spec["subsets"][2]["trafficPolicy"] = {
        "connectionPool": {"tcp": {"maxConnections": 7}},
        "outlierDetection": {"interval": "5s", "maxEjectionPercent": 0},
    }

    def fields() -> dict[str, str]:
        screen = drive.app.screen
        return screen.values() if isinstance(screen, FormDialog) else {}

    async with driving(cockpit, size=size) as drive:
        await drive.go_to("reviews", "v3")
        await drive.press("b")
        await drive.until(lambda: fields().get("max_connections") == "7")
        assert fields()["interval"] == "5s" and fields()["max_ejection_percent"] == ""
        await drive.press("enter")
        await drive.until(lambda: "these are the limits that it has" in drive.text)
        await drive.press("tab", "backspace", "enter")
        await drive.until(lambda: "max connections 7 cannot be taken off alone" in drive.text)
        await drive.press("7", "up", "right")
        await drive.until(lambda: fields()["max_connections"] == "100")
        assert fields()["interval"] == ""
        await drive.press("down", "down", "5", "up", "up", "left", "enter")
        await drive.armed()
        assert drive.cockpit.asked[-1][0] == SetBreaker("v3", {"max_pending": 5})


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_place_without_limits_names_those_that_have_some(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        await drive.go_to("reviews", "v3")
        await drive.press("b", "up", "right")
        await drive.until(lambda: "take all off" in drive.text)
        assert "max ejection " in drive.text and "percent of its pods" in drive.text
        await drive.press("tab", "right")
        await drive.until(lambda: "‹ the whole host ›" in drive.text)
        await drive.press("left", "enter")
        await drive.armed()
        assert "v3 has no limits of its own; the whole host has" in drive.text


async def test_a_command_may_name_another_rule() -> None:
    async with driving() as drive:
        await drive.press("colon")
        await drive.type("timeout 3s rule jason")
        await drive.press("enter")
        await drive.armed()
        assert drive.cockpit.asked == [(SetTimeout(3.0), Target(REVIEWS, "jason"))]
        assert "rule jason" in drive.text


async def test_each_press_drafts_the_next_step_of_the_ladder() -> None:
    async with driving() as drive:
        await drive.go_to("reviews", "v3")
        await drive.press("n")
        await drive.until(lambda: "v3 20 → 25" in drive.status)
        await drive.press("n", "n")
        await drive.until(lambda: "v3 20 → 75" in drive.status)
        await drive.press("n", "enter")
        await drive.armed()
        assert drive.cockpit.asked[-1][0] == Shift({"v1": 0, "v2": 0, "v3": 100})
        await drive.press("escape", "n")
        await drive.until(lambda: "all the traffic already" in drive.status)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_adopting_shows_both_steps_and_makes_them_in_order(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        await drive.go_to("ratings")
        await drive.press("A")
        await drive.until(lambda: "namespace bookinfo is routed by VirtualServices" in drive.text)
        assert "‹ VirtualService ›" in drive.text and "‹ by ready pods ›" in drive.text
        await drive.press("enter")
        dialog = await drive.armed()
        assert dialog.plan is not None and "step 1 of 2" in drive.text
        if size == LARGE:
            assert drive.text.index("DestinationRule with") < drive.text.index("VirtualService is")
        await drive.press("enter")
        await drive.until(lambda: isinstance(drive.app.screen, MainScreen))
        (plan,) = drive.cockpit.applied
        assert [change.target.kind for change in plan.changes] == [
            "DestinationRule",
            "VirtualService",
        ]
        assert "VirtualService is made" in drive.status


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_service_is_adopted_by_the_gateway_api_by_key(size: tuple[int, int]) -> None:
    cockpit = FakeCockpit()
    cockpit.raw["virtualservices"] = []
    cockpit.raw["httproutes"] = [GATEWAY_ROUTE]
    async with driving(cockpit, size=size) as drive:
        await drive.go_to("ratings")
        await drive.press("A")
        await drive.until(lambda: "Gateway API: HTTPRoute" in drive.text)
        assert "sends to it." in drive.text and "‹ Gateway API ›" in drive.text
        await drive.press("tab", "right", "enter")
        dialog = await drive.armed()
        assert dialog.plan is not None
        kinds = [change.target.kind for change in dialog.plan.changes]
        assert kinds == ["Service", "HTTPRoute"]
        assert dialog.plan.changes[-1].words == ("HTTPRoute ratings is made: ratings-v1 100 %",)
        await drive.press("escape", "A")
        await drive.until(lambda: "‹ Gateway API ›" in drive.text)
        await drive.press("left", "enter")
        dialog = await drive.armed()
        assert dialog.plan is not None
        assert dialog.plan.changes[-1].target.kind == "VirtualService"


async def test_what_is_routed_already_is_not_adopted() -> None:
    async with driving() as drive:
        await drive.press("A")
        await drive.until(lambda: "has each of its versions in rule" in drive.text)
        await drive.press("enter")
        assert isinstance(drive.app.screen, MainScreen) and drive.cockpit.applied == []


GATEWAY_ROUTE = {
    "metadata": bookinfo.meta("edge"),
    "spec": {
        "parentRefs": [{"name": "edge"}],
        "hostnames": ["shop.example"],
        "rules": [{"backendRefs": [{"name": "ratings", "port": 9080}]}],
    },
}


# The editor


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where edits are kept; the headless driver cannot suspend, so that is left out."""

    @contextmanager
    def suspend(_: MeshtuiApp) -> Iterator[None]:
        yield

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setattr(MeshtuiApp, "suspend", suspend)
    return tmp_path


def kept(state: Path) -> list[Path]:
    return list(state.rglob("*.yaml"))


async def edited(drive: Drive, monkeypatch: pytest.MonkeyPatch, editor: str) -> None:
    monkeypatch.setenv("EDITOR", editor)
    await drive.press("e")


async def test_an_edit_is_shown_as_a_diff_and_made(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with driving() as drive:
        await edited(drive, monkeypatch, "sed -i 's/timeout: 10s/timeout: 12s/'")
        await drive.armed()
        assert "timeout: 12s" in drive.text
        await drive.press("enter")
        await drive.until(lambda: isinstance(drive.app.screen, MainScreen))
        rule = drive.cockpit.raw["virtualservices"][0]["spec"]["http"][1]
        assert rule["timeout"] == "12s" and kept(state) == []


async def test_an_untouched_text_changes_nothing(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with driving() as drive:
        await edited(drive, monkeypatch, "true")
        await drive.until(lambda: "nothing was changed" in drive.status)
        assert kept(state) == []


async def test_a_mistake_in_the_text_is_told_and_the_text_kept(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with driving() as drive:
        await edited(drive, monkeypatch, "sed -i 's/spec:/spec: [/'")
        await drive.until(lambda: "not YAML" in drive.text)
        await drive.press("escape")
        (file,) = kept(state)
        assert "edit kept" in drive.status and file.name in drive.status


async def test_an_edit_that_is_not_applied_is_kept(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with driving() as drive:
        await edited(drive, monkeypatch, "sed -i 's/timeout: 10s/timeout: 12s/'")
        await drive.armed()
        await drive.press("escape")
        (file,) = kept(state)
        assert file.name in drive.status and "12s" in file.read_text()


@pytest.mark.parametrize("error", [Conflict("reviews was changed by bob"), Unreachable("gone")])
async def test_an_edit_that_fails_is_kept(
    state: Path, monkeypatch: pytest.MonkeyPatch, error: Conflict | Unreachable
) -> None:
    async with driving() as drive:
        drive.cockpit.apply_error = error
        await edited(drive, monkeypatch, "sed -i 's/timeout: 10s/timeout: 12s/'")
        await drive.armed()
        await drive.press("enter")
        await drive.until(lambda: drive.dialog.phase is Phase.FAILED)
        (file,) = kept(state)
        assert error.what in drive.text and file.name in drive.status
        await drive.press("enter")
        assert isinstance(drive.app.screen, MainScreen)


async def test_an_editor_that_ends_badly_changes_nothing(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with driving() as drive:
        await edited(drive, monkeypatch, "false")
        await drive.until(lambda: "ended with status 1" in drive.status)
        assert drive.cockpit.applied == [] and kept(state) == []


async def test_without_a_virtual_service_there_is_nothing_to_edit(state: Path) -> None:
    cockpit = FakeCockpit()
    async with driving(cockpit) as drive:
        await drive.go_to("ratings")
        await drive.press("e")
        await drive.until(lambda: "A adopts it" in drive.text and kept(state) == [])
