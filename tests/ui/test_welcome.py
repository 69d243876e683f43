"""The first frame of a demo explains itself, and goes out of the way."""

from __future__ import annotations

import pytest

from meshtui.cli.labs import WRONG, welcome
from meshtui.lab.scenario import SCENARIOS
from meshtui.ui.app import MeshtuiApp
from tests.ui.driving import LARGE, SMALL, Drive
from tests.ui.fake import FakeCockpit

KUBECONFIG = "/tmp/meshtui-0/40846ea0/kubeconfig"


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_newcomer_is_told_what_is_there_until_esc(size: tuple[int, int]) -> None:
    fake = FakeCockpit()
    fake.measure()
    told = welcome("errors", KUBECONFIG)
    app = MeshtuiApp(fake, clock=fake.clock, welcome=told)
    async with app.run_test(size=size) as pilot:
        drive = Drive(app, fake, pilot)
        await drive.until(lambda: app.opened is not None and app.main.snapshot is not None)
        await drive.until(lambda: "takes these lines away" in drive.text)
        for words in ("Version v3 of reviews", "s says", "R rolls back", KUBECONFIG, "? help"):
            assert words in " ".join(drive.text.split())
        assert app.main.welcome.size.height <= (4 if size == SMALL else 9)
        assert "{" not in drive.text
        for service in ("▾ reviews", "▸ details", "▸ productpage", "▸ ratings"):
            assert service in drive.text  # the detail leaves the table its rows
        await drive.press("v")
        await drive.until(lambda: "http[1]" in drive.text)
        assert (KUBECONFIG in drive.text) is (size == LARGE)
        await drive.press("escape")
        await drive.until(lambda: KUBECONFIG in drive.text)
        await drive.press("escape")
        await drive.until(lambda: KUBECONFIG not in drive.text)


def test_each_scenario_of_a_demo_is_explained() -> None:
    assert set(WRONG) == set(SCENARIOS)
