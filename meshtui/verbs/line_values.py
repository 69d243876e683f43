"""The words after `:` as values: the same parameters and parsers as on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from meshtui.errors import Usage
from meshtui.verbs.verb import Parameter, Verb


def parse_words(verb: Verb, words: Sequence[str]) -> dict[str, Any]:
    """The values of `words`, with defaults; `rule` where the verb works on a rule.

    A parameter is written as `name value`, `--name value` or `--name=value`. Raises `Usage`.
    """
    reading = _Reading(verb)
    rest = list(words)
    while rest:
        reading.read(rest)
    return reading.finished()


class _Reading:
    """Where a line stands: what has been given, and which parameter came last."""

    def __init__(self, verb: Verb) -> None:
        self._verb = verb
        self._given: dict[str, Any] = {}
        self._last = ""

    def read(self, rest: list[str]) -> None:
        """Takes the next parameter off the front of `rest`."""
        word = rest.pop(0)
        if word.startswith("--") and "=" in word:
            word, _, value = word.partition("=")
            rest.insert(0, value)
        name = word.removeprefix("--")
        if self._verb.off and name == "off" and "off" not in self._given:
            self._given["off"] = True
            return
        if self._verb.rule and name == "rule":
            self._set_rule(rest)
            return
        parameter = self._named(name)
        if parameter is not None:
            self._set_named(parameter, rest)
        elif word.startswith("--") or not self._set_unnamed(word):
            raise Usage(f"{self._verb.name} has no {word!r}", f"it takes {self._parameters()}")

    def finished(self) -> dict[str, Any]:
        for parameter in self._verb.parameters:
            needed = parameter.positional and not parameter.optional
            if needed and parameter.default is None and parameter.attribute not in self._given:
                raise Usage(
                    f"{self._verb.name} wants {parameter.help}",
                    f"as in {parameter.kind.example if parameter.kind else parameter.name}",
                )
        rule = {"rule": ""} if self._verb.rule else {}
        return {**self._verb.defaults, **rule, **self._given}

    def _named(self, name: str) -> Parameter | None:
        for parameter in self._verb.parameters:
            if name in parameter.names and not (parameter.positional and parameter.many):
                return parameter
        return None

    def _set_named(self, parameter: Parameter, rest: list[str]) -> None:
        if parameter.kind is None:
            self._given[parameter.attribute] = True
            return
        if not rest:
            raise Usage(f"{parameter.name} wants a value", f"as in {parameter.kind.example}")
        self._set(parameter, parameter.parse(rest.pop(0)))
        self._last = parameter.name

    def _set_rule(self, rest: list[str]) -> None:
        if not rest:
            raise Usage("rule wants a name or an index", "as in rule testers")
        self._given["rule"] = rest.pop(0)

    def _set_unnamed(self, word: str) -> bool:
        follower = next(
            (p for p in self._verb.parameters if p.after and p.after == self._last), None
        )
        self._last = ""
        if follower is not None and follower.attribute not in self._given and word[:1].isdigit():
            self._set(follower, follower.parse(word))
            return True
        free = [p for p in self._in_place() if p.many or p.attribute not in self._given]
        for parameter in free[:-1]:
            try:
                self._set(parameter, parameter.parse(word))
            except Usage:
                continue
            return True
        if not free:
            return False
        self._set(free[-1], free[-1].parse(word))
        return True

    def _in_place(self) -> list[Parameter]:
        return sorted((p for p in self._verb.parameters if p.place), key=lambda p: p.place)

    def _set(self, parameter: Parameter, value: Any) -> None:
        key = parameter.attribute
        if parameter.many:
            self._given[key] = (*self._given.get(key, ()), value)
        elif key in self._given:
            raise Usage(f"{parameter.name} is given twice")
        else:
            self._given[key] = value

    def _parameters(self) -> str:
        names = [p.word or p.name for p in self._verb.parameters]
        return ", ".join([*names, *(["off"] if self._verb.off else [])]) or "nothing"
