"""The `:` command line: words to a command, or one line that says what is wrong."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from meshtui.changes.change import Request
from meshtui.changes.requests import request_of
from meshtui.dataclass import dataclass
from meshtui.errors import Usage
from meshtui.ui.actions.keymap import FIXED
from meshtui.ui.actions.registry import BY_ID, key_of, worded
from meshtui.ui.panes.dock import PANES
from meshtui.ui.panes.load_ask import LoadAsk, parse_load
from meshtui.ui.panes.trace_request import TraceRequest, parse_ask
from meshtui.verbs import VERBS, Verb, named_after_colon
from meshtui.verbs.habits import typed_habit
from meshtui.verbs.line_values import parse_words
from meshtui.verbs.text import line_usage
from meshtui.verbs.values import settled


@dataclass(frozen=True, slots=True)
class ChangeService:
    """Plan this for the selected service, for its rule `rule` (a name or an index) if given."""

    request: Request
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Undo:
    """Take back a change, the last one where no identity is given."""

    change_id: str = ""


@dataclass(frozen=True, slots=True)
class Adopt:
    """Make the selected service's routing objects; `stable` gets all the traffic."""

    stable: str = ""
    gateway_api: bool = False


@dataclass(frozen=True, slots=True)
class EditObject:
    """Open an object in the editor: vs/NAME, dr/NAME, route/NAME; empty: the selected rule's."""

    words: str = ""


@dataclass(frozen=True, slots=True)
class SortBy:
    key: str


@dataclass(frozen=True, slots=True)
class ShowSide:
    """Whose numbers the table has: "caller" or "server"."""

    side: str


@dataclass(frozen=True, slots=True)
class UseTheme:
    """Empty: pick one from a list."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class ShowNamespace:
    """Only its services, or "all"; empty: pick one from a list."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class SwitchContext:
    """Another cluster; empty: pick one from a list."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class FilterBy:
    text: str
    to_table: bool = False
    """True where the table gets the focus, too."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Ask where a request to the selected service goes."""

    ask: TraceRequest


@dataclass(frozen=True, slots=True)
class Load:
    """Make a load on the selected service, once the person has seen what it hits."""

    ask: LoadAsk


@dataclass(frozen=True, slots=True)
class ToPane:
    """Words for a pane, which is opened where it is not."""

    kind: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """Do what the key of this action does."""

    action: str


Command = (
    ChangeService
    | Undo
    | Adopt
    | EditObject
    | SortBy
    | ShowSide
    | UseTheme
    | ShowNamespace
    | SwitchContext
    | FilterBy
    | Trace
    | Load
    | ToPane
    | Run
)

OWN_WORDS = (
    ("charts 1h [errors] [p95]", "How far back the charts look, and what they show."),
    ("logs code:5xx v:v3 >200ms text", "Also flag:UO path:/x* method:GET pod:x ~regex, ! turns."),
    ("logs since 15m", "Also tail 1000, save [PATH], mark [TEXT], callers.   :logs off: all"),
    ("logs highlight RE", "Also app: the programs' lines too; container NAME: those of one."),
    ("trace GET /path header k=v", "Which rule takes it; also host H, from WORKLOAD, port N."),
    ("load 50 10s GET /path", "50 requests/s for 10 s; also from W, concurrency N, header k=v."),
    ("proxies POD [endpoints]", "Any proxy of the mesh; also routes, clusters, listeners."),
    ("canary run --to v3 [steps 5,50]", "Also hold, resume, abort, promote; `run` as in a shell."),
    ("filter TEXT", "As after {filter}."),
    ("status [TEXT]", "Every proxy's sync state: those of a name, a namespace, a state."),
    ("svc [TEXT] · vs dr po gw se", "As in kubectl: the table, rules, pods, exposure, graph."),
    ("shift v2=100 rule testers", "Another rule than the selected one, for every verb of a rule."),
    ("q", "Leave. Every action's name works too: :logs, :rules, …"),
)
"""Commands whose words a part of the screen reads, and what is worth knowing besides."""


def examples() -> tuple[tuple[str, str], ...]:
    """What the help screen shows."""
    verbs = (verb for verb in VERBS if verb.line and not verb.own_words)
    return (
        *((line_usage(v), f"{v.sentence[:1].upper()}{v.sentence[1:]}.") for v in verbs),
        *((example, worded(text)) for example, text in OWN_WORDS),
    )


def parse_command(text: str, usual: Mapping[str, Any] = MappingProxyType({})) -> Command | None:
    """The command in `text`, None for an empty one. Raises `Usage`.

    `usual` are the values of settings that stand in for what is not given.
    """
    words = _words(text)
    if not words:
        return None
    name, arguments = words[0].lower(), words[1:]
    verb = named_after_colon(name)
    if verb is not None and not (verb.own_words and verb.name not in _OWN):
        return _command(verb, arguments, usual)
    if name in SERVICES:
        return FilterBy(" ".join(arguments), to_table=True)
    action = ALIASES.get(name, name)
    if action not in BY_ID or action in FIXED:
        raise Usage(f"there is no command :{name}", _meant(words))
    if arguments and action in PANES:
        return ToPane(action, tuple(arguments))
    if arguments:
        raise Usage(f":{name} takes no arguments")
    return Run(action)


def _words(text: str) -> list[str]:
    """A canary's may be quoted as in a shell: its gate is a command."""
    words = text.split()
    if words and words[0].lower() == "canary":
        try:
            return shlex.split(text)
        except ValueError as error:
            raise Usage(f"a quotation is open ({error})", "close it, as in a shell") from error
    return words


SERVICES = ("svc", "service", "services")
ALIASES = {
    "q": "quit",
    **dict.fromkeys(("q!", "qa", "qa!", "wq", "wq!", "x", "exit"), "quit"),
    "analyze": "analysis",
    "h": "help",
    "?": "help",
    **dict.fromkeys(("vs", "virtualservice", "virtualservices"), "rules"),
    **dict.fromkeys(("dr", "destinationrule", "destinationrules"), "rules"),
    **dict.fromkeys(("po", "pod"), "pods"),
    **dict.fromkeys(("gw", "gateway", "gateways"), "exposure"),
    **dict.fromkeys(("se", "serviceentry", "serviceentries"), "graph"),
}
"""What users of kubectl and k9s type, by what shows it here."""


_MEANT: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("weight", "weights"), ("shift",)),
    **dict.fromkeys(("set", "option", "options", "settings"), ("theme", "sort", "view")),
    **dict.fromkeys(("skin", "skins", "color", "colors", "colorscheme"), ("theme",)),
    **dict.fromkeys(("namespace", "namespaces"), ("ns",)),
    **dict.fromkeys(("context", "contexts", "cluster", "clusters"), ("ctx",)),
}
"""What people type who mean a command that is spelled otherwise on this line."""


def names() -> tuple[str, ...]:
    """All that a command may begin with."""
    verbs = (name for verb in VERBS if verb.line for name in (verb.name, *verb.aliases))
    actions = (name for name in BY_ID if name not in FIXED)
    return tuple(sorted({*verbs, *actions, *ALIASES, *SERVICES}))


def _meant(words: Sequence[str]) -> str:
    """By what it means here, by what other tools' words are called, by its spelling."""
    name = words[0].lower()
    near = _MEANT.get(name)
    if near is None and (habit := typed_habit([name, *words[1:]])):
        return _on_this_line(habit.partition(": ")[2])
    if near is None:
        spelled = [one for one in names() if len(one) > 2 or len(name) < 3]
        near = tuple(get_close_matches(name, spelled, 3, 0.6))
    return (
        f"is it {' or '.join(f':{one}' for one in near)}?"
        if near
        else f"{key_of('help')} shows the commands"
    )


def _on_this_line(text: str) -> str:
    """A shell's commands as they are typed here, where they are: for the selected service."""

    def here(found: re.Match[str]) -> str:
        name, rest = found[1], found[2].replace(" SERVICE", "").replace(" NAME", "")
        typed = named_after_colon(name) or (name in names() and " -" not in rest)
        return f":{name}{rest}" if typed else found[0]

    return _SHELL.sub(here, text).replace(" on the screen", "")


_SHELL = re.compile(r"`meshtui ([a-z]+)([^`]*)`")


def _command(verb: Verb, words: Sequence[str], usual: Mapping[str, Any]) -> Command:
    """Without words: what the key does, where the verb wants some."""
    if verb.name in _OWN:
        return _OWN[verb.name](words)
    if not words and verb.name in _KEYS:
        return Run(_KEYS[verb.name])
    values = settled(parse_words(verb, words), usual)
    if verb.name in _SCREEN:
        return _SCREEN[verb.name](values)
    return ChangeService(request_of(verb.name, values), values.get("rule", ""))


def _trace(words: Sequence[str]) -> Command:
    return Trace(parse_ask(words)) if words else Run("trace")


def _load(words: Sequence[str]) -> Command:
    return Load(parse_load(words)) if words else Run("load")


_KEYS = {
    **{name: name for name in ("promote", "rollback", "mirror", "fault", "timeout", "breaker")},
    "view": "view_side",
}
"""Verbs that are the action of this name where nothing is said."""

_OWN: Mapping[str, Callable[[Sequence[str]], Command]] = {
    "trace": _trace,
    "load": _load,
    "filter": lambda words: FilterBy(" ".join(words)),
}

_SCREEN: Mapping[str, Callable[[Mapping[str, Any]], Command]] = {
    "undo": lambda values: Undo(values["change"]),
    "adopt": lambda values: Adopt(values["stable"], values["gateway_api"]),
    "edit": lambda values: EditObject(values["object"]),
    "sort": lambda values: SortBy(values["by"]),
    "view": lambda values: ShowSide(values["side"]),
    "theme": lambda values: UseTheme(values["name"]),
    "ns": lambda values: ShowNamespace(values["namespace"]),
    "ctx": lambda values: SwitchContext(values["context"]),
}
