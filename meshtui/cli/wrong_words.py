"""What is said of words that the grammar does not take: in one line, with what to type instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from difflib import get_close_matches

from meshtui.errors import Usage
from meshtui.verbs import VERBS, Verb
from meshtui.verbs.change_verbs import HOW
from meshtui.verbs.everywhere import EVERYWHERE, SCREEN_ONLY, WITHOUT_COMMAND
from meshtui.verbs.habits import option_habit, typed_habit
from meshtui.verbs.text import short_usage
from meshtui.verbs.verb import CHANGES

_UNKNOWN = re.compile(r"argument \w+: invalid choice: '(.*)' \(choose from (.*)\)")
_NO_VALUE = re.compile(r"argument (?:-\w/)?(--[\w-]+): invalid choice: '(.*)' \(choose from (.*)\)")
_STRAY = "unrecognized arguments: "
_VALUE = "argument COMMAND: "
"""What argparse says of a word too many, and of the value of an option that is none."""

ALIKE = 0.6

ACTION_FIRST = ("meshtui canary", "meshtui proxy")
"""Where a service is often typed at the action's place."""

LIKELY = ("abort", "delay", "to", "version")
"""Options whose value is often typed alone, in this order."""


def line_of(prog: str, words: Sequence[str], message: str) -> str:
    """The line for argparse's `message`, of the program or command `prog`."""
    found = _UNKNOWN.fullmatch(message)
    slip = _unknown_option(_before(words, found[1])) if found else ""
    meant = typed_habit(_typed(prog, words, found[1])) if found and not slip else ""
    if meant:
        return f"meshtui: {meant}"
    option = _unknown_option(words) if message.startswith((_STRAY, _VALUE)) else ""
    if option:
        return _with_help(prog, option)
    if value := _NO_VALUE.fullmatch(message):
        return _with_help(prog, _nearest(prog, f"{value[1]} {value[2]}", value[3], value[2]))
    if found:
        return _with_help(prog, _nearest(prog, found[1], found[2]))
    if not message.startswith(_STRAY):
        return _with_help(prog, message)
    verb = _verb_of(words)
    stray = message.removeprefix(_STRAY).split()[0]
    if verb is None:
        return _with_help(prog, f"there is no {stray}")
    return _with_help(f"{prog} {verb.name}", _too_many(verb, words, stray))


def _with_help(prog: str, line: str) -> str:
    return f"{prog}: {line} (see `{prog} --help`)"


def _before(words: Sequence[str], wrong: str) -> Sequence[str]:
    """The words before it: an option that is none there may have it as its value."""
    return words[: words.index(wrong)] if wrong in words else ()


def _typed(prog: str, words: Sequence[str], wrong: str) -> list[str]:
    """The command's words from the wrong one on, behind those that were right."""
    after = words[words.index(wrong) :] if wrong in words else [wrong]
    return [*prog.split()[1:], *(word for word in after if not word.startswith("-"))]


def _nearest(prog: str, named: str, choices: str, typed: str = "") -> str:
    """Of a word that nothing is called the nearest that something is; all where none is near."""
    wrong = typed or named
    names = [name.strip(" '") for name in choices.split(",")]
    longer = [name for name in names if len(wrong) > 2 and name.startswith(wrong)]
    near = longer or get_close_matches(wrong, names, 2, ALIKE)
    if near:
        return f"there is no {named}: is it {' or '.join(near)}?"
    first = f"; one of them first: `{prog} {names[0]} {wrong}`" if prog in ACTION_FIRST else ""
    return f"there is no {named}: there are {', '.join(names)}{first}"


def _unknown_option(words: Sequence[str]) -> str:
    """The first option that nothing is called, with what is meant; empty where there is none."""
    named = [verb for verb in VERBS if verb.name.partition(" ")[0] in words]
    how = HOW if any(verb.group == CHANGES for verb in named) else ()
    groups = (EVERYWHERE, SCREEN_ONLY, WITHOUT_COMMAND, how, *(verb.parameters for verb in named))
    parameters = [one for group in groups for one in group]
    known = {f"--{one.name}" for one in parameters} | {"--help", "--version"}
    known |= {"--off"} if any(verb.off for verb in named) else set()
    short = {one.short for one in parameters} | {"h"}
    for word in words:
        if word == "--":
            break
        option = word.partition("=")[0]
        if _is_known(option, known, short):
            continue
        near = get_close_matches(option, known, 1, ALIKE) if option.startswith("--") else []
        is_it = f": is it {near[0]}?" if near else ""
        return option_habit(option) or f"there is no {option}{is_it}"
    return ""


def _is_known(option: str, known: Iterable[str], short: Iterable[str]) -> bool:
    """argparse takes the beginning of a long one, and a short one with its value behind it."""
    if option.startswith("--"):
        return any(name.startswith(option) for name in known)
    return not option.startswith("-") or option == "-" or option[1] in short


def _verb_of(words: Sequence[str]) -> Verb | None:
    """Whose words they are; the one with the longest name."""
    plain = [word for word in words if not word.startswith("-")]
    named = [verb for verb in VERBS if verb.command and set(verb.name.split()) <= {*plain}]
    return max(named, key=lambda verb: len(verb.name.split()), default=None)


def _too_many(verb: Verb, words: Sequence[str], stray: str) -> str:
    """A word that has no place, with where its place may be."""
    if verb.name == "edit" and stray in words[1:]:
        kind = words[words.index(stray) - 1]
        return f"a kind and its name are one word: `meshtui {verb.name} {kind}/{stray}`"
    option = "" if stray.startswith("-") else _option_for(verb, stray)
    if option:
        return f"{stray} stands behind its option: is it --{option} {stray}?"
    return f"{stray} is one word too many: `meshtui {short_usage(verb)}`"


def _option_for(verb: Verb, stray: str) -> str:
    """The option that would take it as its value, and is often left out."""
    likely = ("path",) if stray.startswith("/") else LIKELY
    options = {one.name: one for one in verb.parameters if not one.positional and one.kind}
    for name in likely:
        with suppress(KeyError, Usage):
            options[name].parse(stray)
            return name
    return ""
