"""Texts name the keys of the moment: no usual key is left in any once all keys are others."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import meshtui
from meshtui.config import Config
from meshtui.config.keys import KeyChoice
from meshtui.diagnosis.explain import explanations
from meshtui.diagnosis.explain.steps import steps_text
from meshtui.diagnosis.explain.triage import sentences
from meshtui.mesh.flags import FLAGS
from meshtui.ui.actions import registry
from meshtui.ui.actions.action import ANYWHERE
from meshtui.ui.actions.keymap import FIXED
from meshtui.ui.actions.registry import ACTIONS, BY_ID, current, elsewhere, key_of, why_not
from meshtui.ui.actions.situation import TABLE, Situation
from meshtui.ui.actions.steps import by_key
from meshtui.ui.dialogs.help import help_lines
from meshtui.ui.main.screen import MainScreen
from meshtui.ui.panes.signalstext import by_how, signals_lines
from meshtui.ui.widgets.key_block import key_named
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.test_signals_steps import scopes
from tests.ui.test_snapshots import CASES, back, cockpit
from tests.unit.explaining import mesh_of, scope, signals

_ALPHABETS = ((0x410, 0x460), (0x3B1, 0x3CA), (0x391, 0x3A2), (0x531, 0x557))
LETTERS = [chr(letter) for alphabet in _ALPHABETS for letter in range(*alphabet)]
"""A key for each action that no text holds otherwise."""

OTHERS = {a.id: letter for a, letter in zip(ACTIONS, LETTERS, strict=False) if a.id not in FIXED}
EVERYWHERE = ("Ctrl+R", "Ctrl+P")
"""Keys that stay what they are: they work where letters are letters, too."""

USUAL = {k for a in ACTIONS if a.id not in FIXED for k in a.shown.split()} - {*EVERYWHERE}
USUAL -= {*"0123456789"}
_KEY = "|".join(re.escape(key) for key in sorted(USUAL, key=len, reverse=True))
SECONDS = {"s"}
"""In the source a number stands before it that is not there yet."""

VERBS = "adds|searches|shows|goes|all|its|more|starts|says|again|leaves|narrows|sets|then|steer"
HINTS = (
    re.compile(rf"(?:^|[(│;,·]|(?<!\d)\s)({_KEY}): "),
    re.compile(rf"\(({_KEY})\)"),
    re.compile(rf"(?:^|[(│;,·]|(?<!\d)\s)({_KEY}) (?:{VERBS})\b"),
    re.compile(rf"(?:press|and so does|behind|after) ({_KEY})(?![\w'])"),
)


def usual_keys_in(text: str) -> set[str]:
    """Words that are read as keys; `a` and `*` stand for themselves in prose."""
    found = {key for hint in HINTS for key in hint.findall(text)}
    footer = {f"{k} {a.label}" for a in ACTIONS if a.id not in FIXED for k in a.shown.split()}
    found |= {one for one in footer if re.search(rf"(?<!\S){re.escape(one)}(?!\S)", text)}
    return found


@pytest.fixture
def remapped() -> Iterator[None]:
    assert registry.use({name: KeyChoice((key,), "") for name, key in OTHERS.items()}) == ()
    yield
    registry.use({})


def test_every_action_has_another_key(remapped: None) -> None:
    assert len(OTHERS) == len(ACTIONS) - len(FIXED)
    assert {action.shown for action in current() if action.id not in FIXED} == {*OTHERS.values()}


@pytest.mark.parametrize("focus", sorted(ANYWHERE))
def test_reasons_against_an_action_name_no_usual_key(remapped: None, focus: str) -> None:
    for now in (Situation(focus), Situation(focus, True, service="a"), Situation(TABLE, True)):
        for action in current():
            for text in (why_not(action, now), elsewhere(action.keys[0], now)):
                assert not usual_keys_in(text) and "{" not in text, text


def test_the_help_names_no_usual_key(remapped: None) -> None:
    for focus in ANYWHERE:
        text = "\n".join("".join(p.text for p in line) for line in help_lines(90, focus))
        assert not usual_keys_in(text) and "{" not in text
    assert "{" not in registry.markdown()


@pytest.mark.parametrize("code", [*sorted(FLAGS), "500", "403", "404", "429", "0"])
def test_explanations_name_no_usual_key(remapped: None, code: str) -> None:
    for found in scopes(code):
        steps = [one.next for one in explanations([found])]
        steps += [said.next for said in sentences(found)]
        for each in steps:
            assert not usual_keys_in(steps_text(each, by_key))
        lines = signals_lines(found, "", 500, told=by_how(by_key))
        text = "\n".join("".join(piece.text for piece in line) for line in lines)
        assert not usual_keys_in(text), text


def test_an_explanation_names_the_new_key(remapped: None) -> None:
    found = scope(mesh_of(), "v1", signals(c503=10, UO=10), signals())
    text = "".join(
        p.text for line in signals_lines(found, "", 500, told=by_how(by_key)) for p in line
    )
    assert f"{OTHERS['proxies']}: the limits" in text and key_of("proxies") == OTHERS["proxies"]


def other_key(drive: Drive, key: str) -> str:
    """What is pressed now where the usual key was."""
    if not isinstance(drive.app.screen, MainScreen) or drive.app.main.prompt.display:
        return key
    now = drive.app.main.situation()
    name = {"colon": ":", "slash": "/"}
    meant = [
        a for a in ACTIONS if key in (*a.keys, *(name.get(k, k) for k in a.keys))
        if now.focus in a.where
    ]  # fmt: skip
    action = min(meant, key=lambda a: (a.breadth, bool(a.missing(now))), default=None)
    return OTHERS.get(action.id, key) if action else key


class Translating(Drive):
    """The usual keys in, the others out."""

    async def press(self, *keys: str) -> None:
        for key in keys:
            await super().press(other_key(self, key))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_no_screen_names_a_usual_key(size: tuple[int, int]) -> None:
    fake = cockpit()
    fake.settings = Config(keys={name: KeyChoice((k,), "c:1") for name, k in OTHERS.items()})
    left: dict[str, set[str]] = {}
    try:
        async with driving(fake, size) as plain:
            drive = Translating(plain.app, plain.cockpit, plain.pilot)
            for case in CASES:
                await drive.go_to(*case.service)
                await case.open(drive)
                await drive.until(lambda case=case: type(drive.app.screen).__name__ == case.screen)
                if case.screen == "MainScreen" and not drive.app.main.prompt.display:
                    left[case.name] = usual_keys_in(drive.text)
                await back(drive)
    finally:
        registry.use({})
    assert {name: keys for name, keys in left.items() if keys} == {}


# What is written in the source

ROOT = Path(meshtui.__file__).parent
FIXED_KEYS_OF = ("ui/dialogs", "ui/actions", "ui/widgets/prompt")
"""Dialogs and the prompt have keys of their own, which nobody gives others."""


def sources() -> Iterator[Path]:
    for room in ("ui", "diagnosis", "operations", "changes", "mesh"):
        for path in sorted((ROOT / room).rglob("*.py")):
            if not str(path.relative_to(ROOT)).startswith(FIXED_KEYS_OF):
                yield path


def test_no_text_of_the_source_names_a_key_by_itself() -> None:
    assert [f"{path.name}: {one}" for path in sources() for one in keys_written_in(path)] == []


def keys_written_in(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text("utf-8"))
    prose = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    letters = {key for key in USUAL if key.isalpha()} - SECONDS
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            text = node.value if "\n" not in node.value else ""
            if letters & {key for hint in HINTS[:2] for key in hint.findall(text)}:
                yield text
        if isinstance(node, ast.Call) and len(node.args) == 2:
            first, role = node.args
            both = isinstance(role, ast.Constant) and isinstance(first, ast.Constant)
            if both and role.value == "key" and first.value in USUAL:
                yield first.value


def test_what_is_found_is_found() -> None:
    for text in (
        "R: roll back, or -: less",
        "logs (l)",
        "C adds the callers'",
        "q quit",
        "│ l logs",
    ):
        assert usual_keys_in(text), text
    assert BY_ID["quit"].shown == "q" and not usual_keys_in("a rule that is so: 5 s more")


def test_arrows_are_named_where_plain_ascii_has_other_keys_of_their_looks() -> None:
    """`<` sorts, and ← would look like it."""
    try:
        registry.use({}, named=True)
        shown = {action.id: action.shown for action in registry.current()}
        assert (shown["fold"], shown["border_left"]) == ("Left", "Ctrl+Left")
        assert all(text.isascii() for text in shown.values())
        assert (key_named(shown["fold"]), key_named(shown["unfold"])) == ("left", "right")
        assert registry.elsewhere("left", Situation(focus=TABLE)).startswith("Left does")
    finally:
        registry.use({})
    assert registry.named("fold").shown == "←"
