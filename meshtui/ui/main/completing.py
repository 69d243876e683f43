"""What the line after `:` may become at Tab: commands, their words, and what there is. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from meshtui.dataclass import dataclass
from meshtui.ui.main.choices import ALL
from meshtui.ui.main.commands import ALIASES, SERVICES, names
from meshtui.ui.panes.dock import PANES
from meshtui.verbs import VERBS, Parameter, Verb, named_after_colon

Texts = tuple[str, ...]
_FIRST = frozenset({*(verb.name for verb in VERBS if verb.line), *PANES, *ALIASES, *SERVICES})
_VERSIONS = frozenset({"to", "version", "subset", "stable", "weights"})


@dataclass(frozen=True, slots=True)
class Offered:
    """The names that there are; versions are the selected service's."""

    services: Texts = ()
    versions: Texts = ()
    namespaces: Texts = ()
    contexts: Texts = ()
    themes: Texts = ()


def names_a_context(line: str) -> bool:
    """Whether a context may come next: only then the kubeconfig need be read."""
    verb = named_after_colon(line.partition(" ")[0].lower())
    return verb is not None and any(one.attribute == "context" for one in verb.parameters)


def completions(line: str, there: Offered) -> Texts:
    """What the whole line may become by its last word.

    Of first words those that are verbs, panes or known from kubectl go before the names of keys.
    """
    before, blank, last = line.rpartition(" ")
    if not blank:
        found = [name for name in names() if name.startswith(last.lower())]
        meant = [name for name in found if name in _FIRST]
        return tuple(f"{name} " for name in meant or found)
    words = before.split()
    fitting = dict.fromkeys(word for word in _words(words, there) if word.startswith(last))
    return tuple(f"{before} {word}" for word in fitting)


def _words(words: list[str], there: Offered) -> Iterable[str]:
    """With what comes behind each: a blank, or the sign before a weight."""
    name = words[0].lower() if words else ""
    verb = named_after_colon(name)
    if name in SERVICES:
        return _ended(there.services)
    if verb is None or (verb.own_words and not verb.parameters):
        return ()
    if len(words) > 1 and (parameter := _named(verb, words[-1])):
        return _ended(_values(parameter, there))
    placed = [one for one in verb.parameters if one.place == 1 or (one.positional and one.many)]
    first = placed[:1] if len(words) == 1 or (placed and placed[0].many) else []
    found = [word for one in first for word in _given(one, there, words)]
    return *found, *_ended(_names(verb, words))


def _given(parameter: Parameter, there: Offered, words: list[str]) -> Iterable[str]:
    if not parameter.many:
        return _ended(_values(parameter, there))
    weighed = {word.partition("=")[0] for word in words[1:]}
    return (f"{version}=" for version in there.versions if version not in weighed)


def _values(parameter: Parameter, there: Offered) -> Texts:
    if parameter.choices:
        return parameter.choices
    if parameter.attribute in _VERSIONS:
        return there.versions
    return {
        "namespace": (*there.namespaces, ALL),
        "context": there.contexts,
        "name": there.themes,
    }.get(parameter.attribute, ())


def _names(verb: Verb, words: list[str]) -> Iterable[str]:
    """Of parameters that are named, and were not yet."""
    if verb.own_words:
        return
    placed = len(words) - 1
    for one in verb.parameters:
        stands = 0 < one.place <= placed or one.positional or set(one.names) & set(words)
        if not stands:
            yield one.names[0]
    if verb.off and len(words) == 1:
        yield "off"
    if verb.rule and "rule" not in words:
        yield "rule"


def _named(verb: Verb, word: str) -> Parameter | None:
    """The parameter whose value is wanted next."""
    found = (one for one in verb.parameters if word in one.names and one.kind is not None)
    return next((one for one in found if not (one.positional and one.many)), None)


def _ended(words: Iterable[str]) -> Texts:
    return tuple(f"{word} " for word in words)
