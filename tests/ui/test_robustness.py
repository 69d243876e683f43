"""The screen never dies: random keys, lost connections, dead feeds; and it repaints little."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from textual import events
from textual.events import Key

from meshtui.errors import Exit, Unreachable
from meshtui.ui import paths
from meshtui.ui.actions.action import Action
from meshtui.ui.actions.registry import ACTIONS, bindings, markdown, resolve
from meshtui.ui.actions.situation import Situation
from meshtui.ui.dialogs.offline import OfflineScreen
from meshtui.ui.main.change_handlers import ChangeHandlers
from meshtui.ui.main.handlers import Handlers
from meshtui.ui.main.screen import MainScreen
from meshtui.ui.panes.dock import PANES, pane_class
from meshtui.ui.table.widget import MeshTable
from meshtui.ui.themes import load_themes, parse_theme
from tests.ui.big import big_objects
from tests.ui.driving import LARGE, SMALL, driving
from tests.ui.fake import FakeCockpit

NEVER = {"q", "ctrl+q", "ctrl+p"}


@pytest.mark.parametrize(("seed", "size"), [(0, SMALL), (1, LARGE), (2, SMALL), (3, LARGE)])
async def test_random_keys_never_raise(seed: int, size: tuple[int, int]) -> None:
    chance = random.Random(seed)
    keys = sorted({key for action in ACTIONS for key in action.keys} - NEVER)
    cockpit = FakeCockpit(read_only=seed == 3)
    if seed == 1:
        cockpit.apply_error = Unreachable("no answer")
    async with driving(cockpit, size) as drive:
        for count in range(300):
            key = chance.choice([*keys, "enter", "escape", "a"])
            drive.app.post_message(Key(key, key if len(key) == 1 else None))
            if chance.random() < 0.3:
                await drive.pilot.pause()
            if count % 10 == 0:
                cockpit.tick()
        await drive.pilot.pause()
        assert drive.app.is_running and drive.app._exception is None


def test_every_action_does_something() -> None:
    def done(action: Action, place: str) -> bool:
        inside = pane_class(place) if place in PANES else Handlers
        name = f"do_{action.id}"
        by_name = any(hasattr(owner, name) for owner in (Handlers, ChangeHandlers, inside))
        return by_name or action.id in PANES or action.id.startswith("sort_")

    undone = [
        (action.id, place)
        for action in ACTIONS
        for place in action.where
        if action.id != "digit" and not done(action, place)
    ]
    assert undone == []


NOTHING = Situation(connected=True)
ON_A_SERVICE = replace(NOTHING, service="reviews")
ON_A_VERSION = replace(ON_A_SERVICE, version="v3")
WITH_A_DRAFT = replace(ON_A_VERSION, draft=True)


@pytest.mark.parametrize("now", [NOTHING, ON_A_SERVICE, ON_A_VERSION, WITH_A_DRAFT])
def test_every_key_is_bound_and_means_one_thing_in_each_place(now: Situation) -> None:
    """What can't be done there is no meaning, unless there is no other; a draft goes before all."""
    bound = {binding.key for binding in bindings()}
    for action in ACTIONS:
        for key in action.keys:
            assert key in bound or key == "ctrl+p"
            for place in action.where:
                here = replace(now, focus=place)
                meant = [a for a in ACTIONS if key in a.keys and place in a.where]
                nearest = min(a.breadth for a in meant)
                found = [a for a in meant if a.breadth == nearest]
                possible = [a for a in found if not a.missing(here)]
                means = (possible or found)[0]
                assert resolve(key, here) is means, f"{key} in {place}"
                assert len(possible) <= 1 or means.needs == "draft", f"{key} in {place}"


def test_a_pane_takes_few_keys_from_the_others_and_none_that_takes_something_back() -> None:
    taken = {
        (place, key, action.id)
        for action in ACTIONS
        for key in action.keys
        for place in action.where
        if resolve(key, Situation(focus=place)) is not action
    }
    assert {one for one in taken if one[0] == "logs"} == {
        ("logs", "m", "mirror"),
        ("logs", "c", "clear"),
        ("logs", "C", "canary"),
        ("logs", "v", "rules"),
        ("logs", "g", "graph"),
        ("logs", "N", "sort_name"),
        ("logs", "T", "sort_traffic"),
    }
    assert not {action for _, _, action in taken} & {"rollback", "undo", "quit", "back", "help"}


def test_the_table_of_keys_for_the_readme_names_every_action() -> None:
    table = markdown()
    assert all(action.help in table for action in ACTIONS)


def test_importing_the_screen_imports_nothing_heavy() -> None:
    """Nothing of the mesh either: the first paint waits for all that is imported here."""
    heavy = (
        *("kubernetes", "aiohttp", "httpx", "sqlite3", "prometheus_api_client", "h11", "msgspec"),
        *("meshtui.mesh.model", "meshtui.mesh.signals", "meshtui.mesh.resolution", "meshtui.kube"),
        *("meshtui.changes", "meshtui.operations.live", "meshtui.ui.main.screen"),
    )
    code = "import sys, meshtui.ui.app, meshtui.cli.options, meshtui.operations.deferred\n"
    code += f"print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_a_cluster_out_of_reach_is_told_and_tried_again() -> None:
    cockpit = FakeCockpit()
    cockpit.connect_error = Unreachable("https://127.0.0.1:6443 refuses", "is the cluster up?")
    async with driving(cockpit, SMALL, ready=False) as drive:
        await drive.until(lambda: isinstance(drive.app.screen, OfflineScreen))
        assert "refuses" in drive.text and "is the cluster up?" in drive.text
        await drive.press("R", "ctrl+r", "j", "enter")
        await drive.until(lambda: cockpit.connects > 1)
        assert isinstance(drive.app.screen, OfflineScreen)
        cockpit.connect_error = None
        await drive.press("r")
        await drive.until(lambda: isinstance(drive.app.screen, MainScreen))
        await drive.until(lambda: "reviews" in drive.text)


async def test_leaving_without_ever_having_been_connected_is_exit_5() -> None:
    cockpit = FakeCockpit()
    cockpit.connect_error = Unreachable("no answer")
    async with driving(cockpit, ready=False) as drive:
        await drive.until(lambda: isinstance(drive.app.screen, OfflineScreen))
        await drive.press("q")
        assert drive.app.return_value == Exit.UNREACHABLE


async def test_q_leaves_with_0_and_closes_the_cockpit() -> None:
    cockpit = FakeCockpit()
    async with driving(cockpit) as drive:
        await drive.press("q")
        assert drive.app.return_value == Exit.DONE
    assert cockpit.closed


async def test_a_dead_feed_is_told_and_the_screen_goes_on() -> None:
    async with driving() as drive:
        drive.cockpit.break_feed(Unreachable("the watch was refused", "log in again"))
        await drive.until(lambda: "the watch was refused" in drive.status)
        assert "reviews" in drive.text
        await drive.press("j", "l", "slash", "escape")


async def test_an_unexpected_failure_of_the_feed_is_told_too() -> None:
    cockpit = FakeCockpit()
    cockpit.snapshots = lambda: 1 / 0  # type: ignore[assignment,method-assign,return-value]
    async with driving(cockpit, ready=False) as drive:
        await drive.until(lambda: "failed unexpectedly" in drive.status)


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The lines of the table that were rendered, in order."""
    lines: list[int] = []
    real = MeshTable.render_line

    def counted(self: MeshTable, y: int):  # type: ignore[no-untyped-def]
        lines.append(y)
        return real(self, y)

    monkeypatch.setattr(MeshTable, "render_line", counted)
    yield lines


async def test_a_tick_on_a_thousand_services_repaints_the_changed_lines_only(
    painted: list[int],
) -> None:
    cockpit = FakeCockpit()
    cockpit.raw = big_objects(1000)
    cockpit.mesh_override = cockpit.mesh
    cockpit.measure()
    first, *others = views = cockpit.snapshot().views
    still = cockpit.sample
    assert still is not None
    cockpit.views_override = views

    def same_numbers() -> None:
        cockpit.sample = replace(still, time=cockpit.clock.now)

    cockpit.measure = same_numbers  # type: ignore[method-assign]
    async with driving(cockpit, LARGE) as drive:
        assert first.key.name in drive.text
        for _ in range(31):
            await drive.tick()
        painted.clear()
        await drive.tick()
        assert painted == []
        cockpit.views_override = (replace(first, marks=("fault delay 3s 50%",)), *others)
        await drive.tick()
        assert len(set(painted)) == 1


async def test_a_second_that_passes_repaints_no_line_of_the_table(painted: list[int]) -> None:
    async with driving() as drive:
        await drive.until(lambda: "2s" in drive.text)
        painted.clear()
        drive.cockpit.clock.now += 1
        await drive.until(lambda: "3s" in drive.text.splitlines()[1])
        assert painted == []


def test_all_shipped_themes_load_and_one_bad_file_is_reported(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "bad.yaml").write_text("name: [")
    (tmp_path / "worse.yaml").write_text("name: x\ncolours: {primary: nocolour}")
    (tmp_path / "none.yaml").write_text("- a list")
    themes = load_themes((paths.shipped_themes(), tmp_path))
    assert len(themes.found) >= 4 and len(themes.problems) == 3
    assert all("\n" not in problem for problem in themes.problems)


def test_a_theme_without_colours_is_refused() -> None:
    with pytest.raises(ValueError, match="missing"):
        parse_theme({"name": "x", "colours": {"primary": "#fff"}})


async def test_what_is_typed_ahead_of_the_prompt_is_in_it() -> None:
    async with driving() as drive:
        for key, character in (("colon", ":"), ("f", "f"), ("slash", "/"), ("colon", ":")):
            drive.app.post_message(events.Key(key, character))
        await drive.until(lambda: ":f/:" in drive.text)
        assert drive.cockpit.applied == []
        await drive.press("escape")
