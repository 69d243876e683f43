"""The grammar of the command line, made from the table of verbs."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from meshtui import __version__
from meshtui.cli import output
from meshtui.cli.argument_types import prometheus, service
from meshtui.errors import Exit, Usage
from meshtui.verbs import VERBS, Parameter, Verb
from meshtui.verbs.change_verbs import HOW
from meshtui.verbs.everywhere import EVERYWHERE, SCREEN_EXAMPLES, SCREEN_ONLY, WITHOUT_COMMAND
from meshtui.verbs.text import short_usage
from meshtui.verbs.verb import CANARY, CHANGES, LAB

Run = Callable[[argparse.Namespace], Any]

HANDLERS: Mapping[str, tuple[str, str]] = {
    "services": ("services", "services"),
    "logs": ("logs", "logs"),
    "proxy": ("proxies", "show"),
    "status": ("status", "status"),
    "pods": ("pods", "pods"),
    "trace": ("trace", "trace"),
    "request": ("request", "request"),
    "load": ("load", "load"),
    "signals": ("signals", "signals"),
    "exposure": ("exposure", "exposure"),
    "graph": ("graph", "graph"),
    "analyze": ("analysis", "analyze"),
    "journal": ("journal", "journal"),
    "keep": ("maintenance", "keep"),
    "doctor": ("maintenance", "doctor"),
    "completion": ("completion.command", "completion"),
    "config": ("config", "config"),
    "man": ("completion.command", "man"),
    "undo": ("change_commands", "undo"),
    "adopt": ("object_commands", "adopt"),
    "edit": ("object_commands", "edit"),
    "canary run": ("canary", "run"),
    "canary status": ("canary", "status"),
    "canary hold": ("canary", "steer"),
    "canary resume": ("canary", "steer"),
    "canary abort": ("canary", "steer"),
    "canary promote": ("canary", "steer"),
    "demo": ("labs", "demo"),
    "lab up": ("labs", "up"),
    "lab set": ("labs", "set_workload"),
    "lab load": ("labs", "load"),
}
"""The module and function of each command; every other verb is a change to one service."""

CHANGE = ("change_commands", "change")


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line and exits with 2."""

    words: Sequence[str] = ()

    def error(self, message: str) -> NoReturn:
        from meshtui.cli.wrong_words import line_of

        self.exit(Exit.USAGE, line_of(self.prog, self.words, " ".join(message.split())))

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        if message:
            output.note(message)
        raise SystemExit(int(status))

    def _print_message(self, message: str, file: Any = None) -> None:
        """Help and version: they are what was asked for."""
        output.lines(message)


def _subparsers(parser: Any, **options: Any) -> Any:
    """Those below know all the words, too."""

    def below(**of_one: Any) -> _Parser:
        made = _Parser(**of_one)
        made.words = parser.words
        return made

    return parser.add_subparsers(parser_class=below, **options)


def build_parser(words: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """Global options may stand before or after the command.

    Of the commands only those among `words` are there: thirty take as long to make as the rest of
    the start. Where none of them is a command, all are, for the help and for what is misspelt;
    and none where there are only options, as for the screen.
    """
    wanted = _wanted(words)
    parser = _Parser(
        prog="meshtui",
        usage="meshtui [OPTION …] [COMMAND …]",
        description="A terminal cockpit for a live Istio mesh. Without a command: the screen.",
        epilog=_examples(SCREEN_EXAMPLES),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_everywhere(), _of_the_screen(), _parent("without a command", WITHOUT_COMMAND)],
    )
    parser.words = words or ()
    parser.add_argument("--version", action="version", version=f"meshtui {__version__}")
    parser.set_defaults(run=_deferred("screen", "screen"), command="")
    commands = _subparsers(parser, prog="meshtui", title="commands", metavar="COMMAND")
    for verb in wanted:
        if verb.command and verb.group not in (LAB, CANARY):
            _add_verb(commands, verb, parents=[_everywhere()])
    if any(verb.group == CANARY for verb in wanted):
        _add_canary(commands)
    if any(verb.group == LAB for verb in wanted):
        _add_lab(commands)
    return parser


def _wanted(words: Sequence[str] | None) -> Sequence[Verb]:
    if words is not None and all(map(_is_option, words)):
        return ()
    named = [verb for verb in VERBS if words and verb.name.partition(" ")[0] in words]
    return named if any(verb.command for verb in named) else VERBS


def _is_option(word: str) -> bool:
    """Whether it is an option, and not the one for help, which names the commands."""
    if word.startswith("--"):
        return word != "--" and not word.startswith("--h")
    return word.startswith("-") and word != "-" and "h" not in word


def _add_canary(commands: Any) -> None:
    canary = commands.add_parser(
        "canary",
        usage="meshtui canary ACTION [SERVICE] [OPTION …]",
        help="the autopilot of a canary",
    )
    actions = _subparsers(
        canary, prog="meshtui canary", title="actions", metavar="ACTION", required=True
    )
    for verb in (verb for verb in VERBS if verb.group == CANARY):
        name = verb.name.removeprefix("canary ")
        _add_verb(actions, verb, name=name, parents=[_everywhere()])


def _add_lab(commands: Any) -> None:
    """`lab ACTION` needs no cluster and takes none of its options."""
    actions = None
    for verb in (verb for verb in VERBS if verb.group == LAB):
        if not verb.name.startswith("lab "):
            _add_verb(commands, verb, parents=[_everywhere(), _of_the_screen()])
            continue
        if actions is None:
            lab = commands.add_parser(
                "lab", usage="meshtui lab ACTION [OPTION …]", help="the demo's mesh alone"
            )
            actions = _subparsers(
                lab, prog="meshtui lab", title="actions", metavar="ACTION", required=True
            )
        _add_verb(actions, verb, name=verb.name.removeprefix("lab "))


def _add_verb(
    commands: Any, verb: Verb, *, name: str = "", parents: Sequence[argparse.ArgumentParser] = ()
) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        name or verb.name,
        help=_escaped(verb.sentence),
        usage=_escaped(f"meshtui {short_usage(verb)}"),
        description=verb.sentence,
        epilog="\n\n".join(filter(None, (_examples(verb.lines), _language(verb)))),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=parents,
    )
    if verb.needs:
        words = f"a {verb.needs}, as in reviews or reviews.NAMESPACE"
        read = service if verb.needs == "service" else str
        parser.add_argument(verb.needs, metavar=verb.needs.upper(), help=words, type=read)
    for parameter in verb.parameters:
        _add_parameter(parser, parameter, off=bool(verb.off))
    if verb.off:
        parser.add_argument("--off", action="store_true", help=_escaped(verb.off))
    if verb.group == CHANGES:
        how = parser.add_argument_group("how to change")
        for parameter in HOW:
            _add_parameter(how, parameter)
    parser.set_defaults(run=_deferred(*HANDLERS.get(verb.name, CHANGE)), command=verb.name)


def _add_parameter(parser: Any, parameter: Parameter, *, off: bool = False) -> None:
    options: dict[str, Any] = {"help": _escaped(parameter.told)}
    if parameter.kind is None:
        options |= {"action": "store_true"}
    else:
        options |= {"type": _reader(parameter, off=off), "default": parameter.unset}
        options |= {"choices": parameter.choices} if parameter.choices else {}
        options |= {} if parameter.choices else {"metavar": parameter.shown}
    if parameter.positional:
        options |= {"type": service} if parameter.name == "service" else {}
        nargs = "+" if parameter.many else "?" if parameter.optional else None
        parser.add_argument(parameter.attribute, **options, **({"nargs": nargs} if nargs else {}))
        return
    if parameter.many:
        options |= {"action": "append", "default": []}
    if parameter.required:
        options |= {"required": True}
    names = [f"-{parameter.short}"] if parameter.short else []
    parser.add_argument(*names, f"--{parameter.name}", dest=parameter.attribute, **options)


def _reader(parameter: Parameter, *, off: bool) -> Callable[[str], Any]:
    """The parameter's parser, with its words in argparse's own line."""
    kind = parameter.kind

    def read(text: str) -> Any:
        if text == parameter.default:
            return text
        try:
            return kind.parse(text) if kind else True
        except Usage as error:
            hint = "use --off" if off and text == "off" else error.hint
            raise argparse.ArgumentTypeError(f"{error.what}: {hint}") from None

    return read


def _examples(examples: Iterable[tuple[str, str]]) -> str:
    lines = [f"  {line}\n      {does}" for line, does in examples]
    return "\n".join(["examples:", *lines]) if lines else ""


def _language(verb: Verb) -> str:
    """The words that a parameter reads, each with what it means beside or below it."""
    from textwrap import wrap

    lines: list[str] = []
    for words, meaning in verb.language:
        first, *rest = wrap(meaning, 60)
        head = f"  {words:<17} " if len(words) <= 17 else f"  {words}\n{' ' * 20}"
        lines += [f"{head}{first}", *(f"{' ' * 20}{more}" for more in rest)]
    return _escaped("\n".join(lines))


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _deferred(module: str, function: str) -> Run:
    """What a command needs is imported only when it runs: the others start at once."""

    def run(arguments: argparse.Namespace) -> Any:
        from importlib import import_module

        return getattr(import_module(f"meshtui.cli.{module}"), function)(arguments)

    return run


def _everywhere() -> argparse.ArgumentParser:
    return _parent("everywhere", EVERYWHERE)


def _of_the_screen() -> argparse.ArgumentParser:
    return _parent("the screen", SCREEN_ONLY)


def _parent(title: str, parameters: Sequence[Parameter]) -> argparse.ArgumentParser:
    parent = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    group = parent.add_argument_group(title)
    for parameter in parameters:
        _add_global(group, parameter)
    return parent


def _add_global(group: Any, parameter: Parameter) -> None:
    """Without a default: what stands before the command is not overridden by what stands after."""
    options: dict[str, Any] = {"help": _escaped(parameter.told), "dest": parameter.attribute}
    if parameter.kind is None:
        options |= {"action": "store_true"}
    elif parameter.choices:
        options |= {"choices": parameter.choices}
    else:
        reader = prometheus if parameter.name == "prometheus" else str
        options |= {"metavar": parameter.shown, "type": reader}
    if parameter.many:
        options |= {"action": "append"}
    names = [f"-{parameter.short}"] if parameter.short else []
    group.add_argument(*names, f"--{parameter.name}", **options)
