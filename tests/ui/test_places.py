"""Namespaces and contexts by command."""

from __future__ import annotations

from meshtui.mesh.view import service_views
from tests.ui.driving import Drive, driving


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
