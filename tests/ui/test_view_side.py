"""The table's two views: what callers saw, and what the servers themselves did."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshtui.mesh.model import ServiceKey
from meshtui.mesh.signals import Sample, Signals, VersionKey
from tests.ui import bookinfo
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.fake import FakeCockpit

REVIEWS = ServiceKey("bookinfo", "reviews")
V3 = VersionKey(REVIEWS, "v3")


def two_sided(**server: Signals | None) -> FakeCockpit:
    """v3 fails for its callers; its own proxy counts what `server` says, here by version."""
    cockpit = FakeCockpit()
    cockpit.measure()
    assert cockpit.sample is not None
    counted = dict(cockpit.sample.server)
    for version, signals in server.items():
        counted[VersionKey(REVIEWS, version)] = signals or Signals()
    totals = {**cockpit.sample.server_totals, REVIEWS: bookinfo.measured(37.0, 0.0, 5.0, 10.0)}
    cockpit.sample = replace(cockpit.sample, server=counted, server_totals=totals)
    return cockpit


def row(drive: Drive, name: str) -> str:
    return next(line for line in drive.text.splitlines()[2:] if name in line)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_the_servers_view_shows_the_servers_numbers_and_says_so(
    size: tuple[int, int],
) -> None:
    cockpit = two_sided(v3=bookinfo.measured(6.5, 0.0, 5.0, 10.0))
    async with driving(cockpit, size=size) as drive:
        assert "12.0%" in row(drive, " v3")
        assert "SERVER'S VIEW" not in drive.text
        await drive.press("V")
        assert "12.0%" not in row(drive, " v3")
        assert "6.5" in row(drive, " v3")
        assert drive.text.count("SERVER'S VIEW") == 2
        assert "✖" not in row(drive, " v3")
        await drive.press("V")
        await drive.until(lambda: "SERVER'S VIEW" not in drive.text)
        assert "12.0%" in row(drive, " v3")


async def test_a_server_that_nobody_counts_for_is_unknown_and_not_zero() -> None:
    async with driving(two_sided(v3=None)) as drive:
        await drive.press("V")
        cells = row(drive, " v3")
        assert "? v3" in cells
        assert "0%" not in cells.replace("20%", "")


async def test_the_header_counts_states_as_the_side_sees_them() -> None:
    cockpit = two_sided(v3=bookinfo.measured(6.5, 0.0, 5.0, 10.0))
    async with driving(cockpit) as drive:
        assert "1 version failing: reviews v3" in drive.text.splitlines()[0]
        await drive.press("V")
        await drive.until(lambda: "failing" not in drive.text.splitlines()[0])


async def test_the_order_is_that_of_the_side_that_is_shown() -> None:
    cockpit = two_sided(v3=bookinfo.measured(6.5, 0.0, 5.0, 10.0))
    sample = cockpit.sample
    assert isinstance(sample, Sample)
    details = ServiceKey("bookinfo", "details")
    broken = bookinfo.measured(40.0, 0.5, 5.0, 10.0)
    cockpit.sample = replace(
        sample,
        server={**sample.server, VersionKey(details, "v1"): broken},
        server_totals={**sample.server_totals, details: broken},
    )
    async with driving(cockpit) as drive:
        names = [entry.view.key.name for entry in drive.app.main.table.entries]
        assert names[0] == "reviews"
        await drive.press("V")
        names = [entry.view.key.name for entry in drive.app.main.table.entries]
        assert names[0] == "details"


async def test_the_cursor_stays_on_its_line_and_panes_keep_both_sides() -> None:
    cockpit = two_sided(v3=bookinfo.measured(6.5, 0.0, 5.0, 10.0))
    async with driving(cockpit) as drive:
        await drive.go_to("reviews", "v3")
        await drive.press("V")
        version = drive.app.main.table.version
        assert version is not None and version.label == "v3"
        assert version.caller is not None and version.caller.error_ratio == pytest.approx(0.12)
        assert version.server is not None and version.server.error_ratio == 0.0


async def test_a_command_says_which_view() -> None:
    async with driving(two_sided()) as drive:
        for words, shown in (("view server", True), ("view server", True), ("view caller", False)):
            await drive.press("colon")
            await drive.type(words)
            await drive.press("enter")
            assert ("SERVER'S VIEW" in drive.text) is shown
        await drive.press("colon")
        await drive.type("view sideways")
        await drive.press("enter")
        await drive.until(lambda: "write one of caller, server" in drive.text)


async def test_a_filter_finds_the_states_that_are_shown() -> None:
    cockpit = two_sided(v3=bookinfo.measured(6.5, 0.0, 5.0, 10.0))
    async with driving(cockpit) as drive:
        await drive.press("slash")
        await drive.type("failing")
        await drive.press("enter")
        assert [e.view.key.name for e in drive.app.main.table.entries][:1] == ["reviews"]
        await drive.press("V")
        assert not drive.app.main.table.entries
