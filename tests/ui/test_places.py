"""Namespaces and contexts by command."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from meshtui.mesh.view import service_views
from meshtui.operations.types import Snapshot
from meshtui.ui.app import MeshtuiApp
from meshtui.ui.dialogs.choose import ChooseDialog
from meshtui.ui.widgets.lines import lines_of
from tests.ui.driving import SMALL, Drive, driving
from tests.ui.fake import FakeCockpit


async def command(drive: Drive, text: str) -> None:
    await drive.press("colon")
    await drive.type(text)
    await drive.press("enter")


async def test_one_namespace_or_all_are_shown() -> None:
    async with driving() as drive:
        for plural in ("services", "pods"):
            for raw in drive.cockpit.raw[plural]:
                if raw["metadata"]["labels"]["app"] == "details":
                    raw["metadata"]["namespace"] = "elsewhere"
        assert len(service_views(drive.cockpit.mesh, None)) == 4
        await drive.tick()
        await command(drive, "ns elsewhere")
        assert "namespace elsewhere" in drive.status
        assert "details" in drive.text and "reviews" not in drive.text
        assert "elsewhere" in drive.text.splitlines()[0]
        await drive.tick()
        assert "reviews" not in drive.text
        await command(drive, "ns all")
        assert "reviews" in drive.text and "all namespaces" in drive.text.splitlines()[0]


async def test_a_namespace_without_services_is_named_among_what_there_is() -> None:
    async with driving() as drive:
        await command(drive, "ns nowhere")
        assert "no services in namespace nowhere" in drive.status and "bookinfo" in drive.status
        assert "reviews" in drive.text


class SlowCockpit(FakeCockpit):
    """Of a cluster that is read late."""

    def __init__(self) -> None:
        super().__init__()
        self.read = asyncio.Event()

    async def snapshots(self) -> AsyncIterator[Snapshot]:
        await self.read.wait()
        async for snapshot in super().snapshots():
            yield snapshot


@asynccontextmanager
async def unread() -> AsyncIterator[tuple[Drive, SlowCockpit]]:
    cockpit = SlowCockpit()
    app = MeshtuiApp(cockpit, clock=cockpit.clock)
    async with app.run_test(size=SMALL) as pilot:
        drive = Drive(app, cockpit, pilot)
        await drive.until(lambda: app.opened is not None and cockpit.connects)
        yield drive, cockpit


async def test_a_list_that_is_asked_for_at_the_very_start_is_filled_when_it_is_read() -> None:
    async with unread() as (drive, cockpit):
        await command(drive, "ns")
        await drive.until(lambda: isinstance(drive.app.screen, ChooseDialog))
        await drive.until(lambda: "reading…" in drive.text)
        await drive.press("enter")
        assert isinstance(drive.app.screen, ChooseDialog)
        cockpit.read.set()
        await drive.until(lambda: "bookinfo" in drive.text)
        assert "reading…" not in drive.text
        await drive.press("down", "enter")
        await drive.until(lambda: "namespace bookinfo" in drive.status)


@pytest.mark.parametrize("in_parts", [True, False])
async def test_what_is_typed_into_the_list_is_taken_where_not_all_can_be_listed(
    in_parts: bool,
) -> None:
    cockpit = FakeCockpit()
    if in_parts:
        cockpit.mesh_override = replace(cockpit.mesh, partial={"services": frozenset({"bookinfo"})})
    async with driving(cockpit, SMALL) as drive:
        await command(drive, "ns")
        await drive.until(lambda: isinstance(drive.app.screen, ChooseDialog))
        await drive.type("book")
        words = "as typed" if in_parts else "bookinfo"
        await drive.until(lambda: words in drive.text)
        await drive.type("s-2")
        words = "as typed" if in_parts else "nothing matches"
        await drive.until(lambda: words in drive.text)
        await drive.press("enter")
        if in_parts:
            await drive.until(lambda: drive.cockpit.context_namespace == "books-2")
        else:
            assert isinstance(drive.app.screen, ChooseDialog)


async def test_a_namespace_may_be_named_before_any_is_read() -> None:
    async with unread() as (drive, cockpit):
        await command(drive, "ns nowhere")
        assert "namespace nowhere" in drive.status and "no services" not in drive.status
        cockpit.read.set()
        await drive.until(lambda: "there are bookinfo" in drive.text)


async def test_a_tab_before_names_are_known_completes_when_they_are() -> None:
    async with unread() as (drive, cockpit):
        await drive.press("colon")
        await drive.type("svc prod")
        await drive.press("tab")
        assert "svc productpage" not in drive.text
        cockpit.read.set()
        await drive.until(lambda: "svc productpage" in drive.text)


async def test_another_context_is_connected_to() -> None:
    async with driving() as drive:
        await command(drive, "ctx other")
        await drive.until(lambda: drive.cockpit.connects == 2)
        await drive.until(lambda: "other" in drive.text.splitlines()[0])
        await drive.tick()
        assert "reviews" in drive.text


async def test_a_context_that_is_not_there_changes_nothing() -> None:
    async with driving() as drive:
        await command(drive, "ctx nowhere")
        assert "no context named nowhere" in drive.status and drive.cockpit.connects == 1
        await command(drive, "ctx")
        assert "lab, other" in drive.status


async def test_half_a_page_goes_half_as_far_as_a_page() -> None:
    async with driving(FakeCockpit(), SMALL) as drive:
        table = drive.app.main.table
        last = len(table.entries) - 1
        await drive.press("home", "ctrl+d")
        assert table.cursor == min(lines_of(0.5, table.room), last) > 0
        await drive.press("ctrl+u")
        assert table.cursor == 0


@pytest.mark.parametrize(
    ("pages", "room", "by"), [(1, 11, 10), (-1, 11, -10), (0.5, 11, 5), (-0.5, 2, -1), (0.5, 0, 1)]
)
def test_a_part_of_a_page_is_one_line_at_least(pages: float, room: int, by: int) -> None:
    assert lines_of(pages, room) == by
