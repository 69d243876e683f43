"""The screen can be left where no cluster was ever reached."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshtui.errors import Exit
from meshtui.operations.deferred import DeferredCockpit
from meshtui.operations.live import LiveCockpit
from meshtui.operations.options import Options
from meshtui.ui.app import MeshtuiApp
from meshtui.ui.dialogs.offline import OfflineScreen
from tests.ui.driving import SMALL, settled


@pytest.mark.parametrize("cockpit", [LiveCockpit, DeferredCockpit])
def test_nothing_goes_on_where_nothing_was_reached(
    cockpit: type[LiveCockpit] | type[DeferredCockpit],
) -> None:
    made = cockpit(Options())
    assert made.pending() == () and made.unfinished_canaries() == ()


@pytest.mark.parametrize("keys", [("q",), ("ctrl+c", "ctrl+c")])
async def test_a_cluster_that_is_out_of_reach_is_left(
    keys: tuple[str, ...], tmp_path: Path
) -> None:
    app = MeshtuiApp(DeferredCockpit(Options(kubeconfig=str(tmp_path / "none"))))
    async with app.run_test(size=SMALL) as pilot:
        while not isinstance(app.screen, OfflineScreen):
            await pilot.pause()
        await pilot.press(*keys)
        await settled()
    assert app.return_value == Exit.UNREACHABLE
    assert app.failure is None and app.ending.left_on == ()
