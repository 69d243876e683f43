"""Nothing raw reaches the screen: every pane and dialog on a mesh whose texts would drive it."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.errors import MeshtuiError
from meshtui.mesh.text import UNSAFE
from meshtui.operations.proxies.views import LiveProxies
from meshtui.operations.types import FeedHealth, LogEntry
from meshtui.ui.panes.proxies.pane import ProxiesPane
from meshtui.ui.widgets.paint import Span, fit
from tests.hostile_admin import hostile_proxies
from tests.meshserver import EVIL, hostile_objects
from tests.ui.driving import LARGE, SMALL, driving
from tests.ui.fake import FakeCockpit

__all__ = ["hostile_proxies"]
PANES = ("l", "p", "y", "t", "s", "a", "x", "J", "H", "g", "d", "c", "question_mark", "ctrl+p")
CHANGES = ("P", "R", "m", "f", "b", "o", "U")


def hostile_cockpit() -> FakeCockpit:
    cockpit = FakeCockpit()
    cockpit.raw = hostile_objects()
    cockpit.notices = (f"OVERDUE {EVIL}", EVIL)
    cockpit.cluster = FeedHealth(f"cluster{EVIL}", "stale", 99.0, EVIL)
    cockpit.telemetry = FeedHealth(f"telemetry{EVIL}", "failed", 99.0, EVIL)
    cockpit.server = f"https://host{EVIL}"
    return cockpit


def assert_safe(text: str) -> None:
    assert UNSAFE.search(text.replace("\n", "")) is None, ascii(text)


@pytest.mark.parametrize("keys", [*PANES, *CHANGES])
async def test_what_a_key_opens(keys: str) -> None:
    async with driving(cockpit=hostile_cockpit()) as drive:
        await drive.press("j", "j", keys)
        await drive.cockpit.logs.put(LogEntry("bookinfo", f"p{EVIL}", f"v{EVIL}", EVIL))
        await drive.tick()
        assert_safe(drive.text)
        drive.app.main.fail(MeshtuiError(f"failed {EVIL}", EVIL))
        await drive.press("escape")
        assert_safe(drive.text)


def test_the_painter_cleans_whatever_it_is_given() -> None:
    assert_safe(Span(EVIL).text + fit(EVIL, 30) + fit(EVIL, 500))
    assert len(fit(EVIL, 30)) == 30


@pytest.mark.usefixtures("hostile_proxies")
@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_what_a_proxy_says(size: tuple[int, int]) -> None:
    """In each view of the pane, of the service and of all that the proxy has, and as raw JSON."""
    cockpit = hostile_cockpit()
    nobody: Any = None
    cockpit.proxies = LiveProxies(nobody, cockpit.mesh)  # type: ignore[assignment]
    async with driving(cockpit, size) as drive:
        await drive.go_to("reviews")
        await drive.press("p")
        pane = drive.app.main.dock.pane("proxies")
        assert isinstance(pane, ProxiesPane)
        seen = ""
        for view in "12345":
            for keys in ((view,), ("space",), ("j", "j", "right_square_bracket"), ("w",), ("w",)):
                await drive.press(*keys)
                await drive.until(lambda: pane.state.read_at is not None or pane.state.error)
                assert_safe(drive.text)
                assert not pane.state.error
                seen += "".join(drive.text.split())
        assert "52;c;ZXZpbA" in seen, "the test has lost what would do harm"
