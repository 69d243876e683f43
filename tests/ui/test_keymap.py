"""Keys that a person gives to actions: which can be, what collides, and what is on screen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from meshtui.changes.change import SetFault
from meshtui.config import Config
from meshtui.config.keys import KeyChoice
from meshtui.ui.actions import registry
from meshtui.ui.actions.keymap import key_named, remapped
from meshtui.ui.actions.registry import ACTIONS, BY_ID
from tests.ui.driving import LARGE, SMALL, driving
from tests.ui.fake import FakeCockpit


@pytest.fixture(autouse=True)
def usual_keys() -> Iterator[None]:
    yield
    registry.use({})


def choices(**keys: str) -> dict[str, KeyChoice]:
    return {name: KeyChoice(tuple(text.split()), "c:1") for name, text in keys.items()}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("L", "L"), ("+", "plus"), ("/", "slash"), (";", "semicolon"), ("ctrl+l", "ctrl+l"),
        ("Ctrl+L", "ctrl+l"), ("F5", "f5"), ("PgUp", "pageup"), ("esc", "escape"),
        ("space", "space"), ("backtab", "shift+tab"), ("alt+x", None), ("spcae", None),
        ("ctrl+", None), ("", None), ("LL", None), ("\x1b", None), ("<any>", None),
    ],
)  # fmt: skip
def test_keys_are_named_as_people_write_them(text: str, key: str | None) -> None:
    assert key_named(text) == key


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"lgos": "f5"}, "c:1: keys: there is no action lgos: is it logs?"),
        ({"sort-latency": "f5"}, "there is no action sort-latency: is it sort_latency?"),
        ({"digit": "f5"}, "there is no action digit"),
        ({"logs": "f55"}, "logs: there is no key f55: is it f5?"),
        ({"logs": "spcae"}, "logs: there is no key spcae: is it space?"),
        ({"logs": "ctrl+c"}, "logs: ctrl+c is interrupt everywhere: choose another key"),
        ({"logs": "ctrl+r"}, "logs: ctrl+r is rollback everywhere"),
        ({"logs": ":"}, "logs: : is the prompt everywhere"),
        ({"logs": "p"}, "logs: p is proxies already: give that another key"),
        ({"logs": "m"}, "logs: m is mirror already"),
        ({"wrap": "l"}, "wrap: l is logs already"),
        ({"logs": "5"}, "logs: 5 is digit already"),
        ({"logs": "f5", "pods": "f5"}, "logs: F5 is pods already"),
    ],
)
def test_what_cannot_be_is_named_and_left_out(keys: dict[str, str], said: str) -> None:
    actions, problems = remapped(ACTIONS, choices(**keys))
    assert len(problems) == 1 and said in problems[0]
    changed = [action.id for action in actions if action is not BY_ID[action.id]]
    assert changed == [name for name in keys if name == "pods"]


def test_keys_may_be_exchanged() -> None:
    actions, problems = remapped(ACTIONS, choices(logs="p", proxies="l", sort_latency="f6 f7"))
    assert problems == ()
    found = {action.id: (action.keys, action.shown) for action in actions}
    assert found["logs"] == (("p",), "p") and found["proxies"] == (("l",), "l")
    assert found["sort_latency"] == (("f6", "f7"), "F6 F7")


def test_a_choice_that_is_left_out_gives_its_key_back() -> None:
    _, problems = remapped(ACTIONS, choices(logs="ctrl+c", proxies="l"))
    assert len(problems) == 2 and "proxies: l is logs already" in problems[1]


def remade(**keys: str) -> FakeCockpit:
    cockpit = FakeCockpit()
    cockpit.settings = Config(keys=choices(**keys))
    return cockpit


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_the_screen_takes_shows_and_explains_them(size: tuple[int, int]) -> None:
    async with driving(remade(logs="f5", weight="x", filter="f8"), size) as drive:
        await drive.until(lambda: "there is no action weight" in drive.status)
        await drive.press("l")
        await drive.until(lambda: "l does nothing" in drive.status)
        await drive.press("f5")
        await drive.until(lambda: drive.app.main.dock.open_kinds == ("logs",))
        await drive.press("f5")
        await drive.until(lambda: drive.app.main.dock.open_kinds == ())
        await drive.until(lambda: "F8 filter" in drive.text)
        await drive.press("question_mark", "slash")
        await drive.type("access logs of the service")
        await drive.until(lambda: "F5" in drive.text and "Tail the access logs" in drive.text)
        await drive.press("escape", "escape")
        await drive.press("f8")
        await drive.type("rat")
        await drive.press("enter")
        await drive.until(lambda: "filter /rat" in drive.status)


async def test_another_context_brings_its_keys_its_theme_and_its_habits() -> None:
    cockpit = FakeCockpit()
    async with driving(cockpit) as drive:
        cockpit.settings = replace(
            Config(), theme="meshtui-contrast", keys=choices(logs="f5"), ladder=(3.0, 100.0),
            fault_for=120.0,
        )  # fmt: skip
        await drive.press(":")
        await drive.type("ctx other")
        await drive.press("enter")
        await drive.until(lambda: drive.app.theme == "meshtui-contrast")
        await drive.until(lambda: drive.app.main.table.view is not None)
        await drive.press("f5")
        await drive.until(lambda: drive.app.main.dock.open_kinds == ("logs",))
        await drive.press("f5")
        await drive.go_to("reviews", "v2")
        await drive.press("n")
        await drive.until(lambda: "v2" in drive.status)
        await drive.press("escape", ":")
        await drive.type("fault delay 3s")
        await drive.press("enter")
        await drive.armed()
        request = cockpit.asked[-1][0]
        assert isinstance(request, SetFault) and request.expires_s == 120.0
        await drive.press("escape", "f")
        await drive.until(lambda: "2m00s" in drive.text)
        await drive.press("escape")
        cockpit.settings = Config()
        await drive.press(":")
        await drive.type("ctx lab")
        await drive.press("enter")
        await drive.until(lambda: drive.app.theme == "meshtui-dark")
        await drive.press("l")
        await drive.until(lambda: drive.app.main.dock.open_kinds == ("logs",))
