"""Keys that a person gives to actions, in place of the usual ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from textual.keys import Keys, _character_to_key, format_key

from meshtui.ui.actions.action import Action
from meshtui.ui.actions.situation import PROMPTING

if TYPE_CHECKING:
    from meshtui.config.keys import KeyChoice

FIXED = frozenset({"digit", "backspace"})
"""Actions whose keys are what they are about: they type into the table itself, where `:shift v3=5`
is a weight in words."""

OWN = {
    "ctrl+c": "interrupt",
    "ctrl+q": "quit",
    "ctrl+z": "suspend",
    "ctrl+r": "rollback",
    "ctrl+p": "palette",
    **dict.fromkeys(PROMPTING, "the prompt"),
}
"""Keys that work from every state of the program, whatever else has the focus."""

_ALSO_CALLED = {
    "esc": "escape",
    "return": "enter",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "pgdown": "pagedown",
    "del": "delete",
    "ins": "insert",
    "backtab": "shift+tab",
}
_NAMED = {key.value for key in Keys if not key.value.startswith("<")}


def key_named(text: str) -> str | None:
    """Textual's name of a key as people write it: `L`, `+`, `ctrl+l`, `F5`, `PgUp`; None: none."""
    if len(text) == 1:
        return _character_to_key(text) if text.isprintable() else None
    lower = text.lower()
    found = _ALSO_CALLED.get(lower, lower)
    if found in _NAMED:
        return found
    modifier, plus, last = lower.partition("+")
    named = key_named(last) if plus and modifier == "ctrl" else None
    return f"ctrl+{named}" if named and "+" not in named else None


def shown_key(key: str) -> str:
    """As people write it: `Ctrl+A`, `F5`, `K`."""
    *modifiers, last = key.split("+")
    shown = format_key(last)
    named = shown.replace("_", " ").title() if len(shown) > 1 else shown
    return "+".join((*(modifier.title() for modifier in modifiers), named))


def remapped(
    actions: tuple[Action, ...], wanted: Mapping[str, KeyChoice]
) -> tuple[tuple[Action, ...], tuple[str, ...]]:
    """The actions with these keys, and what is wrong with the others, which are left out."""
    problems: list[str] = []
    chosen: dict[str, tuple[str, ...]] = {}
    for name, choice in wanted.items():
        try:
            chosen[name] = tuple(_checked(actions, name, choice.keys))
        except ValueError as error:
            problems.append(_words(choice, error))
    while (found := _collision(_with(actions, chosen), chosen)) is not None:
        name, words = found
        del chosen[name]
        problems.append(_words(wanted[name], f"{name}: {words}"))
    return _with(actions, chosen), tuple(problems)


def _words(choice: KeyChoice, problem: object) -> str:
    return f"{choice.where}: keys: {problem}" if choice.where else f"keys: {problem}"


def _checked(actions: tuple[Action, ...], name: str, keys: Iterable[str]) -> Iterator[str]:
    """Raises `ValueError` with what is wrong."""
    known = [action.id for action in actions if action.id not in FIXED]
    if name not in known:
        near = get_close_matches(name.lower().replace("-", "_"), known, 1, 0.6)
        raise ValueError(
            f"there is no action {name}: {f'is it {near[0]}?' if near else '? lists them'}"
        )
    for text in keys:
        key = key_named(text)
        if key is None:
            near = get_close_matches(text.lower(), sorted({*_NAMED, *_ALSO_CALLED}), 1, 0.6)
            meant = f"is it {near[0]}?" if near else "write one as L, ctrl+l, f5 or pageup"
            raise ValueError(f"{name}: there is no key {text}: {meant}")
        if key in OWN and OWN[key] != name and not _is_prompts(key, name):
            raise ValueError(f"{name}: {text} is {OWN[key]} everywhere: choose another key")
        yield key


def _is_prompts(key: str, name: str) -> bool:
    return key in PROMPTING and name in ("filter", "command")


def _with(actions: tuple[Action, ...], chosen: Mapping[str, tuple[str, ...]]) -> tuple[Action, ...]:
    return tuple(
        replace(action, keys=chosen[action.id], shown=" ".join(map(shown_key, chosen[action.id])))
        if action.id in chosen
        else action
        for action in actions
    )


def _collision(
    actions: tuple[Action, ...], chosen: Mapping[str, tuple[str, ...]]
) -> tuple[str, str] | None:
    """The first choice whose key means something else where the action is meant, and what."""
    by_id = {action.id: action for action in actions}
    for name, keys in chosen.items():
        for key in keys:
            for other in actions:
                if other.id != name and key in other.keys and other.where & by_id[name].where:
                    return name, f"{shown_key(key)} is {other.id} already: give that another key"
    return None
