"""The table of verbs in words: usage lines, the README's table, the help of the screen."""

from __future__ import annotations

from collections.abc import Iterable

from meshtui.verbs import VERBS
from meshtui.verbs.everywhere import EVERYWHERE, SCREEN_ONLY, WITHOUT_COMMAND
from meshtui.verbs.verb import Parameter, Verb


def usage(verb: Verb) -> str:
    """How the verb is written on the command line, without `meshtui`."""
    words = [verb.name]
    if verb.needs:
        words.append(verb.needs.upper())
    words += [_positional(p) for p in verb.parameters if p.positional]
    words += [_option(p) for p in verb.parameters if not p.positional]
    return " ".join([*words, *(["| --off"] if verb.off else [])])


def short_usage(verb: Verb) -> str:
    """What has to be given, without `meshtui`; of the options only that there are some."""
    required = [p for p in verb.parameters if p.required and not p.positional]
    words = [verb.name, *([verb.needs.upper()] if verb.needs else [])]
    words += [_positional(p) for p in verb.parameters if p.positional]
    return " ".join([*words, *map(_option, required), "[OPTION …]"])


def line_usage(verb: Verb, width: int = 56) -> str:
    """How the verb is written after `:`, with as many named parameters as there is room for."""
    placed = sorted((p for p in verb.parameters if p.place), key=lambda p: p.place)
    words = [verb.name, *(f"[{p.shown}]" if _may_be_missing(p) else p.shown for p in placed)]
    named = [p for p in verb.parameters if not p.place and not p.after]
    end = ["| off"] if verb.off else []
    for parameter in named:
        word = f"[{f'{parameter.names[0]} {parameter.shown}'.rstrip()}]"
        if len(" ".join([*words, word, *end])) > width:
            return " ".join([*words, "…", *end])
        words.append(word)
    return " ".join([*words, *end])


def _may_be_missing(parameter: Parameter) -> bool:
    return not parameter.positional or parameter.optional


def _positional(parameter: Parameter) -> str:
    shown = parameter.placeholder or "|".join(parameter.choices) or parameter.shown
    many = " …" if parameter.many else ""
    return f"[{shown}]" if parameter.optional else f"{shown}{many}"


def _option(parameter: Parameter) -> str:
    value = f" {parameter.shown}" if parameter.kind else ""
    option = f"-{parameter.short}" if parameter.short else f"--{parameter.name}"
    return f"{option}{value}" if parameter.required else f"[{option}{value}]"


def markdown(verbs: Iterable[Verb] = VERBS) -> str:
    """The README's table of commands."""
    rows = ["| command | what it does |", "|---|---|"]
    words = " ".join(_option(parameter) for parameter in (*SCREEN_ONLY, *WITHOUT_COMMAND))
    rows += [f"| `meshtui {_escaped(words)}` | the screen, on the current kube context |"]
    rows += [
        f"| `meshtui {_escaped(usage(verb))}` | {_escaped(verb.sentence)} |"
        for verb in verbs
        if verb.command
    ]
    return "\n".join(rows)


def everywhere() -> str:
    """The README's table of the options that every command takes."""
    rows = ["| option | what it does |", "|---|---|"]
    rows += [f"| `{_escaped(_global(p))}` | {_escaped(p.told)} |" for p in EVERYWHERE]
    return "\n".join(rows)


def _global(parameter: Parameter) -> str:
    value = f" {parameter.shown}" if parameter.kind else ""
    short = f"-{parameter.short}, " if parameter.short else ""
    return f"{short}--{parameter.name}{value}"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(markdown())  # noqa: T201
