"""Every action of the screen, once: bindings, footer, help, palette and README come from here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.binding import Binding

from meshtui.ui.actions.action import (
    ANYWHERE,
    CHANGE,
    FIND,
    GROUPS,
    IN_LONG,
    IN_TABLE,
    IN_TEXT,
    LOOK,
    MOVE,
    PROGRAM,
    Action,
    way,
)
from meshtui.ui.actions.canary import STEERING
from meshtui.ui.actions.change_keys import CHANGES
from meshtui.ui.actions.charts import CHARTING
from meshtui.ui.actions.keymap import remapped, shown_key
from meshtui.ui.actions.logs import LOGGING
from meshtui.ui.actions.look import LOOKING
from meshtui.ui.actions.proxies import PROXYING
from meshtui.ui.actions.situation import PROMPTING, TABLE, Situation

if TYPE_CHECKING:
    from meshtui.config.keys import KeyChoice


def _sort(key: str, letter: str, label: str, by: str) -> Action:
    text = f"Sort by {by}; again turns it round."
    return Action(f"sort_{key}", (letter,), letter, label, text, FIND)


def _move(
    name: str,
    keys: tuple[str, ...],
    shown: str,
    label: str,
    text: str,
    where: frozenset[str] = ANYWHERE,
) -> Action:
    return Action(name, keys, shown, label, text, MOVE, where=where, palette=False)


_WRITTEN: tuple[Action, ...] = (
    *CHANGES,
    *LOOKING,
    *LOGGING,
    *PROXYING,
    *CHARTING,
    *STEERING,
    # Find and sort
    Action(
        "filter", ("slash",), "/", "filter",
        "Show services that hold a text or a regex; /!text those that don't; /-f letters in order; "
        "/-l app=x by label.",
        FIND, footer=21,
    ),
    Action(
        "command", ("colon",), ":", "command",
        "Type a command: :shift v1=80 v3=20 · :fault delay 3s 50% · :theme NAME …",
        FIND, palette=False, footer=22,
    ),
    Action(
        "all_namespaces", ("0",), "0", "all namespaces",
        "On a service: the services of all namespaces again; :ns NAME shows those of one.",
        FIND, False, IN_TABLE, "head",
    ),
    _sort("worst", "W", "worst first", "what is worst"),
    _sort("name", "N", "by name", "name"),
    _sort("errors", "E", "by errors", "error ratio"),
    _sort("traffic", "T", "by traffic", "requests per second"),
    _sort("latency", "L", "by latency", "p99"),
    Action(
        "column_before", ("less_than_sign",), "<", "sort column before",
        "Sort by the column to the left of the one that is sorted by.",
        FIND, False, IN_TABLE,
    ),
    Action(
        "column_after", ("greater_than_sign",), ">", "next sort column",
        "Sort by the column to the right: any of them, :sort NAME too.",
        FIND, False, IN_TABLE,
    ),
    # Move
    _move("down", ("j", "down"), "j ↓", "down", "One line down."),
    _move("up", ("k", "up"), "k ↑", "up", "One line up."),
    _move("page_down", ("pagedown", "ctrl+f"), "PgDn", "page down", "A page down."),
    _move("page_up", ("pageup", "ctrl+b"), "PgUp", "page up", "A page up."),
    _move("half_down", ("ctrl+d",), "Ctrl+D", "half down", "Half a page down."),
    _move("half_up", ("ctrl+u",), "Ctrl+U", "half up", "Half a page up."),
    _move("top", ("home",), "Home", "top", "To the first line."),
    _move(
        "top_of_text", ("g",), "g", "top",
        "In a pane: to the first line, gg too; in the table {graph} is the graph.",
        IN_LONG,
    ),
    _move("end", ("G", "end"), "G End", "end", "To the last line; logs follow again."),
    _move("fold", ("left",), "←", "fold", "Fold the service's versions.", IN_TABLE),
    _move("unfold", ("right",), "→", "unfold", "Unfold the service's versions.", IN_TABLE),
    _move("toggle", ("space",), "Space", "fold", "Fold or unfold the versions.", IN_TABLE),
    Action(
        "open_service", ("enter",), "Enter", "fold/unfold",
        "On a service without a draft: fold or unfold its versions.",
        MOVE, False, IN_TABLE, "head", 7, False,
    ),
    _move("scroll_left", ("left",), "←", "left", "Logs and rules: to the left.", IN_TEXT),
    _move("scroll_right", ("right",), "→", "right", "Logs and rules: to the right.", IN_TEXT),
    Action(
        "focus", ("tab",), "Tab", "next pane",
        "The focus to the next pane, and back to the table.",
        MOVE, footer=5, palette=False,
    ),
    _move("focus_back", ("shift+tab",), "Shift+Tab", "pane before", "The focus to the one before."),
    Action(
        "zoom", ("z",), "z", "zoom",
        "What has the focus alone on the whole screen, and back beside the others.",
        MOVE, footer=98,
    ),
    _move("border_left", ("ctrl+left",), "Ctrl+←", "wider panes", "The border to the left."),
    _move("border_right", ("ctrl+right",), "Ctrl+→", "wider table", "The border to the right."),
    # Program
    Action(
        "help", ("question_mark", "f1"), "?", "help",
        "All keys and commands.",
        PROGRAM, footer=1,
    ),
    Action(
        "back", ("escape",), "Esc", "back",
        "Close the innermost thing: dialog, draft, pane, filter.",
        PROGRAM, palette=False, footer=6,
    ),
    Action(
        "palette", ("ctrl+p",), "Ctrl+P", "palette",
        "Find an action by its name.",
        PROGRAM, palette=False,
    ),
    Action(
        "quit", ("q",), "q", "quit",
        "Leave; asks only while a change is being applied. Says what stays on, and who ends it.",
        PROGRAM, footer=3,
    ),
)  # fmt: skip

_NAME = re.compile(r"\{(\w+)\}")


def _worded(actions: tuple[Action, ...]) -> tuple[Action, ...]:
    """With the keys of the actions that their help names: `{filter} searches it`."""
    keys = {action.id: _key(action) for action in actions}

    def filled(text: str) -> str:
        return _NAME.sub(lambda found: keys[found[1]], text)

    return tuple(replace(action, help=filled(action.help)) for action in actions)


def _key(action: Action) -> str:
    return action.shown.split(" ")[0]


ACTIONS = _worded(_WRITTEN)
BY_ID = {action.id: action for action in ACTIONS}
"""With their usual keys; `current` knows those that a person has given them."""


class _Current:
    """The actions with the keys of the moment: one terminal has one keymap at a time."""

    actions: tuple[Action, ...] = ACTIONS
    named: bool = False


def use(keys: Mapping[str, KeyChoice], *, named: bool = False) -> tuple[str, ...]:
    """From now on actions have these keys, or their usual ones; returns what is wrong with some.

    `named`: arrows by name. In plain ASCII they would be `<` and `>`, which are other keys.
    """
    chosen, problems = remapped(_WRITTEN, keys)
    _Current.named = named
    if named:
        chosen = tuple(replace(action, shown=_arrows_named(action.shown)) for action in chosen)
    _Current.actions = _worded(chosen) if keys or named else ACTIONS
    return problems


def _arrows_named(text: str) -> str:
    for arrow, name in _ARROWS.items():
        text = text.replace(arrow, name)
    return text


_ARROWS = {"←": "Left", "→": "Right", "↑": "Up", "↓": "Down"}


def current() -> tuple[Action, ...]:
    """The actions with the keys of the moment."""
    return _Current.actions


def named(action_id: str) -> Action:
    return next(action for action in _Current.actions if action.id == action_id)


def key_of(action_id: str) -> str:
    """How the key of an action is written at the moment: `l`, `Ctrl+R`."""
    return _key(named(action_id))


def why_not(action: Action, now: Situation) -> str:
    """Why it cannot be done now, in words with the keys of the moment; empty where it can."""
    return worded(action.why_not(now))


def worded(text: str) -> str:
    """A text with the keys of the moment where it names actions: `As after {filter}.`"""
    keys = {action.id: _key(action) for action in current()}
    return _NAME.sub(lambda found: keys.get(found[1], found[0]), text)


def way_to(place: str) -> str:
    """`logs (l)`."""
    return worded(way(place))


def resolve(key: str, now: Situation) -> Action | None:
    """What a key means in the part of the screen with the focus: of several actions the one for
    the fewest parts, there the first for what the cursor is on; None where it means nothing."""
    fitting = [a for a in current() if key in a.keys and now.focus in a.where]
    return min(fitting, key=lambda a: (a.breadth, bool(a.missing(now))), default=None)


def elsewhere(key: str, now: Situation) -> str:
    """What a key would do in other parts of the screen, and how to get there."""
    known = [action for action in current() if key in action.keys]
    if not known:
        return f"{_shown(key)} does nothing; {key_of('help')} shows the keys of the {now.focus}"
    meanings = dict.fromkeys(action.place_words(now) for action in known)
    return worded(f"{nothing_here(key)}; {' · '.join(meanings)}")


def nothing_here(key: str) -> str:
    """For a dialog, whose own keys are on the screen."""
    return f"{_shown(key)} does nothing here"


def _shown(key: str) -> str:
    return _arrows_named(shown_key(key)) if _Current.named else shown_key(key)


def bindings() -> list[Binding]:
    """One binding for each key; which action it means is decided when it is pressed."""
    keys = dict.fromkeys(key for action in current() for key in action.keys)
    return [
        Binding(key, f"press('{key}')", show=False, priority=key in PROMPTING)
        for key in keys
        if key != "ctrl+p"
    ]


def footer(now: Situation) -> tuple[Action, ...]:
    """The keys of the moment, the most wanted first."""
    offered = [a for a in current() if a.footer and now.focus in a.where and _offered(a, now)]
    return tuple(sorted(offered, key=lambda action: action.footer))


def _offered(action: Action, now: Situation) -> bool:
    if action.id == now.focus or action.id in now.idle:
        return False
    if resolve(action.keys[0], now) is not action:
        return False
    if action.id == "back":
        return now.draft or now.filtered or now.focus != TABLE or bool(now.open_panes)
    if action.id in ("focus", "zoom"):
        return bool(now.open_panes)
    return bool(action.forbidden(now)) or not action.why_not(now)


def in_groups(
    actions: tuple[Action, ...] = ACTIONS,
) -> Iterable[tuple[str, tuple[Action, ...]]]:
    """The actions by group, in the order of the help screen."""
    for group in GROUPS:
        yield group, tuple(action for action in actions if action.group == group)


MOST_USED = (
    "filter", "open_version", "logs", "heavier", "diff", "rollback", "undo", "proxies", "command",
    "help",
)  # fmt: skip
"""What a night on call needs, in the order in which it does."""

_TITLES = {FIND: "Find", CHANGE: "Change", LOOK: "Panes", MOVE: "Move", PROGRAM: "The program"}
"""The README's groups, in its order."""


def markdown() -> str:
    """The README's tables of keys: the most used, then by group, then of each pane by itself."""
    parts = ["The ten most used:", "", *_table([BY_ID[name] for name in MOST_USED])]
    for group, title in _TITLES.items():
        found = [a for a in ACTIONS if a.group == group and not (group == LOOK and _inside(a))]
        parts += _folded(title, found)
    places = sorted({place for a in ACTIONS if a.group == LOOK for place in _inside(a)})
    for place in places:
        found = [a for a in ACTIONS if a.group == LOOK and place in _inside(a)]
        parts += _folded(f"In the {place}" if place == TABLE else f"In the pane {place}", found)
    return "\n".join(parts)


def _inside(action: Action) -> frozenset[str]:
    """The parts of the screen that alone have it; none where it works in most of them."""
    return frozenset() if action.wide else action.where


def _folded(title: str, actions: Iterable[Action]) -> list[str]:
    head = f"<details><summary>{title}</summary>"
    return ["", head, "", *_table(actions), "", "</details>"]


def _table(actions: Iterable[Action]) -> list[str]:
    rows = [f"| {_code(a.shown)} | {a.label} | {a.help} |" for a in actions]
    return ["| key | action | what it does |", "|---|---|---|", *rows]


def _code(shown: str) -> str:
    return " ".join(f"`{key}`" for key in shown.split(" "))


if __name__ == "__main__":
    print(markdown())  # noqa: T201
