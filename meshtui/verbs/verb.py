"""What a verb is: its name, its parameters, and what each may be."""

from __future__ import annotations

from typing import Any

from meshtui.dataclass import dataclass
from meshtui.errors import Usage
from meshtui.verbs.values import TEXT, Kind, Usual

CHANGES, LOOKS, SCREEN, LAB, CANARY = "change", "look", "screen", "lab", "canary"
"""The groups of verbs: what changes the mesh, what only reads, the screen's own, the lab's, and the
canary autopilot's."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value of a verb.

    On the command line it is `--name` (or `short`), or a positional where `positional` is set. In
    the words after `:` it is its name and a value; one with a `place` may stand there without its
    name, and one that is `after` another may follow that one's value without its name.
    `default` is the value where nothing is given, `default_text` how a person writes it.
    """

    name: str
    help: str
    kind: Kind | None = TEXT
    """None for a switch, which has no value."""

    placeholder: str = ""
    default: Any = None
    default_text: str = ""
    choices: tuple[str, ...] = ()
    short: str = ""
    word: str = ""
    """Its name after `:` where that is not the option's."""

    positional: bool = False
    optional: bool = False
    """A positional that may be left out."""

    required: bool = False
    """An option that may not be left out."""

    many: bool = False
    """May be given several times; its value is a tuple."""

    place: int = 0
    after: str = ""
    setting: str = ""
    """The setting that stands in for the default; see `settled`."""

    @property
    def attribute(self) -> str:
        """The key of its value."""
        return self.name.replace("-", "_")

    @property
    def names(self) -> tuple[str, ...]:
        """What it is called after `:`."""
        return (self.word, self.name) if self.word else (self.name,)

    @property
    def unset(self) -> Any:
        """What stands for its value where none is given."""
        if self.many:
            return ()
        return Usual(self.setting, self.default) if self.setting else self.default

    @property
    def shown(self) -> str:
        """What stands for its value in usage lines."""
        if self.choices and len(self.choices) <= 4:
            return "|".join(self.choices)
        return self.placeholder or (self.kind.example if self.kind else "")

    @property
    def told(self) -> str:
        """Its help with its default, which is never taken for the example beside its name."""
        value = bool(self.kind) and not self.positional and not self.required and not self.choices
        like_a_value = value and any(map(str.isdigit, self.shown))
        none = "no default" if like_a_value else ""
        note = f"default {self.default_text}" if self.default_text else none
        return f"{self.help} ({note})" if note else self.help

    def parse(self, text: str) -> Any:
        """The value that `text` means. Raises `Usage`."""
        if self.choices and text not in self.choices:
            raise Usage(f"{text!r} is not known here", f"write one of {', '.join(self.choices)}")
        return self.kind.parse(text) if self.kind else True


@dataclass(frozen=True, slots=True)
class Example:
    """A use of a verb: the words behind its name, and what they do."""

    words: str
    does: str


@dataclass(frozen=True, slots=True)
class Verb:
    """Something that can be asked for, by command, after `:`, by key or in a form.

    `needs` is what it is about: "service", "object", "pod", or nothing. `rule`: it works on one
    rule of a VirtualService, which `rule NAME` chooses. `off`: it can take away what it puts in.
    """

    name: str
    sentence: str
    parameters: tuple[Parameter, ...] = ()
    group: str = LOOKS
    needs: str = ""
    needed: bool = True
    rule: bool = False
    off: str = ""
    examples: tuple[Example, ...] = ()
    language: tuple[tuple[str, str], ...] = ()
    """Words that one of its parameters reads, and what each means; the title goes first."""

    line: bool = False
    """It can be typed after `:`."""

    command: bool = True
    """It is a command of the command line."""

    own_words: bool = False
    """What follows it after `:` is read by the part of the screen that it is for."""

    aliases: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[tuple[str, str], ...]:
        """The examples as they are typed in a shell, each with what it does."""
        name = f"{self.name} reviews" if self.needs == "service" else self.name
        return tuple((f"meshtui {name} {one.words}".rstrip(), one.does) for one in self.examples)

    def parameter(self, attribute: str) -> Parameter:
        """The parameter with this key. Raises `KeyError`."""
        for parameter in self.parameters:
            if parameter.attribute == attribute:
                return parameter
        raise KeyError(attribute)

    @property
    def defaults(self) -> dict[str, Any]:
        """The values where nothing is given."""
        values = {p.attribute: p.unset for p in self.parameters}
        return values | ({"off": False} if self.off else {})
