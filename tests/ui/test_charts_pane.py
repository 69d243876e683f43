"""The charts of the selected service: ranges, changes, the source's past and its failures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from meshtui.errors import JournalError, Unreachable
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.time_series import Moment, Past
from meshtui.operations.look.charts import Picture
from meshtui.operations.types import Journaled
from meshtui.ui.actions.situation import RULES
from meshtui.ui.panes.charts.pane import ChartsPane
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.fake import NOW, FakeCockpit

REVIEWS = ServiceKey("bookinfo", "reviews")


def watched(seconds: float = 600.0) -> FakeCockpit:
    """The screen has been open for a while, and v3 of reviews is failing."""
    cockpit = FakeCockpit()
    for _ in range(int(seconds / 5)):
        cockpit.clock.now += 5.0
        cockpit.measure()
    return cockpit


def remembered(cockpit: FakeCockpit, seconds: float, ratio: float = 1.0) -> Past:
    """A source that knows what was before: v1 failing in all of the time."""
    now = cockpit.clock.now
    end = now - now % 15
    times = [end - 15 * n for n in range(int(seconds / 15), -1, -1)]
    course = tuple(Moment(at, 15.0, 30.0, ratio, 5.0, 9.0, 640.0) for at in times)
    return Past("prometheus", times[0] - 15, end, 15.0, {"v1": course})


def pane(drive: Drive) -> ChartsPane:
    found = drive.app.main.dock.pane("charts")
    assert isinstance(found, ChartsPane)
    return found


async def opened(drive: Drive) -> None:
    await drive.go_to("reviews")
    await drive.press("h")
    await drive.until(lambda: "errors " in drive.text and "┤" in drive.text)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_h_shows_what_was_seen_and_closes_it_again(size: tuple[int, int]) -> None:
    async with driving(watched(), size=size) as drive:
        await opened(drive)
        assert "a v1 0%" in drive.text and "b v2 –" in drive.text and "c v3 12%" in drive.text
        assert "latency p99" in drive.text and ("requests/s" in drive.text) is (size == LARGE)
        assert "seen for 10m" in drive.text and "failing" in drive.text
        assert ("weight" in drive.text) is (size == LARGE)
        await drive.press("h")
        await drive.until(lambda: drive.app.main.dock.pane("charts") is None)


async def test_what_the_pane_draws_is_not_drawn_below_the_table_too() -> None:
    async with driving(watched(), size=LARGE) as drive:
        await drive.go_to("reviews")
        await drive.until(lambda: drive.text.count("latency p99") == 1)
        await drive.press("h")
        await drive.until(lambda: "charts reviews" in drive.text)
        await drive.until(lambda: drive.text.count("latency p99") == 1)


async def test_the_range_goes_from_5_minutes_to_6_hours_by_key() -> None:
    async with driving(watched()) as drive:
        await opened(drive)
        await drive.until(lambda: "charts reviews  15m" in drive.text and "-15m" in drive.text)
        for expected in ("5m", "5m"):
            await drive.press("less_than_sign")
            assert f"charts reviews  {expected}" in drive.text
        for expected in ("15m", "30m", "1h", "3h", "6h", "6h"):
            await drive.press("greater_than_sign")
            assert f"charts reviews  {expected}" in drive.text
        assert "-6h" in drive.text


@pytest.mark.parametrize(("seen_s", "range_"), [(60.0, "5m"), (600.0, "15m"), (7200.0, "30m")])
async def test_where_nobody_remembers_more_it_shows_as_long_as_was_seen(
    seen_s: float, range_: str
) -> None:
    async with driving(watched(seen_s)) as drive:
        await opened(drive)
        await drive.until(lambda: f"charts reviews  {range_}" in drive.text)


async def test_a_source_with_a_past_is_shown_with_half_an_hour_of_it() -> None:
    cockpit = watched(60)
    cockpit.history.memory.remembered = remembered(cockpit, 3600)
    async with driving(cockpit) as drive:
        await opened(drive)
        await drive.until(lambda: "prometheus" in drive.text)
        assert "charts reviews  30m" in drive.text


async def test_the_keys_of_the_charts_do_nothing_elsewhere() -> None:
    async with driving(watched()) as drive:
        await drive.press("y")
        await drive.until(lambda: drive.app.main.arrangement.focus == RULES)
        await drive.press("greater_than_sign")
        words = "to the right: in proxies (p) · longer: in charts (h)"
        assert drive.status.startswith(f"> does nothing here; {words}")
        await drive.press("escape")
        await opened(drive)
        await drive.press("shift+tab", "greater_than_sign")
        assert pane(drive).range == "15m" and drive.app.main.table.sort.key == "name"


async def test_words_choose_range_chart_and_quantile_and_wrong_ones_change_nothing() -> None:
    async with driving(watched()) as drive:
        await drive.go_to("reviews")
        for words in ("charts 1h latency p50", "charts 15m speed"):
            await drive.press("colon")
            await drive.type(words)
            await drive.press("enter")
        assert "charts reviews  1h" in drive.text
        assert "latency p50" in drive.text and "requests/s" not in drive.text
        assert "charts cannot show speed" in drive.status


async def test_space_shows_the_next_chart_alone_and_enter_another_quantile() -> None:
    async with driving(watched(), size=SMALL) as drive:
        await opened(drive)
        seen = []
        for _ in range(4):
            await drive.press("space")
            titles = ("errors  ", "latency p99", "requests/s")
            seen.append([title.strip() for title in titles if title in drive.text])
        assert seen == [["errors"], ["latency p99"], ["requests/s"], ["errors", "latency p99"]]
        for expected in ("p95", "p50", "p99"):
            await drive.press("enter")
            assert f"latency {expected}" in drive.text


async def test_changes_of_the_service_stand_where_they_were_made() -> None:
    cockpit = watched()
    now = cockpit.clock.now

    def made(name: str, ago: float, service: str = "reviews") -> Journaled:
        key = ServiceKey("bookinfo", service)
        return Journaled(name, now - ago, "ada", "shift", key, (f"words {name}",), "verified")

    cockpit.entries = (
        made("one", 300), made("two", 100), replace(made("failed", 50), took_effect=False),
        made("other", 50, service="ratings"), made("old", 9000),
    )  # fmt: skip
    async with driving(cockpit) as drive:
        await opened(drive)
        assert drive.text.count("┊") > 20
        assert "1 " in drive.text and "shift words one  by ada" in drive.text
        assert "shift words two  by ada" in drive.text
        assert "words old" not in drive.text and "words other" not in drive.text
        assert "words failed" not in drive.text
        cockpit.journal_error = JournalError("the journal is locked")
        await drive.tick()
        await drive.until(lambda: "changes are not known: the journal is locked" in drive.text)
        assert "c v3 12%" in drive.text


async def test_the_past_of_the_source_is_there_at_the_first_look() -> None:
    cockpit = FakeCockpit()
    cockpit.history.memory.remembered = remembered(cockpit, 1700)
    async with driving(cockpit) as drive:
        await opened(drive)
        await drive.until(lambda: "prometheus" in drive.text.split("charts", 1)[1])
        service, stretch = cockpit.history.memory.asked[0]
        assert service == REVIEWS and NOW - 1900 < stretch.begin < NOW - 1790
        assert "a v1 0%" in drive.text, "what is seen now is newer than what is remembered"
        dots = [line for line in drive.text.splitlines() if "100%┤" in line]
        assert len(dots) == 1 and dots[0].count("⠉") > 30


async def test_only_the_shown_charts_ask_and_only_at_a_slow_beat() -> None:
    cockpit = watched(60)
    asked = cockpit.history.memory.asked
    cockpit.history.memory.remembered = remembered(cockpit, 600)
    async with driving(cockpit, size=SMALL) as drive:
        await opened(drive)
        await drive.until(lambda: len(asked) == 1)
        first = pane(drive)
        beat = 1800 / first._cells
        for _ in range(3):
            first.tick(cockpit.clock.now + beat / 2)
            await drive.pilot.pause()
        assert len(asked) == 1
        first.tick(cockpit.clock.now + beat + 1)
        await drive.until(lambda: len(asked) == 2)
        assert asked[1][1].begin > asked[0][1].begin + 1000
        await drive.press("tab")
        await drive.until(lambda: "weight" in drive.text)
        first.tick(cockpit.clock.now + 5 * beat)
        await drive.pilot.pause()
        assert len(asked) == 2


async def test_a_source_that_fails_is_named_and_what_was_seen_is_shown() -> None:
    cockpit = watched()
    cockpit.history.memory.error = Unreachable("Prometheus at http://x: no answer in 10 s")
    async with driving(cockpit) as drive:
        await opened(drive)
        await drive.until(lambda: "✖ Prometheus at http://x: no answer in 10 s" in drive.text)
        assert "c v3 12%" in drive.text and "seen for 10m" in drive.text
        cockpit.history.memory.error = None
        await drive.press("r")
        await drive.until(lambda: "no answer in 10 s" not in drive.text)


async def test_a_past_that_is_not_read_any_more_is_not_told_as_new() -> None:
    cockpit = watched(60)
    cockpit.history.memory.remembered = remembered(cockpit, 600)
    async with driving(cockpit) as drive:
        await opened(drive)
        await drive.until(lambda: "prometheus  " in drive.text)
        cockpit.history.memory.error = Unreachable("Prometheus is gone")
        for _ in range(40):
            cockpit.clock.now += 5
            cockpit.measure()
        await drive.tick()
        await drive.until(lambda: "prometheus to" in drive.text and "then seen" in drive.text)
        assert "a v1 0%" in drive.text


async def test_numbers_that_have_grown_old_are_marked_stale() -> None:
    async with driving(watched()) as drive:
        await opened(drive)
        assert "STALE" not in drive.text
        drive.cockpit.clock.now += 65
        drive.cockpit.push()
        await drive.until(lambda: "STALE 1m05s" in drive.text)
        assert "a v1 ?" in drive.text and "c v3 ?" in drive.text


async def test_another_service_has_its_own_charts() -> None:
    cockpit = watched()
    cockpit.history.memory.gate.clear()
    cockpit.history.memory.remembered = remembered(cockpit, 600)
    async with driving(cockpit) as drive:
        await opened(drive)
        await drive.press("tab")
        await drive.go_to("ratings")
        await drive.until(lambda: "charts ratings" in drive.text)
        await drive.until(lambda: cockpit.history.memory.asked[-1][0].name == "ratings")
        assert "c v3" not in drive.text.split("charts ratings")[1]


async def test_a_service_without_requests_says_so() -> None:
    cockpit = FakeCockpit()
    cockpit.rps = 0.0
    async with driving(cockpit) as drive:
        await drive.go_to("reviews")
        await drive.press("h")
        await drive.until(lambda: "no requests were seen in this time" in drive.text)


async def test_a_gateway_without_requests_of_its_own_says_where_those_from_outside_are() -> None:
    cockpit = FakeCockpit()
    pods = tuple(replace(pod, gateway=pod.app == "ratings") for pod in cockpit.mesh.pods)
    cockpit.mesh_override = replace(cockpit.mesh, pods=pods)
    cockpit.rps = 0.0
    async with driving(cockpit, size=LARGE) as drive:
        await drive.go_to("ratings")
        await drive.press("h")
        await drive.until(lambda: "no requests were seen in this time; what comes" in drive.text)


async def test_before_the_cockpit_is_connected_the_pane_says_so() -> None:
    class Unconnected(FakeCockpit):
        """Loses its history when it is told to."""

        lost = False

        def __getattribute__(self, name: str) -> object:
            if name == "history" and object.__getattribute__(self, "lost"):
                raise Unreachable("not connected to a cluster yet")
            return super().__getattribute__(name)

    cockpit = Unconnected()
    async with driving(cockpit) as drive:
        cockpit.lost = True
        await drive.go_to("reviews")
        await drive.press("h")
        await drive.until(lambda: "✖ not connected to a cluster yet" in drive.text)


async def test_a_service_chosen_while_the_charts_were_out_of_sight_is_asked_for_at_once() -> None:
    cockpit = watched(60)
    asked = cockpit.history.memory.asked
    async with driving(cockpit, size=SMALL) as drive:
        await opened(drive)
        await drive.until(lambda: asked)
        await drive.press("tab")
        await drive.go_to("ratings")
        await drive.until(lambda: "weight" in drive.text)
        await drive.press("tab")
        await drive.until(lambda: "charts ratings" in drive.text)
        pane(drive).tick(cockpit.clock.now)
        await drive.until(lambda: asked[-1][0].name == "ratings")


async def test_a_source_that_remembers_nothing_yet_is_asked_again_soon() -> None:
    cockpit = watched(60)
    asked = cockpit.history.memory.asked
    async with driving(cockpit) as drive:
        await opened(drive)
        await drive.press(*["greater_than_sign"] * 5)
        await drive.until(lambda: bool(asked) and asked[-1][1].begin < NOW - 20000)
        count = len(asked)
        cockpit.history.memory.remembered = remembered(cockpit, 600)

        def again() -> bool:
            """A second that falls before the first answer asks nothing: the next one does."""
            pane(drive).tick(cockpit.clock.now + 6)
            return len(asked) == count + 1

        await drive.until(again)
        await drive.until(lambda: "prometheus  " in drive.text)
        pane(drive).tick(cockpit.clock.now + 60)
        await drive.pilot.pause()
        assert len(asked) == count + 1


async def test_the_cursor_goes_through_a_services_versions_without_a_new_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with driving(watched(), size=(160, 29)) as drive:
        await drive.go_to("reviews")
        await drive.press("h")
        await drive.until(lambda: "c v3 12%" in drive.text)
        await drive.press("shift+tab")
        await drive.until(lambda: drive.app.main.table.has_focus)
        pane = drive.app.main.dock.pane("charts")
        assert isinstance(pane, ChartsPane)
        # The answer about the past draws too, whenever it comes.
        await drive.until(lambda: pane._asked is not None and not pane._busy)
        drawn: list[object] = []
        picture = drive.cockpit.history.picture

        def counted(*asked: Any) -> Picture:
            drawn.append(asked)
            return picture(*asked)

        monkeypatch.setattr(drive.cockpit.history, "picture", counted)
        for _ in range(3):  # what the answer about the past draws may come late
            drawn.clear()
            await drive.press("j", "j", "k")
            if not drawn:
                break
        assert drawn == []
        await drive.tick()
        await drive.until(lambda: drawn)
