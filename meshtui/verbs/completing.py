"""What may stand at the end of a command line that is being typed, by the table of verbs. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field

from meshtui.dataclass import dataclass
from meshtui.verbs import VERBS, Parameter, Verb
from meshtui.verbs.change_verbs import HOW
from meshtui.verbs.everywhere import EVERYWHERE, SCREEN_ONLY, WITHOUT_COMMAND
from meshtui.verbs.verb import CHANGES, LAB

SERVICE, VERSION, NAMESPACE, CONTEXT, POD, WORKLOAD, FILES, NOTHING = (
    "service", "version", "namespace", "context", "pod", "workload", "files", ""
)  # fmt: skip
"""Kinds of words that the table does not know: the cluster, the kubeconfig or the disk does."""

_KINDS = {
    **dict.fromkeys(("to", "version", "subset", "stable"), VERSION),
    **dict.fromkeys(("kubeconfig", "file", "plan", "dir", "snapshot"), FILES),
    **dict.fromkeys(("prometheus_token_file", "prometheus_basic_file"), FILES),
    "weights": VERSION,
    "service": SERVICE,
    "namespace": NAMESPACE,
    "context": CONTEXT,
    "pod": POD,
    "from": WORKLOAD,
    "workload": WORKLOAD,
}
_CHOICES = {"prometheus": ("auto", "none")}
_HELP = ("-h", "--help")
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@=+-]*", re.ASCII)
"""What a shell takes for one plain word."""

MOST = 400

Word = tuple[str, str]
"""A word and what it means, which may be empty."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The last word: `lead` of it stands already (`--to=`), `prefix` is the beginning of what is
    looked for. `words` are the table's; `kind` says who knows further ones. A word ends in `end`.
    `given` are the options and the service that stand before it."""

    prefix: str = ""
    lead: str = ""
    words: tuple[Word, ...] = ()
    kind: str = NOTHING
    end: str = ""
    given: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Known:
    """What a cluster has by name: services and their versions, and pods with their workloads, by
    namespace; `namespace` is the context's."""

    namespace: str = ""
    services: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    pods: Mapping[tuple[str, str], str] = field(default_factory=dict)
    contexts: tuple[str, ...] = ()


def split_line(line: str) -> list[str]:
    """The words of a line as a shell has them; the last one is being typed, and may be empty."""
    for closing in ("", '"', "'"):
        lexer = shlex.shlex(line + closing, posix=True, punctuation_chars=False)
        lexer.whitespace_split, lexer.commenters = True, ""
        try:
            words = list(lexer)
        except ValueError:
            continue
        between = not line or (line[-1].isspace() and not closing)
        return [*words, ""] if between else words
    return line.split(" ")


def wanted(words: Sequence[str]) -> Wanted:
    """`words` are those behind the program's name, the last one being typed."""
    *before, last = words or [""]
    state = _State()
    for word in before:
        state.take(word)
    if state.awaits is not None:
        return _value(state.awaits, last, "", state)
    option, equals, value = last.partition("=")
    if equals and (found := state.option(option)) is not None and found.kind:
        return _value(found, value, f"{option}=", state)
    if last.startswith("-"):
        return Wanted(last, words=tuple(state.options()))
    parameter = state.positional
    if state.verb is None:
        return Wanted(last, words=tuple(_commands(state.group)))
    if parameter is None:
        return Wanted(last)
    return _value(parameter, last, "", state)


class _State:
    """What is known behind some words of a line."""

    def __init__(self) -> None:
        self.verb: Verb | None = None
        self.group = ""
        self.awaits: Parameter | None = None
        self.given: dict[str, str] = {}
        self._used: set[str] = set()
        self._positionals: list[str] = []

    def take(self, word: str) -> None:
        if self.awaits is not None:
            self.given[self.awaits.attribute] = word
            self.awaits = None
        elif word.startswith("-") and len(word) > 1:
            self._take_option(word)
        elif self.verb is not None:
            self._take_positional(word)
        else:
            name = f"{self.group} {word}".strip()
            self.verb = next((verb for verb in VERBS if verb.command and verb.name == name), None)
            self.group = name if self.verb is None else ""

    def _take_option(self, word: str) -> None:
        name, equals, value = word.partition("=")
        found = self.option(name)
        if found is None:
            return
        self._used |= set() if found.many else {found.name}
        if equals:
            self.given[found.attribute] = value
        elif found.kind:
            self.awaits = found
        else:
            self.given[found.attribute] = "true"

    def _take_positional(self, word: str) -> None:
        parameter = self.positional
        if parameter is not None:
            self.given.setdefault(parameter.attribute, word)
        self._positionals.append(word)

    @property
    def positional(self) -> Parameter | None:
        """The one that comes next."""
        assert self.verb is not None or not self._positionals  # noqa: S101 - see `take`
        found = _positionals(self.verb) if self.verb else []
        at = len(self._positionals)
        if at < len(found):
            return found[at]
        return found[-1] if found and found[-1].many else None

    def option(self, name: str) -> Parameter | None:
        """By `--name` or `-n`."""
        return next((one for one in self._parameters() if name in _spelled(one)), None)

    def options(self) -> Iterator[Word]:
        """Those that may still be given."""
        for parameter in self._parameters():
            if parameter.name not in self._used:
                yield f"--{parameter.name}", parameter.help
        if self.verb is not None and self.verb.off:
            yield "--off", self.verb.off
        yield _HELP[1], "what it takes"

    def _parameters(self) -> list[Parameter]:
        if self.verb is None:
            return [*EVERYWHERE, *SCREEN_ONLY, *WITHOUT_COMMAND]
        own = [one for one in self.verb.parameters if not one.positional]
        how = HOW if self.verb.group == CHANGES else ()
        everywhere = () if self.verb.name.startswith(LAB) else EVERYWHERE
        return [*own, *how, *everywhere]


def _spelled(parameter: Parameter) -> tuple[str, ...]:
    short = (f"-{parameter.short}",) if parameter.short else ()
    return (f"--{parameter.name}", *short)


def _positionals(verb: Verb) -> list[Parameter]:
    needs = [Parameter(verb.needs, "", positional=True)] if verb.needs else []
    return [*needs, *(one for one in verb.parameters if one.positional)]


def _commands(group: str) -> Iterator[Word]:
    """The first words of the commands, or those behind the first."""
    found: dict[str, str] = {}
    for verb in VERBS:
        first, _, second = verb.name.partition(" ")
        if verb.command and group in ("", first):
            found.setdefault(second if group else first, verb.sentence)
    yield from found.items()


def _value(parameter: Parameter, prefix: str, lead: str, state: _State) -> Wanted:
    choices = parameter.choices or _CHOICES.get(parameter.attribute, ())
    if choices:
        return Wanted(prefix, lead, tuple((choice, "") for choice in choices))
    kind = _KINDS.get(parameter.attribute, NOTHING)
    if kind == POD and state.given.get("what") == "diff":
        kind = SERVICE
    end = "=" if parameter.attribute == "weights" else ""
    return Wanted(prefix, lead, kind=kind, end=end, given=state.given)


def candidates(asked: Wanted, known: Known) -> list[Word]:
    """The whole words that the last one may become, with what they mean."""
    found = asked.words or tuple(_known_words(asked, known))
    fitting = [
        (f"{asked.lead}{word}{asked.end}", clear)
        for word, clear in found
        if word.startswith(asked.prefix) and (asked.words or _SAFE.fullmatch(word))
    ]
    return fitting[:MOST]


def _known_words(asked: Wanted, known: Known) -> Iterator[Word]:
    if asked.kind == CONTEXT:
        yield from ((name, "") for name in sorted(known.contexts))
    elif asked.kind == NAMESPACE:
        spaces = {space for space, _ in (*known.services, *known.pods)}
        yield from ((name, "") for name in sorted(spaces))
    elif asked.kind == SERVICE:
        named = {place: " ".join(versions) for place, versions in known.services.items()}
        yield from _near(named, asked, known)
    elif asked.kind == VERSION:
        place = _place(asked.given.get("service", ""), asked, known)
        yield from ((version, "") for version in known.services.get(place, ()))
    elif asked.kind in (POD, WORKLOAD):
        pods = known.pods if asked.kind == POD else {}
        workloads = {(space, load): "" for (space, _), load in known.pods.items() if load}
        yield from _near({**workloads, **pods}, asked, known)


def _near(named: Mapping[tuple[str, str], str], asked: Wanted, known: Known) -> Iterator[Word]:
    """Those of the namespace; those of others, with it, where none of these is meant."""
    space = _space(asked, known)
    own = [(name, clear) for (of, name), clear in sorted(named.items()) if of == space]
    if "all_namespaces" not in asked.given and _fits(own, asked.prefix):
        yield from own
        return
    yield from ((f"{name}.{of}", clear) for (of, name), clear in sorted(named.items()))


def _fits(words: Iterable[Word], prefix: str) -> bool:
    return any(word.startswith(prefix) for word, _ in words)


def _space(asked: Wanted, known: Known) -> str:
    return asked.given.get("namespace") or known.namespace


def _place(service: str, asked: Wanted, known: Known) -> tuple[str, str]:
    name, _, space = service.partition(".")
    return (space.partition(".")[0] or _space(asked, known), name)
