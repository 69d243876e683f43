"""The manual page, made from the table of verbs: `meshtui man | man -l -`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from meshtui.verbs import VERBS, Parameter, Verb
from meshtui.verbs.change_verbs import HOW
from meshtui.verbs.everywhere import EVERYWHERE, SCREEN_ONLY, WITHOUT_COMMAND
from meshtui.verbs.text import usage
from meshtui.verbs.verb import CANARY, CHANGES, LAB, LOOKS

GROUPS = {
    LOOKS: "commands that only read",
    CHANGES: "commands that change the mesh",
    CANARY: "the autopilot of a canary",
    LAB: "a mesh on this machine",
}
EXITS = (
    (0, "done"),
    (1, "failed, or refused"),
    (2, "wrong usage"),
    (3, "somebody else changed it"),
    (4, "not allowed"),
    (5, "cluster or telemetry out of reach"),
    (6, "a canary was rolled back"),
)
FILES = (
    ("~/.config/meshtui/config.yaml", "settings; `meshtui config show` says what is in force"),
    ("~/.config/meshtui/themes", "themes of your own"),
    ("~/.local/state/meshtui/journal", "every change that was made, by cluster"),
    ("~/.cache/meshtui/names", "names for the completion of words; may be deleted"),
)


def man_page(version: str) -> str:
    """The page in the language of man(7)."""
    lines = [
        f'.TH MESHTUI 1 "" "meshtui {version}" "User Commands"',
        *_section("NAME", ["meshtui \\- a terminal cockpit for a live Istio mesh"]),
        *_section("SYNOPSIS", [".B meshtui", "[OPTION ...] [COMMAND [ARGUMENT ...]]"]),
        *_section("DESCRIPTION", [_text(DESCRIPTION)]),
    ]
    for group, title in GROUPS.items():
        found = [verb for verb in VERBS if verb.command and verb.group == group]
        lines += _section(title.upper(), [line for verb in found for line in _verb(verb)])
    lines += _section("HOW TO CHANGE", _parameters(HOW))
    lines += _section("OPTIONS OF EVERY COMMAND", _parameters([*EVERYWHERE, *SCREEN_ONLY]))
    lines += _section("WITHOUT A COMMAND", _parameters(WITHOUT_COMMAND))
    lines += _section("EXIT STATUS", _items((str(code), clear) for code, clear in EXITS))
    lines += _section("FILES", _items(FILES))
    return "\n".join(lines) + "\n"


DESCRIPTION = (
    "Without a command: the screen, on the current kube context. One screen shows each service, "
    "its versions, the weights that route to them and what results. Every change is shown as a "
    "diff, checked by the API server, written with a precondition, followed until the proxies "
    "serve it, and can be taken back. Everything that the screen does can be done by a command."
)


def _section(title: str, lines: Iterable[str]) -> list[str]:
    return [f'.SH "{title}"', *lines]


def _verb(verb: Verb) -> Iterator[str]:
    yield f'.SS "{_text(usage(verb))}"'
    yield _text(f"{verb.sentence[:1].upper()}{verb.sentence[1:]}.")
    yield from _parameters(verb.parameters)
    if verb.off:
        yield from _items([("--off", verb.off)])
    yield from _items(verb.language)
    for line, does in verb.lines:
        yield from (".PP", _text(does), ".RS", ".nf", _text(line), ".fi", ".RE")


def _parameters(parameters: Iterable[Parameter]) -> list[str]:
    return _items((_name(one), one.told) for one in parameters)


def _name(parameter: Parameter) -> str:
    if parameter.positional:
        return parameter.placeholder or "|".join(parameter.choices) or parameter.name.upper()
    value = parameter.shown if parameter.kind else ""
    short = f"-{parameter.short}, " if parameter.short else ""
    return f"{short}--{parameter.name} {value}".rstrip()


def _items(pairs: Iterable[tuple[str, str]]) -> list[str]:
    return [line for name, clear in pairs for line in (".TP", f".B {_text(name)}", _text(clear))]


def _text(text: str) -> str:
    """What man would take for a command, or for a typographic hyphen, is neither."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    text = text.replace("…", "...").replace("’", "'")
    return re.sub(r"^([.'])", r"\\&\1", text)
