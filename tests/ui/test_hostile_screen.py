"""Nothing raw reaches the screen: every pane and dialog on a mesh whose texts would drive it."""

from __future__ import annotations

import pytest

from meshtui.errors import MeshtuiError
from meshtui.mesh.text import UNSAFE
from meshtui.operations.types import FeedHealth, LogEntry
from meshtui.ui.widgets.paint import Span, fit
from tests.meshserver import EVIL, hostile_objects
from tests.ui.driving import driving
from tests.ui.fake import FakeCockpit

PANES = ("l", "p", "y", "t", "s", "a", "x", "J", "c", "question_mark", "ctrl+p")
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
